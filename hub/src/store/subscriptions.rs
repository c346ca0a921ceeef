//! Who is told of what others do to an issue, and why.
//!
//! Times are unix milliseconds.

use sqlx::{QueryBuilder, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};
use crate::rule::Action;

/// The reason of who wishes not to be told: nothing but their own wish changes that.
const UNSUBSCRIBED: &str = "unsubscribed";

impl Store {
    /// Who is told of these issues: (issue, user), by issue and user.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn subscribers(&self, issues: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        let mut found = Vec::new();
        for run in runs(issues) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "SELECT issue_id, user_id FROM issue_people WHERE is_subscribed AND issue_id IN (",
            );
            let mut ids = sql.separated(", ");
            for issue in run {
                ids.push_bind(*issue);
            }
            sql.push(") ORDER BY issue_id, user_id");
            let rows: Vec<(i64, i64)> = sql.build_query_as().fetch_all(self.reader()).await?;
            found.extend(rows);
        }
        Ok(found)
    }
}

impl Write {
    /// Has someone told of an issue from now on, unless they wished not to be.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn subscribe(
        &mut self,
        issue_id: i64,
        user_id: i64,
        reason: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_people (issue_id, user_id, is_subscribed, reason)
             VALUES (?1, ?2, TRUE, ?3)
             ON CONFLICT (issue_id, user_id) DO UPDATE SET is_subscribed = TRUE,
                 reason = excluded.reason
             WHERE NOT issue_people.is_subscribed
               AND COALESCE(issue_people.reason, '') <> ?4",
        )
        .bind(issue_id)
        .bind(user_id)
        .bind(reason)
        .bind(UNSUBSCRIBED)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Sets a user's own wish to be told, or not to be.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_issue_subscription(
        &mut self,
        issue_id: i64,
        user_id: i64,
        is_subscribed: bool,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_people (issue_id, user_id, is_subscribed, reason)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (issue_id, user_id) DO UPDATE SET
                 is_subscribed = excluded.is_subscribed, reason = excluded.reason",
        )
        .bind(issue_id)
        .bind(user_id)
        .bind(is_subscribed)
        .bind(if is_subscribed {
            "unknown"
        } else {
            UNSUBSCRIBED
        })
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Writes a letter about an issue, due at once: it belongs to no rule.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_letter(
        &mut self,
        issue_id: i64,
        kind: &str,
        action: &Action,
        payload: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        let action = serde_json::to_string(action).unwrap_or_default();
        sqlx::query(
            "INSERT INTO notifications
             (rule_id, issue_id, change_kind, action, payload, state, next_attempt_at, created_at)
             VALUES (0, ?1, ?2, ?3, ?4, 'pending', ?5, ?5)",
        )
        .bind(issue_id)
        .bind(kind)
        .bind(action)
        .bind(payload)
        .bind(now)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_their_own_wish_tells_them_again_who_wished_not_to_be_told() {
        let (store, _dir) = Store::temporary().await;
        let mut write = store.begin().await.unwrap();
        let organization = write.add_organization("acme", "Acme", 1).await.unwrap();
        let user = write.add_user("ann@x.org", "Ann", "x", 1).await.unwrap();
        let project = crate::store::projects::NewProject {
            organization_id: organization,
            slug: "shop",
            name: "Shop",
            platform: "other",
        };
        write.add_project(project, 1).await.unwrap();
        write.commit().await.unwrap();
        store
            .execute(
                "INSERT INTO issues (project_id, short_id, kind, title, culprit, metadata, level,
                     platform, is_unhandled, status, priority, first_seen, last_seen,
                     times_seen, users_seen, latest_event, grouping)
                 VALUES (1, 1, 'error', '', '', '{}', 'error', 'other', 0, 0, 50, 1, 1, 1, 0,
                     X'00', '[]')",
            )
            .await;
        let told = async || store.subscribers(&[1]).await.unwrap();
        let mut write = store.begin().await.unwrap();
        write.set_issue_seen(1, user, Some(1)).await.unwrap();
        write.subscribe(1, user, "commented").await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(told().await, [(1, user)]);
        let mut write = store.begin().await.unwrap();
        write.set_issue_subscription(1, user, false).await.unwrap();
        write.subscribe(1, user, "mentioned").await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(told().await, []);
        let mut write = store.begin().await.unwrap();
        write.set_issue_subscription(1, user, true).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(told().await, [(1, user)]);
    }
}
