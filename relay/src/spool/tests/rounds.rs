//! In which order the blocks of a commit are written.

use std::sync::Arc;

use protocol::block::{DictId, LedgerDelta};
use protocol::ids::{Epoch, Lane, Seq};
use protocol::outcome::Counts;
use protocol::timestamp::Timestamp;
use tokio::sync::{Semaphore, oneshot};

use super::support::record;
use crate::spool::blocks::{self, Counted, Start};
use crate::spool::command::Append;
use crate::spool::entry::Entry;
use crate::spool::lanes::ByLane;
use crate::spool::route::Routes;

/// An append of these entries, which nobody waits for.
fn append(entries: Vec<Entry>) -> Append {
    let permits = Arc::new(Semaphore::new(1));
    Append {
        bytes: entries.iter().map(Entry::bytes).sum(),
        entries,
        done: oneshot::channel().0,
        permit: permits.try_acquire_owned().unwrap(),
    }
}

#[test]
fn of_a_lanes_blocks_each_waits_for_the_one_before() {
    let start = Start {
        epoch: Epoch(1),
        routes: Routes::default(),
        next: ByLane::from_fn(|_| Seq(7)),
        dicts: ByLane::from_fn(|_| DictId::NONE),
    };
    let counted = Counted {
        pending: None,
        delta: LedgerDelta {
            at: Timestamp::from_millis(1),
            counts: Counts::new().into_iter().collect(),
        },
    };
    let packed = |n| Entry::from((Lane::Blobs, record(n, 100))).packed();
    let appends = [
        append(vec![packed(1), Entry::from((Lane::Errors, record(2, 10)))]),
        append(vec![packed(3), packed(4)]),
    ];
    let rounds = blocks::rounds(&start, &counted, &appends).ok().unwrap();
    let found: Vec<Vec<_>> = rounds
        .iter()
        .map(|round| {
            let blocks = round.iter();
            blocks
                .map(|ready| (ready.lane, ready.sealed.head.first_seq))
                .collect()
        })
        .collect();
    let expected = [
        vec![(Lane::Errors, Seq(7)), (Lane::Blobs, Seq(7))],
        vec![(Lane::Blobs, Seq(8))],
        vec![(Lane::Blobs, Seq(9))],
    ];
    assert_eq!(found, expected);
}
