//! What lies on the disk is believed when the pinned key signed it, and not otherwise.

use super::*;

#[test]
fn a_restart_finds_the_last_version_and_damage_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    apply(&roster, &bundle(2)).unwrap();
    apply(&roster, &bundle(3)).unwrap();
    assert_eq!(open(dir.path()).version(), 3);
    std::fs::write(dir.path().join("roster.signed"), "half").unwrap();
    assert_eq!(open(dir.path()).version(), 2);
    std::fs::remove_file(dir.path().join("roster.signed")).unwrap();
    let roster = open(dir.path());
    assert_eq!(look(&roster, KEY), "2");
    apply(&roster, &bundle(4)).unwrap();
    assert_eq!(open(dir.path()).version(), 4);
}

#[test]
fn a_flipped_bit_anywhere_leaves_no_roster_and_never_another_one() {
    let dir = tempfile::tempdir().unwrap();
    roster(dir.path(), Policy::default(), Some(&bundle(7)));
    let path = dir.path().join("roster.signed");
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        std::fs::write(&path, damaged).unwrap();
        let roster = open(dir.path());
        let found = look(&roster, KEY);
        // A bit in the name of a field that is skipped changes nothing that was signed.
        assert!(found == "NotYet" || found == "7", "byte {at}: {found}");
    }
}

#[test]
fn without_the_pinned_key_no_roster_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    roster(dir.path(), Policy::default(), Some(&bundle(1)));
    let key = dir.path().join("config.key");
    std::fs::write(&key, "no key").unwrap();
    assert_eq!(look(&open(dir.path()), KEY), "NotYet");
    std::fs::remove_file(&key).unwrap();
    let roster = open(dir.path());
    assert_eq!(look(&roster, KEY), "NotYet");
    assert!(matches!(
        apply(&roster, &bundle(2)),
        Err(RosterError::NoKey)
    ));
}

#[test]
fn a_relay_that_joins_another_hub_begins_anew_with_its_versions() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(9)));
    let other = Signer::new(2);
    pin(dir.path(), other.key()).unwrap();
    assert!(matches!(
        apply(&roster, &bundle(10)),
        Err(RosterError::OtherKey)
    ));
    roster.apply(&other.sign(&bundle(1)), NOW).unwrap();
    assert_eq!(look(&roster, KEY), "1");
    assert_eq!(look(&open(dir.path()), KEY), "1");
}

#[test]
fn the_key_is_replaced_by_a_roster_that_the_one_before_signed() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    let next = Signer::new(2);
    let mut announces = bundle(2);
    announces.config_key = Some(next.key());
    apply(&roster, &announces).unwrap();
    assert!(matches!(
        apply(&roster, &bundle(3)),
        Err(RosterError::OtherKey)
    ));
    // What the key before signed is still good on the disk.
    assert_eq!(open(dir.path()).version(), 2);
    roster.apply(&next.sign(&bundle(3)), NOW).unwrap();
    assert_eq!(open(dir.path()).version(), 3);
}

#[test]
fn a_crash_between_the_roster_and_its_new_key_is_made_good_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let roster = roster(dir.path(), Policy::default(), Some(&bundle(1)));
    let before = std::fs::read(dir.path().join("config.key")).unwrap();
    let next = Signer::new(2);
    let mut announces = bundle(2);
    announces.config_key = Some(next.key());
    apply(&roster, &announces).unwrap();
    std::fs::write(dir.path().join("config.key"), before).unwrap();
    let roster = open(dir.path());
    assert_eq!(roster.version(), 2);
    roster.apply(&next.sign(&bundle(3)), NOW).unwrap();
}

#[test]
fn a_disk_that_refuses_leaves_the_version_in_force() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pin(keys.path(), hub().key()).unwrap();
    let roster = Roster::open(dir.path(), keys.path(), Policy::default()).unwrap();
    apply(&roster, &bundle(1)).unwrap();
    std::fs::remove_dir_all(dir.path()).unwrap();
    assert!(matches!(
        apply(&roster, &bundle(2)),
        Err(RosterError::File { .. })
    ));
    assert_eq!(roster.version(), 1);
}
