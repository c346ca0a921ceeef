//! What holds as time passes, whatever the wall clock says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::ids::{Lane, Seq};
use protocol::outcome::Term;

use super::memory::{Fault, MemoryDisk};
use super::support::{Hands, by_term, config, drain, number, record, runtime, waiting};
use crate::ledger::Ledger;
use crate::spool::index::Index;
use crate::spool::{GapReason, LaneState, Spool, SpoolError};

const DAY_MILLIS: u64 = 24 * 3600 * 1000;

fn open(disk: &MemoryDisk, time: &Arc<Hands>, ledger: &Ledger) -> Spool {
    let config = config(Path::new("/spool"));
    let disk = Arc::new(disk.clone());
    let time = Arc::clone(time);
    Spool::open_with(&config, ledger.clone(), disk, time, |_, _| Index::none()).unwrap()
}

#[test]
fn records_expire_by_the_time_the_spool_was_open() {
    let (disk, time) = (MemoryDisk::default(), Arc::new(Hands::default()));
    runtime().block_on(async {
        let spool = open(&disk, &time, &Ledger::default());
        for n in 1..=3 {
            let both = vec![(Lane::Traces, record(n, 10)), (Lane::Errors, record(n, 10))];
            spool.append(both).await.unwrap();
        }
        time.monotonic.fetch_add(2 * DAY_MILLIS, Ordering::SeqCst);
        spool.close().await.unwrap();

        // While it is closed nothing ages, however long that is.
        time.monotonic.store(0, Ordering::SeqCst);
        let spool = open(&disk, &time, &Ledger::default());
        assert_eq!(spool.lanes()[Lane::Traces.index()].records, 3);
        time.monotonic.fetch_add(2 * DAY_MILLIS, Ordering::SeqCst);
        // The owner looks at ages after what it is asked to do.
        spool.ack(Lane::Control, Seq(0)).await.unwrap();
        spool
            .append(vec![(Lane::Errors, record(4, 10))])
            .await
            .unwrap();
        let (records, gaps) = drain(&spool, Lane::Traces, Seq(1)).await;
        assert_eq!(records, []);
        let told: Vec<_> = gaps
            .iter()
            .map(|gap| (gap.from, gap.to, gap.reason))
            .collect();
        assert_eq!(told, [(Seq(1), Seq(3), GapReason::Expired)]);
        assert_eq!(waiting(&spool, Lane::Errors).await, [1, 2, 3]);
        assert_eq!(waiting(&spool, Lane::ErrorsBacklog).await, [4]);
        spool.close().await.unwrap();
        let ledger = Ledger::default();
        let spool = open(&disk, &time, &ledger);
        assert_eq!(by_term(&ledger.totals()).get(&Term::Expired), Some(&3));
        spool.close().await.unwrap();
    });
}

/// A spool in which the numbers of a commit that was given up were given out again, and have expired
/// since: 1 is under way, and 3 was the one that expired.
async fn given_up_and_expired(disk: &MemoryDisk, time: &Arc<Hands>, ledger: &Ledger) -> Spool {
    let spool = open(disk, time, ledger);
    let append = async |n| spool.append(vec![(Lane::Traces, record(n, 10))]).await;
    append(1).await.unwrap();
    // The sync fails, and what was written cannot be cut away.
    let (at, kind) = (disk.n_calls() + 2, std::io::ErrorKind::Other);
    disk.set_fault(Some(Fault { at, n: 2, kind }));
    let given_up = [20, 21, 22].map(|n| (Lane::Traces, record(n, 10)));
    spool.append(given_up.to_vec()).await.unwrap_err();
    disk.set_fault(None);
    // Its first number is given out again, in a segment of its own.
    append(3).await.unwrap();
    // The first is under way when both are old, so it stays.
    spool.read(Lane::Traces, Seq(1)).await.unwrap();
    time.monotonic.fetch_add(4 * DAY_MILLIS, Ordering::SeqCst);
    spool.ack(Lane::Control, Seq(0)).await.unwrap();
    spool
}

#[test]
fn what_a_given_up_commit_left_behind_does_not_come_back_when_its_numbers_have_expired() {
    let (disk, time) = (MemoryDisk::default(), Arc::new(Hands::default()));
    runtime().block_on(async {
        let spool = given_up_and_expired(&disk, &time, &Ledger::default()).await;
        spool
            .append(vec![(Lane::Traces, record(4, 10))])
            .await
            .unwrap();

        let ledger = Ledger::default();
        let killed = open(&disk.copy(), &time, &ledger);
        let (records, gaps) = drain(&killed, Lane::Traces, Seq(1)).await;
        let told: Vec<_> = gaps
            .iter()
            .map(|gap| (gap.from, gap.to, gap.reason))
            .collect();
        let records: Vec<_> = records
            .iter()
            .filter_map(|(_, record)| number(record))
            .collect();
        assert_eq!(records, [1, 4]);
        assert_eq!(told, [(Seq(2), Seq(2), GapReason::Expired)]);
        assert_eq!(by_term(&ledger.totals()).get(&Term::Corrupt), None);
        killed.close().await.unwrap();
        spool.close().await.unwrap();
    });
}

#[test]
fn what_a_given_up_commit_left_behind_takes_no_totals_with_it_when_nothing_came_since() {
    let (disk, time) = (MemoryDisk::default(), Arc::new(Hands::default()));
    runtime().block_on(async {
        let ledger = Ledger::default();
        let spool = given_up_and_expired(&disk, &time, &ledger).await;
        // The loss is written down, with nothing else of its lane.
        spool
            .append(vec![(Lane::Errors, record(4, 10))])
            .await
            .unwrap();

        let again = Ledger::default();
        let killed = open(&disk.copy(), &time, &again);
        assert_eq!(killed.lanes()[Lane::Traces.index()].next, Seq(3));
        assert_eq!(again.totals(), ledger.totals());
        killed.close().await.unwrap();
        spool.close().await.unwrap();
    });
}

#[test]
fn numbers_a_hub_is_ahead_by_are_not_given_out_again() {
    let (disk, time) = (MemoryDisk::default(), Arc::new(Hands::default()));
    runtime().block_on(async {
        let spool = open(&disk, &time, &Ledger::default());
        spool
            .append(vec![(Lane::Errors, record(1, 10))])
            .await
            .unwrap();
        spool.ack(Lane::Errors, Seq(7)).await.unwrap();
        let refused = spool.ack(Lane::Errors, Seq(u64::MAX)).await;
        assert!(matches!(refused, Err(SpoolError::AckBeyond { .. })));
        spool
            .append(vec![(Lane::Errors, record(2, 10))])
            .await
            .unwrap();
        let check = async |spool: &Spool| {
            let LaneState { acked, next, .. } = spool.lanes()[Lane::Errors.index()];
            assert_eq!((acked, next), (Seq(7), Seq(9)));
            let (records, gaps) = drain(spool, Lane::Errors, Seq(8)).await;
            assert_eq!((records, gaps), (vec![(Seq(8), record(2, 10))], vec![]));
        };
        check(&spool).await;
        spool.close().await.unwrap();
        check(&open(&disk, &time, &Ledger::default())).await;
    });
}

#[test]
fn it_goes_on_behind_what_the_hub_has_unless_numbers_were_given_out() {
    let (disk, time) = (MemoryDisk::default(), Arc::new(Hands::default()));
    runtime().block_on(async {
        let spool = open(&disk, &time, &Ledger::default());
        spool
            .go_on_behind(Lane::Errors, Seq(1), Seq(4))
            .await
            .unwrap();
        let written = vec![(Lane::Errors, record(1, 10)), (Lane::Logs, record(2, 10))];
        spool.append(written).await.unwrap();
        assert_eq!(spool.lanes()[Lane::Errors.index()].next, Seq(6));

        let parted = spool.go_on_behind(Lane::Logs, Seq(1), Seq(4)).await;
        assert!(matches!(
            parted,
            Err(SpoolError::Parted { lane: Lane::Logs })
        ));
        let (records, gaps) = drain(&spool, Lane::Logs, Seq(1)).await;
        assert_eq!((records, gaps), (vec![(Seq(1), record(2, 10))], vec![]));
        spool.close().await.unwrap();
    });
}
