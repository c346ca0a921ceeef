//! Damage that is found in what was sent already: the hub may have it.

use std::path::Path;
use std::sync::Arc;

use protocol::block::Record;
use protocol::ids::{Lane, Seq};
use protocol::item::Category;
use protocol::outcome::Term;

use super::memory::MemoryDisk;
use super::oracle::Oracle;
use super::support::{Hands, LEN, by_term, config, drain, places, record};
use crate::ledger::Ledger;
use crate::spool::index::Index;
use crate::spool::{Config, GapReason, ReadOutcome, Spool};

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

/// A spool with small segments, so that what comes first is sealed soon.
fn small(disk: &MemoryDisk, ledger: &Ledger) -> Spool {
    let config = Config {
        segment_bytes: "1 KiB".parse().unwrap(),
        ..config(Path::new("/spool"))
    };
    let (disk, hands) = (Arc::new(disk.clone()), Arc::new(Hands::default()));
    Spool::open_with(&config, ledger.clone(), disk, hands, |_, _| Index::none()).unwrap()
}

/// Zeros over all of the second block of the lane, whose frame tells what it holds.
fn wipe_second(disk: &MemoryDisk, lane: Lane) {
    let mut files = disk.files().into_iter();
    let of_lane = |path: &Path| path.to_str().unwrap().contains(&format!("/{lane}/"));
    let (path, bytes) = files.find(|(path, _)| of_lane(path)).unwrap();
    let frames = bytes.windows(4).enumerate();
    let mut frames = frames
        .filter(|(_, window)| window == b"VBLK")
        .map(|(at, _)| at);
    let (second, third) = (frames.nth(1).unwrap(), frames.next().unwrap());
    disk.change(&path, |bytes| bytes[second..third].fill(0));
}

#[tokio::test]
async fn what_a_lost_block_held_is_told_by_what_its_segment_held() {
    for is_restarted in [false, true] {
        let disk = MemoryDisk::default();
        let mut ledger = Ledger::default();
        let mut spool = small(&disk, &ledger);
        for n in 1..=9 {
            let Record::Items(mut items) = record(n, 100) else {
                unreachable!("it has items")
            };
            items.items[0].kind = "log".to_owned();
            items.items = vec![items.items[0].clone(); 1 + usize::try_from(n).unwrap()];
            let one = vec![(Lane::Logs, Record::Items(items))];
            spool.append(one).await.unwrap();
        }
        if is_restarted {
            spool.close().await.unwrap();
            ledger = Ledger::default();
            spool = small(&disk, &ledger);
        }
        wipe_second(&disk, Lane::Logs);
        let (_, gaps) = drain(&spool, Lane::Logs, Seq(1)).await;
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        spool
            .append(vec![(Lane::Errors, record(10, 10))])
            .await
            .unwrap();
        let balance = spool.balance().await.unwrap();
        let mut lines = balance.equations().into_iter();
        assert_eq!(lines.find(|(_, line)| line.deficit() != 0), None);
        let corrupt = balance.totals.iter();
        let corrupt: Vec<_> = corrupt
            .filter(|(account, _)| account.term == Term::Corrupt)
            .map(|(account, n)| (account.category, *n))
            .collect();
        assert_eq!(
            corrupt,
            [(Category::LogItem, 3)],
            "restarted: {is_restarted}"
        );
        spool.close().await.unwrap();
    }
}
