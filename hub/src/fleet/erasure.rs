//! Somebody is to be forgotten: what relays are asked to remove, and what they say of it.
//!
//! The roster carries what is asked for, so it is signed, kept by relays, and obeyed whether they
//! have a connection or not. People are named by digests alone; this hub does not keep their names
//! either.

use std::collections::BTreeMap;

use protocol::ids::{EventId, ProjectId, RelayId};
use protocol::limits::ROSTER_ERASURES_MAX;
use protocol::roster::{Erasure, RosterBundle, Subject};
use protocol::timestamp::Timestamp;
use protocol::wire::Erased;

use super::{Fleet, FleetError};
use crate::clock;
use crate::store::StoreError;
use crate::store::erasures::{ErasureRow, ReceiptRow};

/// How long relays are asked, in milliseconds: the longest that any of them keeps records.
const ASKED_MS: i64 = 30 * 24 * 3600 * 1000;
/// Most of what relays say between two refreshes; what is beyond is said again.
const RECEIPTS_MAX: usize = 100_000;

/// What relays said since the last refresh.
pub(super) type Receipts = BTreeMap<(RelayId, u64), Erased>;

/// Something that relays were asked to remove, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedErasure {
    /// What.
    pub erasure: Erasure,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Relays are asked until then.
    pub ends_at: Timestamp,
    /// What the hub itself did.
    pub here: ErasedHere,
    /// What each relay that knows of it said last, and when.
    pub receipts: Vec<(RelayId, Erased, Timestamp)>,
}

/// What the hub itself removed for an erasure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedHere {
    /// Events.
    pub events: u64,
    /// Other items.
    pub items: u64,
    /// When it had nothing left the last time it looked; `None` while something is.
    pub done_at: Option<Timestamp>,
}

impl Fleet {
    /// Asks all relays to remove records of people or events of a project from what they still
    /// keep; gives its number.
    ///
    /// # Errors
    /// [`FleetError::TooManyErasures`], [`FleetError::Store`].
    pub async fn erase(
        &self,
        project: ProjectId,
        subjects: &[Subject],
        events: &[EventId],
    ) -> Result<u64, FleetError> {
        let now = clock::now();
        if self.0.store.erasures(None, now).await?.len() >= ROSTER_ERASURES_MAX {
            return Err(FleetError::TooManyErasures);
        }
        let subjects: Vec<String> = subjects
            .iter()
            .map(|one| hex::encode(one.as_bytes()))
            .collect();
        let events: Vec<String> = events.iter().map(ToString::to_string).collect();
        let text = |list: &Vec<String>| {
            serde_json::to_string(list).map_err(|_| StoreError::Unreadable { what: "erasure" })
        };
        let row = ErasureRow {
            project_id: project.as_i64(),
            subjects: text(&subjects)?,
            events: text(&events)?,
            created_at: now.as_millis(),
            ends_at: now.as_millis().saturating_add(ASKED_MS),
            ..ErasureRow::default()
        };
        let mut write = self.0.store.begin().await?;
        let id = write.add_erasure(&row).await?;
        write.commit().await?;
        tracing::info!(erasure.id = id, project.id = %project, "relays are asked to erase records");
        self.refresh().await?;
        Ok(id.cast_unsigned())
    }

    /// What relays are asked to remove of a project, the latest last.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn asked_erasures(
        &self,
        project: ProjectId,
    ) -> Result<Vec<AskedErasure>, FleetError> {
        let store = &self.0.store;
        let rows = store.erasures(Some(project.as_i64()), clock::now()).await?;
        let receipts = store.erasure_receipts(project.as_i64()).await?;
        let asked = rows.into_iter().map(|row| {
            let of_it = receipts
                .iter()
                .filter(|receipt| receipt.erasure_id == row.id);
            Ok(AskedErasure {
                created_at: Timestamp::from_millis(row.created_at),
                ends_at: Timestamp::from_millis(row.ends_at),
                erasure: read(&row)?,
                here: ErasedHere {
                    events: row.events_here.cast_unsigned(),
                    items: row.items_here.cast_unsigned(),
                    done_at: row.done_here.map(Timestamp::from_millis),
                },
                receipts: of_it.filter_map(receipt).collect(),
            })
        });
        asked.collect()
    }

    /// Notes what a relay says of an erasure.
    pub fn note_erased(&self, relay: RelayId, told: Erased) {
        let mut receipts = self.receipts();
        if receipts.len() < RECEIPTS_MAX {
            receipts.insert((relay, told.id), told);
        }
    }

    /// What the roster asks for.
    pub(super) async fn erasures(&self) -> Result<Vec<Erasure>, FleetError> {
        let rows = self.0.store.erasures(None, clock::now()).await?;
        let erasures = rows.iter().take(ROSTER_ERASURES_MAX).map(read);
        Ok(erasures.collect::<Result<_, StoreError>>()?)
    }

    /// Whether a roster asks for an erasure that has ended.
    pub(super) async fn asks_too_long(&self, roster: &RosterBundle) -> Result<bool, FleetError> {
        if roster.erasures.is_empty() {
            return Ok(false);
        }
        let asked = self.erasures().await?;
        let is_asked = |one: &Erasure| asked.iter().any(|asked| asked.id == one.id);
        Ok(!roster.erasures.iter().all(is_asked))
    }

    /// Writes what relays said. What cannot be written is written the next time.
    pub(super) async fn write_receipts(&self) -> Result<(), FleetError> {
        let told = std::mem::take(&mut *self.receipts());
        if told.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut write = self.0.store.begin().await?;
            for ((relay, _), told) in &told {
                write.put_receipt(*relay, told, clock::now()).await?;
            }
            write.commit().await
        };
        if let Err(error) = written.await {
            let mut receipts = self.receipts();
            for (of, told) in told {
                receipts.entry(of).or_insert(told);
            }
            return Err(error.into());
        }
        Ok(())
    }
}

/// What an erasure asks for.
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(row: &ErasureRow) -> Result<Erasure, StoreError> {
    let unreadable = || StoreError::Unreadable { what: "erasure" };
    let list = |text: &str| serde_json::from_str::<Vec<String>>(text).map_err(|_| unreadable());
    let subject = |text: &String| {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| unreadable())?;
        Ok(Subject::from_bytes(digest))
    };
    let event = |text: &String| text.parse().map_err(|_| unreadable());
    let project = ProjectId::new(row.project_id.cast_unsigned()).map_err(|_| unreadable())?;
    Ok(Erasure {
        id: row.id.cast_unsigned(),
        project,
        subjects: list(&row.subjects)?
            .iter()
            .map(subject)
            .collect::<Result<_, StoreError>>()?,
        events: list(&row.events)?
            .iter()
            .map(event)
            .collect::<Result<_, StoreError>>()?,
    })
}

fn receipt(row: &ReceiptRow) -> Option<(RelayId, Erased, Timestamp)> {
    let relay = RelayId::from_bytes(row.relay_id.as_slice().try_into().ok()?);
    let told = Erased {
        id: row.erasure_id.cast_unsigned(),
        records: row.records.cast_unsigned(),
        items: row.items.cast_unsigned(),
        left: row.left_over.cast_unsigned(),
    };
    Some((relay, told, Timestamp::from_millis(row.at)))
}
