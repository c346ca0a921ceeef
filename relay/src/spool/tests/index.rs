//! What holds whatever happens to the index.

use std::fs;
use std::path::Path;

use protocol::ids::{Lane, Seq};

use super::support::{config, number, record, runtime};
use crate::ledger::Ledger;
use crate::spool::index::Index;
use crate::spool::{ReadOutcome, Spool};
use protocol::block;

const N: u64 = 400;
/// Lives within which an index must be there again.
const LIVES_MAX: usize = 10;

/// Reads here and there, never where the reader before stopped.
async fn reads_anywhere(spool: &Spool) {
    for n in 0..N {
        let seq = Seq(1 + (n * 157) % N);
        let outcome = spool.read(Lane::Logs, seq).await.unwrap();
        let ReadOutcome::Block { head, bytes } = outcome else {
            panic!("{seq:?}: {outcome:?}");
        };
        let (_, records) = block::open(&bytes).unwrap();
        let at = usize::try_from(seq.0 - head.first_seq.0).unwrap();
        assert_eq!(number(&records[at]), Some(seq.0));
    }
}

/// The index answers for some segment of the spool.
fn is_there(spool: &Spool) -> bool {
    let serials: Vec<_> = {
        let catalog = spool.shared.catalog();
        catalog
            .lanes
            .get(Lane::Logs)
            .segments
            .iter()
            .map(|segment| segment.serial)
            .collect()
    };
    serials.into_iter().any(|serial| {
        spool
            .shared
            .index
            .find(Lane::Logs, serial, Seq(N))
            .is_some()
    })
}

fn check(spoil: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    runtime().block_on(async {
        let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
        for n in 1..=N {
            spool
                .append(vec![(Lane::Logs, record(n, 5000))])
                .await
                .unwrap();
        }
        reads_anywhere(&spool).await;
        spool.close().await.unwrap();
        assert!(index.is_dir(), "there is something to index");
        spoil(&index);
        // An index that is slow on a busy machine is let go; the next life makes it again.
        let mut is_made_again = false;
        for _ in 0..LIVES_MAX {
            let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
            reads_anywhere(&spool).await;
            is_made_again = is_there(&spool);
            reads_anywhere(&spool).await;
            spool.close().await.unwrap();
            if is_made_again {
                break;
            }
        }
        assert!(is_made_again, "it is made again");
    });
}

#[test]
fn a_whole_index_serves_the_next_process() {
    check(|_| ());
}

#[test]
fn a_deleted_index_is_made_again() {
    check(|index| fs::remove_dir_all(index).unwrap());
}

#[test]
fn a_file_in_the_place_of_the_index_gives_way() {
    check(|index| {
        fs::remove_dir_all(index).unwrap();
        fs::write(index, b"not a directory").unwrap();
    });
}

#[test]
fn a_corrupted_index_is_made_again() {
    check(|index| {
        for entry in fs::read_dir(index).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let len = fs::metadata(&path).unwrap().len();
                let noise: Vec<u8> = (0..len)
                    .map(|n| u8::try_from(n * 31 % 251).unwrap())
                    .collect();
                fs::write(&path, noise).unwrap();
            }
        }
    });
}

#[test]
fn an_index_that_lies_is_not_believed() {
    check(|index| {
        let db = sled::open(index).unwrap();
        for noted in db.iter() {
            let (key, _) = noted.unwrap();
            if key.len() == 17 {
                db.insert(key, &12_345_u64.to_be_bytes()).unwrap();
            }
        }
    });
}

#[test]
fn an_index_of_another_spool_is_emptied() {
    check(|index| {
        let db = sled::open(index).unwrap();
        db.insert("epoch", b"12345678").unwrap();
    });
}

#[test]
fn an_opening_that_killed_the_process_is_not_tried_again() {
    check(|index| {
        fs::write(index.with_extension("opening"), []).unwrap();
    });
}

#[test]
fn no_index_at_all_only_costs_walking() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let spool = Spool::open_with(
            &config(dir.path()),
            Ledger::default(),
            std::sync::Arc::new(crate::spool::disk::HostDisk),
            std::sync::Arc::new(crate::spool::owner::HostTime),
            |_, _| Index::none(),
        )
        .unwrap();
        for n in 1..=N {
            spool
                .append(vec![(Lane::Logs, record(n, 5000))])
                .await
                .unwrap();
        }
        reads_anywhere(&spool).await;
        assert!(!dir.path().join("index").exists());
        spool.close().await.unwrap();
    });
}
