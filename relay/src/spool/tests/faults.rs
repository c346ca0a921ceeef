//! What holds when the disk fails, lies about nothing, or loses power.

use std::io;
use std::path::Path;

use proptest::prelude::*;
use protocol::ids::{Lane, Seq};
use protocol::item::Category;
use protocol::outcome::{Term, reason};
use protocol::unit::ByteSize;

use super::memory::Fault;
use super::oracle::{LIVE, Oracle};
use super::support::{by_term, runtime, sum_of_all};
use crate::spool::disk::Disk as _;
use crate::spool::format::{self, Header};
use crate::spool::{Config, GapReason, SpoolError, WhenFull, segment};

/// A cheap sequence of numbers from a seed.
fn chances(mut seed: u64) -> impl FnMut() -> u32 {
    move || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(seed >> 33).unwrap()
    }
}

/// Fifty appends with acknowledgements between them, some over two lanes.
async fn fifty_appends(oracle: &mut Oracle) {
    for n in 0..50_u8 {
        let lanes: &[Lane] = match n % 7 {
            0 => &[Lane::Errors, Lane::Blobs],
            1 => &[Lane::Control],
            _ => &[Lane::Errors],
        };
        let _may_fail = oracle.append(lanes, 150).await;
        match n % 10 {
            // The lanes are stuck for a while, so that their twins have their share.
            4 => oracle.wait(6_000),
            8 => drop(oracle.ack(Lane::ErrorsBacklog, 128).await),
            9 => drop(oracle.ack(Lane::Errors, 255).await),
            _ => {}
        }
    }
}

fn fails_at_every_call(kind: io::ErrorKind, n: u64) {
    let runtime = runtime();
    let mut whole = Oracle::new(|_| ());
    whole.open().unwrap();
    runtime.block_on(fifty_appends(&mut whole));
    let n_calls = whole.disk.n_calls();
    assert!(n_calls > 150, "{n_calls}");
    for at in 1..=n_calls {
        println!("the call that fails is {at}");
        let mut oracle = Oracle::new(|_| ());
        oracle.disk.set_fault(Some(Fault { at, n, kind }));
        runtime.block_on(async {
            if oracle.open().is_err() {
                oracle.disk.set_fault(None);
                oracle.open().unwrap();
            }
            fifty_appends(&mut oracle).await;
            oracle.disk.set_fault(None);
            // It goes on by itself.
            oracle
                .append(&[Lane::Errors, Lane::Blobs], 10)
                .await
                .unwrap();
            oracle.check().await;
            let mut cut = oracle.fork(oracle.disk.after_power_cut(chances(at)));
            let _closed = oracle.close().await;
            oracle.open().unwrap();
            oracle.check().await;
            cut.open().unwrap();
            cut.check().await;
            cut.append(&[Lane::Errors], 10).await.unwrap();
            cut.check().await;
            oracle.close().await.unwrap();
            cut.close().await.unwrap();
        });
    }
}

#[test]
fn nothing_acknowledged_is_lost_whichever_call_fails() {
    fails_at_every_call(io::ErrorKind::Other, 1);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_disk_is_full_for_a_while_from_any_call_on() {
    fails_at_every_call(io::ErrorKind::StorageFull, 7);
}

#[derive(Clone, Debug)]
enum Step {
    Append { lanes: Vec<usize>, len: u16 },
    Ack { lane: u8, part: u8 },
    Wait { millis: u16 },
    Reopen,
    PowerCut { seed: u64 },
    Fail { after: u8, n: u8, full: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (prop::collection::btree_set(0..LIVE.len(), 1..3), 0..700_u16)
            .prop_map(|(lanes, len)| Step::Append { lanes: lanes.into_iter().collect(), len }),
        1 => (0..9_000_u16).prop_map(|millis| Step::Wait { millis }),
        3 => (0..7_u8, any::<u8>()).prop_map(|(lane, part)| Step::Ack { lane, part }),
        1 => Just(Step::Reopen),
        1 => any::<u64>().prop_map(|seed| Step::PowerCut { seed }),
        1 => (0..8_u8, 1..4_u8, any::<bool>()).prop_map(|(after, n, full)| Step::Fail { after, n, full }),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_behaves_like_a_list_per_lane(steps in steps()) {
        runtime().block_on(behaves_like_lists(steps, |_| ()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_so_encrypted_too(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        std::fs::write(&key, "ab".repeat(32)).unwrap();
        let encrypted = |config: &mut Config| config.encryption_key_file = Some(key);
        runtime().block_on(behaves_like_lists(steps, encrypted));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_so_keeping_what_was_delivered_too(steps in steps()) {
        let keeping = |config: &mut Config| config.retain_acked_bytes = ByteSize(8 << 10);
        runtime().block_on(behaves_like_lists(steps, keeping));
    }
}

async fn behaves_like_lists(steps: Vec<Step>, change: impl FnOnce(&mut Config)) {
    let mut oracle = Oracle::new(change);
    oracle.open().unwrap();
    for step in steps {
        match step {
            Step::Append { lanes, len } => {
                let lanes: Vec<_> = lanes.into_iter().map(|lane| LIVE[lane]).collect();
                let _may_fail = oracle.append(&lanes, usize::from(len)).await;
            }
            Step::Ack { lane, part } => {
                let _may_fail = oracle.ack(Lane::try_from(lane).unwrap(), part).await;
            }
            Step::Wait { millis } => oracle.wait(u64::from(millis)),
            Step::Reopen => {
                oracle.disk.set_fault(None);
                oracle.close().await.unwrap();
                oracle.open().unwrap();
            }
            Step::PowerCut { seed } => {
                let mut after = oracle.fork(oracle.disk.after_power_cut(chances(seed)));
                let _closed = oracle.close().await;
                after.open().unwrap();
                oracle = after;
            }
            Step::Fail { after, n, full } => {
                let kind = if full {
                    io::ErrorKind::StorageFull
                } else {
                    io::ErrorKind::Other
                };
                let at = oracle.disk.n_calls() + 1 + u64::from(after);
                oracle.disk.set_fault(Some(Fault {
                    at,
                    n: n.into(),
                    kind,
                }));
            }
        }
        oracle.check().await;
    }
    let _closed = oracle.close().await;
}

/// A small spool with several segments, closed by a crash.
pub(super) async fn small_spool() -> Oracle {
    small_spool_with(|_| ()).await
}

pub(super) async fn small_spool_with(change: impl Fn(&mut Config)) -> Oracle {
    let mut oracle = Oracle::new(|config| {
        config.segment_bytes = "1 KiB".parse().unwrap();
        change(config);
    });
    oracle.open().unwrap();
    for n in 0..9 {
        oracle
            .append(
                if n % 5 == 4 {
                    &[Lane::Errors, Lane::Control]
                } else {
                    &[Lane::Errors]
                },
                30,
            )
            .await
            .unwrap();
    }
    oracle.ack(Lane::Errors, 30).await.unwrap();
    // What comes now finds its lanes stuck.
    oracle.wait(6_000);
    for _ in 0..3 {
        let both = &[Lane::Errors, Lane::Control];
        oracle.append(both, 30).await.unwrap();
    }
    assert_eq!(
        oracle.spool().lanes()[Lane::ErrorsBacklog.index()].records,
        3
    );
    oracle
}

/// After damage: what is missing was counted, to the unit, and the readers were told; the next
/// opening tells the same.
pub(super) async fn check_damaged(oracle: &mut Oracle, what: &str) -> usize {
    oracle.open().unwrap();
    let (missing, gaps) = oracle.missing().await;
    // A second look, so that what the first one found is written down.
    oracle.append(&[Lane::Errors], 10).await.unwrap();
    let lost = gaps
        .iter()
        .map(|gap| gap.to.0 - gap.from.0 + 1)
        .sum::<u64>();
    assert_eq!(lost, missing.len() as u64, "{what}: {missing:?} {gaps:?}");
    assert!(
        gaps.iter().all(|gap| gap.reason == GapReason::Corrupt),
        "{what}: {gaps:?}"
    );
    let counted = |oracle: &Oracle| {
        let totals = oracle.ledger.totals();
        let of_corrupt = totals
            .iter()
            .filter(|(account, _)| account.term == Term::Corrupt);
        of_corrupt.map(|(_, n)| *n).sum::<u64>()
    };
    assert_eq!(counted(oracle), lost, "{what}");
    oracle.close().await.unwrap();
    oracle.open().unwrap();
    let (still_missing, _) = oracle.missing().await;
    assert_eq!(still_missing, missing, "{what}, opened again");
    assert_eq!(counted(oracle), lost, "{what}, opened again");
    oracle.close().await.unwrap();
    missing.len()
}

/// How many records a flipped bit costs: one at most.
pub(super) fn lost_by_flip(whole: &Oracle, path: &Path, at: usize) -> usize {
    let mut damaged = whole.fork(whole.disk.copy());
    let flip = |bytes: &mut Vec<u8>| bytes[at] ^= 1 << (at % 8);
    damaged.disk.change(path, flip);
    let what = format!("{} byte {at}", path.display());
    let lost = runtime().block_on(check_damaged(&mut damaged, &what));
    assert!(lost <= 1, "{what}: {lost} records lost");
    lost
}

fn is_spare(path: &Path, at: usize) -> bool {
    // Behind the state and each of the mark's two places there are zeros, for room.
    let name = path.file_name().unwrap().to_str().unwrap();
    (name.starts_with("state") && at > 600) || (name == "mark" && at % 512 > 100)
}

#[test]
fn every_flipped_bit_is_found_and_costs_at_most_a_block() {
    let runtime = runtime();
    let mut whole = runtime.block_on(small_spool());
    let mut places = Vec::new();
    for (path, bytes) in whole.files() {
        let of_file = (0..bytes.len()).filter(|at| !is_spare(&path, *at));
        places.extend(of_file.map(|at| (path.clone(), at)));
    }
    let n_lost = sum_of_all(&places, |(path, at)| lost_by_flip(&whole, path, *at));
    let n_flips = places.len();
    assert!(
        n_flips > 2000 && n_lost > 300,
        "{n_flips} flips, {n_lost} lost"
    );
    runtime.block_on(whole.close()).unwrap();
}

#[test]
fn a_segment_cut_at_any_byte_loses_what_was_cut_and_says_so() {
    let runtime = runtime();
    let mut whole = runtime.block_on(small_spool());
    for (path, bytes) in whole.files() {
        if path.extension().is_none_or(|extension| extension != "seg") {
            continue;
        }
        // The active segment at every byte, the sealed ones here and there.
        let sealed = !whole.is_active(&path);
        for len in (0..bytes.len()).step_by(if sealed { 13 } else { 1 }) {
            let mut damaged = whole.fork(whole.disk.copy());
            damaged.disk.change(&path, |bytes| bytes.truncate(len));
            let what = format!("{} cut to {len}", path.display());
            runtime.block_on(check_damaged(&mut damaged, &what));
        }
    }
    runtime.block_on(whole.close()).unwrap();
}

/// A segment as a later program might write it: of another version, and framed in its own way.
fn of_another_version(bytes: &[u8]) -> Vec<u8> {
    let read = format::read_header(bytes).unwrap();
    let header = Header {
        version: format::VERSION + 1,
        ..read.header
    };
    let mut alien = format::write_header(&header).unwrap();
    let noise = |n: usize| u8::try_from(n * 31 % 251).unwrap();
    alien.extend((alien.len()..bytes.len()).map(noise));
    alien
}

#[test]
fn a_segment_of_another_version_is_set_aside_and_served_around() {
    let runtime = runtime();
    let mut whole = runtime.block_on(small_spool());
    let mut n_lost = 0;
    for (path, bytes) in whole.files() {
        if path.extension().is_none_or(|extension| extension != "seg") {
            continue;
        }
        let mut damaged = whole.fork(whole.disk.copy());
        let alien = of_another_version(&bytes);
        damaged.disk.change(&path, |bytes| *bytes = alien.clone());
        let what = format!("{} of another version", path.display());
        n_lost += runtime.block_on(check_damaged(&mut damaged, &what));
        // Whoever understands it finds it as it was.
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let kept = damaged.files().into_iter().find(|(path, _)| {
            path.starts_with("/spool/quarantine") && path.to_str().unwrap().ends_with(&name)
        });
        assert_eq!(kept.map(|(_, bytes)| bytes), Some(alien), "{what}");
    }
    assert_eq!(n_lost, 15, "each segment that is left was lost once");
    runtime.block_on(whole.close()).unwrap();
}

#[test]
fn a_segment_that_is_gone_is_counted() {
    let runtime = runtime();
    let mut whole = runtime.block_on(small_spool());
    for (path, _) in whole.files() {
        let mut damaged = whole.fork(whole.disk.copy());
        damaged.disk.erase(&path);
        let what = format!("{} gone", path.display());
        runtime.block_on(check_damaged(&mut damaged, &what));
    }
    runtime.block_on(whole.close()).unwrap();
}

#[test]
fn an_unfinished_write_is_cut_away_and_nobody_misses_it() {
    let runtime = runtime();
    runtime.block_on(async {
        let mut whole = small_spool().await;
        let last = whole
            .files()
            .into_iter()
            .rev()
            .find(|(path, _)| path.to_str().unwrap().contains("/L6/"))
            .unwrap();
        let before = whole.disk.copy();
        whole.append(&[Lane::Errors], 40).await.unwrap();
        let after = whole
            .files()
            .into_iter()
            .find(|(path, _)| *path == last.0)
            .unwrap();
        assert!(after.1.len() > last.1.len(), "the append went elsewhere");
        for len in last.1.len()..after.1.len() {
            let mut cut = whole.fork(before.copy());
            cut.disk
                .change(&last.0, |bytes| *bytes = after.1[..len].to_vec());
            cut.open().unwrap();
            let (missing, gaps) = cut.missing().await;
            assert_eq!((missing.len(), gaps.len()), (1, 0), "cut to {len}");
            assert_eq!(cut.spool().status().torn, u64::from(len > last.1.len()));
            cut.close().await.unwrap();
        }
        whole.close().await.unwrap();
    });
}

/// A spool of which an append has failed, `n` calls of it from the `after`-th on.
async fn with_a_failed_append(after: u64, n: u64) -> Oracle {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    oracle.append(&[Lane::Errors], 30).await.unwrap();
    let at = oracle.disk.n_calls() + 1 + after;
    let kind = io::ErrorKind::Other;
    oracle.disk.set_fault(Some(Fault { at, n, kind }));
    let _may_fail = oracle.append(&[Lane::Errors], 30).await;
    oracle.disk.set_fault(None);
    oracle
}

#[test]
fn a_number_that_was_seen_is_not_given_out_again_whichever_call_failed_before_the_damage() {
    let runtime = runtime();
    for (after, n) in (0..4).flat_map(|after| [(after, 1), (after, 2), (after, 3)]) {
        runtime.block_on(async {
            let mut oracle = with_a_failed_append(after, n).await;
            oracle.look(Lane::Errors).await;
            let mut killed = oracle.fork(oracle.disk.copy());
            let mut files = killed.files().into_iter();
            let (path, _) = files.rfind(|(path, _)| killed.is_active(path)).unwrap();
            let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
            killed.disk.change(&path, flip);
            killed.open().unwrap();
            killed.append(&[Lane::Errors], 30).await.unwrap();
            // It asserts that each number is what it was.
            let (missing, gaps) = killed.missing().await;
            let lost: u64 = gaps.iter().map(|gap| gap.to.0 - gap.from.0 + 1).sum();
            assert_eq!(missing.len() as u64, lost, "{n} calls from {after} on");
            killed.close().await.unwrap();
            oracle.close().await.unwrap();
        });
    }
}

#[test]
fn what_a_given_up_commit_left_behind_does_not_come_back_with_damage() {
    let runtime = runtime();
    // The sync fails, and what was written cannot be cut away.
    let mut oracle = runtime.block_on(with_a_failed_append(1, 2));
    // Their numbers are given out again, in a segment of their own, and a reader sees them.
    runtime.block_on(async {
        oracle.append(&[Lane::Errors], 30).await.unwrap();
        assert_eq!(oracle.look(Lane::Errors).await.0, [1, 3]);
    });
    let mut n_flips = 0;
    for (path, bytes) in oracle.files() {
        for at in (0..bytes.len()).filter(|at| !is_spare(&path, *at)) {
            let mut damaged = oracle.fork(oracle.disk.copy());
            let flip = |bytes: &mut Vec<u8>| bytes[at] ^= 1 << (at % 8);
            damaged.disk.change(&path, flip);
            let what = format!("{} byte {at}", path.display());
            runtime.block_on(check_damaged(&mut damaged, &what));
            n_flips += 1;
        }
    }
    assert!(n_flips > 500, "{n_flips} flips");
    runtime.block_on(oracle.close()).unwrap();
}

#[test]
fn what_nobody_was_answered_for_costs_no_number_when_it_cannot_be_made_sure() {
    let runtime = runtime();
    // The sync fails, and what was written cannot be cut away: it is read, and not on the disk.
    let mut oracle = runtime.block_on(with_a_failed_append(1, 2));
    let killed = oracle.disk.copy();
    runtime.block_on(oracle.close()).unwrap();
    for (after, n) in (0..16).flat_map(|after| [(after, 1), (after, 4)]) {
        let mut again = oracle.fork(killed.copy());
        let at = again.disk.n_calls() + 1 + after;
        let kind = io::ErrorKind::Other;
        again.disk.set_fault(Some(Fault { at, n, kind }));
        runtime.block_on(async {
            let opened = (0..=n).find(|_| again.open().is_ok());
            assert!(opened.is_some(), "{n} calls from {after} on");
            for _ in 0..3 {
                let _may_fail = again.append(&[Lane::Errors], 30).await;
            }
            again.disk.set_fault(None);
            let mut cut = again.fork(again.disk.after_power_cut(|| 0));
            again.close().await.unwrap();
            cut.open().unwrap();
            let (missing, gaps) = cut.missing().await;
            let failed = format!("{n} calls from {after} on");
            assert_eq!((missing, gaps.len()), (Vec::new(), 0), "{failed}");
            cut.close().await.unwrap();
        });
    }
}

#[test]
fn a_segment_that_was_never_used_costs_no_count_whichever_call_fails() {
    let runtime = runtime();
    let mut oracle = Oracle::new(|_| ());
    runtime.block_on(async {
        oracle.open().unwrap();
        for _ in 0..3 {
            oracle.append(&[Lane::Errors], 300).await.unwrap();
        }
    });
    let accepted = |oracle: &Oracle| {
        let terms = by_term(&oracle.ledger.totals());
        terms.get(&Term::Accepted).copied().unwrap_or_default()
    };
    let kept = accepted(&oracle);
    let killed = oracle.disk.copy();
    runtime.block_on(oracle.close()).unwrap();
    // The power went when the next segment had a name and nothing else.
    let mut files = killed.files().into_iter().map(|(path, _)| path);
    let last = files.rfind(|path| oracle.is_active(path)).unwrap();
    let (_, serial) =
        segment::parse_file_name(last.file_name().unwrap().to_str().unwrap()).unwrap();
    let unused = last.with_file_name(segment::file_name(Seq(4), serial + 7));
    killed.create(&unused).unwrap();
    for after in 0..24 {
        let mut again = oracle.fork(killed.copy());
        let at = again.disk.n_calls() + 1 + after;
        let kind = io::ErrorKind::Other;
        again.disk.set_fault(Some(Fault { at, n: 1, kind }));
        runtime.block_on(async {
            if again.open().is_err() {
                again.open().unwrap();
            }
            assert_eq!(accepted(&again), kept, "call {after} failed");
            again.disk.set_fault(None);
            again.append(&[Lane::Errors], 300).await.unwrap();
            again.close().await.unwrap();
            again.open().unwrap();
            assert_eq!(accepted(&again), kept + 1, "call {after} failed");
            let (missing, gaps) = again.missing().await;
            assert_eq!((missing.len(), gaps.len()), (0, 0), "call {after} failed");
            assert!(!again.disk.files().iter().any(|(path, _)| *path == unused));
            again.close().await.unwrap();
        });
    }
}

/// A file that a commit left which was given up, and that could not be removed, has numbers that
/// others got. It is gone before those are: alone it would be taken for them.
#[test]
fn what_a_given_up_commit_left_goes_before_what_took_its_numbers_whichever_call_failed() {
    let runtime = runtime();
    for (after, n) in (0..12).flat_map(|after| (1..=5).map(move |n| (after, n))) {
        runtime.block_on(async {
            let mut oracle = Oracle::new(|config| {
                config.segment_bytes = "1 KiB".parse().unwrap();
            });
            oracle.open().unwrap();
            for _ in 0..2 {
                oracle.append(&[Lane::Blobs], 900).await.unwrap();
            }
            let at = oracle.disk.n_calls() + 1 + after;
            let kind = io::ErrorKind::Other;
            oracle.disk.set_fault(Some(Fault { at, n, kind }));
            let _may_fail = oracle.append(&[Lane::Blobs], 900).await;
            oracle.disk.set_fault(None);
            for _ in 0..3 {
                oracle.append(&[Lane::Blobs], 900).await.unwrap();
            }
            let next = oracle.spool().lanes()[Lane::Blobs.index()].next;
            oracle
                .spool()
                .ack(Lane::Blobs, Seq(next.0 - 1))
                .await
                .unwrap();
            let files = oracle.files().into_iter();
            // One that took no record tells the next opening so, and goes.
            let of_lane = files.filter(|(path, bytes)| {
                path.to_string_lossy().contains("/L4/") && bytes.len() >= 900
            });
            let names: Vec<_> = of_lane.map(|(path, _)| path).collect();
            assert!(names.is_empty(), "{n} calls from {after} on: {names:?}");
            oracle.close().await.unwrap();
        });
    }
}

/// A spool that is full of blobs: what comes makes room for itself.
async fn full_of_blobs() -> Oracle {
    let mut oracle = Oracle::new(|config| {
        config.segment_bytes = "1 KiB".parse().unwrap();
        config.bytes_max = Some("8 KiB".parse().unwrap());
    });
    oracle.open().unwrap();
    for _ in 0..12 {
        oracle.append(&[Lane::Blobs], 400).await.unwrap();
    }
    oracle
}

/// What is counted as evicted.
fn evicted(oracle: &Oracle) -> u64 {
    let terms = by_term(&oracle.ledger.totals());
    terms.get(&Term::Evicted).copied().unwrap_or_default()
}

#[test]
fn what_was_evicted_does_not_come_back_when_the_power_goes_whichever_call_fails() {
    let runtime = runtime();
    let mut n_evicted = 0;
    for after in 0..16 {
        runtime.block_on(async {
            let mut oracle = full_of_blobs().await;
            let at = oracle.disk.n_calls() + 1 + after;
            let kind = io::ErrorKind::Other;
            oracle.disk.set_fault(Some(Fault { at, n: 2, kind }));
            for _ in 0..2 {
                let _may_fail = oracle.append(&[Lane::Blobs], 400).await;
            }
            oracle.disk.set_fault(None);
            // Names that were removed and not synced are there again.
            let mut cut = oracle.fork(oracle.disk.after_power_cut(|| 0));
            oracle.close().await.unwrap();
            cut.open().unwrap();
            // What is lost is written down with it.
            cut.append(&[Lane::Errors], 10).await.unwrap();
            let (missing, _) = cut.missing().await;
            let evicted = evicted(&cut);
            assert_eq!(missing.len() as u64, evicted, "call {after} failed");
            n_evicted += evicted;
            cut.close().await.unwrap();
        });
    }
    assert!(n_evicted > 16, "{n_evicted} evicted");
}

#[test]
fn what_was_evicted_is_not_sent_when_its_file_cannot_be_deleted() {
    let runtime = runtime();
    let mut n_evicted = 0;
    for (after, n) in (0..16).flat_map(|after| [(after, 1), (after, 3), (after, 20)]) {
        runtime.block_on(async {
            let failed = format!("{n} calls from {after} on");
            let mut oracle = full_of_blobs().await;
            let at = oracle.disk.n_calls() + 1 + after;
            let kind = io::ErrorKind::Other;
            oracle.disk.set_fault(Some(Fault { at, n, kind }));
            let _may_fail = oracle.append(&[Lane::Blobs], 400).await;
            // What is read now is sent, whatever is left on the disk.
            let (missing, _) = oracle.missing().await;
            oracle.disk.set_fault(None);
            oracle.ack(Lane::Blobs, 200).await.unwrap();
            // What is lost is written down with it.
            oracle.append(&[Lane::Errors], 10).await.unwrap();
            let evicted = evicted(&oracle);
            assert_eq!(missing.len() as u64, evicted, "{failed}");
            n_evicted += evicted;
            oracle.close().await.unwrap();
        });
    }
    assert!(n_evicted > 16, "{n_evicted} evicted");
}

#[test]
fn what_is_half_written_down_as_lost_is_told_or_not_lost() {
    let runtime = runtime();
    let mut n_evicted = 0;
    for after in 0..24 {
        runtime.block_on(async {
            let mut oracle = full_of_blobs().await;
            let at = oracle.disk.n_calls() + 1 + after;
            let kind = io::ErrorKind::Other;
            oracle.disk.set_fault(Some(Fault { at, n: 1, kind }));
            let _may_fail = oracle.append(&[Lane::Blobs], 400).await;
            oracle.disk.set_fault(None);
            // Of what nobody can make room for only the refusal is written down: it takes the number
            // that what is lost was to be told under.
            let (category, why) = (Category::Error, reason::OVERLOAD);
            oracle.ledger.refused(None, category, why, 1);
            oracle.append(&[Lane::Blobs], 9000).await.unwrap_err();
            let mut killed = oracle.fork(oracle.disk.copy());
            oracle.close().await.unwrap();
            killed.open().unwrap();
            // What the killed process had not synced is gone with the power, after it was read.
            let cut = killed.fork(killed.disk.after_power_cut(|| 0));
            for (mut again, how) in [(killed, "killed"), (cut, "cut")] {
                if how == "cut" {
                    again.open().unwrap();
                }
                // What is lost is written down with it.
                again.append(&[Lane::Errors], 10).await.unwrap();
                let (missing, _) = again.missing().await;
                let evicted = evicted(&again);
                assert_eq!(missing.len() as u64, evicted, "call {after} failed, {how}");
                n_evicted += evicted;
                again.close().await.unwrap();
            }
        });
    }
    assert!(n_evicted > 16, "{n_evicted} evicted");
}

#[test]
fn losses_that_a_given_up_commit_does_not_tell_of_are_told() {
    let runtime = runtime();
    let mut n_evicted = 0;
    let kind = io::ErrorKind::Other;
    for (first, second) in (0..16).flat_map(|first| (0..16).map(move |second| (first, second))) {
        runtime.block_on(async {
            let mut oracle = full_of_blobs().await;
            // Each makes room for itself; the first may leave a record that was given up.
            for after in [first, second] {
                let at = oracle.disk.n_calls() + 1 + after;
                oracle.disk.set_fault(Some(Fault { at, n: 2, kind }));
                let _may_fail = oracle.append(&[Lane::Blobs], 400).await;
            }
            oracle.disk.set_fault(None);
            let mut killed = oracle.fork(oracle.disk.copy());
            oracle.close().await.unwrap();
            killed.open().unwrap();
            killed.append(&[Lane::Errors], 10).await.unwrap();
            let (missing, _) = killed.missing().await;
            let evicted = evicted(&killed);
            let failed = format!("calls {first} and {second} failed");
            assert_eq!(missing.len() as u64, evicted, "{failed}");
            n_evicted += evicted;
            killed.close().await.unwrap();
        });
    }
    assert!(n_evicted > 256, "{n_evicted} evicted");
}

#[test]
fn a_full_disk_refuses_delivers_and_recovers_by_itself() {
    runtime().block_on(async {
        let mut oracle = Oracle::new(|config| {
            config.segment_bytes = "64 KiB".parse().unwrap();
            config.ballast_bytes = "128 KiB".parse().unwrap();
            config.when_full.errors = WhenFull::Refuse;
        });
        oracle.disk.set_room(Some(1 << 20));
        oracle.open().unwrap();
        let mut n = 0;
        let refused = loop {
            match oracle.append(&[Lane::Errors], 10_000).await {
                Ok(()) => n += 1,
                Err(error) => break error,
            }
            assert!(n < 200, "the disk never fills");
        };
        assert!(matches!(refused, SpoolError::Full { .. }), "{refused}");
        assert!(n > 30, "{n}");
        oracle.disk.fill_up();
        assert!(oracle.append(&[Lane::Errors], 10_000).await.is_err());
        oracle.ack(Lane::Errors, 200).await.unwrap();
        oracle.check().await;
        oracle.disk.set_room(Some(1 << 20));
        oracle.append(&[Lane::Errors], 10_000).await.unwrap();
        oracle.check().await;
        oracle.close().await.unwrap();
        oracle.open().unwrap();
        oracle.check().await;
        oracle.close().await.unwrap();
    });
}

#[test]
fn the_least_important_lane_gives_way_and_each_record_is_counted() {
    runtime().block_on(async {
        let mut oracle = Oracle::new(|config| {
            config.bytes_max = Some("256 KiB".parse().unwrap());
            config.segment_bytes = "16 KiB".parse().unwrap();
        });
        oracle.open().unwrap();
        for _ in 0..10 {
            oracle.append(&[Lane::Blobs], 5000).await.unwrap();
            oracle.append(&[Lane::Traces], 5000).await.unwrap();
        }
        oracle.ack(Lane::Blobs, 50).await.unwrap();
        for _ in 0..60 {
            oracle.append(&[Lane::Errors], 5000).await.unwrap();
            assert!(oracle.spool().status().bytes_used <= 256 << 10);
        }
        let (missing, gaps) = oracle.missing().await;
        assert!(
            gaps.iter().all(|gap| gap.reason == GapReason::Evicted),
            "{gaps:?}"
        );
        let of = |lane| missing.iter().filter(|(of, _)| *of == lane).count();
        // Three blobs share the segment that was read from; one of them was acknowledged.
        assert_eq!(
            (of(Lane::Blobs), of(Lane::Traces)),
            (7, 10),
            "the lesser lanes went first"
        );
        assert!(of(Lane::Errors) > 0);
        assert!(matches!(
            oracle.append(&[Lane::Blobs], 40_000).await,
            Err(SpoolError::Full { .. })
        ));
        oracle.close().await.unwrap();
        oracle.open().unwrap();
        let sums = by_term(&oracle.ledger.totals());
        assert_eq!(
            sums.get(&Term::Evicted).copied(),
            Some(missing.len() as u64)
        );
        assert!(
            !oracle
                .ledger
                .totals()
                .keys()
                .any(|account| account.category == Category::Unknown)
        );
        let first_left = oracle.spool().lanes()[Lane::Errors.index()];
        assert_eq!(first_left.acked, Seq(0));
        oracle.close().await.unwrap();
    });
}
