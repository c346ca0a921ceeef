//! The retention over a real store, archive and index.

use bytes::Bytes;
use protocol::ids::{EventId, ProjectId, PublicKey, RelayId};
use protocol::item::Category;
use protocol::outcome::Term;
use protocol::unit::ByteSize;

use super::*;
use crate::archive::StoredEvent;
use crate::audit;
use crate::index::{Document, Order, Replaces, Search};
use crate::store::events::EventRow;
use crate::store::items::{NewItem, Wanted};
use crate::store::ledger::{FOLDED_HOUR, LedgerRow};

const DAY_MILLIS: i64 = 24 * 3_600_000;
/// Hundred days after the first event.
const NOW: Timestamp = Timestamp::from_millis(20_000 * DAY_MILLIS);

struct Hub {
    retention: Retention,
    dir: tempfile::TempDir,
}

impl Hub {
    async fn new(pack_bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("hub.db")).await.unwrap();
        store
            .execute("INSERT INTO organizations VALUES (1, 'org', 'Org', 0)")
            .await;
        store
            .execute(
                "INSERT INTO projects (id, organization_id, slug, name, created_at)
                 VALUES (1, 1, 'shop', 'Shop', 0)",
            )
            .await;
        let archive = Archive::open(&dir.path().join("packs"), ByteSize(pack_bytes)).unwrap();
        let index = Index::open(&dir.path().join("index")).unwrap();
        let retention = Retention::new(store, archive, index, Config::default());
        Self { retention, dir }
    }

    /// Stores an event of an issue, so many days old.
    async fn event(&self, row: i64, issue: i64, days: i64) {
        let parts = &self.retention;
        let timestamp = NOW.plus_millis(-days * DAY_MILLIS);
        let stored = StoredEvent {
            project: ProjectId::new(1).unwrap(),
            event_id: EventId::from_bytes(u128::from(row.cast_unsigned()).to_be_bytes()),
            relay: RelayId::from_bytes([1; 16]),
            key: PublicKey::from_bytes([2; 16]),
            received_at: timestamp,
            sent_at: None,
            client: None,
            remote_addr: None,
            user_agent: None,
            trace: None,
            kind: "event".to_owned(),
            header: Bytes::from_static(b"{}"),
            payload: Bytes::from(format!("{{\"n\":{row},\"text\":\"{}\"}}", "x".repeat(2000))),
            relay_offset_millis: 0,
            place: None,
            alike: Vec::new(),
            stands_in: false,
        };
        let at = parts.archive.append(std::slice::from_ref(&stored)).unwrap()[0];
        parts
            .store
            .execute(
                "INSERT OR IGNORE INTO issues
                 (id, project_id, short_id, kind, title, culprit, metadata, level, platform,
                  is_unhandled, status, substatus, priority, first_seen, last_seen, times_seen,
                  users_seen, latest_event, grouping)
                 SELECT n, 1, n, 'error', 't', 'c', '{}', 'error', 'python', FALSE, 0, 7, 50, 0, 0,
                        1, 0, X'00', '[]'
                 FROM (SELECT 1 AS n UNION SELECT 2)",
            )
            .await;
        let mut write = parts.store.begin().await.unwrap();
        let event = EventRow {
            row,
            project: stored.project,
            event_id: stored.event_id,
            issue,
            timestamp,
            received_at: timestamp,
            digested_at: timestamp,
            pack: at.pack,
            offset: at.offset,
            item: at.item,
            weight: 1,
        };
        write.add_events(&[event]).await.unwrap();
        write.commit().await.unwrap();
        let document = Document {
            row,
            project: Some(stored.project),
            issue,
            event_id: Some(stored.event_id),
            timestamp,
            ..Document::default()
        };
        let added = parts.index.add(vec![document], Replaces::Nothing).await;
        added.unwrap();
    }

    /// Stores an attachment, so many days old.
    async fn file(&self, n: u64, days: i64) {
        let parts = &self.retention;
        let at = NOW.plus_millis(-days * DAY_MILLIS);
        let stored = StoredEvent {
            project: ProjectId::new(1).unwrap(),
            event_id: EventId::from_bytes(u128::from(n).to_be_bytes()),
            relay: RelayId::from_bytes([1; 16]),
            key: PublicKey::from_bytes([2; 16]),
            received_at: at,
            sent_at: None,
            client: None,
            remote_addr: None,
            user_agent: None,
            trace: None,
            kind: "attachment".to_owned(),
            header: Bytes::from_static(b"{}"),
            payload: Bytes::from(format!("file {n} {}", "x".repeat(2000))),
            relay_offset_millis: 0,
            place: None,
            alike: Vec::new(),
            stands_in: false,
        };
        let place = parts.archive.append(std::slice::from_ref(&stored)).unwrap()[0];
        let item = NewItem {
            project: stored.project,
            kind: stored.kind.clone(),
            event_id: Some(stored.event_id),
            name: "a.txt".to_owned(),
            identity: None,
            traces: vec![[1; 16]],
            facts: "{}".to_owned(),
            size: 1,
            timestamp: at,
            received_at: at,
            sample_rate: protocol::roster::SampleRate::ALL,
            measured: None,
        };
        let place = Place {
            pack: place.pack,
            offset: place.offset,
            item: place.item,
        };
        let mut write = parts.store.begin().await.unwrap();
        write.add_items(&[(&item, place)], at).await.unwrap();
        write.commit().await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        self.retention.store.number(sql).await
    }

    fn packs(&self) -> usize {
        self.retention.archive.packs().unwrap().len()
    }
}

#[tokio::test]
async fn old_events_go_with_their_issues_documents_and_packs() {
    let hub = Hub::new(1).await;
    for n in 1..=20 {
        hub.event(n, 1, 100).await;
    }
    hub.event(21, 2, 1).await;
    hub.event(22, 2, 1).await;
    hub.retention.index.commit().await.unwrap();
    let db = hub.dir.path().join("hub.db");
    assert_eq!(hub.packs(), 22);

    let report = hub.retention.run(NOW).await.unwrap();
    assert_eq!((report.events, report.issues, report.packs), (20, 1, 20));
    assert_eq!(hub.packs(), 2);
    assert_eq!(hub.number("SELECT COUNT(*) FROM events").await, 2);
    assert_eq!(hub.number("SELECT MIN(id) FROM issues").await, 2);
    assert_eq!(hub.retention.store.free_pages().await.unwrap(), 0);
    let wal = std::fs::metadata(db.with_extension("db-wal")).unwrap();
    assert!(wal.len() < 64 * 1024, "{}", wal.len());
    let hits = hub
        .retention
        .index
        .events(Search::everything(), Order::Newest, None, 10);
    assert_eq!(hits.await.unwrap().len(), 2);

    let again = hub.retention.run(NOW).await.unwrap();
    assert_eq!(again, Report::default());
}

#[tokio::test]
async fn the_database_file_shrinks() {
    let hub = Hub::new(64 << 20).await;
    hub.event(1, 1, 1).await;
    hub.retention
        .store
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
             INSERT INTO issue_tags SELECT 2, 'k', 'value' || i, 1, 0, 0 FROM n",
        )
        .await;
    hub.retention.store.give_back().await.unwrap();
    let db = hub.dir.path().join("hub.db");
    let full = std::fs::metadata(&db).unwrap().len();
    hub.retention.store.execute("DELETE FROM issue_tags").await;
    hub.retention.run(NOW).await.unwrap();
    let empty = std::fs::metadata(&db).unwrap().len();
    assert!(empty * 3 < full, "{empty} of {full}");
}

#[tokio::test]
async fn a_pack_of_which_little_is_wanted_is_emptied_and_dropped() {
    // Each pack takes about ten bodies.
    let hub = Hub::new(1000).await;
    let mut row = 0;
    while hub.packs() < 4 {
        row += 1;
        let is_late = row == 3;
        hub.event(
            row,
            if is_late { 2 } else { 1 },
            if is_late { 1 } else { 100 },
        )
        .await;
    }
    let first = hub.retention.run(NOW).await.unwrap();
    assert_eq!(first.moved, 1);
    let second = hub.retention.run(NOW).await.unwrap();
    assert_eq!((second.packs, second.moved), (1, 0));
    let rows = hub.retention.store.events_after(0, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    let at = Location {
        pack: rows[0].pack,
        offset: rows[0].offset,
        item: rows[0].item,
    };
    let body = hub.retention.archive.read(at).unwrap();
    assert!(body.payload.starts_with(b"{\"n\":3,"));
}

#[tokio::test]
async fn the_ledger_is_folded_and_its_sums_stay() {
    let hub = Hub::new(1000).await;
    let row = |hour, quantity| LedgerRow {
        relay: RelayId::from_bytes([1; 16]),
        project: None,
        category: Category::Error,
        term: Term::Accepted,
        reason: String::new(),
        hour,
        quantity,
    };
    let mut write = hub.retention.store.begin().await.unwrap();
    let rows = [row(1, 3), row(2, 4), row(NOW.hour(), 5)];
    write.add_ledger(&rows).await.unwrap();
    write.commit().await.unwrap();
    for _ in 0..2 {
        hub.retention.run(NOW).await.unwrap();
        let kept = hub
            .retention
            .store
            .ledger_between(0, i64::MAX)
            .await
            .unwrap();
        let kept: Vec<_> = kept.iter().map(|row| (row.hour, row.quantity)).collect();
        assert_eq!(kept, [(FOLDED_HOUR, 7), (NOW.hour(), 5)]);
    }
}

#[tokio::test]
async fn issues_grow_old() {
    let hub = Hub::new(1000).await;
    hub.event(1, 1, 1).await;
    hub.retention.run(NOW).await.unwrap();
    assert_eq!(
        hub.number("SELECT substatus FROM issues WHERE id = 1")
            .await,
        3
    );
}

#[tokio::test]
async fn items_keep_their_packs_are_moved_and_go_in_their_time() {
    let hub = Hub::new(1000).await;
    hub.file(1, 1).await;
    let mut row = 0;
    while hub.packs() < 4 {
        row += 1;
        hub.event(row, 1, 100).await;
    }
    hub.file(2, 100).await;
    let first = hub.retention.run(NOW).await.unwrap();
    assert_eq!((first.items, first.moved), (1, 1));
    let second = hub.retention.run(NOW).await.unwrap();
    assert_eq!((second.items, second.moved), (0, 0));
    assert_eq!(hub.number("SELECT COUNT(*) FROM item_traces").await, 1);
    let wanted = Wanted::default();
    let items = hub
        .retention
        .store
        .items(1, &wanted, None, 10)
        .await
        .unwrap();
    assert_eq!(items.len(), 1);
    let at = Location {
        pack: items[0].place.pack,
        offset: items[0].place.offset,
        item: items[0].place.item,
    };
    let body = hub.retention.archive.read(at).unwrap();
    assert!(body.payload.starts_with(b"file 1 "));
}

#[tokio::test]
async fn parts_whose_item_does_not_come_go_once_their_relay_has_nothing_older() {
    const HOUR: i64 = 3_600_000;
    let hub = Hub::new(1000).await;
    let waiting = |records: u64, age: i64| {
        format!("{{\"lanes\":[{{\"lane\":4,\"records\":{records},\"oldest_age_ms\":{age}}}]}}")
    };
    let relays = [
        ("abreast", NOW.as_millis(), waiting(0, 0)),
        ("busy", NOW.as_millis(), waiting(3, 22 * HOUR)),
        ("behind", NOW.as_millis(), waiting(3, 30 * HOUR)),
        ("away", NOW.as_millis() - 2 * HOUR, waiting(0, 0)),
        ("silent", NOW.as_millis(), "{}".to_owned()),
    ];
    for (nth, (name, seen, report)) in (1..).zip(&relays) {
        let relay = format!("X'{}'", hex::encode([nth; 16]));
        let sql = format!(
            "INSERT INTO relays (id, name, certificate, joined_at, last_seen_at, report)
             VALUES ({relay}, '{name}', {relay}, 0, {seen}, '{report}')"
        );
        hub.retention.store.execute(sql.leak()).await;
        for (whole, hours) in [(1, 47), (2, 49), (3, 32 * 24)] {
            let at = NOW.as_millis() - hours * HOUR;
            let sql = format!(
                "INSERT INTO item_parts (relay_id, whole, nth, project_id, event_id, chain, size,
                     digested_at, pack, pack_offset, pack_item)
                 VALUES ({relay}, X'0{whole}', 0, 1, X'00', X'00', 1, {at}, 1, 0, 0)"
            );
            hub.retention.store.execute(sql.leak()).await;
        }
    }
    let report = hub.retention.run(NOW).await.unwrap();
    // All of a month, and those of two days of the two that would have sent the item.
    assert_eq!(report.parts, 5 + 2);
    let left = "SELECT COUNT(*) FROM item_parts WHERE whole = X'02'";
    assert_eq!(hub.number(left).await, 3);
}

#[tokio::test]
async fn entries_of_the_audit_log_go_when_they_are_too_old_and_one_says_so() {
    let hub = Hub::new(1).await;
    let store = &hub.retention.store;
    for days in [800, 740, 3, 1] {
        let at = NOW.plus_millis(-days * DAY_MILLIS);
        let deed = async { store.begin().await.unwrap().commit().await.unwrap() };
        audit::during(at, audit::Actor::default(), "team.create", deed).await;
    }
    hub.retention.run(NOW).await.unwrap();
    let left = store.audit_behind(0).await.unwrap();
    let names: Vec<_> = left.iter().map(|link| link.entry.action.as_str()).collect();
    assert_eq!(names, ["team.create", "team.create", audit::chain::TRIM]);
    store.verify_audit().await.unwrap().unwrap();
    hub.retention.run(NOW).await.unwrap();
    assert_eq!(hub.number("SELECT COUNT(*) FROM audit_log").await, 3);
}
