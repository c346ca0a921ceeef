//! What events do to the state of their issue.

use super::*;

#[tokio::test]
async fn a_resolved_issue_regresses_by_a_later_event_only() {
    let hub = Hub::new().await;
    hub.deliver(1, &[hub.event(1, &error("KeyError", 1, -3600))])
        .await
        .unwrap();
    hub.parts
        .store
        .execute("UPDATE issues SET status = 1, substatus = NULL, resolved_at = last_seen + 600000")
        .await;
    hub.deliver(2, &[hub.event(2, &error("KeyError", 1, -3500))])
        .await
        .unwrap();
    assert_eq!(hub.number("SELECT status FROM issues").await, 1);
    hub.deliver(3, &[hub.event(3, &error("KeyError", 1, -1))])
        .await
        .unwrap();
    assert_eq!(hub.number("SELECT status FROM issues").await, 0);
    assert_eq!(hub.number("SELECT substatus FROM issues").await, 6);
    let regressions = "SELECT COUNT(*) FROM issue_changes WHERE kind = 'regression'";
    assert_eq!(hub.number(regressions).await, 1);
    let activities = "SELECT COUNT(*) FROM issue_activity WHERE kind = 6";
    assert_eq!(hub.number(activities).await, 1);
}

#[tokio::test]
async fn an_issue_that_was_deleted_is_made_anew() {
    let hub = Hub::new().await;
    hub.deliver(1, &[hub.event(1, &error("KeyError", 1, 0))])
        .await
        .unwrap();
    hub.parts.store.execute("DELETE FROM issues").await;
    hub.deliver(2, &[hub.event(2, &error("KeyError", 1, 0))])
        .await
        .unwrap();
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 1);
    assert_eq!(hub.number("SELECT short_id FROM issues").await, 2);
}

/// Archives, an hour ago, an issue that was seen once, thirty hours ago.
macro_rules! archived {
    ($hub:expr, $priority:literal) => {
        $hub.deliver(1, &[$hub.event(1, &error("KeyError", 1, -30 * 3600))])
            .await
            .unwrap();
        let archive = concat!(
            "UPDATE issues SET status = 2, substatus = 1, ",
            $priority,
            ", status_details = json_object('baseHour', last_seen / 3600000 + 29)"
        );
        $hub.parts.store.execute(archive).await;
    };
}

fn events(hub: &Hub, ids: std::ops::RangeInclusive<u64>, seconds: i64) -> Vec<Record> {
    ids.map(|n| hub.event(n, &error("KeyError", 1, seconds)))
        .collect()
}

#[tokio::test]
async fn an_archived_issue_escalates_by_more_events_of_an_hour_than_foretold() {
    let hub = Hub::new().await;
    archived!(hub, "priority = 25");
    hub.deliver(2, &events(&hub, 2..=11, 0)).await.unwrap();
    let substatus = "SELECT substatus FROM issues";
    assert_eq!(hub.number(substatus).await, 1, "ten are no surprise");
    hub.deliver(12, &events(&hub, 12..=12, 0)).await.unwrap();
    assert_eq!(hub.number("SELECT status FROM issues").await, 0);
    assert_eq!(hub.number(substatus).await, 2);
    assert_eq!(hub.number("SELECT priority FROM issues").await, 50);
    let told = "SELECT COUNT(*) FROM issue_changes WHERE kind = 'escalating'";
    assert_eq!(hub.number(told).await, 1);
    let noted = "SELECT COUNT(*) FROM issue_activity WHERE kind = 25";
    assert_eq!(hub.number(noted).await, 1);
    hub.deliver(13, &events(&hub, 13..=40, 0)).await.unwrap();
    assert_eq!(hub.number(told).await, 1, "once is enough");
}

#[tokio::test]
async fn what_comes_late_is_no_surprise_and_a_person_s_priority_stays() {
    let hub = Hub::new().await;
    archived!(hub, "priority = 25, priority_locked_at = 1");
    hub.deliver(2, &events(&hub, 2..=60, -2 * 3600))
        .await
        .unwrap();
    assert_eq!(hub.number("SELECT status FROM issues").await, 2);
    // Ten times the worst hour, and one.
    hub.deliver(61, &events(&hub, 61..=700, 0)).await.unwrap();
    assert_eq!(hub.number("SELECT status FROM issues").await, 0);
    assert_eq!(hub.number("SELECT priority FROM issues").await, 25);
}
