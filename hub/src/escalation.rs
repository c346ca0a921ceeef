//! New issues that are seen more often than others of their project.
//!
//! Once a day it is measured how often the issues of each project are seen; every few minutes the
//! issues of the last day are compared with that. What cannot be measured keeps its last measure,
//! is tried again soon, and is shown with its reason.
//!
//! What it never does: read the clock. The app says what time it is.

use protocol::timestamp::Timestamp;
use serde_json::json;

use crate::issue::{self, Status, Unresolved, WEEK_HOURS};
use crate::store::changes::ChangeKind;
use crate::store::velocity::{Racing, Velocity};
use crate::store::{Store, StoreError};

/// How old a measure may be, in milliseconds.
const MEASURE_MS: i64 = 24 * 3_600_000;
/// When a measure that failed is tried again, in milliseconds.
const AGAIN_MS: i64 = 10 * 60_000;
/// Issues first seen longer ago are not new, in milliseconds.
const NEW_MS: i64 = 24 * 3_600_000;
/// The activity type of an escalation, as Sentry numbers it.
const SET_ESCALATING: i64 = 25;

/// Measures what is to be measured, and lets new issues escalate; answers how many did.
///
/// # Errors
/// [`StoreError`]; a project that cannot be measured is noted and no error.
pub async fn look(store: &Store, now: Timestamp) -> Result<usize, StoreError> {
    for project in store.project_ids().await? {
        let velocity = store.velocity(project).await?;
        if is_due(&velocity, now) {
            measure(store, project, velocity, now).await?;
        }
    }
    let since = now.plus_millis(-NEW_MS).as_millis();
    let racing = store.racing_issues(since, now.hour()).await?;
    for one in &racing {
        escalate(store, one, now).await?;
    }
    Ok(racing.len())
}

fn is_due(velocity: &Velocity, now: Timestamp) -> bool {
    let is_past = |at: i64, millis: i64| now.as_millis() >= at.saturating_add(millis);
    match (velocity.failed_at, velocity.computed_at) {
        (Some(failed_at), _) => is_past(failed_at, AGAIN_MS),
        (None, Some(computed_at)) => is_past(computed_at, MEASURE_MS),
        (None, None) => true,
    }
}

async fn measure(
    store: &Store,
    project: i64,
    before: Velocity,
    now: Timestamp,
) -> Result<(), StoreError> {
    let seen = store
        .issues_seen(project, now.hour() - WEEK_HOURS, now)
        .await;
    let velocity = match seen {
        Ok(seen) => Velocity {
            threshold: issue::velocity(&seen),
            computed_at: Some(now.as_millis()),
            error: None,
            failed_at: None,
        },
        Err(error) => {
            tracing::warn!(project.id = project, %error, "how often issues are seen is not known");
            Velocity {
                error: Some(error.to_string()),
                failed_at: Some(now.as_millis()),
                ..before
            }
        }
    };
    let mut write = store.begin().await?;
    write.put_velocity(project, &velocity).await?;
    write.commit().await
}

async fn escalate(store: &Store, racing: &Racing, now: Timestamp) -> Result<(), StoreError> {
    let Racing { project, issue, .. } = *racing;
    let velocity = store.velocity(project.as_i64()).await?;
    let mut write = store.begin().await?;
    let status = Status::Unresolved(Unresolved::Escalating);
    // Somebody may have decided about it since it was found.
    let states = write.issue_states(&[issue]).await?;
    if states.iter().all(|row| row.status.0 != status.codes().0) {
        return Ok(());
    }
    write.reopen_issue(issue, status.codes(), now).await?;
    write.raise_priority(issue).await?;
    let data = json!({ "events": racing.events, "threshold": velocity.threshold }).to_string();
    write
        .add_activity(issue, SET_ESCALATING, &data, now)
        .await?;
    let kind = ChangeKind::Escalating;
    write
        .add_change(project, issue, racing.event_id, kind, now)
        .await?;
    write.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);

    async fn store() -> (Store, tempfile::TempDir) {
        let (store, dir) = Store::temporary_with_project().await;
        // Ten issues of a week ago, seen 20 times an hour for two days; and two new ones.
        store
            .execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
                 INSERT INTO issues (id, project_id, short_id, kind, title, culprit, metadata,
                     level, platform, is_unhandled, status, substatus, priority, first_seen,
                     last_seen, times_seen, users_seen, latest_event, grouping)
                 SELECT i, 1, i, 'error', '', '', '{}', 'error', 'other', 0, 0,
                     CASE WHEN i > 10 THEN 7 ELSE 3 END, 25,
                     CASE WHEN i > 10 THEN 1767320000000 ELSE 1767150000000 END,
                     1767323000000, 1, 0, zeroblob(16), '[]' FROM n",
            )
            .await;
        store
            .execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
                 INSERT INTO issue_hours (issue_id, hour, n)
                 SELECT i, 1767323045000 / 3600000 - 10, 960 FROM n",
            )
            .await;
        store
            .execute(
                "INSERT INTO issue_hours (issue_id, hour, n) VALUES
                     (11, 1767323045000 / 3600000, 21), (12, 1767323045000 / 3600000, 19)",
            )
            .await;
        (store, dir)
    }

    #[tokio::test]
    async fn a_new_issue_that_is_seen_more_often_than_others_escalates_once() {
        let (store, _dir) = store().await;
        assert_eq!(look(&store, NOW).await.unwrap(), 1);
        let escalating = "SELECT id FROM issues WHERE substatus = 2 AND priority = 50";
        assert_eq!(store.number(escalating).await, 11);
        let changes = "SELECT COUNT(*) FROM issue_changes WHERE kind = 'escalating'";
        assert_eq!(store.number(changes).await, 1);
        assert_eq!(look(&store, NOW).await.unwrap(), 0);
    }

    #[test]
    fn what_failed_is_tried_again_sooner_than_what_was_measured() {
        let at = |millis: i64| Timestamp::from_millis(millis);
        let measured = Velocity {
            computed_at: Some(0),
            ..Velocity::default()
        };
        let failed = Velocity {
            failed_at: Some(0),
            ..measured.clone()
        };
        assert!(is_due(&Velocity::default(), at(0)));
        assert!(!is_due(&measured, at(AGAIN_MS)) && is_due(&measured, at(MEASURE_MS)));
        assert!(!is_due(&failed, at(AGAIN_MS - 1)) && is_due(&failed, at(AGAIN_MS)));
    }
}
