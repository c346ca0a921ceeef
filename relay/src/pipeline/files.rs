//! Files that are taken apart from their envelope: who may send them, and what stands for them.

use protocol::block::Sum;
use protocol::dsn::Dsn;
use protocol::envelope::{EnvelopeItem, ItemHeader};
use protocol::ids::{Lane, ProjectId, WholeId};
use protocol::item::Category;

use super::fate::Whose;
use super::{Absent, Pipeline, Refusal, Request, reference};
use crate::upload::{Sender, Uploads};

/// What becomes of files at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They are taken.
    Taken,
    /// None may leave this host.
    Withheld,
    /// There is no room for any.
    HeldBack,
    /// The relay is to go, and takes nothing new.
    Drained,
}

impl Pipeline {
    /// Who sends a file with a request, `dsn` being that of its envelope.
    ///
    /// # Errors
    /// As for envelopes; nothing is counted.
    pub fn sender(&self, request: &Request, dsn: Option<&Dsn>) -> Result<Sender, Refusal> {
        let found = self.0.find_target(request, dsn);
        let (_, target) = found.map_err(|(_, refusal)| refusal)?;
        Ok(Sender {
            project: target.project,
            scrubber: target.scrubber,
            at: request.received_at,
            now: request.now,
        })
    }

    /// Takes a file from the limits of who sends it, before its first byte: the item that stands
    /// for it costs nothing more. A file that makes an event is taken from those of errors, so that
    /// a crash gets through where there is no room for other files.
    ///
    /// # Errors
    /// [`Refusal::FileLimit`], [`Refusal::FairShare`], and as [`Pipeline::sender`]; nothing is counted.
    pub fn charge(
        &self,
        request: &Request,
        dsn: Option<&Dsn>,
        makes_event: bool,
    ) -> Result<(), Refusal> {
        let found = self.0.find_target(request, dsn);
        let (credentials, target) = found.map_err(|(_, refusal)| refusal)?;
        let whose = Whose {
            request,
            credentials: &credentials,
            target: &target,
            trace: None,
            number: None,
        };
        let category = if makes_event {
            Category::Error
        } else {
            Category::Attachment
        };
        if self.0.spool.is_greedy(category.lane(), target.project) {
            return Err(Refusal::FairShare);
        }
        match self.0.ask_limits(&whose, category) {
            Some(limit) => Err(Refusal::FileLimit { wait: limit.wait }),
            None => Ok(()),
        }
    }

    /// Counts a file that is not taken.
    pub fn refuse_file(&self, project: ProjectId, refusal: &Refusal) {
        let (project, category) = (Some(project), Category::Attachment);
        let ledger = &self.0.ledger;
        ledger.refused(project, category, refusal.reason(), 1);
    }

    /// Whether files are taken.
    #[must_use]
    pub fn files(&self) -> Files {
        let (lane, category) = (Lane::Blobs, Category::Attachment);
        if self.0.roster.policy().withholds(lane, category) {
            Files::Withheld
        } else if self.0.roster.is_drained() {
            Files::Drained
        } else if self.0.spool.is_held_back(lane) {
            Files::HeldBack
        } else {
            Files::Taken
        }
    }

    /// What takes them.
    #[must_use]
    pub fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    /// The item that refers to a file, in the place of the item with its content.
    #[must_use]
    pub fn reference(id: WholeId, header: &ItemHeader, length: u64) -> EnvelopeItem {
        reference::to(id, header, length)
    }

    /// The item that stands for a file of which nothing is kept.
    #[must_use]
    pub fn absent(why: Absent, header: &ItemHeader, length: u64) -> EnvelopeItem {
        reference::to_absent(why, header, length)
    }
}

/// The names of these files.
pub(super) fn names(sums: impl Iterator<Item = Option<Sum>>) -> Vec<WholeId> {
    sums.flatten().map(|sum| sum.whole).collect()
}
