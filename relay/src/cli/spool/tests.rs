//! The spool's commands, read and carried out on a directory.

use bytes::Bytes;
use clap::{CommandFactory as _, Parser as _};
use protocol::block::{Item, Items, Record};
use protocol::ids::{EventId, ProjectId, PublicKey};
use protocol::timestamp::Timestamp;

use super::*;
use crate::cli::Cli;

fn record(n: u8, payloads: &[&[u8]]) -> Record {
    let items = payloads.iter().map(|payload| Item {
        kind: "event".to_owned(),
        header: Bytes::from_static(b"{}"),
        payload: Bytes::copy_from_slice(payload),
    });
    Record::Items(Items {
        project: ProjectId::new(3).unwrap(),
        key: PublicKey::from_bytes([7; 16]),
        received_at: Timestamp::from_millis(1_767_323_045_000),
        sent_at: None,
        event_id: Some(EventId::from_bytes([n; 16])),
        client: Some("sentry.python/2.75.0".to_owned()),
        remote_addr: None,
        user_agent: None,
        trace: None,
        items: items.collect(),
    })
}

async fn filled(dir: &Path) -> spool::Config {
    let config = spool::Config {
        dir: dir.to_path_buf(),
        bytes_max: Some("16 MiB".parse().unwrap()),
        free_min: Some("0 B".parse().unwrap()),
        ballast_bytes: "0 B".parse().unwrap(),
        append_timeout: "60s".parse().unwrap(),
        ..spool::Config::default()
    };
    let spool = Spool::open(&config, Ledger::default()).unwrap();
    let json = record(1, &[br#"{"n":1.50}"#]);
    let both = vec![
        (Lane::Errors, json),
        (Lane::Blobs, record(1, &[&[0xff, 0]])),
    ];
    spool.append(both).await.unwrap();
    for n in 2..=4 {
        let lines = record(n, &[b"{\n}"]);
        spool.append(vec![(Lane::Errors, lines)]).await.unwrap();
    }
    spool.close().await.unwrap();
    config
}

fn cat(inspector: &Inspector, lanes: &[Lane], limit: Option<u64>) -> Vec<serde_json::Value> {
    let mut out = Vec::new();
    cat::print(inspector, lanes, limit, false, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
    for line in [
        "vedette-relay spool ls",
        "vedette-relay spool --dir /tmp/x ls --json",
        "vedette-relay spool verify --dir /tmp/x",
        "vedette-relay spool cat --lane L1 --lane logs --limit 3",
        "vedette-relay spool stats --config /tmp/relay.toml",
        "vedette-relay spool repair --json",
        "vedette-relay spool export --lane errors /tmp/parcel",
        "vedette-relay spool import /tmp/receipt",
        "vedette-relay audit --dir /tmp/x",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    let unknown = "vedette-relay spool cat --lane nonsense";
    assert!(Cli::try_parse_from(unknown.split(' ')).is_err());
}

#[tokio::test]
async fn records_are_printed_as_lines_of_json() {
    let dir = tempfile::tempdir().unwrap();
    let config = filled(dir.path()).await;
    let inspector = Inspector::open(&config.dir, Keys::default()).unwrap();
    let lines = cat(&inspector, &with_backlog(&[]), None);
    assert_eq!(lines.len(), 5);
    let first = &lines[0];
    assert_eq!(
        (&first["lane"], &first["seq"]),
        (&"errors".into(), &1.into())
    );
    let envelope = &first["envelope"];
    assert_eq!(envelope["project"], 3);
    assert_eq!(envelope["client"], "sentry.python/2.75.0");
    assert_eq!(envelope["items"][0]["type"], "event");
    assert_eq!(envelope["items"][0]["payload"]["n"], 1.5);
    // Neither JSON nor fit for a line.
    assert_eq!(
        lines[4]["envelope"]["items"][0]["payload"]["base64"],
        "/wA="
    );
    assert_eq!(
        lines[1]["envelope"]["items"][0]["payload"]["base64"],
        "ewp9"
    );
    let two = cat(&inspector, &with_backlog(&[Lane::Errors]), Some(2));
    assert_eq!(two, lines[..2]);
    let blobs = cat(&inspector, &with_backlog(&[Lane::Blobs]), None);
    assert_eq!(blobs, lines[4..]);
}

#[tokio::test]
async fn what_is_found_is_shown_to_people() {
    let dir = tempfile::tempdir().unwrap();
    let config = filled(dir.path()).await;
    let inspector = Inspector::open(&config.dir, Keys::default()).unwrap();
    let stats = show::Stats {
        listing: inspector.list().unwrap(),
        accounts: inspector.accounts().unwrap(),
    };
    let mut text = Vec::new();
    show::listing(&mut text, &stats.listing).unwrap();
    show::stats(&mut text, &stats).unwrap();
    show::verified(&mut text, &inspector.verify().unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    for expected in [
        "no relay has it open",
        "active",
        "balanced: received = accepted + refused",
        "5 records are as written, 0 damages",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(json["lanes"][0]["lane"], "errors");
    assert_eq!(json["accounts"]["sum"]["accepted"], 5);
}

#[test]
fn a_lane_is_asked_for_with_its_backlog() {
    assert_eq!(with_backlog(&[]), Lane::ALL);
    assert_eq!(
        with_backlog(&[Lane::Logs, Lane::Errors]),
        [Lane::Errors, Lane::ErrorsBacklog, Lane::Logs]
    );
    assert_eq!(with_backlog(&[Lane::ErrorsBacklog]), [Lane::ErrorsBacklog]);
}

#[test]
fn a_directory_without_a_spool_is_told_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let error = Inspector::open(dir.path(), Keys::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("holds no spool") && error.contains("--dir"),
        "{error}"
    );
}
