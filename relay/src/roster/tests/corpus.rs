//! Bad rosters of every kind: each is refused whole, says why, and leaves what was in force.

use protocol::limits::{
    QUIET_HOURS_MAX, ROSTER_BYTES_MAX, ROSTER_LIST_MAX, ROSTER_PATTERN_BYTES_MAX,
    ROSTER_TEXT_BYTES_MAX,
};
use protocol::roster::RateLimit;

use super::*;

/// Offers a roster to a relay with version 5 in force.
fn refused(config: &Config, why: &str) {
    refused_under(Policy::default(), config, why);
}

fn refused_under(policy: Policy, config: &Config, why: &str) {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), policy.clone(), Some(&bundle(5)));
    let status = roster.offer(config, NOW);
    assert_eq!(status.outcome, ConfigOutcome::Rejected, "{why}");
    assert!(
        status.reason.contains(why),
        "{} is not {why}",
        status.reason
    );
    assert_eq!(look(&roster, KEY), "5", "{why}");
    let again = Roster::open(dir.path(), dir.path(), policy).unwrap();
    assert_eq!(look(&again, KEY), "5", "{why}");
}

fn changed(change: impl FnOnce(&mut RosterBundle)) -> Config {
    let mut bundle = bundle(6);
    change(&mut bundle);
    hub().sign(&bundle)
}

#[test]
fn signatures() {
    let good = hub().sign(&bundle(6));
    let mut unsigned = good.clone();
    unsigned.signatures.clear();
    refused(&unsigned, "not signed");
    refused(&Signer::new(2).sign(&bundle(6)), "not the hub's");
    let mut other_bytes = good.clone();
    other_bytes.bytes = hub().sign(&bundle(7)).bytes;
    refused(&other_bytes, "signature is wrong");
    let mut claimed = Signer::new(2).sign(&bundle(6));
    claimed.signatures[0].key = hub().key();
    refused(&claimed, "signature is wrong");
    let mut many = good;
    many.signatures = vec![many.signatures[0].clone(); 5];
    refused(&many, "bytes");
}

#[test]
fn versions_and_times() {
    refused(&hub().sign(&bundle(4)), "older than roster 5");
    refused(&hub().sign(&RosterBundle::default()), "not readable");
    refused(
        &changed(|b| b.issued_at = NOW.plus_millis(3_600_000)),
        "not good yet",
    );
    refused(&changed(|b| b.min_version = "99.0.0".to_owned()), "99.0.0");
    refused(
        &changed(|b| b.requires = vec!["redact.blue".to_owned()]),
        "redact.blue",
    );
}

#[test]
fn a_host_whose_clock_is_wrong_takes_rosters_by_the_hubs_clock() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(5)));
    let long_ago = Timestamp::from_millis(0);
    let next = hub().sign(&bundle(6));
    assert!(roster.apply(&next, long_ago).is_err());
    roster.note_hub_time(NOW, long_ago);
    roster.apply(&next, long_ago).unwrap();
}

#[test]
fn bytes_that_are_no_roster() {
    for bytes in [
        &b""[..],
        b"\xc0",
        b"{}",
        b"\x81\xa7version\x01",
        &[0x91; 1000],
    ] {
        refused(&hub().sign_bytes(bytes.to_vec()), "not readable");
    }
    refused(
        &hub().sign_bytes(vec![0xc0; ROSTER_BYTES_MAX + 1]),
        "more than",
    );
}

#[test]
fn rules_that_this_program_does_not_know() {
    #[derive(serde::Serialize)]
    struct Later {
        version: u64,
        projects: Vec<LaterProject>,
    }
    #[derive(serde::Serialize)]
    struct LaterProject {
        id: u64,
        slug: &'static str,
        keys: [u8; 0],
        privacy: std::collections::BTreeMap<&'static str, bool>,
    }
    let later = Later {
        version: 6,
        projects: vec![LaterProject {
            id: 1,
            slug: "shop",
            keys: [],
            privacy: [("scrub_names", true)].into(),
        }],
    };
    let bytes = protocol::wire::encode_msgpack_named(&later).unwrap();
    refused(&hub().sign_bytes(bytes), "not readable");
}

#[test]
fn too_much_of_anything() {
    let text = |n: usize| "x".repeat(n);
    let list = |n: usize| (0..n).map(|n| format!("f{n}")).collect::<Vec<_>>();
    let privacy =
        |fields: Vec<String>| changed(|b| b.projects[0].privacy.sensitive_fields = fields);
    refused(&privacy(list(ROSTER_LIST_MAX + 1)), "entries in a list");
    refused(
        &privacy(vec![text(ROSTER_TEXT_BYTES_MAX + 1)]),
        "bytes in an entry",
    );
    let heavy = |b: &mut RosterBundle| {
        let projects = (1..10_u64).map(|id| {
            let mut project = project(id);
            project.keys.clear();
            let field = |n: usize| format!("{id}-{n}-{}", text(200));
            project.privacy.sensitive_fields = (0..ROSTER_LIST_MAX).map(field).collect();
            project
        });
        b.projects = projects.collect();
    };
    refused(
        &changed(heavy),
        &format!("more than {ROSTER_PATTERN_BYTES_MAX}"),
    );
    refused(
        &changed(|b| {
            b.link.quiet_hours = vec!["01:00-02:00".parse().unwrap(); QUIET_HOURS_MAX + 1];
        }),
        "quiet hours",
    );
    let no_window = RateLimit::new(1, 0);
    refused(
        &changed(|b| b.projects[0].keys[0].rate_limit = Some(no_window)),
        "0 seconds",
    );
    refused(
        &changed(|b| b.projects.push(project(9))),
        "names a key twice",
    );
}

#[test]
fn a_pattern_that_would_hang_another_engine_is_a_name_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(5)));
    let patterns = ["(a+)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*{99999}"];
    let evil = changed(|b| {
        b.projects[0].privacy.sensitive_fields = patterns.map(str::to_owned).to_vec();
    });
    roster.apply(&evil, NOW).unwrap();
    let Lookup::Known(project, _) = roster.lookup(&KEY.parse().unwrap()) else {
        panic!("the key is known");
    };
    let key = "a".repeat(100_000);
    let payload = format!("{{\"extra\":{{\"{key}!\":\"kept\",\"(a+)+$\":\"gone\"}}}}");
    let scrubbed = project
        .scrubber
        .scrub_json(&payload.into(), protocol::privacy::Payload::Event)
        .unwrap();
    let text = std::str::from_utf8(&scrubbed.payload).unwrap();
    assert!(text.contains("kept") && !text.contains("gone"));
}

#[test]
fn names_that_match_every_key_leave_an_event_of_use() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(5)));
    let greedy = changed(|b| {
        let names = ["e", "n", "a", "type", "exception"].map(str::to_owned);
        b.projects[0].privacy.sensitive_fields = names.to_vec();
    });
    // The dry run holds it against what an event needs.
    assert_eq!(roster.apply(&greedy, NOW).unwrap(), 6);
    let Lookup::Known(project, _) = roster.lookup(&KEY.parse().unwrap()) else {
        panic!("the key is known");
    };
    let event = "{\"exception\":{\"values\":[{\"type\":\"Unreachable\",\"value\":\"no route\"}]}}";
    let scrubbed = project
        .scrubber
        .scrub_json(&event.into(), protocol::privacy::Payload::Event)
        .unwrap();
    let text = std::str::from_utf8(&scrubbed.payload).unwrap();
    assert!(
        text.contains("Unreachable") || text.contains("no route"),
        "{text}"
    );
}

#[test]
fn a_roster_without_projects_must_say_that_it_means_it() {
    let empty = |b: &mut RosterBundle| b.projects.clear();
    refused(&changed(empty), "no projects");
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(5)));
    let meant = changed(|b| {
        b.projects.clear();
        b.is_emptied = true;
    });
    roster.apply(&meant, NOW).unwrap();
    assert_eq!(look(&roster, KEY), "Unknown");
}

#[test]
fn rules_that_leave_what_the_policy_protects_never_come_to_be() {
    // The floor makes them strict before they are tried, so the roster is taken and harmless.
    let policy = Policy {
        protected_fields: vec!["*".to_owned()],
        sensitive_fields: vec!["note".to_owned()],
        ..Policy::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), policy, Some(&bundle(5)));
    let loose = changed(|b| {
        let fields = ["password", "note", "detail", "comment"].map(str::to_owned);
        b.projects[0].privacy.safe_fields = fields.to_vec();
    });
    roster.apply(&loose, NOW).unwrap();
    let Lookup::Known(project, _) = roster.lookup(&KEY.parse().unwrap()) else {
        panic!("the key is known");
    };
    assert!(project.privacy.safe_fields.is_empty());
}

#[test]
fn the_same_version_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(5)));
    let mut same = bundle(5);
    same.projects.clear();
    assert_eq!(apply(&roster, &same).unwrap(), 5);
    assert_eq!(look(&roster, KEY), "5");
}
