//! The archive against a real directory.

use super::*;

fn event(n: u64, payload: &str) -> StoredEvent {
    StoredEvent {
        project: ProjectId::new(1).unwrap(),
        event_id: EventId::from_bytes(u128::from(n).to_be_bytes()),
        relay: RelayId::from_bytes([7; 16]),
        key: PublicKey::from_bytes([8; 16]),
        received_at: Timestamp::from_millis(1000),
        sent_at: Some(Timestamp::from_millis(999)),
        client: Some("sentry.python/2.0".to_owned()),
        remote_addr: None,
        user_agent: None,
        trace: Some(Bytes::from_static(b"{}")),
        kind: "event".to_owned(),
        header: Bytes::from_static(b"{\"type\":\"event\"}"),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        relay_offset_millis: 0,
        place: None,
        alike: Vec::new(),
        stands_in: false,
    }
}

fn last_pack(dir: &Path) -> PathBuf {
    let number = pack::list(dir).unwrap().pop().unwrap().number;
    dir.join(format!("{number:016x}.pack"))
}

#[test]
fn gives_back_every_body_after_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let events: Vec<_> = (1..=50).map(|n| event(n, &"x".repeat(9000))).collect();
    let archive = Archive::open(dir.path(), PACK_BYTES).unwrap();
    let mut locations = archive.append(&events[..20]).unwrap();
    drop(archive);
    let archive = Archive::open(dir.path(), PACK_BYTES).unwrap();
    locations.extend(archive.append(&events[20..]).unwrap());
    assert_eq!(locations.len(), 50);
    for (event, at) in events.iter().zip(&locations) {
        assert_eq!(archive.read(*at).unwrap(), *event);
        assert_eq!(
            Archive::open_read_only(dir.path()).read(*at).unwrap(),
            *event
        );
    }
}

#[test]
fn a_pack_that_cannot_be_begun_is_left_for_the_next_number() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open(dir.path(), ByteSize(1)).unwrap();
    let mut kept = archive.append(&[event(1, "before")]).unwrap();
    // As a call that failed after the file was made leaves it.
    std::fs::write(dir.path().join("0000000000000002.pack"), b"VDT").unwrap();
    assert!(archive.append(&[event(2, "refused")]).is_err());
    kept.extend(archive.append(&[event(2, "sent again")]).unwrap());
    drop(archive);
    let archive = Archive::open(dir.path(), ByteSize(1)).unwrap();
    kept.extend(archive.append(&[event(3, "after")]).unwrap());
    let bodies = kept.iter().map(|at| archive.read(*at).unwrap().payload);
    assert_eq!(
        bodies.collect::<Vec<_>>(),
        ["before", "sent again", "after"]
    );
    let (mut at, mut n_walked) = (Position::default(), 0);
    while let Some((bodies, next)) = archive.next_chunk(at).unwrap() {
        n_walked += bodies.len();
        at = next;
    }
    assert_eq!(
        n_walked, 3,
        "who walks the packs gets over the one that was left"
    );
    assert_eq!(archive.items_in(2).unwrap(), 0);
}

#[test]
fn cuts_off_a_torn_end_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open(dir.path(), PACK_BYTES).unwrap();
    let kept = archive.append(&[event(1, "kept")]).unwrap();
    let whole = fs_len(dir.path());
    archive.append(&[event(2, "torn")]).unwrap();
    drop(archive);
    let full = fs_len(dir.path());
    for end in whole..full {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(last_pack(dir.path()))
            .unwrap();
        file.set_len(end).unwrap();
        let archive = Archive::open(dir.path(), PACK_BYTES).unwrap();
        assert_eq!(fs_len(dir.path()), whole, "torn at {end}");
        assert_eq!(archive.read(kept[0]).unwrap(), event(1, "kept"));
        let again = archive.append(&[event(2, "torn")]).unwrap();
        assert_eq!(archive.read(again[0]).unwrap(), event(2, "torn"));
    }
}

fn fs_len(dir: &Path) -> u64 {
    std::fs::metadata(last_pack(dir)).unwrap().len()
}

#[test]
fn finds_a_flipped_bit_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open(dir.path(), PACK_BYTES).unwrap();
    let at = archive.append(&[event(1, "hello")]).unwrap()[0];
    drop(archive);
    let path = last_pack(dir.path());
    let good = std::fs::read(&path).unwrap();
    for place in 8..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 4;
        std::fs::write(&path, &bad).unwrap();
        let result = Archive::open_read_only(dir.path()).read(at);
        assert!(
            matches!(result, Err(ArchiveError::Damaged { .. })),
            "byte {place}: {result:?}"
        );
    }
}

#[test]
fn begins_a_pack_when_one_is_full_and_drops_whole_packs() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open(dir.path(), ByteSize(1)).unwrap();
    let mut locations = Vec::new();
    for n in 1..=4 {
        locations.extend(archive.append(&[event(n, "body")]).unwrap());
    }
    let packs: Vec<u64> = archive.packs().unwrap().iter().map(|p| p.number).collect();
    assert_eq!(packs, [1, 2, 3, 4]);
    assert_eq!(archive.settled_upto(), Some(2));
    archive.drop_pack(1).unwrap();
    archive.drop_pack(1).unwrap();
    assert!(matches!(
        archive.read(locations[0]),
        Err(ArchiveError::Missing(1))
    ));
    assert_eq!(archive.read(locations[3]).unwrap(), event(4, "body"));
}

#[test]
fn a_reader_cannot_append() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open_read_only(dir.path());
    assert!(matches!(
        archive.append(&[event(1, "")]),
        Err(ArchiveError::ReadOnly)
    ));
    assert!(archive.packs().unwrap().is_empty());
}
