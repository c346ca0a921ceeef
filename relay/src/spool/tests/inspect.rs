//! What one sees of a spool from outside.

use std::path::Path;
use std::sync::Arc;

use protocol::block;
use protocol::ids::{Lane, Seq};
use protocol::outcome::Term;

use super::faults::small_spool;
use super::oracle::Oracle;
use super::support::{by_term, config, number, record, runtime};
use crate::ledger::Ledger;
use crate::spool::disk::Disk as _;
use crate::spool::inspect::{Damage, Inspector, Piece, SegmentState};
use crate::spool::{GapReason, Keys, Spool, repair, segment};

fn look(oracle: &Oracle, is_running: bool) -> Inspector {
    let disk = Arc::new(oracle.disk.clone());
    Inspector::open_with(disk, Path::new("/spool"), Keys::default(), is_running).unwrap()
}

/// The records of a lane that were not delivered, and the numbers without any.
fn walked(inspector: &Inspector, lane: Lane) -> (Vec<u64>, u64) {
    let (mut found, mut lost) = (Vec::new(), 0);
    let from = inspector.acked(lane).next();
    let walk = inspector.walk(lane, from, &mut |piece| {
        match piece {
            Piece::Block { head, bytes } => {
                let (_, records) = block::open(bytes).unwrap();
                let of_block = (head.first_seq.0..).zip(&records);
                let new = of_block.filter(|(seq, _)| *seq >= from.0);
                found.extend(new.filter_map(|(_, record)| number(record)));
            }
            Piece::Gap(gap) => lost += gap.to.0 - gap.from.0 + 1,
        }
        Ok(())
    });
    walk.unwrap();
    (found, lost)
}

#[test]
fn it_shows_what_a_reader_is_given_and_changes_nothing() {
    let runtime = runtime();
    let mut oracle = runtime.block_on(small_spool());
    for lane in Lane::ALL {
        // What is handed out is written down.
        runtime.block_on(oracle.look(lane));
    }
    let before = (oracle.disk.n_calls(), oracle.files());
    for is_running in [true, false] {
        let inspector = look(&oracle, is_running);
        let listing = inspector.list().unwrap();
        let states = oracle.spool().lanes();
        for lane in Lane::ALL {
            let state = states[lane.index()];
            let (records, lost) = walked(&inspector, lane);
            let read = runtime.block_on(oracle.look(lane)).0;
            assert_eq!((records, lost), (read, 0), "{lane}");
            let Some(row) = listing.lanes.iter().find(|row| row.lane == lane) else {
                assert_eq!(state.next, Seq(1), "{lane}");
                continue;
            };
            assert_eq!((row.acked, row.next), (state.acked, state.next), "{lane}");
            assert_eq!(row.waiting, state.records, "{lane}");
        }
        assert!(
            listing
                .segments
                .iter()
                .any(|row| row.state == SegmentState::Active)
        );
        assert!(
            listing
                .segments
                .iter()
                .any(|row| row.state == SegmentState::Sealed)
        );
        let verified = inspector.verify().unwrap();
        assert_eq!(verified.findings, []);
        assert!(verified.blocks >= 12, "{verified:?}");
        let accounts = inspector.accounts().unwrap();
        assert!(accounts.is_balanced(), "{accounts:?}");
        let sums = by_term(&oracle.ledger.totals());
        assert_eq!(Some(&accounts.sum.accepted), sums.get(&Term::Accepted));
        let waiting = Lane::ALL
            .into_iter()
            .map(|lane| walked(&inspector, lane).0.len());
        assert_eq!(accounts.sum.waiting, waiting.sum::<usize>() as u64);
    }
    assert_eq!((oracle.disk.n_calls(), oracle.files()), before);
    runtime.block_on(oracle.close()).unwrap();
}

#[test]
fn every_flipped_bit_is_named_with_its_file() {
    let runtime = runtime();
    let mut whole = runtime.block_on(small_spool());
    let mut n_flips = 0;
    for (path, bytes) in whole.files() {
        let is_ours = path.extension().is_some_and(|extension| extension == "seg")
            || path.to_str().unwrap().contains("state");
        // Behind the state there are zeros, for room.
        let end = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        for at in (0..end).filter(|_| is_ours) {
            let damaged = whole.fork(whole.disk.copy());
            damaged
                .disk
                .change(&path, |bytes| bytes[at] ^= 1 << (at % 8));
            let verified = look(&damaged, false).verify().unwrap();
            let name = path.strip_prefix("/spool").unwrap();
            let is_named = verified
                .findings
                .iter()
                .any(|finding| finding.file == name || finding.what == Damage::State);
            assert!(
                verified.has_damage() && is_named,
                "{} byte {at}: {verified:?}",
                path.display()
            );
            n_flips += 1;
        }
    }
    assert!(n_flips > 2000, "{n_flips}");
    runtime.block_on(whole.close()).unwrap();
}

#[test]
fn of_what_a_relay_is_about_to_commit_nothing_is_shown() {
    let runtime = runtime();
    let mut oracle = runtime.block_on(small_spool());
    let mut later = oracle.fork(oracle.disk.copy());
    runtime
        .block_on(oracle.append(&[Lane::Errors], 40))
        .unwrap();
    let committed = look(&later, true);
    // The next commit's bytes, whole and in part, that nobody was promised.
    for (path, after) in oracle.files() {
        let before = later.files().into_iter().find(|(of, _)| *of == path);
        let Some((_, before)) = before.filter(|(_, before)| before.len() < after.len()) else {
            continue;
        };
        for len in [before.len() + 1, before.len() + 50, after.len()] {
            let writing = later.fork(later.disk.copy());
            writing
                .disk
                .change(&path, |bytes| *bytes = after[..len].to_vec());
            let seen = look(&writing, true);
            for lane in Lane::ALL {
                assert_eq!(
                    walked(&seen, lane),
                    walked(&committed, lane),
                    "{lane} at {len}"
                );
            }
            assert_eq!(seen.verify().unwrap().findings, []);
            // The same when the process ended there.
            assert_eq!(look(&writing, false).verify().unwrap().findings, []);
            let rows = |inspector: &Inspector| {
                let lanes = inspector.list().unwrap().lanes;
                lanes
                    .iter()
                    .map(|row| (row.next, row.waiting))
                    .collect::<Vec<_>>()
            };
            assert_eq!(rows(&seen), rows(&committed));
        }
    }
    runtime.block_on(later.close()).unwrap();
    runtime.block_on(oracle.close()).unwrap();
}

#[test]
fn a_segment_whose_making_was_cut_short_is_no_damage() {
    let runtime = runtime();
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    runtime
        .block_on(oracle.append(&[Lane::Errors], 40))
        .unwrap();
    let mut files = oracle.files().into_iter();
    let (path, made) = files.rfind(|(path, _)| oracle.is_active(path)).unwrap();
    let next = path.with_file_name(segment::file_name(Seq(2), 1_000));
    for len in [0, 1, 30] {
        let cut = oracle.fork(oracle.disk.copy());
        let file = cut.disk.create(&next).unwrap();
        file.write_at(&made[..len], 0).unwrap();
        for is_running in [true, false] {
            assert_eq!(look(&cut, is_running).verify().unwrap().findings, []);
        }
    }
    runtime.block_on(oracle.close()).unwrap();
}

#[test]
fn a_repair_sets_damage_aside_and_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.segment_bytes = "4 KiB".parse().unwrap();
    runtime().block_on(async {
        let spool = Spool::open(&config, Ledger::default()).unwrap();
        for n in 1..=20 {
            let errors = vec![(Lane::Errors, record(n, 1000))];
            spool.append(errors).await.unwrap();
        }
        let in_use = repair(&config).await;
        assert!(in_use.is_err(), "{in_use:?}");
        spool.close().await.unwrap();
        drop(spool);
        let listing = Inspector::open(dir.path(), Keys::default())
            .unwrap()
            .list()
            .unwrap();
        let sealed = &listing.segments[1];
        assert_eq!(sealed.state, SegmentState::Sealed);
        let path = dir.path().join(&sealed.file);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();

        let accounts = Inspector::open(dir.path(), Keys::default())
            .unwrap()
            .accounts()
            .unwrap();
        assert_eq!(accounts.uncounted, 1);
        let repaired = repair(&config).await.unwrap();
        assert_eq!(
            (repaired.found.len(), repaired.left.len()),
            (1, 0),
            "{repaired:?}"
        );
        assert_eq!((repaired.lost, repaired.set_aside), (1, 1));
        assert_eq!(repaired.found[0].file, sealed.file);

        let inspector = Inspector::open(dir.path(), Keys::default()).unwrap();
        let verified = inspector.verify().unwrap();
        assert!(!verified.has_damage() && verified.findings.len() == 1);
        let mut gaps = Vec::new();
        let walk = inspector.walk(Lane::Errors, Seq(1), &mut |piece| {
            if let Piece::Gap(gap) = piece {
                gaps.push(gap.reason);
            }
            Ok(())
        });
        assert_eq!(walk.unwrap(), Seq(21));
        assert_eq!(gaps, [GapReason::Corrupt]);
        let accounts = inspector.accounts().unwrap();
        assert!(accounts.is_balanced(), "{accounts:?}");
        assert_eq!((accounts.sum.corrupt, accounts.sum.waiting), (1, 19));
        let again = repair(&config).await.unwrap();
        assert_eq!((again.lost, again.set_aside), (0, 0));
    });
}

#[test]
fn what_a_relay_delivers_while_one_looks_is_no_damage() {
    let runtime = runtime();
    let mut oracle = runtime.block_on(small_spool());
    for _ in 0..6 {
        runtime
            .block_on(oracle.append(&[Lane::Errors], 300))
            .unwrap();
    }
    let inspector = look(&oracle, true);
    let n_files = oracle.files().len();
    for lane in [Lane::Errors, Lane::ErrorsBacklog] {
        runtime.block_on(oracle.ack(lane, 255)).unwrap();
    }
    assert!(oracle.files().len() < n_files, "segments have gone");
    assert_eq!(inspector.verify().unwrap().findings, []);
    let accounts = inspector.accounts().unwrap();
    assert!(accounts.is_balanced(), "{accounts:?}");
    let mut reasons = Vec::new();
    let walk = inspector.walk(Lane::ErrorsBacklog, Seq(1), &mut |piece| {
        if let Piece::Gap(gap) = piece {
            reasons.push(gap.reason);
        }
        Ok(())
    });
    walk.unwrap();
    reasons.dedup();
    assert_eq!(reasons, [GapReason::Acknowledged]);
    runtime.block_on(oracle.close()).unwrap();
}
