//! Whether a relay that presents itself goes on where the one that was welcomed last left off.
//!
//! An identity is a file, and files are copied: with a virtual machine, with a backup that is
//! brought back. Two holders would number different records alike, and the hub would take the
//! records of one for those of the other. So each start of a relay draws a number, writes it into
//! its state and tells it together with those of the starts before. The hub keeps the number it
//! welcomed last. A start is let in when it is that one, or descends from it: of two copies, the
//! one that is welcomed first goes on, and the other does not descend from it, however often it
//! starts.
//!
//! A start that descends from the one welcomed last may still not know what that one delivered
//! after the copy was made. It tells the number its own records begin with; where the hub already
//! has a record of that number, which is of another, the two have parted. While it has written
//! nothing yet there is nothing that could be mistaken, and its spool goes on behind the cursor.
//!
//! Two that live at the same time are told apart by asking the one that is connected: see the
//! hub's end of the link.

use protocol::ids::Seq;
use protocol::wire::{Cursor, Hello};

/// How a start of a relay stands to the one that was welcomed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// It is the same.
    Same,
    /// It comes after it, or there was none.
    Successor,
    /// It does not, or has parted from it: its state is a copy, or was set back.
    Copy,
}

/// Decides; `last` is the start that was welcomed last, `cursors` what is applied of the spool.
pub(super) fn judge(last: Option<u64>, hello: &Hello, cursors: &[Cursor]) -> Lineage {
    match last {
        None => Lineage::Successor,
        Some(last) if last == hello.instance => Lineage::Same,
        Some(last) if !hello.ancestors.contains(&last) || has_parted(hello, cursors) => {
            Lineage::Copy
        }
        Some(_) => Lineage::Successor,
    }
}

/// Whether a record of this start has a number that another's was applied under.
fn has_parted(hello: &Hello, cursors: &[Cursor]) -> bool {
    hello.lanes.iter().any(|lane| {
        let applied = cursors.iter().find(|cursor| cursor.lane == lane.lane);
        let applied = applied.map(|cursor| cursor.upto).unwrap_or_default();
        lane.start > Seq(0) && lane.start < lane.next && lane.start <= applied
    })
}

#[cfg(test)]
mod tests {
    use protocol::ids::{Epoch, Lane, RelayId};
    use protocol::timestamp::Timestamp;
    use protocol::wire::LaneState;

    use super::*;

    fn hello(instance: u64, ancestors: &[u64], start: u64, next: u64) -> Hello {
        Hello {
            proto_min: 1,
            proto_max: 1,
            relay: RelayId::from_bytes([1; 16]),
            epoch: Epoch(7),
            lanes: vec![LaneState {
                lane: Lane::Errors,
                oldest: Seq(1),
                next: Seq(next),
                bytes: 0,
                start: Seq(start),
                acked: Seq(0),
            }],
            version: String::new(),
            roster_version: 0,
            dicts: vec![],
            wall: Timestamp::from_millis(0),
            capabilities: vec![],
            generation: 1,
            instance,
            ancestors: ancestors.to_vec(),
        }
    }

    fn check(last: Option<u64>, hello: &Hello, upto: u64, expected: Lineage) {
        let cursor = Cursor {
            lane: Lane::Errors,
            upto: Seq(upto),
            digest: None,
        };
        assert_eq!(judge(last, hello, &[cursor]), expected, "{hello:?}");
    }

    #[test]
    fn a_start_is_welcomed_when_it_descends_from_the_last_one() {
        check(None, &hello(5, &[], 1, 1), 0, Lineage::Successor);
        check(Some(5), &hello(5, &[4], 10, 20), 15, Lineage::Same);
        check(Some(5), &hello(6, &[4, 5], 21, 30), 20, Lineage::Successor);
        // The hub was set back to a backup: it knows an earlier ancestor.
        check(Some(4), &hello(6, &[4, 5], 21, 30), 3, Lineage::Successor);
    }

    #[test]
    fn a_copy_does_not_descend_from_the_other() {
        check(Some(6), &hello(7, &[4, 5], 21, 30), 20, Lineage::Copy);
        check(Some(6), &hello(5, &[4], 21, 30), 20, Lineage::Copy);
        check(Some(6), &hello(9, &[5, 7, 8], 99, 99), 20, Lineage::Copy);
    }

    #[test]
    fn a_descendant_that_numbered_records_as_another_did_has_parted() {
        // Copied when the next number was 21; the other then delivered up to 25.
        check(Some(5), &hello(6, &[5], 21, 22), 25, Lineage::Copy);
        // It wrote more than the other did: the cursor alone would not tell.
        check(Some(5), &hello(6, &[5], 21, 99), 25, Lineage::Copy);
        // It wrote nothing yet: nothing can be mistaken.
        check(Some(5), &hello(6, &[5], 21, 21), 25, Lineage::Successor);
    }
}
