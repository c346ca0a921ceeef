//! The digest over a real store, archive and index.

mod books;
mod folded;
mod items;
mod parts;
mod states;

use std::collections::BTreeMap;

use protocol::block::{self, Item, Items, LedgerDelta, Record};
use protocol::ids::{EventId, PublicKey};
use protocol::item::Category;
use protocol::outcome::{Account, Counts, Reason, Term, reason};

use super::*;
use crate::archive::{Location, PACK_BYTES};
use crate::store::projects::NewProject;

const RELAY: RelayId = RelayId::from_bytes([1; 16]);
const EPOCH: Epoch = Epoch(7);
/// New issues of a project that these tests get by with.
const NEW_ISSUES_MAX: u32 = 30;
const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);

struct Hub {
    parts: Parts,
    handle: Handle,
    tracker: TaskTracker,
    cancel: CancellationToken,
    project: ProjectId,
    dir: tempfile::TempDir,
}

impl Hub {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("hub.db")).await.unwrap();
        store
            .execute(
                "INSERT INTO relays (id, name, certificate, joined_at)
                 VALUES (X'01010101010101010101010101010101', 'r', X'00', 0)",
            )
            .await;
        let mut write = store.begin().await.unwrap();
        let organization_id = write.add_organization("org", "Org", 0).await.unwrap();
        let project = NewProject {
            organization_id,
            slug: "shop",
            name: "Shop",
            platform: "python",
        };
        let project = write.add_project(project, 0).await.unwrap();
        write.commit().await.unwrap();
        let project = ProjectId::new(project.cast_unsigned()).unwrap();
        Self::over(dir, store, project)
    }

    fn over(dir: tempfile::TempDir, store: Store, project: ProjectId) -> Self {
        let parts = Parts {
            store,
            archive: Archive::open(&dir.path().join("packs"), PACK_BYTES).unwrap(),
            index: Index::open(&dir.path().join("index")).unwrap(),
            places: Places::default(),
            clock: || NOW,
            new_issues_max: NEW_ISSUES_MAX,
        };
        let tracker = TaskTracker::new();
        let cancel = CancellationToken::new();
        let handle = start(parts.clone(), &tracker, cancel.clone());
        Self {
            parts,
            handle,
            tracker,
            cancel,
            project,
            dir,
        }
    }

    /// Ends everything and opens it again.
    async fn again(self) -> Self {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        self.parts.index.close().await.unwrap();
        self.parts.store.close().await;
        drop((self.parts, self.handle));
        let store = Store::open(&self.dir.path().join("hub.db")).await.unwrap();
        Self::over(self.dir, store, self.project)
    }

    async fn deliver(&self, first: u64, records: &[Record]) -> Result<Applied, DigestError> {
        self.handle.deliver(delivery(first, records)).await
    }

    fn event(&self, n: u64, payload: &serde_json::Value) -> Record {
        self.item(n, "event", payload.to_string())
    }

    fn item(&self, n: u64, kind: &str, payload: String) -> Record {
        Record::Items(Items {
            project: self.project,
            key: PublicKey::from_bytes([2; 16]),
            received_at: NOW,
            sent_at: None,
            event_id: Some(event_id(n)),
            client: Some("sentry.python/2.0".to_owned()),
            remote_addr: None,
            user_agent: None,
            trace: None,
            items: vec![Item {
                kind: kind.to_owned(),
                header: Bytes::from_static(b"{}"),
                payload: Bytes::from(payload),
            }],
        })
    }

    /// Where items ended, by term and reason; and that each was received, accepted and ended.
    async fn ends(&self) -> BTreeMap<(Term, String), i64> {
        let mut sums = self.ledger().await;
        let mut take = |term| sums.remove(&(term, String::new())).unwrap_or_default();
        let (received, accepted) = (take(Term::Received), take(Term::Accepted));
        assert_eq!((received, accepted), (accepted, sums.values().sum()));
        sums
    }

    /// Sums of the ledger, by term and reason.
    async fn ledger(&self) -> BTreeMap<(Term, String), i64> {
        let mut sums = BTreeMap::new();
        for row in self.parts.store.ledger_totals().await.unwrap() {
            *sums.entry((row.term, row.reason)).or_default() += row.quantity;
        }
        sums.retain(|_, n| *n != 0);
        sums
    }

    async fn number(&self, sql: &'static str) -> i64 {
        self.parts.store.number(sql).await
    }
}

fn event_id(n: u64) -> EventId {
    EventId::from_bytes(u128::from(n).to_be_bytes())
}

fn delivery(first: u64, records: &[Record]) -> Delivery {
    let sealed = block::seal(EPOCH, Lane::Errors, Seq(first), records).unwrap();
    Delivery {
        relay: RELAY,
        head: sealed.head,
        block: sealed.bytes,
        arrived_at: NOW,
        relay_offset_millis: 0,
    }
}

fn error(ty: &str, user: u64, seconds: i64) -> serde_json::Value {
    serde_json::json!({
        "platform": "python",
        "timestamp": NOW.as_secs() + seconds,
        "release": "shop@1.0.0",
        "environment": "production",
        "user": {"id": user.to_string()},
        "tags": {"color": "red"},
        "exception": {"values": [{"type": ty, "value": format!("of {ty}"), "stacktrace": {"frames": [
            {"function": "run", "module": "shop.main", "filename": "main.py", "in_app": true}
        ]}}]},
    })
}

fn terms(expected: &[(Term, &str, i64)]) -> BTreeMap<(Term, String), i64> {
    let both = expected.iter();
    both.map(|(term, reason, n)| ((*term, (*reason).to_owned()), *n))
        .collect()
}

#[tokio::test]
async fn events_become_issues_with_exact_counts() {
    let hub = Hub::new().await;
    let mut live = hub.handle.subscribe();
    let records: Vec<_> = (1..=10)
        .map(|n| {
            let ty = if n <= 6 { "KeyError" } else { "ValueError" };
            hub.event(n, &error(ty, n % 4, -i64::try_from(n).unwrap()))
        })
        .collect();
    let applied = hub.deliver(1, &records).await.unwrap();
    assert_eq!(applied.upto, Seq(10));

    assert_eq!(hub.number("SELECT COUNT(*) FROM issues").await, 2);
    assert_eq!(hub.number("SELECT COUNT(*) FROM events").await, 10);
    let key_error = "SELECT times_seen FROM issues WHERE title = 'KeyError: of KeyError'";
    assert_eq!(hub.number(key_error).await, 6);
    assert_eq!(hub.number("SELECT SUM(users_seen) FROM issues").await, 8);
    assert_eq!(hub.number("SELECT COUNT(*) FROM issue_users").await, 8);
    assert_eq!(hub.number("SELECT SUM(n) FROM issue_hours").await, 10);
    let red = "SELECT SUM(times_seen) FROM issue_tags WHERE key = 'color' AND value = 'red'";
    assert_eq!(hub.number(red).await, 10);
    assert_eq!(hub.number("SELECT next_short_id FROM projects").await, 3);
    assert_eq!(
        hub.number("SELECT COUNT(*) FROM issue_changes WHERE kind = 'new_issue'")
            .await,
        2
    );
    assert_eq!(
        hub.number("SELECT COUNT(*) FROM releases WHERE version = 'shop@1.0.0'")
            .await,
        1
    );
    assert_eq!(hub.number("SELECT COUNT(*) FROM environments").await, 1);
    let latest = "SELECT COUNT(*) FROM issues i JOIN events e ON e.event_id = i.latest_event
                  AND e.timestamp = i.last_seen WHERE i.first_seen < i.last_seen";
    assert_eq!(hub.number(latest).await, 2);
    assert_eq!(live.recv().await.unwrap().kind, ChangedKind::New);

    let more = [hub.event(11, &error("KeyError", 9, 0))];
    hub.deliver(11, &more).await.unwrap();
    assert_eq!(hub.number(key_error).await, 7);
    assert_eq!(hub.number("SELECT SUM(users_seen) FROM issues").await, 9);
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", 11)]));

    let rows = hub.parts.store.events_after(0, 100).await.unwrap();
    for (place, row) in rows.iter().enumerate() {
        let at = Location {
            pack: row.pack,
            offset: row.offset,
            item: row.item,
        };
        let stored = hub.parts.archive.read(at).unwrap();
        assert_eq!(stored.event_id, row.event_id);
        assert_eq!(row.row, i64::try_from(place).unwrap() + 1);
    }
}

#[tokio::test]
async fn a_block_that_comes_twice_counts_once() {
    let hub = Hub::new().await;
    let records = [
        hub.event(1, &error("KeyError", 1, 0)),
        hub.event(2, &error("KeyError", 1, 0)),
        hub.event(3, &error("KeyError", 1, 0)),
    ];
    let first = delivery(1, &records[..2]);
    for _ in 0..2 {
        let applied = hub.handle.deliver(first.clone()).await.unwrap();
        assert_eq!(applied.upto, Seq(2));
    }
    // One that overlaps what is applied adds only what is new.
    hub.deliver(2, &records[1..]).await.unwrap();
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 3);
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", 3)]));
    let repeated = &hub.handle.counters().repeated_records;
    assert_eq!(repeated.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_event_that_comes_twice_is_booked_as_a_duplicate() {
    let hub = Hub::new().await;
    let same = hub.event(1, &error("KeyError", 1, 0));
    hub.deliver(1, &[same.clone(), same.clone()]).await.unwrap();
    hub.deliver(3, &[same]).await.unwrap();
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 1);
    let expected = [
        (Term::Applied, "", 1),
        (Term::Invalid, reason::DUPLICATE, 2),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
}

#[tokio::test]
async fn a_hole_is_refused_until_it_is_said_to_be_lost() {
    let hub = Hub::new().await;
    let record = hub.event(1, &error("KeyError", 1, 0));
    let result = hub.deliver(5, std::slice::from_ref(&record)).await;
    let (expected, got) = (Seq(1), Seq(5));
    assert!(
        matches!(result, Err(DigestError::Gap { expected: e, got: g }) if (e, g) == (expected, got))
    );
    let skip = Skip {
        relay: RELAY,
        epoch: EPOCH,
        lane: Lane::Errors,
        from: Seq(1),
        upto: Seq(4),
    };
    // What was handed in before it may not have been committed, and comes again.
    let behind = Skip {
        from: Seq(2),
        ..skip
    };
    let result = hub.handle.skip(behind).await;
    assert!(matches!(
        result,
        Err(DigestError::Gap {
            expected: Seq(1),
            got: Seq(2)
        })
    ));
    assert_eq!(hub.handle.skip(skip).await.unwrap().upto, Seq(4));
    assert_eq!(hub.deliver(5, &[record]).await.unwrap().upto, Seq(5));
    assert_eq!(hub.handle.skip(skip).await.unwrap().upto, Seq(5));
}

#[tokio::test]
async fn an_unknown_relay_is_refused_and_leaves_nothing() {
    let hub = Hub::new().await;
    let mut delivery = delivery(1, &[hub.event(1, &error("KeyError", 1, 0))]);
    delivery.relay = RelayId::from_bytes([9; 16]);
    let result = hub.handle.deliver(delivery).await;
    assert!(matches!(result, Err(DigestError::UnknownRelay(_))));
    assert_eq!(hub.number("SELECT COUNT(*) FROM events").await, 0);
}

#[tokio::test]
async fn a_crash_before_the_commit_loses_and_doubles_nothing() {
    let hub = Hub::new().await;
    let records: Vec<_> = (1..=3)
        .map(|n| hub.event(n, &error("KeyError", n, 0)))
        .collect();
    hub.deliver(1, &records[..1]).await.unwrap();
    // The second block reaches archive and transaction, and the process dies before the commit.
    hub.parts
        .store
        .execute(
            "CREATE TRIGGER full BEFORE INSERT ON relay_cursors
             BEGIN SELECT RAISE(ABORT, 'crash'); END",
        )
        .await;
    let head = delivery(2, &records[1..]);
    let rules = RuleBook::new(hub.parts.store.clone(), hub.parts.clock);
    let beside = prepare::Beside {
        relay: RELAY,
        arrived_at: NOW,
        relay_offset_millis: 0,
        rules: &rules,
        places: &hub.parts.places,
    };
    let entries = prepare::block(beside, &head.head, &head.block);
    let new_issues = surplus::NewIssues::new(NEW_ISSUES_MAX);
    let failed = apply::apply(&hub.parts, NOW, &new_issues, &hub.handle.rules, &entries).await;
    assert!(failed.is_err());
    hub.parts.store.execute("DROP TRIGGER full").await;

    let hub = hub.again().await;
    assert_eq!(hub.number("SELECT COUNT(*) FROM events").await, 1);
    for _ in 0..2 {
        let applied = hub.handle.deliver(head.clone()).await.unwrap();
        assert_eq!(applied.upto, Seq(3));
    }
    assert_eq!(hub.number("SELECT COUNT(*) FROM events").await, 3);
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 3);
    assert_eq!(hub.number("SELECT users_seen FROM issues").await, 3);
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", 3)]));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_set_aside_and_the_rest_goes_on() {
    let hub = Hub::new().await;
    let records = [
        hub.event(1, &error("KeyError", 1, 0)),
        hub.item(2, "event", "[]".to_owned()),
        hub.event(3, &error("KeyError", 1, 0)),
    ];
    assert_eq!(hub.deliver(1, &records).await.unwrap().upto, Seq(3));
    let expected = [(Term::Applied, "", 2), (Term::Rejected, reason::POISON, 1)];
    assert_eq!(hub.ends().await, terms(&expected));
    let poison = hub.parts.store.poison(10).await.unwrap();
    assert_eq!(poison.len(), 1);
    assert_eq!((poison[0].relay, poison[0].seq), (RELAY, Seq(2)));
    assert!(
        poison[0].reason.contains("not a json object"),
        "{}",
        poison[0].reason
    );

    let again = hub.handle.replay(poison[0].id).await.unwrap();
    assert!(matches!(again, Replayed::Refused { .. }));
    assert_eq!(hub.ends().await, terms(&expected));
    let unknown = hub.handle.replay(99).await;
    assert!(matches!(unknown, Err(DigestError::UnknownPoison(99))));
}

#[tokio::test]
async fn a_block_that_only_a_later_program_can_open_is_set_aside_whole_and_the_rest_goes_on() {
    let hub = Hub::new().await;
    let records = [
        hub.event(1, &error("KeyError", 1, 0)),
        hub.event(2, &error("KeyError", 2, 0)),
    ];
    let mut later = delivery(1, &records);
    let sound = std::mem::replace(&mut later.block, Bytes::from_static(b"from tomorrow"));
    assert_eq!(hub.handle.deliver(later).await.unwrap().upto, Seq(2));
    let next = [hub.event(3, &error("KeyError", 3, 0))];
    assert_eq!(hub.deliver(3, &next).await.unwrap().upto, Seq(3));
    let expected = [(Term::Applied, "", 1), (Term::Rejected, reason::POISON, 2)];
    assert_eq!(hub.ends().await, terms(&expected));
    // The program that can open it replays it.
    let poison = hub.parts.store.poison(10).await.unwrap();
    let written = format!("UPDATE poison SET record = X'{}'", hex::encode(&sound));
    hub.parts.store.execute(written.leak()).await;
    let replayed = hub.handle.replay(poison[0].id).await.unwrap();
    assert_eq!(replayed, Replayed::Applied);
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", 3)]));
}

#[tokio::test]
async fn a_record_that_the_store_refuses_is_found_set_aside_and_replayed() {
    let hub = Hub::new().await;
    hub.parts
        .store
        .execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON events
             WHEN NEW.event_id = X'00000000000000000000000000000011'
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .await;
    let records: Vec<_> = (1..=40)
        .map(|n| hub.event(n, &error("KeyError", n, 0)))
        .collect();
    assert_eq!(hub.deliver(1, &records).await.unwrap().upto, Seq(40));
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 39);
    let expected = [(Term::Applied, "", 39), (Term::Rejected, reason::POISON, 1)];
    assert_eq!(hub.ends().await, terms(&expected));

    hub.parts.store.execute("DROP TRIGGER refuse").await;
    let poison = hub.parts.store.poison(10).await.unwrap();
    assert_eq!(poison[0].seq, Seq(17));
    let replayed = hub.handle.replay(poison[0].id).await.unwrap();
    assert_eq!(replayed, Replayed::Applied);
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 40);
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", 40)]));
    assert!(hub.parts.store.poison(10).await.unwrap().is_empty());
    let twice = hub.handle.replay(poison[0].id).await;
    assert!(matches!(twice, Err(DigestError::UnknownPoison(_))));
}

#[tokio::test]
async fn every_item_ends_in_one_term() {
    let hub = Hub::new().await;
    let mut stranger = hub.event(8, &error("KeyError", 1, 0));
    if let Record::Items(items) = &mut stranger {
        items.project = ProjectId::new(99).unwrap();
    }
    let records = [
        hub.event(1, &error("KeyError", 1, 0)),
        hub.item(2, "transaction", "{}".to_owned()),
        hub.item(3, "x_future_item", "{}".to_owned()),
        hub.item(4, "client_report", "{}".to_owned()),
        hub.item(6, "metric_buckets", "[]".to_owned()),
        hub.item(5, "event", "not json".to_owned()),
        hub.event(1, &error("KeyError", 1, 0)),
        stranger,
    ];
    hub.deliver(1, &records).await.unwrap();
    let expected = [
        (Term::Applied, "", 3),
        (Term::Invalid, reason::DUPLICATE, 1),
        (Term::Invalid, reason::INVALID_TRANSACTION, 1),
        (Term::Rejected, reason::POISON, 1),
        (Term::Rejected, reason::PROJECT_ID, 1),
        (Term::Rejected, reason::UNSUPPORTED, 1),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
}

#[tokio::test]
async fn counts_of_relays_are_added_up() {
    let hub = Hub::new().await;
    let delta = |n: u64| {
        let account = Account {
            project: Some(hub.project),
            category: Category::Error,
            term: Term::Accepted,
            reason: Reason::Borrowed(""),
        };
        let counts = Counts::from([(account, n)]).into_iter().collect();
        Record::Ledger(LedgerDelta { at: NOW, counts })
    };
    hub.deliver(1, &[delta(3), delta(4)]).await.unwrap();
    assert_eq!(hub.ledger().await, terms(&[(Term::Accepted, "", 7)]));
}

#[tokio::test]
async fn tag_values_beyond_the_cap_are_counted_together() {
    let hub = Hub::new().await;
    let n = u64::from(tags::TAG_VALUES_MAX) + 20;
    let records: Vec<_> = (1..=n)
        .map(|n| {
            let mut event = error("KeyError", 1, 0);
            event["tags"] = serde_json::json!({"order": format!("o{n}")});
            hub.event(n, &event)
        })
        .collect();
    for (place, run) in records.chunks(300).enumerate() {
        let first = u64::try_from(place * 300).unwrap() + 1;
        hub.deliver(first, run).await.unwrap();
    }
    let values = "SELECT COUNT(*) FROM issue_tags WHERE key = 'order' AND value <> ''";
    assert_eq!(hub.number(values).await, i64::from(tags::TAG_VALUES_MAX));
    let others = "SELECT times_seen FROM issue_tags WHERE key = 'order' AND value = ''";
    assert_eq!(hub.number(others).await, 20);
}

#[tokio::test]
async fn releases_and_environments_beyond_the_new_ones_of_an_hour_are_noted_as_one() {
    let hub = Hub::new().await;
    let named = |n: u64| {
        let mut event = error("KeyError", 1, 0);
        event["release"] = serde_json::json!(format!("shop@{n}"));
        event["environment"] = serde_json::json!(format!("env-{n}"));
        hub.event(n, &event)
    };
    let most = u64::from(names::RELEASES_MAX);
    // In one transaction, then in another with some that are known.
    let first: Vec<_> = (1..=most + 5).map(named).collect();
    hub.deliver(1, &first).await.unwrap();
    let again: Vec<_> = (most + 6..=most + 9).map(named).collect();
    hub.deliver(most + 6, &again).await.unwrap();
    let count = async |sql: &'static str| hub.number(sql).await;
    let apart = "SELECT COUNT(*) FROM releases WHERE version NOT LIKE '(%'";
    assert_eq!(count(apart).await, i64::from(names::RELEASES_MAX));
    let apart = "SELECT COUNT(*) FROM environments WHERE name NOT LIKE '(%'";
    assert_eq!(count(apart).await, i64::from(names::ENVIRONMENTS_MAX));
    for one in [
        "SELECT COUNT(*) FROM releases WHERE version LIKE '(more%'",
        "SELECT COUNT(*) FROM environments WHERE name LIKE '(more%'",
    ] {
        assert_eq!(count(one).await, 1);
    }
    let newest = hub.parts.store.releases_of(&[1]).await.unwrap();
    let newest = newest.first().map(|release| release.version.clone());
    assert!(newest.unwrap().starts_with("shop@"));
    let more = hub.handle.counters().more_names.load(Ordering::Relaxed);
    let environments = most + 9 - u64::from(names::ENVIRONMENTS_MAX);
    assert_eq!(more, 9 + environments);
}

#[tokio::test]
async fn errors_beyond_the_new_issues_of_an_hour_share_one_and_say_so() {
    let hub = Hub::new().await;
    let most = u64::from(NEW_ISSUES_MAX);
    let distinct = |n: u64| hub.event(n, &error(&format!("Error{n}"), n, 0));
    // In one transaction, then in another, then one that has an issue of its own.
    let first: Vec<_> = (1..=most + 5).map(distinct).collect();
    hub.deliver(1, &first).await.unwrap();
    let more: Vec<_> = (most + 6..=most + 9).map(distinct).collect();
    hub.deliver(most + 6, &more).await.unwrap();
    let known = hub.event(most + 10, &error("Error3", 1, 0));
    hub.deliver(most + 10, &[known]).await.unwrap();

    let n_issues = hub.number("SELECT COUNT(*) FROM issues").await;
    assert_eq!(n_issues, i64::from(NEW_ISSUES_MAX) + 1);
    let shared = "SELECT times_seen FROM issues WHERE title LIKE 'More new issues than%'";
    assert_eq!(hub.number(shared).await, 9);
    let of_known = "SELECT times_seen FROM issues WHERE title LIKE 'Error3:%'";
    assert_eq!(hub.number(of_known).await, 2);
    assert_eq!(
        hub.ends().await,
        terms(&[
            (Term::Applied, "", i64::from(NEW_ISSUES_MAX) + 1),
            (Term::Applied, reason::NEW_ISSUES, 9)
        ])
    );
}

/// F25 of the fault matrix at its size: one record in ten thousand.
#[tokio::test]
async fn one_record_in_ten_thousand_that_is_refused_costs_nothing_but_itself() {
    const RECORDS: u64 = 10_000;
    const RUN: usize = 1_000;
    let hub = Hub::new().await;
    hub.parts
        .store
        .execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON events
             WHEN NEW.event_id = X'00000000000000000000000000001A85'
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .await;
    let payload = serde_json::json!({"message": "one of many", "platform": "other"});
    let records: Vec<_> = (1..=RECORDS).map(|n| hub.event(n, &payload)).collect();
    for (place, run) in records.chunks(RUN).enumerate() {
        let first = u64::try_from(place * RUN).unwrap() + 1;
        let applied = hub.deliver(first, run).await.unwrap();
        assert_eq!(applied.upto, Seq(first + run.len() as u64 - 1));
    }
    let good = i64::try_from(RECORDS).unwrap() - 1;
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, good);
    let expected = [
        (Term::Applied, "", good),
        (Term::Rejected, reason::POISON, 1),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
    let poison = hub.parts.store.poison(10).await.unwrap();
    let listed: Vec<_> = poison.iter().map(|one| one.seq).collect();
    assert_eq!(listed, [Seq(0x1a85)]);
    // Halves that went well: at most as many as a run can be halved, for each of the runs.
    let commits = hub.handle.counters().commits.load(Ordering::Relaxed);
    let halvings = u64::from(RUN.ilog2()) + 1;
    let runs = RECORDS / RUN as u64;
    println!("{RECORDS} records, one refused: {commits} commits in {runs} runs");
    assert!(commits <= runs + 2 * halvings, "{commits} commits");
}

#[tokio::test]
async fn the_index_is_made_again_from_store_and_archive() {
    let hub = Hub::new().await;
    let records: Vec<_> = (1..=5)
        .map(|n| hub.event(n, &error("KeyError", n, 0)))
        .collect();
    hub.deliver(1, &records).await.unwrap();
    let hub = hub.again().await;
    Index::wipe(&hub.dir.path().join("index")).unwrap();
    let index = Index::open(&hub.dir.path().join("other")).unwrap();
    assert_eq!(catch_up(&hub.parts, &index).await.unwrap(), 5);
    assert_eq!(index.upto(), 5);
    assert_eq!(catch_up(&hub.parts, &index).await.unwrap(), 0);
    let hits = index
        .events(
            crate::index::Search::everything(),
            crate::index::Order::Newest,
            None,
            10,
        )
        .await
        .unwrap();
    assert_eq!(hits.len(), 5);
}

#[tokio::test]
async fn what_waits_at_the_end_is_still_committed() {
    let hub = Hub::new().await;
    let deliveries: Vec<_> = (1..=20)
        .map(|n| delivery(n, &[hub.event(n, &error("KeyError", n, 0))]))
        .collect();
    let mut waiting = tokio::task::JoinSet::new();
    for one in deliveries {
        let handle = hub.handle.clone();
        waiting.spawn(async move { handle.deliver(one).await });
        tokio::task::yield_now().await;
    }
    hub.cancel.cancel();
    let mut upto = 0;
    while let Some(result) = waiting.join_next().await {
        if let Ok(applied) = result.unwrap() {
            upto = upto.max(applied.upto.0);
        }
    }
    hub.handle.ended().await;
    let stored = hub.number("SELECT COUNT(*) FROM events").await;
    assert_eq!(stored.cast_unsigned(), upto);
    let late = hub
        .deliver(21, &[hub.event(21, &error("KeyError", 1, 0))])
        .await;
    assert!(matches!(late, Err(DigestError::Closed)));
}

#[tokio::test]
async fn the_receipt_of_a_relay_with_a_wrong_clock_is_corrected_and_kept_so() {
    const YEAR: i64 = 365 * 86_400_000;
    let hub = Hub::new().await;
    let ahead = |record: Record| match record {
        Record::Items(mut items) => {
            items.received_at = NOW.plus_millis(YEAR);
            Record::Items(items)
        }
        other => other,
    };
    let delivery = Delivery {
        relay_offset_millis: YEAR + 20,
        ..delivery(1, &[ahead(hub.event(1, &error("KeyError", 1, 0)))])
    };
    hub.handle.deliver(delivery).await.unwrap();
    let timestamp = hub.number("SELECT timestamp FROM events").await;
    assert!((NOW.as_millis() - timestamp).abs() < 60_000, "{timestamp}");
}
