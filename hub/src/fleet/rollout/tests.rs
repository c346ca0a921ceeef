//! Who tries a roster first, and when it goes on or back.

use protocol::ids::ProjectId;
use protocol::roster::{PrivacySettings, RosterProject};

use super::*;
use crate::fleet::health::Tally;

const WINDOW: Duration = Duration::from_secs(60);
const BEGAN: Timestamp = Timestamp::from_millis(1_000_000);
const OLD: u64 = 4;
const NEW: u64 = 5;

const TRIED: Tried = Tried {
    candidate: NEW,
    began: BEGAN,
    window: WINDOW,
    is_meant: false,
};

fn relay(n: u8) -> RelayId {
    RelayId::from_bytes([n; 16])
}

fn connected(version: u64) -> RelayFacts {
    RelayFacts {
        n_sessions: 1,
        version,
        since: Some((BEGAN, Before::default())),
        ..RelayFacts::default()
    }
}

#[test]
fn one_in_a_hundred_tries_first_and_those_that_are_labelled_before_others() {
    let mut facts: BTreeMap<_, _> = (0..150).map(|n| (relay(n), connected(OLD))).collect();
    assert_eq!(choose(&facts, &[], NEW).len(), 2);
    facts.get_mut(&relay(99)).unwrap().is_labelled = true;
    assert!(choose(&facts, &[], NEW).contains(&relay(99)));
    assert!(!choose(&facts, &[relay(99)], NEW).contains(&relay(99)));
    // A hub that was restarted finds those that have it already.
    facts.get_mut(&relay(120)).unwrap().version = NEW;
    assert_eq!(
        choose(&facts, &[], NEW),
        BTreeSet::from([relay(99), relay(120)])
    );
    facts.get_mut(&relay(99)).unwrap().n_sessions = 0;
    assert!(!choose(&facts, &[], NEW).contains(&relay(99)));
    assert_eq!(
        choose(
            &BTreeMap::from([(relay(1), connected(OLD))]),
            &[relay(1)],
            NEW
        )
        .len(),
        1
    );
    assert!(choose(&BTreeMap::new(), &[], NEW).is_empty());
}

/// Two relays try; the second is as given.
fn check(after_secs: i64, second: RelayFacts, expected: &str) {
    check_tried(TRIED, after_secs, second, expected);
}

fn check_tried(tried: Tried, after_secs: i64, second: RelayFacts, expected: &str) {
    let facts = BTreeMap::from([(relay(1), connected(NEW)), (relay(2), second)]);
    let canaries = facts.keys().copied().collect();
    let now = BEGAN.plus_millis(after_secs * 1000);
    let found = match judge(&facts, &canaries, tried, now) {
        Step::Wait => "wait".to_owned(),
        Step::Promote => "promote".to_owned(),
        Step::Fail(why) => why,
    };
    assert!(found.contains(expected), "{found} is not {expected}");
}

fn says(outcome: ConfigOutcome, version: u64) -> RelayFacts {
    RelayFacts {
        status: Some(RelayStatus {
            version,
            outcome,
            reason: "it says".to_owned(),
            at: BEGAN,
        }),
        ..connected(OLD)
    }
}

#[test]
fn a_roster_goes_on_when_those_that_tried_it_have_held() {
    check(59, connected(NEW), "wait");
    check(60, connected(NEW), "promote");
}

#[test]
fn one_relay_that_does_not_hold_stops_it() {
    check(1, says(ConfigOutcome::Rejected, NEW), "rejected: it says");
    check(1, says(ConfigOutcome::Reverted, NEW), "reverted: it says");
    check(1, says(ConfigOutcome::Rejected, OLD), "wait");
    check(59, connected(OLD), "wait");
    check(60, connected(OLD), "did not take it in time");
    let mut wrong = connected(NEW);
    let tally = Tally {
        received: 100,
        refused: 50,
        ..Tally::default()
    };
    wrong.recent.add(BEGAN, Some(tally), None);
    check(1, wrong, "50 % of its items are refused, 0 % were before");
}

#[test]
fn filters_that_leave_nothing_stop_it_unless_they_are_meant() {
    let mut empty = connected(NEW);
    let tally = Tally {
        received: 100,
        filtered: 100,
        ..Tally::default()
    };
    empty.recent.add(BEGAN, Some(tally), None);
    check(60, empty.clone(), "100 % of its items are filtered");
    let meant = Tried {
        is_meant: true,
        ..TRIED
    };
    check_tried(meant, 60, empty, "promote");
}

#[test]
fn a_relay_that_goes_away_alone_does_not_stop_it_and_most_of_them_do() {
    let away = |version| RelayFacts {
        n_sessions: 0,
        ..connected(version)
    };
    check(60, away(NEW), "promote");
    check(60, away(OLD), "promote");
    let facts = BTreeMap::from([(relay(1), away(NEW)), (relay(2), away(NEW))]);
    let canaries = facts.keys().copied().collect();
    let at = |secs: i64| {
        let now = BEGAN.plus_millis(secs * 1000);
        judge(&facts, &canaries, TRIED, now)
    };
    assert_eq!(at(179), Step::Wait);
    assert!(matches!(at(180), Step::Fail(why) if why.contains("are away")));
}

fn wanted(scrub_emails: bool, slug: &str) -> RosterBundle {
    RosterBundle {
        projects: vec![RosterProject {
            privacy: PrivacySettings {
                scrub_emails,
                ..PrivacySettings::default()
            },
            ..RosterProject::new(ProjectId::new(1).unwrap(), slug)
        }],
        ..RosterBundle::default()
    }
}

#[test]
fn what_goes_out_at_once_is_parted_from_what_is_tried() {
    let (strict, loose) = (wanted(true, "a"), wanted(false, "a"));
    let check = |stable, tried, failed, wanted: &RosterBundle, expected: Next| {
        assert_eq!(plan(stable, tried, failed, wanted), expected);
    };
    let next = |stable, trial| Next { stable, trial };
    check(&strict, None, None, &strict, next(None, NextTrial::Nothing));
    check(
        &loose,
        None,
        None,
        &strict,
        next(Some(strict.clone()), NextTrial::Nothing),
    );
    check(
        &strict,
        None,
        None,
        &loose,
        next(None, NextTrial::Begins(loose.clone())),
    );
    check(
        &strict,
        Some(&loose),
        None,
        &loose,
        next(None, NextTrial::GoesOn),
    );
    // Renamed while its looser settings are tried.
    let renamed = wanted(false, "b");
    let strict_renamed = wanted(true, "b");
    let renewed = NextTrial::Renewed(renamed.clone());
    check(
        &strict,
        Some(&loose),
        None,
        &renamed,
        next(Some(strict_renamed.clone()), renewed),
    );
    // What failed is not tried again because something else was changed.
    let held = NextTrial::Held(renamed.clone());
    check(
        &strict_renamed,
        None,
        Some(&loose),
        &renamed,
        next(None, held),
    );
    check(
        &strict,
        None,
        Some(&loose),
        &strict,
        next(None, NextTrial::Nothing),
    );
}
