//! Blocks as examples and properties.

use proptest::prelude::*;

use super::*;
use crate::ids::ProjectId;
use crate::outcome::{Term, reason};

fn items(project: u64, kind: &str, payload: Vec<u8>) -> Record {
    Record::Items(Items {
        project: ProjectId::new(project).unwrap(),
        key: PublicKey::from_bytes([7; 16]),
        received_at: Timestamp::from_millis(1_767_323_045_678),
        sent_at: Some(Timestamp::from_millis(1_767_323_045_600)),
        event_id: Some(EventId::from_bytes([9; 16])),
        client: Some("sentry.python/2.75.0".to_owned()),
        remote_addr: None,
        user_agent: None,
        trace: Some(Bytes::from_static(b"{\"trace_id\":\"0\"}")),
        items: vec![Item {
            kind: kind.to_owned(),
            header: Bytes::from_static(b"{}"),
            payload: payload.into(),
        }],
    })
}

fn ledger(n: u64) -> Record {
    Record::Ledger(LedgerDelta {
        at: Timestamp::from_millis(1),
        counts: vec![(
            Account {
                project: None,
                category: Category::Error,
                term: Term::Refused,
                reason: reason::AUTH.into(),
            },
            n,
        )],
    })
}

/// An event and others like it.
fn folded(project: u64, minutes: Vec<(i64, u32)>) -> Record {
    let Record::Items(items) = items(project, "event", b"{}".to_vec()) else {
        unreachable!()
    };
    let at = Timestamp::from_millis(1);
    let alike = Alike {
        user: Some(Bytes::from_static(b"{\"id\":1}")),
        remote_addr: None,
        first: at,
        last: at,
        minutes,
    };
    Record::Folded(Folded {
        items,
        alike: vec![alike],
    })
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn sealed() -> Sealed {
    let event = br#"{"exception":{"values":[{"type":"ValueError"}]}}"#.to_vec();
    let records = [
        items(1, "event", event),
        items(2, "event", vec![]),
        ledger(3),
    ];
    seal(Epoch(5), Lane::Errors, Seq(10), &records).unwrap()
}

#[test]
fn a_block_tells_its_head_without_being_opened() {
    let block = sealed();
    let head = read_head(&block.bytes).unwrap();
    assert_eq!(head, block.head);
    assert_eq!((head.first_seq, head.last_seq()), (Seq(10), Seq(12)));
    let counts: Vec<_> = head.counts.iter().map(|c| (c.project.get(), c.n)).collect();
    assert_eq!(counts, [(1, 1), (2, 1)]);
}

#[test]
fn every_flipped_bit_is_found() {
    let block = sealed();
    for bit in 0..block.bytes.len() * 8 {
        let mut bytes = block.bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(read_head(&bytes).is_err(), "bit {bit}");
    }
    for len in 0..block.bytes.len() {
        assert!(read_head(&block.bytes[..len]).is_err(), "length {len}");
    }
}

#[test]
fn the_builder_goes_on_behind_the_block_it_sealed() {
    let mut builder = Builder::new(Epoch(1), Lane::Logs, Seq(1));
    assert!(matches!(builder.seal(), Err(BlockError::Empty)));
    builder.push(&ledger(1)).unwrap();
    builder.push(&ledger(2)).unwrap();
    assert_eq!(builder.seal().unwrap().head.last_seq(), Seq(2));
    builder.push(&ledger(3)).unwrap();
    assert_eq!(builder.seal().unwrap().head.first_seq, Seq(3));
}

#[test]
fn a_full_block_leaves_the_record_for_the_next() {
    let mut builder = Builder::new(Epoch(1), Lane::Blobs, Seq(1));
    let megabyte = items(1, "attachment", noise(1024 * 1024));
    builder.push(&megabyte).unwrap();
    builder.push(&megabyte).unwrap();
    assert!(matches!(builder.push(&megabyte), Err(BlockError::Full)));
    let block = builder.seal().unwrap();
    assert_eq!(open(&block.bytes).unwrap().1, [megabyte.clone(), megabyte]);
}

#[test]
fn a_record_that_fits_no_block_is_an_error_and_takes_no_number() {
    let mut builder = Builder::new(Epoch(1), Lane::Blobs, Seq(1));
    let huge = items(1, "attachment", vec![0; BLOCK_RAW_BYTES_MAX]);
    assert!(matches!(
        builder.push(&huge),
        Err(BlockError::RawTooLarge { .. })
    ));
    builder
        .push(&items(1, "attachment", noise(BLOCK_BYTES_MAX)))
        .unwrap();
    assert!(matches!(builder.seal(), Err(BlockError::TooLarge { .. })));
    assert_eq!(builder.next_seq(), Seq(1));
    builder
        .push(&items(1, "attachment", vec![0; BLOCK_BYTES_MAX]))
        .unwrap();
    assert!(builder.seal().is_ok(), "it compresses");
}

#[test]
fn a_declared_size_is_enforced() {
    let lying = |raw_len: u32| {
        let payload = compress(DictId::NONE, &[0xc0; 100]).unwrap();
        decompress(DictId::NONE, &payload, raw_len as usize)
    };
    assert!(lying(100).is_ok());
    assert!(matches!(lying(99), Err(BlockError::Declared { .. })));
    assert!(matches!(lying(101), Err(BlockError::Declared { .. })));
}

#[test]
fn the_built_in_dictionary_shrinks_a_single_small_event() {
    let event = concat!(
        r#"{"level":"error","exception":{"values":[{"mechanism":{"type":"generic","handled":true},"#,
        r#""module":null,"type":"ValueError","value":"x","stacktrace":{"frames":[{"filename":"#,
        r#""app.py","abs_path":"/srv/app.py","function":"f","module":"app","lineno":3}]}}]},"#,
        r#""contexts":{"runtime":{"name":"CPython","version":"3.11.7"}},"platform":"python"}"#,
    );
    let len = |dict| {
        let mut builder = Builder::with_dict(Epoch(1), Lane::Errors, Seq(1), dict);
        builder.push(&items(1, "event", event.into())).unwrap();
        builder.seal().unwrap().bytes.len()
    };
    let (plain, based) = (len(DictId::NONE), len(DictId::BUILT_IN));
    assert!(based * 3 < plain * 2, "{based} of {plain}");
    let mut unknown = Builder::with_dict(Epoch(1), Lane::Errors, Seq(1), DictId(9));
    unknown.push(&ledger(1)).unwrap();
    assert!(matches!(unknown.seal(), Err(BlockError::Dict(DictId(9)))));
}

#[test]
fn the_built_in_dictionary_holds_nothing_personal() {
    let dict = include_bytes!("../dict/base.dict");
    for needle in [
        "41111111",
        "hunter2",
        "jane",
        "@example",
        "203.0.113",
        "078-05",
        "PLACEHOLDER",
        "/home/",
    ] {
        let found = dict
            .windows(needle.len())
            .any(|window| window == needle.as_bytes());
        assert!(!found, "{needle}");
    }
}

#[test]
fn of_a_block_that_a_later_program_compressed_the_head_is_read() {
    let sealed = sealed();
    let covered = sealed.bytes.len() - CHECKSUM_LEN;
    let with_codec = |at: usize| {
        let mut bytes = sealed.bytes[..covered].to_vec();
        bytes[at] = 9;
        let checksum = crc32c::crc32c(&bytes);
        bytes.push(CHECKSUM_MARKER);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        bytes
    };
    let later = (0..covered)
        .map(with_codec)
        .find(|bytes| matches!(open(bytes), Err(BlockError::Codec(9))))
        .unwrap();
    assert_eq!(read_head(&later).unwrap(), sealed.head);
}

#[test]
fn of_a_block_of_a_later_format_the_head_is_read() {
    let sealed = sealed();
    let covered = sealed.bytes.len() - CHECKSUM_LEN;
    let with = |n_fields: &[u8], version: u8, behind: &[u8]| {
        let fields = &sealed.bytes[2..covered];
        let mut bytes = [n_fields, &[version], fields, behind].concat();
        let checksum = crc32c::crc32c(&bytes);
        bytes.push(CHECKSUM_MARKER);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        bytes
    };
    assert_eq!(with(&sealed.bytes[..1], FORMAT, &[]), sealed.bytes);
    let nil = 0xc0;
    for (n_fields, version, behind) in [
        (&[0x9b][..], 2, &[][..]),
        (&[0x9d], 9, &[nil, 5]),
        (&[0xdc, 0, 20], 0x7f, &[nil; 9]),
    ] {
        let later = with(n_fields, version, behind);
        assert_eq!(read_head(&later).unwrap(), sealed.head, "{version}");
        let opened = open(&later);
        assert!(
            matches!(opened, Err(BlockError::Version(of)) if of == version),
            "{opened:?}"
        );
    }
    let before = with(&sealed.bytes[..1], 0, &[]);
    assert!(matches!(read_head(&before), Err(BlockError::Version(0))));
}

#[test]
fn events_that_are_told_together_count_as_all_of_them() {
    let records = [
        folded(1, vec![(7, 3), (8, 96)]),
        items(1, "event", b"{}".to_vec()),
    ];
    let sealed = seal(Epoch(3), Lane::Errors, Seq(1), &records).unwrap();
    let count = ItemCount {
        project: ProjectId::new(1).unwrap(),
        category: Category::Error,
        n: 101,
    };
    assert_eq!(sealed.head.counts, [count]);
    assert_eq!(open(&sealed.bytes).unwrap().1, records);
}

fn any_record() -> impl Strategy<Value = Record> {
    let payload = prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        (
            1..50_u64,
            prop_oneof!["event", "log", "future_kind"],
            payload
        )
            .prop_map(|(project, kind, payload)| items(project, &kind, payload)),
        any::<u64>().prop_map(ledger),
        (
            1..50_u64,
            prop::collection::vec((any::<i64>(), any::<u32>()), 0..5)
        )
            .prop_map(|(project, minutes)| folded(project, minutes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn opening_gives_back_what_was_sealed(
        records in prop::collection::vec(any_record(), 1..20),
        lane in 0..5_u8,
        first_seq in 1..u64::MAX - 100,
    ) {
        let lane = Lane::try_from(lane).unwrap();
        let block = seal(Epoch(3), lane, Seq(first_seq), &records).unwrap();
        let (head, read) = open(&block.bytes).unwrap();
        prop_assert_eq!(head, block.head);
        prop_assert_eq!(read, records);
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
        drop(open(&bytes));
        // Past the checksum, too.
        let checksum = crc32c::crc32c(&bytes);
        bytes.push(CHECKSUM_MARKER);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        drop(open(&bytes));
    }

    #[test]
    fn damage_with_a_right_checksum_never_panics(at: prop::sample::Index, with: u8) {
        let mut bytes = sealed().bytes.to_vec();
        bytes.truncate(bytes.len() - CHECKSUM_LEN);
        let at = at.index(bytes.len());
        bytes[at] = with;
        let checksum = crc32c::crc32c(&bytes);
        bytes.push(CHECKSUM_MARKER);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        drop(open(&bytes));
    }
}
