//! The roster survives restarts, damage and bad versions; what is wrong is refused whole.

mod corpus;
mod files;
mod trials;

use protocol::roster::{RelayLink, RosterBundle, RosterKey, RosterProject};

use super::testing::{Signer, roster};
use super::*;

const KEY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";
const OFF: &str = "ffffffffffffffffffffffffffffffff";
const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_678);

fn project(id: u64) -> RosterProject {
    let key = |text: &str, active| RosterKey {
        public_key: text.parse().unwrap(),
        active,
        rate_limit: None,
    };
    RosterProject {
        keys: vec![key(KEY, true), key(OFF, false)],
        ..RosterProject::new(ProjectId::new(id).unwrap(), "shop")
    }
}

/// A version whose only project has its number.
fn bundle(version: u64) -> RosterBundle {
    RosterBundle {
        version,
        issued_at: NOW,
        projects: vec![project(version)],
        ..RosterBundle::default()
    }
}

/// The relay's hub.
fn hub() -> Signer {
    Signer::new(1)
}

fn open(dir: &Path) -> Roster {
    Roster::open(dir, dir, Policy::default()).unwrap()
}

fn apply(roster: &Roster, bundle: &RosterBundle) -> Result<u64, RosterError> {
    roster.apply(&hub().sign(bundle), NOW)
}

/// The project the key belongs to, or why there is none.
fn look(roster: &Roster, key: &str) -> String {
    match roster.lookup(&key.parse().unwrap()) {
        Lookup::Known(project, _) => project.id.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn answers_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), None);
    assert_eq!(look(&roster, KEY), "NotYet");
    apply(&roster, &bundle(1)).unwrap();
    assert_eq!(look(&roster, KEY), "1");
    assert_eq!(look(&roster, OFF), "Disabled");
    assert_eq!(look(&roster, "00000000000000000000000000000001"), "Unknown");
}

#[test]
fn the_policy_of_the_host_is_in_force_whatever_the_hub_says() {
    let dir = tempfile::tempdir().unwrap();
    let policy = Policy {
        scrub_emails: true,
        protected_fields: vec!["password".to_owned()],
        bandwidth_max: Some(protocol::unit::Bandwidth(1000)),
        ..Policy::default()
    };
    let mut loose = bundle(1);
    loose.projects[0].privacy.safe_fields = vec!["password".to_owned(), "token".to_owned()];
    loose.link.bandwidth_max = Some(5000);
    let roster = roster(dir.path(), policy, Some(&loose));
    let Lookup::Known(project, _) = roster.lookup(&KEY.parse().unwrap()) else {
        panic!("the key is known");
    };
    assert!(project.privacy.scrub_emails);
    assert_eq!(project.privacy.safe_fields, ["token"]);
    assert_eq!(roster.link(NOW).bandwidth_max, Some(1000));
}

#[test]
fn a_roster_with_rules_that_are_wrong_is_refused_and_the_one_before_stays() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    let mut wrong = bundle(2);
    wrong.projects[0].privacy.rules = vec!["{\"rulez\":{}}".into()];
    let error = apply(&roster, &wrong).unwrap_err();
    assert!(format!("{error:?}").contains("rulez"), "{error:?}");
    assert_eq!(roster.version(), 1);
    let mut right = bundle(3);
    right.projects[0].privacy.rules =
        vec!["{\"applications\":{\"extra.note\":[\"@anything\"]}}".into()];
    apply(&roster, &right).unwrap();
    let Lookup::Known(project, _) = roster.lookup(&KEY.parse().unwrap()) else {
        panic!("the key is known");
    };
    let payload = bytes::Bytes::from_static(b"{\"extra\":{\"note\":\"n\"}}");
    let kind = protocol::privacy::Payload::Event;
    let scrubbed = project.scrubber.scrub_json(&payload, kind).unwrap();
    assert!(
        scrubbed
            .payload
            .starts_with(b"{\"extra\":{\"note\":\"[Filtered]\"}")
    );
    assert_eq!(scrubbed.hits.of(protocol::privacy::Rule::Custom), 1);
}

#[test]
fn an_expired_roster_scrubs_on_and_stops_sampling_and_limits_of_the_link() {
    let dir = tempfile::tempdir().unwrap();
    let mut ends = bundle(1);
    ends.expires_at = Some(NOW.plus_millis(1000));
    ends.link.bandwidth_max = Some(5000);
    let none = SampleRate::from_share(0.0).unwrap();
    ends.projects[0].sampling.insert("error".to_owned(), none);
    ends.projects[0].privacy.scrub_emails = true;
    let roster = roster(dir.path(), Policy::default(), Some(&ends));
    let Lookup::Known(project, _) = roster.lookup(&KEY.parse().unwrap()) else {
        panic!("the key is known");
    };
    let check = |now: Timestamp, is_over: bool| {
        assert_eq!(roster.is_expired(now), is_over);
        let rate = roster.rate(&project, Category::Error, now);
        assert_eq!(rate == SampleRate::ALL, is_over);
        let most = roster.link(now).bandwidth_max;
        assert_eq!(most.is_none(), is_over);
        assert_eq!(look(&roster, KEY), "1");
    };
    check(NOW, false);
    check(NOW.plus_millis(1000), true);
    // A host whose clock is a year ahead, which it knows from the hub.
    let year = 365 * 86_400_000;
    roster.note_hub_time(NOW, NOW.plus_millis(year));
    check(NOW.plus_millis(year), false);
    assert!(project.privacy.scrub_emails);
}

#[test]
fn what_is_said_of_single_relays_is_meant_for_this_one_once_it_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let (this, other) = (RelayId::from_bytes([1; 16]), RelayId::from_bytes([2; 16]));
    let mut first = bundle(1);
    first.drained = vec![this];
    first.links = vec![RelayLink {
        relay: this,
        link: LinkSettings {
            bandwidth_max: Some(9000),
            ..LinkSettings::default()
        },
    }];
    let roster = roster(dir.path(), Policy::default(), Some(&first));
    assert!(!roster.is_drained());
    assert_eq!(roster.link(NOW).bandwidth_max, None);
    roster.belongs_to(this);
    assert!(roster.is_drained());
    assert_eq!(roster.link(NOW).bandwidth_max, Some(9000));
    roster.belongs_to(other);
    assert!(!roster.is_drained());
    roster.belongs_to(this);
    apply(&roster, &bundle(2)).unwrap();
    assert!(!roster.is_drained());
}
