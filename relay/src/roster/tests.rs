//! The roster survives restarts, damage and bad versions.

use protocol::roster::RosterKey;

use super::*;

const KEY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";
const OFF: &str = "ffffffffffffffffffffffffffffffff";

fn bundle(version: u64) -> RosterBundle {
    let key = |text: &str, active| RosterKey {
        public_key: text.parse().unwrap(),
        active,
        rate_limit: None,
    };
    RosterBundle {
        version,
        projects: vec![RosterProject {
            id: ProjectId::new(version).unwrap(),
            slug: "shop".to_owned(),
            keys: vec![key(KEY, true), key(OFF, false)],
            allowed_domains: Vec::new(),
            privacy: PrivacySettings::default(),
        }],
    }
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
    let roster = Roster::open(dir.path()).unwrap();
    assert_eq!(look(&roster, KEY), "NotYet");
    roster.apply(bundle(1)).unwrap();
    assert_eq!(look(&roster, KEY), "1");
    assert_eq!(look(&roster, OFF), "Disabled");
    assert_eq!(look(&roster, "00000000000000000000000000000001"), "Unknown");
}

#[test]
fn a_restart_finds_the_last_version_and_damage_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let roster = Roster::open(dir.path()).unwrap();
    roster.apply(bundle(1)).unwrap();
    roster.apply(bundle(2)).unwrap();
    roster.apply(bundle(3)).unwrap();
    assert_eq!(Roster::open(dir.path()).unwrap().version(), 3);
    std::fs::write(dir.path().join("roster.json"), "half").unwrap();
    assert_eq!(Roster::open(dir.path()).unwrap().version(), 2);
    std::fs::remove_file(dir.path().join("roster.json")).unwrap();
    let roster = Roster::open(dir.path()).unwrap();
    assert_eq!(look(&roster, KEY), "2");
    roster.apply(bundle(4)).unwrap();
    assert_eq!(Roster::open(dir.path()).unwrap().version(), 4);
}

#[test]
fn refuses_older_and_contradictory_versions_and_keeps_the_one_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let roster = Roster::open(dir.path()).unwrap();
    roster.apply(bundle(5)).unwrap();
    assert!(matches!(
        roster.apply(bundle(4)),
        Err(RosterError::Older { .. })
    ));
    let mut twice = bundle(6);
    twice.projects.extend(bundle(7).projects);
    assert!(matches!(
        roster.apply(twice),
        Err(RosterError::KeyTwice { .. })
    ));
    assert_eq!(look(&roster, KEY), "5");
    roster.apply(bundle(5)).unwrap();
}

#[test]
fn a_disk_that_refuses_leaves_the_version_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let roster = Roster::open(dir.path()).unwrap();
    roster.apply(bundle(1)).unwrap();
    std::fs::remove_dir_all(dir.path()).unwrap();
    assert!(matches!(
        roster.apply(bundle(2)),
        Err(RosterError::File { .. })
    ));
    assert_eq!(roster.version(), 1);
}
