//! What is new overtakes what has waited.

use protocol::block;
use protocol::ids::{Lane, Seq};
use protocol::outcome::Term;

use super::oracle::Oracle;
use super::support::{by_term, number, waiting};
use crate::spool::{ReadOutcome, WhenFull};

/// The first record of the most important lane that has any, as a sender with one place would
/// take it.
async fn first(oracle: &Oracle) -> Option<(Lane, u64)> {
    for lane in Lane::ALL {
        let from = oracle.spool().lanes()[lane.index()].acked.next();
        if let ReadOutcome::Block { bytes, .. } = oracle.spool().read(lane, from).await.unwrap() {
            let (_, records) = block::open(&bytes).unwrap();
            return number(&records[0]).map(|n| (lane, n));
        }
    }
    None
}

fn records(oracle: &Oracle, lane: Lane) -> u64 {
    oracle.spool().lanes()[lane.index()].records
}

#[tokio::test]
async fn a_fresh_error_goes_before_thousands_that_waited_for_the_link() {
    let mut oracle = Oracle::new(|config| config.segment_bytes = "64 KiB".parse().unwrap());
    oracle.open().unwrap();
    // The link goes away. What comes in the first seconds lies in the lane itself.
    oracle.append(&[Lane::Errors], 100).await.unwrap();
    oracle.wait(6_000);
    for _ in 0..5_000 {
        oracle.append(&[Lane::Errors], 10).await.unwrap();
    }
    assert_eq!(records(&oracle, Lane::Errors), 1);
    assert_eq!(records(&oracle, Lane::ErrorsBacklog), 5_000);
    // The link is back and takes the lane before the twin.
    assert_eq!(first(&oracle).await, Some((Lane::Errors, 1)));
    oracle.ack(Lane::Errors, 255).await.unwrap();
    assert_eq!(first(&oracle).await, Some((Lane::ErrorsBacklog, 2)));
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(first(&oracle).await, Some((Lane::Errors, 5_002)));
    // The backlog is drained behind it, in order and once.
    oracle.ack(Lane::ErrorsBacklog, 100).await.unwrap();
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(waiting(oracle.spool(), Lane::Errors).await, [5_002, 5_003]);
    oracle.check().await;
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn what_comes_once_a_hub_is_there_again_goes_before_what_waited_for_it() {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    oracle.append(&[Lane::Errors], 100).await.unwrap();
    oracle.wait(6_000);
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(waiting(oracle.spool(), Lane::ErrorsBacklog).await, [2]);
    oracle.spool().welcomed();
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(waiting(oracle.spool(), Lane::Errors).await, [1, 3]);
    // It takes nothing after all.
    oracle.wait(6_000);
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(waiting(oracle.spool(), Lane::ErrorsBacklog).await, [2, 4]);
    oracle.check().await;
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn a_fresh_error_goes_before_a_burst_of_a_moment_ago() {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    for _ in 0..200 {
        oracle.append(&[Lane::Errors], 10_000).await.unwrap();
    }
    let (lane, twin) = (
        records(&oracle, Lane::Errors),
        records(&oracle, Lane::ErrorsBacklog),
    );
    assert!(lane < 40 && lane + twin == 200, "{lane} and {twin}");
    oracle.ack(Lane::Errors, 255).await.unwrap();
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(first(&oracle).await, Some((Lane::Errors, 201)));
    // What was acknowledged does not count, though it lies in the same segment.
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(waiting(oracle.spool(), Lane::Errors).await, [201, 202]);
    oracle.check().await;
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn a_fresh_error_goes_before_the_backlog_as_soon_as_anything_is_acknowledged() {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    for _ in 0..10 {
        oracle.append(&[Lane::Errors], 10).await.unwrap();
    }
    oracle.wait(60_000);
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    oracle.ack(Lane::Errors, 128).await.unwrap();
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(waiting(oracle.spool(), Lane::ErrorsBacklog).await, [11]);
    // Nothing more is acknowledged: the link is gone again.
    oracle.wait(6_000);
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    assert_eq!(waiting(oracle.spool(), Lane::ErrorsBacklog).await, [11, 13]);
    oracle.check().await;
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn a_link_that_keeps_up_needs_no_twin() {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    for _ in 0..100 {
        oracle
            .append(&[Lane::Errors, Lane::Control], 10)
            .await
            .unwrap();
        oracle.wait(2_000);
        oracle.ack(Lane::Errors, 255).await.unwrap();
        oracle.ack(Lane::Control, 255).await.unwrap();
    }
    assert_eq!(
        oracle.spool().lanes()[Lane::ErrorsBacklog.index()].next,
        Seq(1)
    );
    assert_eq!(
        oracle.spool().lanes()[Lane::ControlBacklog.index()].next,
        Seq(1)
    );
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn a_lane_that_is_stuck_is_so_in_the_next_process_too() {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    oracle
        .append(&[Lane::Errors, Lane::Logs], 10)
        .await
        .unwrap();
    oracle.wait(6_000);
    oracle
        .append(&[Lane::Errors, Lane::Logs], 10)
        .await
        .unwrap();
    oracle.close().await.unwrap();
    oracle.open().unwrap();
    oracle
        .append(&[Lane::Errors, Lane::Logs], 10)
        .await
        .unwrap();
    assert_eq!(waiting(oracle.spool(), Lane::Errors).await, [1]);
    assert_eq!(waiting(oracle.spool(), Lane::ErrorsBacklog).await, [3, 5]);
    assert_eq!(waiting(oracle.spool(), Lane::Logs).await, [2, 4, 6]);
    oracle.check().await;
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn losses_are_counted_once_when_lane_0_is_stuck_wherever_the_process_ends() {
    let mut oracle = Oracle::new(|config| {
        config.bytes_max = Some("64 KiB".parse().unwrap());
        config.segment_bytes = "4 KiB".parse().unwrap();
        config.when_full.errors = WhenFull::DropOldest;
    });
    oracle.open().unwrap();
    oracle.append(&[Lane::Control], 10).await.unwrap();
    oracle.wait(6_000);
    for n in 0..60 {
        oracle.append(&[Lane::Errors], 2_000).await.unwrap();
        if n % 7 == 0 {
            // As a killed process leaves it.
            let mut after = oracle.fork(oracle.disk.copy());
            after.open().unwrap();
            let (missing, _) = after.missing().await;
            let evicted = by_term(&after.ledger.totals());
            let evicted = evicted.get(&Term::Evicted).copied().unwrap_or_default();
            assert_eq!(evicted, missing.len() as u64, "after {n}");
            after.close().await.unwrap();
        }
    }
    assert!(oracle.spool().lanes()[Lane::ControlBacklog.index()].next > Seq(1));
    let (missing, _) = oracle.missing().await;
    assert!(missing.len() > 20, "{}", missing.len());
    oracle.close().await.unwrap();
}
