//! Records of somebody who is to be forgotten.

use std::io;

use protocol::ids::{EventId, Lane, ProjectId};
use protocol::outcome::{Term, reason};
use protocol::roster::{Erasure, Subject, SubjectKind};
use protocol::unit::ByteSize;

use super::memory::Fault;
use super::oracle::Oracle;
use super::support::{drain, number, places, record, runtime, waiting};
use crate::ledger::{Equation, Line};
use crate::spool::Erased;

/// Every third of the records belongs to project 1; they are wanted by their events.
const WANTED: [u64; 4] = [3, 6, 9, 12];

/// All of them are gone.
const ALL: Erased = Erased {
    records: 4,
    items: 4,
    left: 0,
};

fn erasure() -> Erasure {
    let id = |n: u64| {
        let record = record(n, 0);
        let protocol::block::Record::Items(items) = record else {
            unreachable!("it has items")
        };
        items.event_id.unwrap()
    };
    Erasure {
        id: 1,
        project: ProjectId::new(1).unwrap(),
        subjects: vec![Subject::of(SubjectKind::Id, "42")],
        events: WANTED.into_iter().map(id).collect::<Vec<EventId>>(),
    }
}

/// Errors 1 to 14, over several segments, none of which was sent.
async fn fourteen() -> Oracle {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    for _ in 0..14 {
        oracle.append(&[Lane::Errors], 300).await.unwrap();
    }
    oracle
}

/// Items that are counted as removed, when all that is known is written down.
async fn counted(oracle: &mut Oracle) -> u64 {
    oracle.append(&[Lane::Logs], 10).await.unwrap();
    let totals = oracle.ledger.totals();
    let of_erased = totals.iter().filter(|(account, _)| {
        (account.term, account.reason.as_ref()) == (Term::Evicted, reason::ERASED)
    });
    of_erased.map(|(_, n)| n).sum()
}

/// The accounts that do not add up.
async fn off(oracle: &Oracle) -> Vec<(Line, Equation)> {
    let balance = oracle.spool().balance().await.unwrap();
    let lines = balance.equations().into_iter();
    lines.filter(|(_, line)| line.deficit() > 0).collect()
}

#[tokio::test]
async fn what_is_wanted_goes_is_counted_and_leaves_no_hole() {
    let mut oracle = fourteen().await;
    let erased = oracle.spool().erase(&erasure()).await.unwrap();
    assert_eq!(erased, ALL);
    for _ in 0..2 {
        assert_eq!(counted(&mut oracle).await, 4);
        assert_eq!(off(&oracle).await, []);
        let (records, gaps) = drain(oracle.spool(), Lane::Errors, protocol::ids::Seq(1)).await;
        assert_eq!((records.len(), gaps), (14, Vec::new()));
        let left: Vec<_> = records.iter().filter_map(|(_, one)| number(one)).collect();
        assert_eq!(left, [1, 2, 4, 5, 7, 8, 10, 11, 13, 14]);
        oracle.close().await.unwrap();
        oracle.open().unwrap();
    }
    for n in WANTED {
        assert_eq!(places(&oracle, n), []);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_left_and_said_to_be() {
    let mut oracle = fourteen().await;
    let (path, at) = places(&oracle, WANTED[1]).remove(0);
    oracle.disk.change(&path, |bytes| bytes[at + 50] ^= 1);
    let erased = oracle.spool().erase(&erasure()).await.unwrap();
    assert!(erased.records < 4 && erased.left == 1, "{erased:?}");
    // A reader finds it, and it is set aside; delivered, both go.
    oracle.ack(Lane::Errors, 255).await.unwrap();
    assert!(oracle.spool().status().quarantined > 0);
    oracle.append(&[Lane::Errors], 300).await.unwrap();
    let erased = oracle.spool().erase(&erasure()).await.unwrap();
    assert_eq!(erased.left, 0, "{erased:?}");
    assert_eq!(oracle.spool().status().quarantined, 0);
    for n in WANTED {
        assert_eq!(places(&oracle, n), []);
    }
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn what_may_be_at_the_hub_is_left_until_it_is_acknowledged() {
    let mut oracle = Oracle::new(|config| {
        config.retain_acked = "1h".parse().unwrap();
        config.retain_acked_bytes = ByteSize(1 << 20);
    });
    oracle.open().unwrap();
    for _ in 0..14 {
        oracle.append(&[Lane::Errors], 300).await.unwrap();
    }
    let all = waiting(oracle.spool(), Lane::Errors).await;
    assert_eq!(all.len(), 14);
    let erased = oracle.spool().erase(&erasure()).await.unwrap();
    assert_eq!((erased.records, erased.left > 0), (0, true));
    assert_eq!(waiting(oracle.spool(), Lane::Errors).await, all);
    // Delivered, what is kept for a hub that is set back goes too.
    oracle.ack(Lane::Errors, 255).await.unwrap();
    let erased = oracle.spool().erase(&erasure()).await.unwrap();
    assert_eq!(erased, Erased::default());
    let (kept, _) = drain(oracle.spool(), Lane::Errors, protocol::ids::Seq(1)).await;
    let kept: Vec<_> = kept.iter().filter_map(|(_, one)| number(one)).collect();
    assert!(kept.iter().all(|n| !WANTED.contains(n)), "{kept:?}");
    assert_eq!(counted(&mut oracle).await, 0);
    assert_eq!(off(&oracle).await, []);
}

/// What is gone is counted, what is not counted is there, whatever failed.
async fn check(oracle: &mut Oracle, what: &str) {
    let n_counted = counted(oracle).await;
    assert_eq!(off(oracle).await, [], "{what}");
    let left = waiting(oracle.spool(), Lane::Errors).await;
    let others = (1..=14).filter(|n| !WANTED.contains(n));
    assert!(
        others.clone().all(|n| left.contains(&n)),
        "{what}: {left:?}"
    );
    let n_gone = WANTED.iter().filter(|n| !left.contains(n)).count() as u64;
    assert_eq!(n_counted, n_gone, "{what}: {left:?}");
}

#[test]
fn it_is_done_and_counted_or_neither_whichever_call_fails() {
    let runtime = runtime();
    let n_calls = runtime.block_on(async {
        let oracle = fourteen().await;
        let before = oracle.disk.n_calls();
        oracle.spool().erase(&erasure()).await.unwrap();
        oracle.disk.n_calls() - before
    });
    assert!(n_calls > 20, "{n_calls}");
    for call in 1..=n_calls {
        for n in [1, 3, 1000] {
            let what = format!("call {call}, {n} in a row");
            runtime.block_on(async {
                let mut oracle = fourteen().await;
                let at = oracle.disk.n_calls() + call;
                let kind = io::ErrorKind::Other;
                oracle.disk.set_fault(Some(Fault { at, n, kind }));
                oracle.spool().erase(&erasure()).await.unwrap();
                oracle.disk.set_fault(None);
                let mut seed = u32::try_from(call).unwrap();
                let chance = || {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    seed >> 16
                };
                let cut = oracle.disk.after_power_cut(chance);
                for (end, disk) in [("killed", oracle.disk.copy()), ("power cut", cut)] {
                    // What was told before is told again, and no less.
                    let mut again = oracle.fork(disk.copy());
                    again.open().unwrap();
                    let erased = again.spool().erase(&erasure()).await.unwrap();
                    assert_eq!(erased, ALL, "{what}, {end}");
                    again.close().await.unwrap();
                    let mut after = oracle.fork(disk);
                    after.open().unwrap();
                    check(&mut after, &format!("{what}, {end}")).await;
                    after.close().await.unwrap();
                }
                // The process that lives on ends what it began, within a second.
                oracle.wait(1_100);
                oracle.append(&[Lane::Logs], 10).await.unwrap();
                let again = oracle.spool().erase(&erasure()).await.unwrap();
                assert_eq!(again, ALL, "{what}");
                assert_eq!(counted(&mut oracle).await, 4, "{what}");
                check(&mut oracle, &what).await;
                oracle.close().await.unwrap();
            });
        }
    }
}
