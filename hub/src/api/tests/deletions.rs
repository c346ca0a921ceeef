//! Deleting all that a search finds.

use super::*;
use crate::store::deletions::Becomes;

const SEARCH: &str = "organizations/acme/issues/?query=is:unresolved";
const DELETIONS: &str = "vedette/organizations/acme/deletions/";
/// Issues of this module's hubs beside those of the seed.
const MANY: i64 = 3000;

impl Hub {
    /// Some thousands of issues, each with a hash.
    async fn seed_many(&self) {
        self.seed().await;
        let store = &self.state.store;
        store
            .execute(
                "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 3099)
                 INSERT INTO issues (id, project_id, short_id, kind, title, culprit, metadata, level,
                     platform, is_unhandled, priority, first_seen, last_seen, times_seen,
                     users_seen, status, substatus, latest_event, grouping)
                 SELECT n.i, o.project_id, n.i, o.kind, 'Many ' || n.i, o.culprit, o.metadata,
                     o.level, o.platform, FALSE, o.priority, o.first_seen, o.last_seen, 1,
                     0, 0, o.substatus, o.latest_event, o.grouping
                 FROM n, issues o WHERE o.id = 1",
            )
            .await;
        store
            .execute(
                "INSERT INTO issue_hashes (project_id, hash, issue_id)
                 SELECT project_id, randomblob(16), id FROM issues WHERE id >= 100",
            )
            .await;
    }

    /// The same hub as after a restart: what ran has ended, wherever it was.
    async fn restarted(self) -> Self {
        self.state.cancel.cancel();
        self.state.tracker.close();
        self.state.tracker.wait().await;
        let parts: &Parts = &self.state;
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let index = Index::open(&self._dir.path().join("index")).unwrap();
        let digest = digest::Parts {
            store: parts.store.clone(),
            archive: parts.archive.clone(),
            index: index.clone(),
            places: crate::geo::Places::default(),
            clock: self.clock,
            new_issues_max: u32::MAX,
        };
        let digest = digest::start(digest, &tracker, cancel.clone());
        let state = ApiState::new(Parts {
            config: Config::default(),
            store: parts.store.clone(),
            archive: parts.archive.clone(),
            index,
            access: parts.access.clone(),
            digest,
            fleet: parts.fleet.clone(),
            sender: parts.sender.clone(),
            tracker,
            cancel,
        });
        state.resume_deletions().await.unwrap();
        Self {
            router: router(state.clone()),
            state,
            ..self
        }
    }
}

#[tokio::test]
async fn all_that_a_search_finds_is_deleted_however_many() {
    let hub = Hub::new().await;
    hub.seed_many().await;
    let asked = hub.delete(SEARCH).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    let deletion = asked.json();
    assert_eq!(deletion["issues"], MANY + 3);
    assert_eq!(deletion["requestedBy"]["email"], "owner@acme.example");
    assert_eq!(
        hub.titles("?query=").await,
        [""; 0],
        "no list shows what goes"
    );
    hub.rows_become(0, "SELECT COUNT(*) FROM issues").await;
    hub.rows_become(0, "SELECT COUNT(*) FROM events").await;
    hub.rows_become(0, "SELECT COUNT(*) FROM deletions").await;
    assert_eq!(hub.get(DELETIONS).await.json(), json!([]));
    let log = hub.get("organizations/acme/audit-logs/").await.json();
    let entry = &log["rows"][0];
    assert_eq!(entry["event"], "issue.delete", "{entry}");
    assert_eq!(entry["data"]["count"], MANY + 3, "{entry}");
    assert_eq!(entry["data"]["targets"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_deletion_is_taken_back_until_it_is_due() {
    let hub = Hub::new().await;
    hub.seed().await;
    let asked = hub.delete(&format!("{SEARCH}&undoSeconds=60")).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    assert_eq!(hub.titles("?query=").await, [""; 0]);
    // What comes meanwhile belongs to the issue that may come back.
    hub.digest(9, &error("Zero", "ann", 5)).await;
    assert_eq!(hub.titles("?query=").await, [""; 0]);
    let waiting = hub.get(DELETIONS).await.json();
    assert_eq!(waiting[0]["status"], "waiting", "{waiting}");
    let path = format!("{DELETIONS}{}/", asked.json()["id"].as_str().unwrap());
    let stranger = hub.ask(&hub.stranger, Method::DELETE, &path, None).await;
    assert_ne!(stranger.status, StatusCode::NO_CONTENT);
    let back = hub.delete(&path).await;
    assert_eq!(back.status, StatusCode::NO_CONTENT, "{}", back.text);
    assert_eq!(hub.titles("").await, ["Zero", "Two", "One"]);
    assert_eq!(hub.delete(&path).await.status, StatusCode::NOT_FOUND);
    let wrong = hub.delete(&format!("{SEARCH}&undoSeconds=61")).await;
    assert_eq!(wrong.json()["field"], "undoSeconds");
}

#[tokio::test]
async fn a_deletion_that_a_restart_interrupts_goes_on() {
    let hub = Hub::new().await;
    hub.seed_many().await;
    let asked = hub.delete(SEARCH).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    let hub = hub.restarted().await;
    assert_eq!(hub.titles("?query=").await, [""; 0]);
    hub.rows_become(0, "SELECT COUNT(*) FROM issues").await;
    hub.rows_become(0, "SELECT COUNT(*) FROM deletions").await;
}

#[tokio::test]
async fn a_deletion_whose_rows_cannot_go_is_tried_again_and_shown_meanwhile() {
    let hub = Hub::new().await;
    hub.seed_many().await;
    let store = &hub.state.store;
    store
        .execute(
            "CREATE TRIGGER refuse BEFORE DELETE ON events
             BEGIN SELECT RAISE(ABORT, 'not now'); END",
        )
        .await;
    let asked = hub.delete(SEARCH).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    hub.rows_become(100, "SELECT COUNT(*) FROM issues WHERE status = 3")
        .await;
    let going = hub.get(DELETIONS).await.json();
    assert_eq!(going[0]["status"], "going", "{going}");
    assert_eq!(going[0]["done"], 0, "{going}");
    hub.rows_become(MANY + 3, "SELECT COUNT(*) FROM deletion_issues")
        .await;
    store.execute("DROP TRIGGER refuse").await;
    hub.rows_become(0, "SELECT COUNT(*) FROM issues").await;
    hub.rows_become(0, "SELECT COUNT(*) FROM deletions").await;
}

#[tokio::test]
async fn a_deletion_that_waits_waits_on_after_a_restart() {
    let hub = Hub::new().await;
    hub.seed().await;
    let asked = hub.delete(&format!("{SEARCH}&undoSeconds=60")).await;
    let hub = hub.restarted().await;
    assert_eq!(hub.titles("?query=").await, [""; 0]);
    let path = format!("{DELETIONS}{}/", asked.json()["id"].as_str().unwrap());
    let back = hub.delete(&path).await;
    assert_eq!(back.status, StatusCode::NO_CONTENT, "{}", back.text);
    assert_eq!(hub.titles("").await.len(), 3);
}

#[tokio::test]
async fn what_was_gathered_only_is_given_back_by_a_restart() {
    let hub = Hub::new().await;
    hub.seed().await;
    let mut write = hub.state.store.begin().await.unwrap();
    let organization = hub.state.store.organizations().await.unwrap()[0].id;
    let becomes = Becomes::Deleted;
    let deletion = write.add_deletion(organization, 1, becomes, 0).await;
    let deletion = deletion.unwrap();
    assert_eq!(write.gather_issues(deletion, &[1, 2, 99]).await.unwrap(), 2);
    write.commit().await.unwrap();
    assert_eq!(hub.titles("").await.len(), 1);
    let hub = hub.restarted().await;
    hub.rows_become(0, "SELECT COUNT(*) FROM deletions").await;
    assert_eq!(hub.titles("").await.len(), 3);
}

#[tokio::test]
async fn issues_of_a_whole_search_are_discarded_or_none_of_them() {
    let hub = Hub::new().await;
    hub.seed_many().await;
    let discard = json!({ "discard": true });
    let asked = hub.put(SEARCH, discard.clone()).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.text);
    hub.rows_become(0, "SELECT COUNT(*) FROM tombstones").await;
    let of_somebody = "UPDATE issues SET assignee = 'user:1' WHERE id BETWEEN 290 AND 399";
    hub.state.store.execute(of_somebody).await;
    let few = "organizations/acme/issues/?query=is:assigned";
    let asked = hub.put(few, discard).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    assert_eq!(asked.json()["discards"], true);
    hub.rows_become(0, "SELECT COUNT(*) FROM deletions").await;
    hub.rows_become(110, "SELECT COUNT(*) FROM tombstone_hashes")
        .await;
}

/// Merges what this search means, so that it can be taken back for a minute.
async fn merge(hub: &Hub, search: &str) -> Value {
    let path = format!("organizations/acme/issues/?{search}&undoSeconds=60");
    let asked = hub.put(&path, json!({ "merge": 1 })).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    asked.json()
}

#[tokio::test]
async fn a_merge_is_taken_back_until_it_is_due() {
    let hub = Hub::new().await;
    hub.seed().await;
    let (zero, one) = (hub.issue("Zero").await, hub.issue("One").await);
    let asked = merge(&hub, &format!("id={zero}&id={one}")).await;
    assert_eq!(
        (&asked["into"], &asked["issues"]),
        (&json!(zero), &json!(1))
    );
    assert_eq!(hub.titles("?query=").await, ["Two", "Zero"]);
    // What comes meanwhile is there when it is taken back, also by a hub that was started again.
    hub.digest(9, &error("One", "ann", 5)).await;
    let hub = hub.restarted().await;
    assert_eq!(hub.titles("?query=").await, ["Two", "Zero"]);
    let path = format!("{DELETIONS}{}/", asked["id"].as_str().unwrap());
    let back = hub.delete(&path).await;
    assert_eq!(back.status, StatusCode::NO_CONTENT, "{}", back.text);
    assert_eq!(hub.titles("").await, ["One", "Two", "Zero"]);
    let count = async |id: &str| {
        let issue = hub.get(&format!("issues/{id}/")).await.json();
        let last = issue["activity"][0]["type"].clone();
        (issue["count"].clone(), last)
    };
    assert_eq!(count(&zero).await, (json!("3"), json!("first_seen")));
    assert_eq!(count(&one).await, (json!("2"), json!("first_seen")));
    let log = hub.get("organizations/acme/audit-logs/").await.json();
    let events = [&log["rows"][0]["event"], &log["rows"][1]["event"]];
    assert_eq!(events, ["issue.take-back-merge", "issue.merge"]);
}

#[tokio::test]
async fn a_merge_that_is_due_is_done_and_what_was_to_go_there_follows() {
    let hub = Hub::new().await;
    hub.seed().await;
    let (zero, one) = (hub.issue("Zero").await, hub.issue("One").await);
    let two = hub.issue("Two").await;
    let first = merge(&hub, &format!("id={one}&id={two}")).await;
    // The one that the other waits for goes into a third.
    let into = first["into"].as_str().unwrap();
    let both = format!("organizations/acme/issues/?id={zero}&id={into}");
    let merged = hub.put(&both, json!({ "merge": 1 })).await;
    assert_eq!(merged.status, StatusCode::OK, "{}", merged.text);
    hub.state
        .store
        .execute("UPDATE deletions SET due_at = 0")
        .await;
    let hub = hub.restarted().await;
    hub.rows_become(0, "SELECT COUNT(*) FROM deletions").await;
    assert_eq!(hub.titles("?query=").await.len(), 1);
    let issue = hub.get(&format!("issues/{zero}/")).await.json();
    assert_eq!(issue["count"], "5");
    assert_eq!(issue["activity"][0]["type"], "merge");
    let path = format!("{DELETIONS}{}/", first["id"].as_str().unwrap());
    assert_eq!(hub.delete(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_merged_since_the_target_is_gone_stays() {
    let hub = Hub::new().await;
    hub.seed().await;
    let (zero, one) = (hub.issue("Zero").await, hub.issue("One").await);
    merge(&hub, &format!("id={zero}&id={one}")).await;
    hub.delete(&format!("issues/{zero}/")).await;
    hub.state
        .store
        .execute("UPDATE deletions SET due_at = 0")
        .await;
    let hub = hub.restarted().await;
    hub.rows_become(0, "SELECT COUNT(*) FROM deletions").await;
    assert_eq!(hub.titles("?query=").await, ["Two", "One"]);
}

#[tokio::test]
async fn all_that_a_search_finds_becomes_one_issue() {
    let hub = Hub::new().await;
    hub.seed_many().await;
    let of_somebody = "UPDATE issues SET assignee = 'user:1' WHERE id BETWEEN 290 AND 539";
    hub.state.store.execute(of_somebody).await;
    let path = "organizations/acme/issues/?query=is:assigned";
    let asked = hub.put(path, json!({ "merge": 1 })).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    let asked = asked.json();
    assert_eq!(asked["issues"], 249);
    hub.rows_become(0, "SELECT COUNT(*) FROM deletions").await;
    let left = hub.get(path).await.json();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(
        (&left[0]["id"], &left[0]["count"]),
        (&asked["into"], &json!("250"))
    );
    let hashes = "SELECT COUNT(*) FROM issue_hashes h JOIN issues i ON i.id = h.issue_id
                  WHERE i.assignee IS NOT NULL";
    hub.rows_become(250, hashes).await;
    // Nobody else's issues are merged by a word too many.
    let one = hub
        .put(&format!("{path}&project=-1"), json!({ "merge": 1 }))
        .await;
    assert_eq!(one.json()["field"], "id", "{}", one.text);
}
