//! Golden bytes of every frame, and properties of reading them.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use serde_bytes::ByteBuf;

use super::*;
use crate::dict::DictId;
use crate::ids::{Epoch, Lane, ProjectId, RelayId, Seq};
use crate::item::Category;
use crate::limits::{BLOCK_BYTES_MAX, CONFIG_BYTES_MAX, FRAME_BYTES_MAX};
use crate::outcome::{LaneDigest, Term};
use crate::timestamp::Timestamp;

fn examples() -> Vec<Frame> {
    let at = Timestamp::from_millis(1_767_323_045_678);
    let relay = RelayId::from_bytes([0xab; 16]);
    let lane = Lane::Errors;
    let sum = Sum {
        project: ProjectId::new(1).unwrap(),
        category: Category::Error,
        n: 6,
    };
    vec![
        Frame::Hello(Hello {
            proto_min: 1,
            proto_max: 1,
            relay,
            epoch: Epoch(7),
            lanes: vec![LaneState {
                lane,
                oldest: Seq(3),
                next: Seq(9),
                bytes: 4096,
                start: Seq(8),
                acked: Seq(1),
            }],
            version: "0.1.0".to_owned(),
            roster_version: 4,
            dicts: vec![0, 1],
            wall: at,
            capabilities: vec![],
            generation: 3,
            instance: 0x1_0000_0000,
            ancestors: vec![5, 6],
        }),
        Frame::Welcome(Welcome {
            proto: 1,
            cursors: vec![Cursor {
                lane,
                upto: Seq(2),
                digest: Some(LaneDigest(0x0102_0304_0506_0708)),
            }],
            hub_time: at,
            roster_version: 5,
            window: 16,
            session: 1,
            region: Some("eu".parse().unwrap()),
        }),
        Frame::Batch(Bytes::from_static(b"\x9b...")),
        Frame::Ack(Ack {
            lane,
            upto: Seq(8),
            digest: Some(LaneDigest(0x0102_0304_0506_0708)),
            sums: vec![sum],
        }),
        Frame::Nack(Nack {
            lane,
            first_seq: Seq(3),
            count: 6,
            reason: "hub cannot commit".to_owned(),
            verdict: Verdict::RetryAfterMillis(1000),
        }),
        Frame::Gap(Gap {
            lane,
            from: Seq(1),
            upto: Seq(2),
            reason: GapReason::Lost,
        }),
        Frame::Credit(Credit { window: 2 }),
        Frame::Config(Config {
            bytes: vec![0x80],
            signatures: vec![ConfigSignature {
                key: [0xce; 32],
                signature: [0xcf; 64],
            }],
        }),
        Frame::ConfigStatus(ConfigStatus {
            version: 5,
            outcome: ConfigOutcome::Rejected,
            reason: "older".to_owned(),
        }),
        Frame::Report(report(at, sum)),
        Frame::Goaway(Goaway {
            reason: "stopping".to_owned(),
            drain_ms: 2000,
            alternatives: vec!["hub-2:4801".to_owned()],
        }),
        Frame::Ping(Ping {
            nonce: 1,
            answer: false,
        }),
        Frame::Join(Join {
            token_id: "a1".to_owned(),
            secret: "s".to_owned(),
            csr: vec![0x30, 0],
            name: "shop-12".to_owned(),
            version: "0.1.0".to_owned(),
        }),
        Frame::Joined(Joined {
            relay,
            certificate: vec![0x30, 0],
            authorities: vec![ByteBuf::from([0x30, 0])],
            hub: "hub:4801".to_owned(),
            config_key: Some([0xce; 32]),
            alternatives: Vec::new(),
        }),
        Frame::Error(ErrorBody {
            code: CloseCode::BadToken.code(),
            message: "join token is not valid".to_owned(),
        }),
        Frame::DictGet(DictGet {
            id: DictId(0x0102_0304),
        }),
        Frame::Dict(Dict {
            bytes: vec![0x37, 0xa4, 0x30, 0xec],
        }),
        Frame::Erased(Erased {
            id: 3,
            records: 2,
            items: 5,
            left: 1,
        }),
        Frame::DiagGet(DiagGet { nonce: 7 }),
        Frame::Diag(Diag {
            nonce: 7,
            json: b"{}".to_vec(),
        }),
        Frame::Rewind(Rewind {
            cursors: vec![Cursor {
                lane,
                upto: Seq(2),
                digest: None,
            }],
        }),
        Frame::CertRequest(CertRequest { csr: vec![0x30, 0] }),
        Frame::Cert(Cert {
            certificate: vec![0x30, 0],
            authorities: vec![ByteBuf::from([0x30, 0]), ByteBuf::from([0x30, 1, 5])],
        }),
        Frame::Close(ErrorBody {
            code: CloseCode::Revoked.code(),
            message: "relay is revoked".to_owned(),
        }),
    ]
}

fn report(at: Timestamp, sum: Sum) -> Report {
    Report {
        version: "0.1.0".to_owned(),
        wall: at,
        roster_version: 5,
        spool_bytes: 4096,
        spool_bytes_max: 1 << 31,
        lanes: vec![Backlog {
            lane: Lane::Errors,
            records: 6,
            bytes: 4096,
            oldest_received_at: Some(at),
        }],
        rtt_ms: 40,
        carrier: Some("quic".to_owned()),
        loss_ppm: Some(12_000),
        sent_per_second: 9000,
        durability: "fsync".to_owned(),
        disk: DiskReport {
            total_bytes: 1 << 35,
            free_bytes: 1 << 34,
            sync_last_us: 900,
            sync_max_us: 48_000,
            last_error: Some("no space".to_owned()),
            last_error_at: Some(at),
        },
        books: Some(Books {
            epoch: Epoch(7),
            totals: vec![Total {
                project: Some(ProjectId::new(1).unwrap()),
                category: Category::Error,
                term: Term::Refused,
                reason: "too_large".to_owned(),
                n: 2,
            }],
            delivered: vec![sum],
            waiting: vec![sum],
            is_whole: true,
        }),
        asks_sums: true,
        differences: vec![Difference {
            lane: Lane::Errors,
            upto: Seq(8),
            project: Some(ProjectId::new(1).unwrap()),
            category: Category::Error,
            relay: 6,
            hub: 5,
        }],
        process: Some(ProcessReport {
            cpu_ms: 1200,
            rss_bytes: 1 << 25,
        }),
        bandwidth_max: Some(8000),
        is_quiet: true,
    }
}

#[test]
fn every_frame_has_its_golden_bytes() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for frame in examples() {
        let bytes = frame.to_bytes().unwrap();
        writeln!(text, "{} {}", frame.name(), hex::encode(&bytes)).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn wire_md_shows_the_golden_bytes() {
    let document = include_str!("../../WIRE.md");
    for frame in examples() {
        let hex = hex::encode(frame.to_bytes().unwrap());
        let document: String = document.split_whitespace().collect();
        assert!(document.contains(&hex), "{} {hex}", frame.name());
    }
}

#[test]
fn frames_are_read_as_they_were_written_however_they_arrive() {
    let mut all = BytesMut::new();
    for frame in examples() {
        frame.encode(&mut all).unwrap();
        assert_eq!(Frame::parse(&frame.to_bytes().unwrap()).unwrap(), frame);
    }
    for step in [1, 3, 1000] {
        let mut input = BytesMut::new();
        let mut read = Vec::new();
        for piece in all.chunks(step) {
            input.put_slice(piece);
            while let Some(frame) = Frame::decode(&mut input).unwrap() {
                read.push(frame);
            }
        }
        assert_eq!(read, examples());
    }
}

#[test]
fn a_frame_of_a_later_version_is_skipped_where_it_says_so() {
    let ping = Frame::Ping(Ping {
        nonce: 1,
        answer: true,
    });
    let mut input = BytesMut::from(&[0x70, 1, 2, 0xc0, 0xc0][..]);
    ping.encode(&mut input).unwrap();
    assert_eq!(Frame::decode(&mut input).unwrap(), Some(ping));

    let mut input = BytesMut::from(&[0x70, 0, 2, 0xc0, 0xc0][..]);
    let result = Frame::decode(&mut input);
    assert!(matches!(result, Err(WireError::UnknownFrame(0x70))));
}

#[test]
fn a_field_of_a_later_version_is_skipped_and_a_missing_one_has_its_default() {
    #[derive(serde::Serialize)]
    struct Later {
        p: u16,
        t: i64,
        later: Vec<u8>,
    }
    let body = encode_msgpack_named(&Later {
        p: 1,
        t: 0,
        later: vec![1],
    })
    .unwrap();
    let welcome: Welcome = decode_msgpack(&body).unwrap();
    assert_eq!((welcome.proto, welcome.window), (1, 4));
}

#[test]
fn the_most_that_a_report_tells_fits_a_frame() {
    let sum = Sum {
        project: ProjectId::new(u64::from(u32::MAX)).unwrap(),
        category: Category::LogItem,
        n: u64::MAX,
    };
    let mut report = report(Timestamp::from_millis(1_767_323_045_678), sum);
    let books = report.books.as_mut().unwrap();
    let total = Total {
        project: Some(sum.project),
        category: sum.category,
        reason: "r".repeat(64),
        n: sum.n,
        ..books.totals[0].clone()
    };
    books.totals = vec![total; Report::TOTALS_MAX];
    books.delivered = vec![sum; Report::TOTALS_MAX];
    books.waiting = vec![sum; Report::TOTALS_MAX];
    report.differences = vec![report.differences[0]; Report::DIFFERENCES_MAX];
    let mut frame = BytesMut::new();
    Frame::Report(report).encode(&mut frame).unwrap();
    assert!(frame.len() < FRAME_BYTES_MAX, "{} bytes", frame.len());
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_the_body_arrives() {
    let check = |code: u8, len: usize| {
        let mut input = BytesMut::from(&[code, 0][..]);
        let mut rest = len;
        while rest >= 0x80 {
            input.put_u8(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        input.put_u8(rest.to_le_bytes()[0]);
        Frame::decode(&mut input).is_err()
    };
    assert!(!check(0x04, FRAME_BYTES_MAX));
    assert!(check(0x04, FRAME_BYTES_MAX + 1));
    assert!(!check(0x08, CONFIG_BYTES_MAX));
    assert!(check(0x08, CONFIG_BYTES_MAX + 1));
    assert!(!check(0x03, BLOCK_BYTES_MAX));
    assert!(check(0x03, BLOCK_BYTES_MAX + 1));
    let mut endless = BytesMut::from(&[4, 0, 0x80, 0x80, 0x80, 0x80][..]);
    assert!(matches!(
        Frame::decode(&mut endless),
        Err(WireError::Length)
    ));
}

#[test]
fn close_codes_round_trip() {
    for code in CloseCode::ALL {
        assert_eq!(CloseCode::from_code(u64::from(code.code())), Some(code));
    }
    assert_eq!(CloseCode::from_code(999), None);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let mut input = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = Frame::decode(&mut input) {}
        drop(Frame::parse(&bytes.into()));
    }

    #[test]
    fn damaged_frames_never_panic(which in 0..20_usize, at: prop::sample::Index, with: u8) {
        let mut bytes = examples()[which].to_bytes().unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = with;
        drop(Frame::decode(&mut BytesMut::from(&bytes[..])));
    }
}
