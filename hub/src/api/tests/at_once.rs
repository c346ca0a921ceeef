//! Several people who do something to one issue at once: each finds what the one before left.

use super::*;

/// Pairs of changes that are made at once.
const ROUNDS: usize = 20;

/// What was done to an issue, by kinds of activity, the first first.
async fn done(hub: &Hub, issue: i64, kinds: &[&str]) -> Vec<Value> {
    let answer = hub.get(&format!("issues/{issue}/activities/")).await.json();
    let all = answer["activity"].as_array().unwrap().iter().rev();
    let of_kind = all.filter(|each| kinds.contains(&each["type"].as_str().unwrap()));
    of_kind.map(|each| each["data"].clone()).collect()
}

/// How a field was and is, by each entry of the audit log, the first first.
async fn audited(hub: &Hub, field: &str) -> Vec<(Value, Value)> {
    let path = "organizations/acme/audit-logs/?event=issue.edit&per_page=100";
    let answer = hub.get(path).await.json();
    let entries = answer["rows"].as_array().unwrap().iter().rev();
    let changes = entries.map(|entry| entry["data"]["changes"][field].clone());
    let changes = changes.filter(|change| !change.is_null());
    changes
        .map(|change| (change[0].clone(), change[1].clone()))
        .collect()
}

/// Checks that each change began where the one before ended.
#[track_caller]
fn assert_chain(changes: &[(Value, Value)]) {
    for pair in changes.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "{changes:?}");
    }
}

#[tokio::test]
async fn pairs_of_changes_leave_state_activity_and_audit_log_that_agree() {
    let hub = Hub::new().await;
    hub.seed().await;
    let zero = hub.issue("Zero").await;
    let path = format!("issues/{zero}/");
    let issue: i64 = zero.parse().unwrap();
    let mut chance = 7_u64;
    let mut one_of = |all: &[&'static str]| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        all[usize::try_from(chance >> 33).unwrap() % all.len()]
    };
    for _ in 0..ROUNDS {
        let owners = ["owner@acme.example", "member@acme.example", ""];
        let mut change = || {
            json!({
                "assignedTo": one_of(&owners),
                "priority": one_of(&["low", "medium", "high"]),
            })
        };
        let (one, other) = (change(), change());
        let (one, other) = tokio::join!(hub.put(&path, one), hub.put(&path, other));
        assert_eq!(one.status, StatusCode::OK, "{}", one.text);
        assert_eq!(other.status, StatusCode::OK, "{}", other.text);
    }
    let shown = hub.get(&path).await.json();
    let assigned = done(&hub, issue, &["assigned", "unassigned"]).await;
    let last = assigned.last().unwrap();
    let assignee = hub.state.store.issue_rows(&[issue]).await.unwrap()[0]
        .assignee
        .clone();
    assert_eq!(last["assignee"], json!(assignee), "the last one wins");
    let priorities = done(&hub, issue, &["set_priority"]).await;
    assert_eq!(priorities.last().unwrap()["priority"], shown["priority"]);
    for change in [&assigned, &priorities] {
        let is_new = change.windows(2).all(|pair| pair[0] != pair[1]);
        assert!(
            is_new,
            "an entry for each change, and for none that is none"
        );
    }
    let assignees = audited(&hub, "assignedTo").await;
    assert_chain(&assignees);
    assert_eq!(assignees.last().unwrap().1, json!(assignee));
    let n = assignees.len();
    let of_log: Vec<_> = assignees.into_iter().map(|(_, is)| is).collect();
    let of_issue = assigned.get(assigned.len() - n..).unwrap().iter();
    let of_issue: Vec<_> = of_issue.map(|data| data["assignee"].clone()).collect();
    assert_eq!(of_log, of_issue);
    let changes = audited(&hub, "priority").await;
    assert_chain(&changes);
}

#[tokio::test]
async fn changes_of_the_status_at_once_are_told_in_their_order() {
    let hub = Hub::new().await;
    hub.seed().await;
    let zero = hub.issue("Zero").await;
    let path = format!("issues/{zero}/");
    for _ in 0..ROUNDS {
        let resolve = json!({ "status": "resolved" });
        let archive = json!({ "status": "ignored" });
        let (one, other) = tokio::join!(hub.put(&path, resolve), hub.put(&path, archive));
        assert_eq!((one.status, other.status), (StatusCode::OK, StatusCode::OK));
    }
    let shown = hub.get(&path).await.json();
    let last = &shown["activity"][0]["type"];
    match shown["status"].as_str().unwrap() {
        "resolved" => assert_eq!(last, "set_resolved"),
        _ => assert_eq!(last, "set_ignored"),
    }
    let changes = audited(&hub, "status").await;
    assert_chain(&changes);
    assert_eq!(changes.last().unwrap().1, shown["status"]);
}

#[tokio::test]
async fn merges_that_cross_end_in_one_issue() {
    let crossing: [[&[u8]; 2]; 4] = [
        [&[1, 2], &[2, 1]],
        [&[1, 2], &[2, 3]],
        [&[2, 3], &[1, 3]],
        [&[1, 2, 3], &[3, 2]],
    ];
    for [one, other] in crossing {
        let hub = Hub::new().await;
        hub.seed().await;
        let merge = async |ids: &[u8]| {
            let ids: Vec<String> = ids.iter().map(|id| format!("id={id}")).collect();
            let path = format!("organizations/acme/issues/?{}", ids.join("&"));
            hub.put(&path, json!({ "merge": 1 })).await
        };
        let (first, second) = tokio::join!(merge(one), merge(other));
        for answer in [&first, &second] {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        }
        let all: std::collections::BTreeSet<&u8> = one.iter().chain(other).collect();
        let left = hub.titles("?query=").await;
        assert_eq!(left.len(), 1 + 3 - all.len(), "{one:?} {other:?}: {left:?}");
        let issues = hub.get("organizations/acme/issues/?query=").await.json();
        let count = |issue: &Value| issue["count"].as_str().unwrap().parse::<i64>().unwrap();
        let n: i64 = issues.as_array().unwrap().iter().map(count).sum();
        assert_eq!(n, 5, "no event is lost, and none counted twice");
        let late = merge(one).await;
        assert_eq!(late.status, StatusCode::OK, "{}", late.text);
    }
}

#[tokio::test]
async fn a_search_changes_every_issue_that_it_finds() {
    const ISSUES: u32 = 230;
    let hub = Hub::new().await;
    let of = |n: u32| {
        let event = error(&format!("E{n}"), "ann", i64::from(n));
        hub.record(u128::from(n + 1), "event", &json!({}), &event.to_string())
    };
    let records: Vec<Record> = (0..ISSUES).map(of).collect();
    hub.deliver(&records).await;
    let path = "organizations/acme/issues/?query=is:unresolved";
    let answer = hub.put(path, json!({ "status": "resolved" })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let sql = "SELECT COUNT(*) FROM issues WHERE status = 1";
    assert_eq!(hub.state.store.number(sql).await, i64::from(ISSUES));
    let log = hub.get("organizations/acme/audit-logs/").await.json();
    let rows = log["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "one deed: {log}");
    assert_eq!(rows[0]["data"]["count"], ISSUES);
}
