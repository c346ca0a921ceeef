//! A relay that does not hold with a new roster goes back to the one before.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

const HELD: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(60);

/// A start after which the process is gone without a word.
fn crash(dir: &Path) -> u64 {
    open(dir).version()
}

#[test]
fn the_start_that_is_too_many_reverts_says_so_and_does_not_try_again() {
    let dir = tempfile::tempdir().unwrap();
    let first = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    apply(&first, &bundle(2)).unwrap();
    drop(first);
    assert_eq!(crash(dir.path()), 2);
    assert_eq!(crash(dir.path()), 2);
    let roster = open(dir.path());
    assert_eq!(look(&roster, KEY), "1");
    let notice = roster.take_notice().unwrap();
    assert_eq!(
        (notice.version, notice.outcome),
        (2, ConfigOutcome::Reverted)
    );
    assert_eq!(roster.take_notice(), None);
    let again = apply(&roster, &bundle(2));
    assert!(matches!(
        again,
        Err(RosterError::RevertedBefore { version: 2 })
    ));
    assert_eq!(crash(dir.path()), 1);
    apply(&open(dir.path()), &bundle(3)).unwrap();
    assert_eq!(crash(dir.path()), 3);
}

#[tokio::test]
async fn a_bug_that_comes_with_a_roster_gives_it_up_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    roster.fail_trial("nothing is on trial").await;
    assert_eq!(look(&roster, KEY), "1");
    apply(&roster, &bundle(2)).unwrap();
    roster.fail_trial("a bug").await;
    assert_eq!(look(&roster, KEY), "1");
    let notice = roster.take_notice().unwrap();
    assert_eq!((notice.version, notice.reason.as_str()), (2, "a bug"));
    assert!(apply(&roster, &bundle(2)).is_err());
    assert_eq!(crash(dir.path()), 1);
}

#[test]
fn the_first_roster_is_not_on_trial() {
    let dir = tempfile::tempdir().unwrap();
    drop(roster(dir.path(), Policy::default(), Some(&bundle(1))));
    for _ in 0..10 {
        assert_eq!(crash(dir.path()), 1);
    }
}

#[test]
fn a_mark_of_a_roster_that_never_came_to_be_reverts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    apply(&first, &bundle(2)).unwrap();
    let newest = std::fs::read(dir.path().join("roster.signed")).unwrap();
    apply(&first, &bundle(3)).unwrap();
    // As if the process had ended right before the rename.
    std::fs::write(dir.path().join("roster.signed"), newest).unwrap();
    for _ in 0..5 {
        assert_eq!(crash(dir.path()), 2);
    }
}

#[tokio::test]
async fn a_relay_that_holds_for_long_enough_keeps_its_roster() {
    let dir = tempfile::tempdir().unwrap();
    let first = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    apply(&first, &bundle(2)).unwrap();
    assert!(dir.path().join("roster.trial").exists());
    let mut trial = first.0.trial.subscribe();
    let held = async {
        let watching = first.clone().watch_trials(HELD, CancellationToken::new());
        tokio::select! {
            () = watching => panic!("it watches for ever"),
            over = trial.wait_for(Option::is_none) => drop(over.unwrap()),
        }
    };
    timeout(DEADLINE, held).await.unwrap();
    for _ in 0..5 {
        assert_eq!(crash(dir.path()), 2);
    }
}

#[tokio::test]
async fn an_end_in_order_says_nothing_against_a_roster() {
    let dir = tempfile::tempdir().unwrap();
    let first = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    apply(&first, &bundle(2)).unwrap();
    drop(first);
    for _ in 0..5 {
        let roster = open(dir.path());
        assert_eq!(roster.version(), 2);
        let cancel = CancellationToken::new();
        cancel.cancel();
        roster.watch_trials(TRIAL, cancel).await;
    }
}
