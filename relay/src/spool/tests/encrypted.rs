//! What holds when the spool is encrypted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::block::Record;
use protocol::ids::{Lane, Seq};
use tempfile::TempDir;

use super::faults::{check_damaged, lost_by_flip, small_spool_with};
use super::oracle::Oracle;
use super::support::{record, runtime, sum_of_all, waiting};
use crate::spool::inspect::{InspectError, Inspector};
use crate::spool::{Config, Keys, SpoolError};

fn key_file(dir: &TempDir, byte: u8) -> PathBuf {
    let path = dir.path().join(format!("key-{byte}"));
    std::fs::write(&path, format!("{byte:02x}").repeat(32)).unwrap();
    path
}

fn encrypted(path: &Path) -> impl Fn(&mut Config) {
    let path = path.to_path_buf();
    move |config| config.encryption_key_file = Some(path.clone())
}

/// Whether any file holds a part of the record's payload as it is.
fn lies_open(oracle: &Oracle, n: u64, len: usize) -> bool {
    let Record::Items(items) = record(n, len) else {
        panic!("a record of a test has items");
    };
    let part = items.items[0].payload[..16].to_vec();
    let files = oracle.files();
    files
        .iter()
        .any(|(_, bytes)| bytes.windows(16).any(|window| window == part))
}

#[test]
fn with_a_key_no_record_lies_open_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let key = key_file(&dir, 1);
    runtime().block_on(async {
        for (config, is_open) in [(None, true), (Some(&key), false)] {
            let mut oracle = Oracle::new(|it| it.encryption_key_file = config.cloned());
            oracle.open().unwrap();
            for _ in 0..30 {
                oracle
                    .append(&[Lane::Errors, Lane::Blobs], 100)
                    .await
                    .unwrap();
            }
            let n_open = (1..=60).filter(|n| lies_open(&oracle, *n, 100)).count();
            assert_eq!(n_open, if is_open { 60 } else { 0 });
            oracle.check().await;
            oracle.close().await.unwrap();
            oracle.open().unwrap();
            oracle.check().await;
            oracle.close().await.unwrap();
        }
    });
}

#[test]
fn without_its_key_it_does_not_open_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let (right, wrong) = (key_file(&dir, 1), key_file(&dir, 2));
    runtime().block_on(async {
        let mut oracle = Oracle::new(encrypted(&right));
        oracle.open().unwrap();
        for _ in 0..20 {
            oracle.append(&[Lane::Errors], 100).await.unwrap();
        }
        oracle.close().await.unwrap();
        let before = oracle.files();
        for other in [None, Some(&wrong)] {
            oracle.config.encryption_key_file = other.cloned();
            let refused = oracle.open();
            assert!(
                matches!(refused, Err(SpoolError::KeyMissing { .. })),
                "{refused:?}"
            );
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("encryption_key_file"), "{text}");
        }
        oracle.config.encryption_key_file = Some(dir.path().join("nowhere"));
        assert!(matches!(oracle.open(), Err(SpoolError::Key(_))));
        assert_eq!(oracle.files(), before);
        oracle.config.encryption_key_file = Some(right);
        oracle.open().unwrap();
        oracle.check().await;
        oracle.close().await.unwrap();
    });
}

#[test]
fn a_key_is_changed_while_both_are_there_and_the_old_one_is_then_done_with() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (key_file(&dir, 1), key_file(&dir, 2));
    runtime().block_on(async {
        let mut oracle = Oracle::new(encrypted(&old));
        oracle.open().unwrap();
        for _ in 0..10 {
            oracle
                .append(&[Lane::Errors, Lane::Control], 100)
                .await
                .unwrap();
        }
        oracle.close().await.unwrap();
        oracle.config.encryption_key_file = Some(new);
        oracle.config.encryption_key_file_old = Some(old);
        oracle.open().unwrap();
        oracle.append(&[Lane::Errors], 100).await.unwrap();
        oracle.check().await;
        oracle.close().await.unwrap();
        // The old key is still needed for what it encrypts.
        let both = oracle.config.clone();
        oracle.config.encryption_key_file_old = None;
        assert!(matches!(oracle.open(), Err(SpoolError::KeyMissing { .. })));
        oracle.config = both;
        oracle.open().unwrap();
        for lane in [Lane::Errors, Lane::Control] {
            oracle.ack(lane, 255).await.unwrap();
        }
        oracle.close().await.unwrap();
        oracle.config.encryption_key_file_old = None;
        oracle.open().unwrap();
        oracle.check().await;
        let lanes = oracle.spool().lanes();
        assert_eq!(lanes[Lane::Errors.index()].next, Seq(12));
        oracle.append(&[Lane::Errors], 10).await.unwrap();
        assert_eq!(waiting(oracle.spool(), Lane::Errors).await.len(), 1);
        oracle.close().await.unwrap();
    });
}

#[test]
fn every_flipped_bit_is_found_in_an_encrypted_spool_too() {
    let dir = tempfile::tempdir().unwrap();
    let key = key_file(&dir, 1);
    let runtime = runtime();
    let mut whole = runtime.block_on(small_spool_with(encrypted(&key)));
    let mut places = Vec::new();
    for (path, bytes) in whole.files() {
        if path.extension().is_some_and(|extension| extension == "seg") {
            let of_file = (0..bytes.len()).step_by(3);
            places.extend(of_file.map(|at| (path.clone(), at)));
        }
    }
    let n_lost = sum_of_all(&places, |(path, at)| lost_by_flip(&whole, path, *at));
    assert!(n_lost > 200, "{n_lost} lost");
    runtime.block_on(whole.close()).unwrap();
}

#[test]
fn a_segment_whose_header_is_gone_is_lost_and_counted_by_its_frames() {
    let dir = tempfile::tempdir().unwrap();
    let key = key_file(&dir, 1);
    let runtime = runtime();
    let mut whole = runtime.block_on(small_spool_with(encrypted(&key)));
    for (path, _) in whole.files() {
        if path.extension().is_none_or(|extension| extension != "seg") {
            continue;
        }
        let mut damaged = whole.fork(whole.disk.copy());
        damaged.disk.change(&path, |bytes| bytes[..32].fill(0));
        let what = format!("header of {}", path.display());
        let lost = runtime.block_on(check_damaged(&mut damaged, &what));
        assert!(lost > 0, "{what}");
    }
    runtime.block_on(whole.close()).unwrap();
}

#[test]
fn numbers_and_counts_are_seen_without_the_key_and_records_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let key = key_file(&dir, 1);
    let runtime = runtime();
    let mut whole = runtime.block_on(small_spool_with(encrypted(&key)));
    let look = |keys| {
        let disk = Arc::new(whole.disk.clone());
        Inspector::open_with(disk, Path::new("/spool"), keys, false).unwrap()
    };
    let keys = Keys::load(&whole.config).unwrap();
    let (with, without) = (look(keys), look(Keys::default()));
    let lanes = |inspector: &Inspector| {
        let lanes = inspector.list().unwrap().lanes;
        let row = |row: &crate::spool::inspect::LaneRow| (row.lane, row.next, row.waiting);
        lanes.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(lanes(&with), lanes(&without));
    let (seen, blind) = (with.verify().unwrap(), without.verify().unwrap());
    assert_eq!((seen.findings.len(), seen.unopened), (0, 0));
    assert_eq!((blind.findings.len(), blind.unopened), (0, seen.blocks));
    assert_eq!(seen.records, blind.records);
    let all = |inspector: &Inspector| inspector.walk(Lane::Errors, Seq(1), &mut |_| Ok(()));
    assert_eq!(
        all(&with).unwrap(),
        whole.spool().lanes()[Lane::Errors.index()].next
    );
    assert!(matches!(all(&without), Err(InspectError::Key { .. })));
    assert!(with.accounts().unwrap().is_balanced());
    runtime.block_on(whole.close()).unwrap();
}
