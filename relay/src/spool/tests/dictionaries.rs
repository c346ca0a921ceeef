//! Dictionaries: used when chosen, there for as long as a block needs them.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use protocol::block::DictId;
use protocol::dict::{DictKind, Dictionary};
use protocol::ids::{Lane, Seq};

use super::support::{config, number, record, runtime};
use crate::ledger::Ledger;
use crate::spool::{Keys, ReadOutcome, Spool, inspect::Inspector};

/// The dictionary that is built in, with other bytes at its end: good for zstd, and another.
fn dictionary(n: u8) -> Dictionary {
    let mut bytes = include_bytes!("../../../../protocol/src/dict/base.dict").to_vec();
    bytes.extend_from_slice(&[n; 64]);
    Dictionary::stamp(bytes).unwrap()
}

fn open(dir: &Path) -> Spool {
    Spool::open(&config(dir), Ledger::default()).unwrap()
}

fn file_of(dir: &Path, dictionary: &Dictionary) -> PathBuf {
    dir.join(format!("dictionaries/{}.zdict", dictionary.id()))
}

/// Keeps a record; gives what its block was compressed with.
async fn keep(spool: &Spool, lane: Lane, n: u64) -> DictId {
    let next = spool.lanes()[lane.index()].next;
    spool.append(vec![(lane, record(n, 100))]).await.unwrap();
    let ReadOutcome::Block { head, .. } = spool.read(lane, next).await.unwrap() else {
        panic!("no block");
    };
    head.dict
}

#[test]
fn new_blocks_use_what_is_chosen_and_old_ones_are_read_after_a_restart() {
    runtime().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dictionary(1), dictionary(2));
        let spool = open(dir.path());
        let chosen = [(DictKind::Errors, one.id()), (DictKind::Traces, other.id())];
        spool.use_dictionaries(&chosen).unwrap();
        assert_eq!(keep(&spool, Lane::Errors, 1).await, DictId::BUILT_IN);
        assert!(spool.keep_dictionary(&one).unwrap());
        spool.use_dictionaries(&chosen).unwrap();
        assert_eq!(keep(&spool, Lane::Errors, 2).await, one.id());
        assert_eq!(keep(&spool, Lane::Traces, 3).await, DictId::BUILT_IN);
        assert_eq!(keep(&spool, Lane::Blobs, 4).await, DictId::NONE);
        assert_eq!(spool.status().dictionaries, [(DictKind::Errors, one.id())]);
        spool.close().await.unwrap();
        drop(spool);

        let spool = open(dir.path());
        assert_eq!(spool.dictionaries(), [one.id()]);
        let read = spool.read(Lane::Errors, Seq(2)).await.unwrap();
        let ReadOutcome::Block { bytes, .. } = read else {
            panic!("no block");
        };
        let (_, records) = protocol::block::open(&bytes).unwrap();
        assert_eq!(number(&records[0]), Some(2));
        let verified = Inspector::open(dir.path(), Keys::default())
            .unwrap()
            .verify()
            .unwrap();
        assert!(verified.findings.is_empty() && verified.dictionaries_missing.is_empty());
        // Nothing is chosen yet: the one that blocks need stays.
        spool.use_dictionaries(&[]).unwrap();
        assert_eq!(keep(&spool, Lane::Errors, 5).await, DictId::BUILT_IN);
        assert!(file_of(dir.path(), &one).exists());
    });
}

#[test]
fn a_dictionary_that_no_block_can_need_is_removed() {
    runtime().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let (unused, used) = (dictionary(3), dictionary(4));
        let spool = open(dir.path());
        for dictionary in [&unused, &used] {
            spool.keep_dictionary(dictionary).unwrap();
        }
        spool
            .use_dictionaries(&[(DictKind::Errors, used.id())])
            .unwrap();
        assert!(!file_of(dir.path(), &unused).exists());
        assert_eq!(keep(&spool, Lane::Errors, 1).await, used.id());
        spool.use_dictionaries(&[]).unwrap();
        spool.use_dictionaries(&[]).unwrap();
        assert_eq!(spool.dictionaries(), [used.id()]);
        assert!(file_of(dir.path(), &used).exists());
    });
}

#[test]
fn a_damaged_dictionary_is_passed_over_and_written_anew() {
    runtime().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let one = dictionary(5);
        let spool = open(dir.path());
        spool.keep_dictionary(&one).unwrap();
        spool.close().await.unwrap();
        drop(spool);
        let path = file_of(dir.path(), &one);
        let mut bytes = fs::read(&path).unwrap();
        bytes[5000] ^= 1;
        fs::write(&path, &bytes).unwrap();

        let spool = open(dir.path());
        assert!(spool.dictionaries().is_empty());
        assert!(spool.keep_dictionary(&one).unwrap());
        assert_eq!(Bytes::from(fs::read(&path).unwrap()), *one.bytes());
        assert_eq!(spool.dictionaries(), [one.id()]);
    });
}
