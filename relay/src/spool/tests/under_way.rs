//! Damage that is found in what was sent already: the hub may have it.

use protocol::ids::{Lane, Seq};
use protocol::outcome::Term;

use super::oracle::Oracle;
use super::support::{LEN, by_term, places};
use crate::spool::{GapReason, ReadOutcome};

/// Five errors in one segment, of which the first two are under way; then the first and the third
/// are damaged, and a reader stumbles over the third.
async fn stumbled() -> Oracle {
    let mut oracle = Oracle::new(|config| config.segment_bytes = "16 KiB".parse().unwrap());
    oracle.open().unwrap();
    for _ in 0..5 {
        oracle.append(&[Lane::Errors], LEN).await.unwrap();
    }
    for seq in [1, 2] {
        assert_eq!(gap_at(&oracle, seq).await, None);
    }
    for n in [1, 3] {
        let (path, at) = places(&oracle, n).remove(0);
        oracle.disk.change(&path, |bytes| bytes[at + 50] ^= 1);
    }
    assert_eq!(gap_at(&oracle, 3).await, Some(GapReason::Corrupt));
    oracle
}

/// Why a number of the lane has no record; nothing when it has one.
async fn gap_at(oracle: &Oracle, seq: u64) -> Option<GapReason> {
    match oracle.spool().read(Lane::Errors, Seq(seq)).await.unwrap() {
        ReadOutcome::Block { .. } => None,
        ReadOutcome::Gap(gap) => Some(gap.reason),
        ReadOutcome::Empty => panic!("{seq} is not written yet"),
    }
}

/// What is counted as damaged, when the accounts add up.
async fn corrupt(oracle: &Oracle) -> u64 {
    let balance = oracle.spool().balance().await.unwrap();
    let mut lines = balance.equations().into_iter();
    assert_eq!(lines.find(|(_, line)| line.deficit() != 0), None);
    assert!(balance.is_whole);
    let sums = by_term(&balance.totals);
    sums.get(&Term::Corrupt).copied().unwrap_or_default()
}

#[tokio::test]
async fn what_the_hub_has_was_delivered_and_not_lost() {
    let mut oracle = stumbled().await;
    assert_eq!(corrupt(&oracle).await, 1);
    oracle.spool().ack(Lane::Errors, Seq(3)).await.unwrap();
    assert_eq!(corrupt(&oracle).await, 1);
    let delivered = oracle.spool().delivered(Lane::Errors).unwrap();
    assert_eq!(delivered.sums.iter().map(|sum| sum.n).sum::<u64>(), 2);
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn what_the_hub_asks_for_again_is_lost() {
    let mut oracle = stumbled().await;
    assert_eq!(gap_at(&oracle, 1).await, Some(GapReason::Corrupt));
    assert_eq!(gap_at(&oracle, 2).await, None);
    assert_eq!(corrupt(&oracle).await, 2);
    oracle.spool().ack(Lane::Errors, Seq(3)).await.unwrap();
    assert_eq!(corrupt(&oracle).await, 2);
    let delivered = oracle.spool().delivered(Lane::Errors).unwrap();
    assert_eq!(delivered.sums.iter().map(|sum| sum.n).sum::<u64>(), 1);
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn what_nobody_settled_is_counted_at_the_next_opening() {
    let mut oracle = stumbled().await;
    oracle.close().await.unwrap();
    oracle.open().unwrap();
    assert_eq!(corrupt(&oracle).await, 2);
    oracle.close().await.unwrap();
}
