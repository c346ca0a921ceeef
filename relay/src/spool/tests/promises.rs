//! What holds while nothing goes wrong.

use protocol::block::Record;
use protocol::ids::{Lane, Seq};
use protocol::item::Category;
use protocol::limits::BLOCK_BYTES_MAX;
use protocol::outcome::{Account, Reason, Term};
use protocol::unit::ByteSize;

use super::support::{by_term, config, drain, number, record, runtime, waiting};
use crate::aside::Aside;
use crate::ledger::Ledger;
use crate::spool::{Config, Entry, ReadOutcome, Spool, SpoolError};

#[test]
fn what_was_kept_is_read_back_in_order_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
        let epoch = spool.epoch();
        for n in 1..=20 {
            spool
                .append(vec![(Lane::Errors, record(n, 100))])
                .await
                .unwrap();
        }
        assert_eq!(
            waiting(&spool, Lane::Errors).await,
            (1..=20).collect::<Vec<_>>()
        );
        spool.ack(Lane::Errors, Seq(5)).await.unwrap();
        spool.close().await.unwrap();
        assert!(matches!(
            spool.append(vec![(Lane::Errors, record(1, 1))]).await,
            Err(SpoolError::Closed)
        ));
        drop(spool);

        let ledger = Ledger::default();
        let spool = Spool::open(&config(dir.path()), ledger.clone()).unwrap();
        assert_eq!(spool.epoch(), epoch);
        assert_eq!(
            waiting(&spool, Lane::Errors).await,
            (6..=20).collect::<Vec<_>>()
        );
        let sums = by_term(&ledger.totals());
        assert_eq!(sums.get(&Term::Accepted), Some(&20));
        assert_eq!(sums.get(&Term::Received), Some(&20));
        let state = spool.lanes()[Lane::Errors.index()];
        assert_eq!(
            (state.oldest, state.next, state.acked, state.records),
            (Seq(6), Seq(21), Seq(5), 15)
        );
        assert_eq!(
            state
                .oldest_received_at
                .map(protocol::timestamp::Timestamp::as_millis),
            Some(1_000_006)
        );
        assert_eq!(
            spool.read(Lane::Errors, Seq(21)).await.unwrap(),
            ReadOutcome::Empty
        );
    });
}

/// What is compressed beforehand is alone in its block, and has the number that it would have had.
#[test]
fn what_comes_compressed_keeps_its_place_among_the_others() {
    let check = |lens: &[usize], is_packed: fn(u64) -> bool| {
        let dir = tempfile::tempdir().unwrap();
        let records = lens
            .iter()
            .zip(1..)
            .map(|(len, n)| (Lane::Errors, record(n, *len)));
        let entries = records.clone().zip(1..).map(|(record, n)| {
            let entry = Entry::from(record);
            if is_packed(n) { entry.packed() } else { entry }
        });
        runtime().block_on(async {
            let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
            spool.append(entries).await.unwrap();
            let (kept, gaps) = drain(&spool, Lane::Errors, Seq(1)).await;
            let expected = records
                .zip(1..)
                .map(|((_, record), n)| (Seq(n), record))
                .collect::<Vec<_>>();
            assert_eq!((kept, gaps), (expected, vec![]));
        });
    };
    check(&[100], |_| true);
    check(&[100, 90_000, 10, 200_000, 0, 300], |_| false);
    check(&[100, 90_000, 10, 200_000, 0, 300], |_| true);
    check(&[100, 90_000, 10, 200_000, 0, 300], |n| n % 2 == 0);
    check(&[100, 90_000, 10, 200_000, 0, 300], |n| n % 3 == 0);
}

/// The limits are the block's, wherever it is compressed.
#[tokio::test]
async fn what_fits_no_block_is_refused_alone_though_it_was_to_be_compressed_before() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
    let aside = Aside::default();
    let append = |n, len| spool.append_beside(&aside, vec![(Lane::Errors, record(n, len))]);
    let (small, large, long) = tokio::join!(
        append(1, 100),
        append(2, BLOCK_BYTES_MAX + 1),
        append(3, 100_000)
    );
    assert!(matches!(large, Err(SpoolError::TooLarge(_))), "{large:?}");
    small.unwrap();
    long.unwrap();
    let mut kept = waiting(&spool, Lane::Errors).await;
    kept.sort_unstable();
    assert_eq!(kept, [1, 3]);
}

#[test]
fn counts_without_items_become_records_of_lane_0_with_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let ledger = Ledger::default();
        let spool = Spool::open(&config(dir.path()), ledger.clone()).unwrap();
        let account = Account {
            project: None,
            category: Category::Error,
            term: Term::Refused,
            reason: Reason::Borrowed("auth"),
        };
        ledger.count(account.clone(), 3);
        spool
            .append(vec![(Lane::Errors, record(1, 100))])
            .await
            .unwrap();
        let (records, gaps) = drain(&spool, Lane::Control, Seq(1)).await;
        assert!(gaps.is_empty());
        match records.as_slice() {
            [(Seq(1), Record::Ledger(delta))] => {
                assert_eq!(delta.counts, vec![(account.clone(), 3)]);
            }
            other => panic!("{other:?}"),
        }
        spool.close().await.unwrap();
        drop(spool);
        let ledger = Ledger::default();
        let spool = Spool::open(&config(dir.path()), ledger.clone()).unwrap();
        assert_eq!(ledger.totals().get(&account), Some(&3));
        assert_eq!(
            ledger
                .take_delta(protocol::timestamp::Timestamp::default())
                .counts,
            vec![]
        );
        drop(spool);
    });
}

#[test]
fn an_envelope_may_span_lanes() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
        let both = vec![
            (Lane::Errors, record(1, 10)),
            (Lane::Blobs, record(2, 5000)),
        ];
        spool.append(both).await.unwrap();
        assert_eq!(waiting(&spool, Lane::Errors).await, [1]);
        assert_eq!(waiting(&spool, Lane::Blobs).await, [2]);
        spool.close().await.unwrap();
    });
}

#[test]
fn many_appends_at_once_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
        let tasks = tokio_util::task::TaskTracker::new();
        for n in 0..500 {
            let spool = spool.clone();
            tasks.spawn(async move {
                spool
                    .append(vec![(Lane::Errors, record(n, 300))])
                    .await
                    .unwrap();
            });
        }
        tasks.close();
        tasks.wait().await;
        let mut all = waiting(&spool, Lane::Errors).await;
        all.sort_unstable();
        assert_eq!(all, (0..500).collect::<Vec<_>>());
        let status = spool.status();
        assert!(status.commits < 250, "{} commits", status.commits);
        spool.close().await.unwrap();
    });
}

#[test]
fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
    let second = Spool::open(&config(dir.path()), Ledger::default());
    assert!(matches!(second, Err(SpoolError::InUse { .. })));
    drop(first);
}

#[test]
fn a_record_that_fits_no_block_fails_alone() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
        let (small, large) = tokio::join!(
            spool.append(vec![
                (Lane::Errors, record(1, 10)),
                (Lane::Blobs, record(2, 10))
            ]),
            spool.append(vec![
                (Lane::Errors, record(3, 10)),
                (Lane::Blobs, record(4, 5 << 20))
            ]),
        );
        small.unwrap();
        assert!(matches!(large, Err(SpoolError::TooLarge(_))), "{large:?}");
        assert_eq!(waiting(&spool, Lane::Errors).await, [1]);
        assert_eq!(waiting(&spool, Lane::Blobs).await, [2]);
        spool.close().await.unwrap();
    });
}

#[test]
fn a_drained_spool_gives_its_room_back_and_goes_on_counting() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.bytes_max = Some("16 MiB".parse().unwrap());
    runtime().block_on(async {
        let spool = Spool::open(&config, Ledger::default()).unwrap();
        for n in 1..=100 {
            spool
                .append(vec![(Lane::Logs, record(n, 100_000))])
                .await
                .unwrap();
        }
        let full = spool.status().bytes_used;
        assert!(full > 9_000_000, "{full}");
        spool.ack(Lane::Logs, Seq(50)).await.unwrap();
        let half = spool.status().bytes_used;
        assert!(half < full / 2 + (2 << 20), "{half} of {full}");
        spool.ack(Lane::Logs, Seq(100)).await.unwrap();
        let drained = spool.status().bytes_used;
        assert!(drained < 10_000, "{drained}");
        spool.close().await.unwrap();
        drop(spool);
        let ledger = Ledger::default();
        let spool = Spool::open(&config, ledger.clone()).unwrap();
        assert_eq!(spool.lanes()[Lane::Logs.index()].next, Seq(101));
        assert_eq!(by_term(&ledger.totals()).get(&Term::Accepted), Some(&100));
        spool
            .append(vec![(Lane::Logs, record(101, 10))])
            .await
            .unwrap();
        let (records, gaps) = drain(&spool, Lane::Logs, Seq(101)).await;
        assert_eq!((records.len(), gaps.len()), (1, 0));
        assert_eq!(number(&records[0].1), Some(101));
        spool.close().await.unwrap();
    });
}

#[test]
fn the_disk_holds_little_more_than_what_waits() {
    const SEGMENT: u64 = 256 << 10;
    const LEN: u64 = 20_000;
    const N: u64 = 400;
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.segment_bytes = ByteSize(SEGMENT);
    let on_disk = || {
        let lane = dir.path().join(Lane::Logs.to_string());
        let epochs = std::fs::read_dir(lane).unwrap().flatten();
        let files = epochs.flat_map(|epoch| std::fs::read_dir(epoch.path()).unwrap().flatten());
        files
            .map(|file| file.metadata().unwrap().len())
            .sum::<u64>()
    };
    runtime().block_on(async {
        let spool = Spool::open(&config, Ledger::default()).unwrap();
        for n in 1..=N {
            let logs = vec![(Lane::Logs, record(n, usize::try_from(LEN).unwrap()))];
            spool.append(logs).await.unwrap();
        }
        for acked in [0, 40, 200, 390, N] {
            spool.ack(Lane::Logs, Seq(acked)).await.unwrap();
            let live = (N - acked) * LEN;
            let most = live / 100 * 105 + 2 * SEGMENT;
            let used = on_disk();
            assert!(
                (live..=most).contains(&used),
                "{used} bytes for {live}, {most} allowed"
            );
            assert_eq!(
                spool.status().bytes_used - used,
                0,
                "the status says what there is"
            );
        }
        spool.close().await.unwrap();
    });
}

#[test]
fn what_may_be_at_the_hub_does_not_give_way() {
    let dir = tempfile::tempdir().unwrap();
    let small = || Config {
        bytes_max: Some(ByteSize(64 * 1024)),
        segment_bytes: ByteSize(8 * 1024),
        ..config(dir.path())
    };
    runtime().block_on(async {
        let spool = Spool::open(&small(), Ledger::default()).unwrap();
        for n in 1..=20 {
            let one = vec![(Lane::Errors, record(n, 2000))];
            spool.append(one).await.unwrap();
        }
        // Sent, and not acknowledged before the end of the process.
        let sent = spool.read(Lane::Errors, Seq(1)).await.unwrap();
        assert!(matches!(sent, ReadOutcome::Block { .. }), "{sent:?}");
        spool.close().await.unwrap();
        drop(spool);

        let ledger = Ledger::default();
        let spool = Spool::open(&small(), ledger.clone()).unwrap();
        for n in 21..=100 {
            let one = vec![(Lane::Errors, record(n, 2000))];
            spool.append(one).await.unwrap();
        }
        // It was sent again and is acknowledged now: evicted was what is missing behind it.
        spool.ack(Lane::Errors, Seq(1)).await.unwrap();
        let mut left = waiting(&spool, Lane::Errors).await;
        // On a slow machine the first have waited for so long that the last go the other way.
        left.extend(waiting(&spool, Lane::ErrorsBacklog).await);
        assert_eq!(left.last(), Some(&100), "{left:?}");
        let lost = 99 - u64::try_from(left.len()).unwrap();
        assert!(lost > 50, "{lost} lost");
        let evicted = by_term(&ledger.totals()).get(&Term::Evicted).copied();
        assert_eq!(evicted, Some(lost));
        spool.close().await.unwrap();
    });
}
