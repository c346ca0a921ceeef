//! What was delivered is kept a while, for a hub that was set back.

use std::time::Duration;

use protocol::block;
use protocol::ids::{Lane, Seq};
use protocol::unit::{ByteSize, Span};

use super::oracle::Oracle;
use super::support::number;
use crate::spool::{Config, GapReason, ReadOutcome};

const KEPT: u64 = 16 << 10;

fn keeping(config: &mut Config) {
    config.retain_acked = Span(Duration::from_secs(3600));
    config.retain_acked_bytes = ByteSize(KEPT);
}

/// The record with a number, or why there is none.
async fn at(oracle: &Oracle, seq: u64) -> Result<u64, GapReason> {
    match oracle.spool().read(Lane::Traces, Seq(seq)).await.unwrap() {
        ReadOutcome::Block { bytes, .. } => {
            let (head, records) = block::open(&bytes).unwrap();
            let nth = usize::try_from(seq - head.first_seq.0).unwrap();
            Ok(number(&records[nth]).unwrap())
        }
        ReadOutcome::Gap(gap) => Err(gap.reason),
        ReadOutcome::Empty => panic!("{seq} is not written yet"),
    }
}

/// Numbers of delivered records that are still there.
async fn kept(oracle: &Oracle) -> Vec<u64> {
    let mut kept = Vec::new();
    for seq in 1..=oracle.spool().lanes()[Lane::Traces.index()].acked.0 {
        kept.extend(at(oracle, seq).await);
    }
    kept
}

async fn delivered(oracle: &mut Oracle, n: usize) {
    for _ in 0..n {
        oracle.append(&[Lane::Traces], 300).await.unwrap();
    }
    oracle.ack(Lane::Traces, 255).await.unwrap();
}

#[tokio::test]
async fn it_is_kept_up_to_its_bytes_and_until_its_time() {
    let mut oracle = Oracle::new(keeping);
    oracle.open().unwrap();
    delivered(&mut oracle, 20).await;
    assert_eq!(kept(&oracle).await, (1..=20).collect::<Vec<_>>());
    let state = oracle.spool().lanes()[Lane::Traces.index()];
    assert_eq!((state.records, state.oldest), (0, Seq(21)));
    // Over its bytes the oldest goes.
    delivered(&mut oracle, 80).await;
    let left = kept(&oracle).await;
    assert!((20..=60).contains(&left.len()), "{left:?}");
    assert!(left.is_sorted() && left.last() == Some(&100), "{left:?}");
    assert_eq!(at(&oracle, 1).await, Err(GapReason::Acknowledged));
    // It is there after a restart as well, and its time begins anew.
    oracle.close().await.unwrap();
    oracle.open().unwrap();
    assert_eq!(kept(&oracle).await, left);
    oracle.wait(3_700_000);
    delivered(&mut oracle, 1).await;
    delivered(&mut oracle, 1).await;
    let left = kept(&oracle).await;
    assert!(left.len() < 10, "{left:?}");
    oracle.check().await;
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn it_gives_way_before_anything_that_was_not_delivered_does() {
    let mut oracle = Oracle::new(|config| {
        keeping(config);
        config.bytes_max = Some("48 KiB".parse().unwrap());
    });
    oracle.open().unwrap();
    delivered(&mut oracle, 40).await;
    let before = kept(&oracle).await.len();
    for _ in 0..75 {
        oracle.append(&[Lane::Traces], 300).await.unwrap();
    }
    assert!(kept(&oracle).await.len() < before);
    // Nothing was evicted.
    oracle.check().await;
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn what_is_damaged_of_it_is_no_loss() {
    let mut oracle = Oracle::new(keeping);
    oracle.open().unwrap();
    delivered(&mut oracle, 20).await;
    let files = oracle.files().into_iter();
    let segment = files.map(|(path, _)| path).find(|path| {
        let is_segment = path.extension().is_some_and(|end| end == "seg");
        is_segment && path.to_string_lossy().contains("L3")
    });
    let flip = |bytes: &mut Vec<u8>| bytes[700] ^= 1;
    oracle.disk.change(&segment.unwrap(), flip);
    for seq in 1..=20 {
        let found = at(&oracle, seq).await;
        assert!(matches!(found, Ok(n) if n == seq) || found == Err(GapReason::Acknowledged));
    }
    assert_eq!(oracle.spool().status().quarantined, 0);
    oracle.check().await;
    oracle.close().await.unwrap();
}
