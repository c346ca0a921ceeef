//! What is appended: records, of which the long ones are best compressed before they come.
//!
//! The owner compresses what it commits, and whoever waits for the next commit waits for that. A
//! record of hundreds of kilobytes takes it some milliseconds, as long as some commits take; so who
//! appends one may have it compressed elsewhere. It is alone in its block then, and its append in its
//! commit. It does without a dictionary that was learnt: which one is in use is known when the block
//! is made, and what is long gains little from it.

use bytes::Bytes;
use protocol::block::{Items, Packed, Record};
use protocol::dict::DictId;
use protocol::ids::{Lane, ProjectId};
use protocol::timestamp::Timestamp;

use super::{Spool, SpoolError};
use crate::aside::Aside;

/// Bytes from which on a record is worth compressing by itself.
const LONG_BYTES: u64 = 64 * 1024;
/// What a record takes beside what it holds.
const AROUND_RECORD: usize = 512;

impl Spool {
    /// As [`Spool::append`], with a long one compressed beside before it waits for its commit.
    ///
    /// # Errors
    /// As [`Spool::append`]; [`SpoolError::Closed`] also when compressing them panicked.
    pub async fn append_beside(
        &self,
        aside: &Aside,
        records: Vec<(Lane, Record)>,
    ) -> Result<(), SpoolError> {
        let entries: Vec<Entry> = records.into_iter().map(Entry::from).collect();
        // Several are better compressed together.
        let whose = match entries.as_slice() {
            [entry] if entry.is_long() => entry.project(),
            _ => return self.append(entries).await,
        };
        let pack = move || entries.into_iter().map(Entry::packed).collect::<Vec<_>>();
        let packed = aside.run(whose, pack).await;
        self.append(packed.ok_or(SpoolError::Closed)?).await
    }
}

/// A record and the lane that it is for.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) lane: Lane,
    pub(super) form: Form,
    /// See [`Entry::bytes`].
    bytes: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Form {
    Plain(Record),
    Packed {
        packed: Packed,
        project: Option<ProjectId>,
        received_at: Timestamp,
    },
}

impl From<(Lane, Record)> for Entry {
    fn from((lane, record): (Lane, Record)) -> Self {
        Self {
            lane,
            bytes: size(&record),
            form: Form::Plain(record),
        }
    }
}

impl Entry {
    /// The same, compressed. It takes as long as compressing does. One that fits into no block stays
    /// as it is, for [`super::Spool::append`] to refuse.
    #[must_use]
    pub fn packed(self) -> Self {
        let Form::Plain(record) = &self.form else {
            return self;
        };
        let Ok(packed) = Packed::of(record, DictId::unlearnt(self.lane)) else {
            return self;
        };
        Self {
            lane: self.lane,
            bytes: (AROUND_RECORD + packed.size()) as u64,
            form: Form::Packed {
                project: project(record),
                received_at: record.received_at(),
                packed,
            },
        }
    }

    /// Whether it had better be compressed by itself.
    const fn is_long(&self) -> bool {
        matches!(self.form, Form::Plain(_)) && self.bytes >= LONG_BYTES
    }

    /// An upper bound of what it takes in memory and, alone in a block, on the disk.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn is_packed(&self) -> bool {
        matches!(self.form, Form::Packed { .. })
    }

    /// Whose it is; counts are nobody's.
    pub(super) fn project(&self) -> Option<ProjectId> {
        match &self.form {
            Form::Plain(record) => project(record),
            Form::Packed { project, .. } => *project,
        }
    }
}

fn project(record: &Record) -> Option<ProjectId> {
    match record {
        Record::Part(part) => Some(part.project),
        record => record.items().map(|items| items.project),
    }
}

/// An upper bound of what a record takes in memory and, alone in a block, on the disk.
fn size(record: &Record) -> u64 {
    const AROUND_ITEM: usize = 64;
    const ACCOUNT: usize = 64;
    const MINUTE: usize = 16;
    let of = |items: &Items| {
        let of_items = items
            .items
            .iter()
            .map(|item| AROUND_ITEM + item.kind.len() + item.header.len() + item.payload.len());
        let texts = [&items.client, &items.remote_addr, &items.user_agent];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        let trace = items.trace.as_ref().map_or(0, Bytes::len);
        of_items.sum::<usize>() + texts + trace + AROUND_RECORD
    };
    let bytes = match record {
        Record::Items(items) => of(items),
        Record::Whole(whole) => of(&whole.items),
        Record::Folded(folded) => {
            let alike = folded.alike.iter().map(|alike| {
                let texts = [
                    alike.user.as_ref().map_or(0, Bytes::len),
                    alike.remote_addr.as_ref().map_or(0, String::len),
                ];
                AROUND_ITEM + texts.iter().sum::<usize>() + alike.minutes.len() * MINUTE
            });
            of(&folded.items) + alike.sum::<usize>()
        }
        Record::Part(part) => AROUND_RECORD + part.bytes.len(),
        Record::Ledger(delta) => AROUND_RECORD + delta.counts.len() * ACCOUNT,
    };
    bytes as u64
}
