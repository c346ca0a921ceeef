//! What holds as time passes, whatever the wall clock says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::ids::{Lane, Seq};
use protocol::outcome::Term;

use super::memory::MemoryDisk;
use super::support::{Hands, by_term, config, drain, record, runtime, waiting};
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
