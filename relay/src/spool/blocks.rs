//! Appends become blocks, and blocks rounds of which the disk takes one after the other. Pure.

use protocol::block::{BlockError, Builder, DictId, LedgerDelta, Packed, Record, Sealed};
use protocol::ids::{Epoch, Lane, Seq};
use protocol::timestamp::Timestamp;

use super::command::Append;
use super::entry::Form;
use super::lanes::ByLane;
use super::route::Routes;

/// A block that is about to be written.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) lane: Lane,
    pub(super) sealed: Sealed,
    /// When its oldest record was received.
    pub(super) received: Timestamp,
    /// What the ledger counted, if it is in this one.
    pub(super) delta: Option<LedgerDelta>,
}

/// What is written together, a block of a lane at most, in the order of the lanes.
///
/// A lane's next block is written when the one before is taken: of two at once a crash could keep
/// the second and cut short the first, which would look like one that was there and is damaged.
pub(super) type Round = Vec<Ready>;

/// Which append makes a block impossible, and why.
pub(super) struct Unfit {
    pub(super) append: Option<usize>,
    pub(super) error: BlockError,
}

/// Where the lanes' blocks begin, and what they are compressed with.
pub(super) struct Start {
    pub(super) epoch: Epoch,
    pub(super) routes: Routes,
    pub(super) next: ByLane<Seq>,
    pub(super) dicts: ByLane<DictId>,
}

/// The counts that go into a lane's first block.
#[derive(Debug)]
pub(super) struct Counted {
    /// Losses that are not written down yet, and where they go.
    pub(super) pending: Option<(Lane, LedgerDelta)>,
    /// What the ledger counted since the last commit.
    pub(super) delta: LedgerDelta,
}

/// The rounds of a commit; none when there is nothing to write.
pub(super) fn rounds(
    start: &Start,
    counted: &Counted,
    appends: &[Append],
) -> Result<Vec<Round>, Unfit> {
    let mut lanes = ByLane::<Option<Building>>::default();
    if let Some((lane, delta)) = &counted.pending {
        let building = start.building(&mut lanes, *lane);
        building.push(None, &Record::Ledger(delta.clone()))?;
    }
    if !counted.delta.counts.is_empty() {
        let building = start.building(&mut lanes, start.routes.of(Lane::Control, None));
        building.push_delta(&counted.delta)?;
    }
    for (at, append) in appends.iter().enumerate() {
        for entry in &append.entries {
            let lane = start.routes.of(entry.lane, entry.project());
            let building = start.building(&mut lanes, lane);
            building.take(at, &entry.form)?;
        }
    }
    let mut rounds = Vec::<Round>::new();
    for building in lanes.0.into_iter().flatten() {
        for (nth, ready) in building.finish()?.into_iter().enumerate() {
            match rounds.get_mut(nth) {
                Some(round) => round.push(ready),
                None => rounds.push(vec![ready]),
            }
        }
    }
    Ok(rounds)
}

impl Start {
    /// The lane's, begun if need be.
    fn building<'a>(
        &self,
        lanes: &'a mut ByLane<Option<Building>>,
        lane: Lane,
    ) -> &'a mut Building {
        let begin = || Building {
            lane,
            builder: Builder::with_dict(
                self.epoch,
                lane,
                *self.next.get(lane),
                *self.dicts.get(lane),
            ),
            received: None,
            delta: None,
            last: None,
            ready: Vec::new(),
        };
        lanes.get_mut(lane).get_or_insert_with(begin)
    }
}

/// A lane's blocks in the making.
#[derive(Debug)]
struct Building {
    lane: Lane,
    builder: Builder,
    received: Option<Timestamp>,
    delta: Option<LedgerDelta>,
    /// The append of the record that went in last.
    last: Option<usize>,
    ready: Vec<Ready>,
}

impl Building {
    fn take(&mut self, append: usize, form: &Form) -> Result<(), Unfit> {
        match form {
            Form::Plain(record) => self.push(Some(append), record),
            Form::Packed {
                packed,
                received_at,
                ..
            } => self.push_packed(append, packed, *received_at),
        }
    }

    fn push_packed(
        &mut self,
        append: usize,
        packed: &Packed,
        received: Timestamp,
    ) -> Result<(), Unfit> {
        if !self.builder.is_empty() {
            self.seal()?;
        }
        let sealed = self.builder.seal_packed(packed).map_err(|error| Unfit {
            append: Some(append),
            error,
        })?;
        self.ready.push(Ready {
            lane: self.lane,
            sealed,
            received,
            delta: None,
        });
        Ok(())
    }

    fn push_delta(&mut self, delta: &LedgerDelta) -> Result<(), Unfit> {
        self.push(None, &Record::Ledger(delta.clone()))?;
        self.delta = Some(delta.clone());
        Ok(())
    }

    fn push(&mut self, append: Option<usize>, record: &Record) -> Result<(), Unfit> {
        let pushed = match self.builder.push(record) {
            Err(BlockError::Full) => {
                self.seal()?;
                self.builder.push(record)
            }
            pushed => pushed,
        };
        pushed.map_err(|error| Unfit { append, error })?;
        let received = record.received_at();
        self.received = Some(self.received.map_or(received, |had| had.min(received)));
        self.last = append;
        Ok(())
    }

    fn seal(&mut self) -> Result<(), Unfit> {
        // Only a record that is alone can make a block too large, and it is the last.
        let sealed = self.builder.seal().map_err(|error| Unfit {
            append: self.last,
            error,
        })?;
        self.ready.push(Ready {
            lane: self.lane,
            sealed,
            received: self.received.take().unwrap_or_default(),
            delta: self.delta.take(),
        });
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Ready>, Unfit> {
        if !self.builder.is_empty() {
            self.seal()?;
        }
        Ok(self.ready)
    }
}
