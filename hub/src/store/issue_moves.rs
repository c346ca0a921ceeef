//! Events that go from one issue to another: merging, and taking out.
//!
//! Counts stay exact: what one issue gets is what others lose. Which issues have to be indexed
//! again is noted in the same transaction, so that a crash in between is made up for.

use std::collections::BTreeMap;

use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::issues::IssueFace;
use super::rows::runs;
use super::{Store, StoreError, Write};

/// What moves with an issue's events, in this order; `?1` is the issue merged, `?2` the target.
const MERGE: &[&str] = &[
    "UPDATE events SET issue_id = ?2 WHERE issue_id = ?1",
    "UPDATE issue_hashes SET issue_id = ?2 WHERE issue_id = ?1",
    "INSERT INTO issue_users (issue_id, user_hash)
     SELECT ?2, user_hash FROM issue_users WHERE issue_id = ?1
     ON CONFLICT (issue_id, user_hash) DO NOTHING",
    "INSERT INTO issue_tags (issue_id, key, value, times_seen, first_seen, last_seen)
     SELECT ?2, key, value, times_seen, first_seen, last_seen FROM issue_tags WHERE issue_id = ?1
     ON CONFLICT (issue_id, key, value) DO UPDATE SET
         times_seen = issue_tags.times_seen + excluded.times_seen,
         first_seen = min(issue_tags.first_seen, excluded.first_seen),
         last_seen = max(issue_tags.last_seen, excluded.last_seen)",
    "INSERT INTO issue_hours (issue_id, hour, n)
     SELECT ?2, hour, n FROM issue_hours WHERE issue_id = ?1
     ON CONFLICT (issue_id, hour) DO UPDATE SET n = issue_hours.n + excluded.n",
    "INSERT INTO issue_features (project_id, feature, issue_id)
     SELECT project_id, feature, ?2 FROM issue_features WHERE issue_id = ?1
     ON CONFLICT DO NOTHING",
    "INSERT INTO issue_people (issue_id, user_id, seen_at, is_bookmarked, is_subscribed, reason)
     SELECT ?2, user_id, seen_at, is_bookmarked, is_subscribed, reason FROM issue_people
     WHERE issue_id = ?1
     ON CONFLICT (issue_id, user_id) DO UPDATE SET
         is_bookmarked = max(issue_people.is_bookmarked, excluded.is_bookmarked),
         is_subscribed = max(issue_people.is_subscribed, excluded.is_subscribed),
         reason = CASE WHEN excluded.is_subscribed > issue_people.is_subscribed
             THEN excluded.reason ELSE issue_people.reason END",
    // Notes and the like stay readable; that it was first seen is the target's own to say.
    "UPDATE issue_activity SET issue_id = ?2 WHERE issue_id = ?1 AND kind <> 9",
    "UPDATE issue_changes SET issue_id = ?2 WHERE issue_id = ?1",
    // What waits to be merged into it goes where it went.
    "UPDATE deletions SET into_issue = ?2 WHERE into_issue = ?1",
    "UPDATE issues SET
         title = CASE WHEN c.last_seen > issues.last_seen THEN c.title ELSE issues.title END,
         culprit = CASE WHEN c.last_seen > issues.last_seen THEN c.culprit ELSE issues.culprit END,
         metadata = CASE WHEN c.last_seen > issues.last_seen THEN c.metadata
                    ELSE issues.metadata END,
         level = CASE WHEN c.last_seen > issues.last_seen THEN c.level ELSE issues.level END,
         is_unhandled = CASE WHEN c.last_seen > issues.last_seen THEN c.is_unhandled
                        ELSE issues.is_unhandled END,
         latest_event = CASE WHEN c.last_seen > issues.last_seen THEN c.latest_event
                        ELSE issues.latest_event END,
         last_release = CASE WHEN c.last_seen > issues.last_seen
                        THEN coalesce(c.last_release, issues.last_release)
                        ELSE coalesce(issues.last_release, c.last_release) END,
         first_release = CASE WHEN c.first_seen < issues.first_seen
                         THEN coalesce(c.first_release, issues.first_release)
                         ELSE coalesce(issues.first_release, c.first_release) END,
         first_seen = min(issues.first_seen, c.first_seen),
         last_seen = max(issues.last_seen, c.last_seen),
         times_seen = issues.times_seen + c.times_seen,
         users_seen = (SELECT COUNT(*) FROM issue_users WHERE issue_id = ?2)
     FROM (SELECT * FROM issues WHERE id = ?1) AS c
     WHERE issues.id = ?2",
    // Who has the address of it finds the target, also by that of what was merged into it before.
    "UPDATE issue_redirects SET issue_id = ?2 WHERE issue_id = ?1",
    "INSERT INTO issue_redirects (old_id, project_id, short_id, issue_id)
     SELECT id, project_id, short_id, ?2 FROM issues WHERE id = ?1",
    "DELETE FROM issues WHERE id = ?1",
];

/// What an issue loses with events that are taken out of it.
#[derive(Clone, Debug, Default)]
pub struct Loss {
    /// Events.
    pub events: i64,
    /// Users that none of the events that stay has.
    pub users: Vec<[u8; 8]>,
    /// Events by tag and value.
    pub tags: BTreeMap<(String, String), i64>,
    /// Events by hour.
    pub hours: BTreeMap<i64, i64>,
}

impl Store {
    /// Issues whose events have to be indexed again, and after which row.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_moves(&self) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(
            sqlx::query_as("SELECT issue_id, after_row FROM issue_moves")
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// The rows of an issue's events after a row, the earliest digested first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_event_rows(
        &self,
        issue_id: i64,
        after: i64,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT id FROM events WHERE issue_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )
        .bind(issue_id)
        .bind(after)
        .bind(limit)
        .fetch_all(self.reader())
        .await?)
    }
}

impl Write {
    /// Merges an issue into another: events, counts, hashes, people and what was done to it. The
    /// issue is gone.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn merge_issue(&mut self, issue: i64, target: i64) -> Result<(), StoreError> {
        for statement in MERGE {
            sqlx::query(*statement)
                .bind(issue)
                .bind(target)
                .execute(self.connection())
                .await?;
        }
        self.note_move(target).await
    }

    /// What an issue was made of when it was taken out of another, as its activity tells, and whether
    /// it is what it was made: nothing was merged into it or taken out of it since.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn parting(&mut self, issue: i64) -> Result<Option<(String, bool)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT data, NOT EXISTS (SELECT 1 FROM issue_activity b
                 WHERE b.issue_id = a.issue_id AND b.kind IN (14, 19)) AS is_as_made
             FROM issue_activity a WHERE issue_id = ?1 AND kind = 20 ORDER BY id DESC LIMIT 1",
        )
        .bind(issue)
        .fetch_optional(self.connection())
        .await?)
    }

    /// Merges an issue back into the one that it was taken out of. What the two were parted by is
    /// forgotten, so that what comes is in one issue again.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn merge_back(
        &mut self,
        issue: i64,
        source: i64,
        tag: Option<&str>,
    ) -> Result<(), StoreError> {
        if let Some(tag) = tag {
            // Only those that are told apart by the tag have these hashes.
            sqlx::query("DELETE FROM issue_hashes WHERE issue_id = ?1")
                .bind(issue)
                .execute(self.connection())
                .await?;
            sqlx::query(
                "DELETE FROM issue_splits WHERE tag = ?2 AND (project_id, hash) IN
                     (SELECT project_id, hash FROM issue_hashes WHERE issue_id = ?1)",
            )
            .bind(source)
            .bind(tag)
            .execute(self.connection())
            .await?;
        }
        sqlx::query("DELETE FROM issue_activity WHERE issue_id = ?1 AND kind = 20")
            .bind(issue)
            .execute(self.connection())
            .await?;
        self.merge_issue(issue, source).await
    }

    /// Notes that an issue's events have to be indexed again.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn note_move(&mut self, issue: i64) -> Result<(), StoreError> {
        // Below every row, and another number each time: who is at it sees that it begins anew.
        sqlx::query(
            "INSERT INTO issue_moves (issue_id) VALUES (?1)
             ON CONFLICT (issue_id) DO UPDATE SET after_row = min(after_row, 0) - 1",
        )
        .bind(issue)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Notes how far an issue is indexed again that was so far before; `None` is to the end. False
    /// when more events were moved there meanwhile: then it begins anew.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn moved_upto(
        &mut self,
        issue: i64,
        before: i64,
        row: Option<i64>,
    ) -> Result<bool, StoreError> {
        let sql = match row {
            Some(_) => {
                "UPDATE issue_moves SET after_row = ?3 WHERE issue_id = ?1 AND after_row = ?2"
            }
            None => "DELETE FROM issue_moves WHERE issue_id = ?1 AND after_row = ?2",
        };
        let done = sqlx::query(sql)
            .bind(issue)
            .bind(before)
            .bind(row)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// How many events of an issue have a row after this one.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn events_of_issue_after(&mut self, issue: i64, row: i64) -> Result<i64, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE issue_id = ?1 AND id > ?2")
                .bind(issue)
                .bind(row)
                .fetch_one(self.connection())
                .await?,
        )
    }

    /// Gives events, each by its row, another issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn give_events(&mut self, events: &[(i64, i64)]) -> Result<(), StoreError> {
        for (row, issue) in events {
            sqlx::query("UPDATE events SET issue_id = ?2 WHERE id = ?1")
                .bind(row)
                .bind(issue)
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// Takes counts from an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn take_counts(&mut self, issue: i64, loss: &Loss) -> Result<(), StoreError> {
        for run in runs(&loss.users) {
            for table in ["issue_users", "issue_recent_users"] {
                let mut sql = QueryBuilder::<Sqlite>::new("DELETE FROM ");
                sql.push(table).push(" WHERE issue_id = ");
                sql.push_bind(issue).push(" AND user_hash IN (");
                let mut list = sql.separated(", ");
                for user in run {
                    list.push_bind(user.as_slice());
                }
                sql.push(")");
                sql.build().execute(self.connection()).await?;
            }
        }
        for ((key, value), n) in &loss.tags {
            self.take_tag(issue, key, value, *n).await?;
        }
        sqlx::query("DELETE FROM issue_tags WHERE issue_id = ?1 AND times_seen <= 0")
            .bind(issue)
            .execute(self.connection())
            .await?;
        for (hour, n) in &loss.hours {
            sqlx::query("UPDATE issue_hours SET n = n - ?3 WHERE issue_id = ?1 AND hour = ?2")
                .bind(issue)
                .bind(hour)
                .bind(n)
                .execute(self.connection())
                .await?;
        }
        sqlx::query("DELETE FROM issue_hours WHERE issue_id = ?1 AND n <= 0")
            .bind(issue)
            .execute(self.connection())
            .await?;
        sqlx::query(
            "UPDATE issues SET times_seen = times_seen - ?2,
                 users_seen = (SELECT COUNT(*) FROM issue_users WHERE issue_id = ?1)
             WHERE id = ?1",
        )
        .bind(issue)
        .bind(loss.events)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// A value beyond the cap was counted with the others.
    async fn take_tag(
        &mut self,
        issue: i64,
        key: &str,
        value: &str,
        n: i64,
    ) -> Result<(), StoreError> {
        for value in [value, super::issues::OTHER_VALUES] {
            let done = sqlx::query(
                "UPDATE issue_tags SET times_seen = times_seen - ?4
                 WHERE issue_id = ?1 AND key = ?2 AND value = ?3",
            )
            .bind(issue)
            .bind(key)
            .bind(value)
            .bind(n)
            .execute(self.connection())
            .await?;
            if done.rows_affected() > 0 {
                break;
            }
        }
        Ok(())
    }

    /// Lets an issue show another event, and another span of time.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn reface_issue(
        &mut self,
        issue: i64,
        face: &IssueFace<'_>,
        first_seen: Option<Timestamp>,
        last_seen: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE issues SET title = ?2, culprit = ?3, metadata = ?4, level = ?5, logger = ?6,
                 is_unhandled = ?7, latest_event = ?8, last_seen = ?9,
                 first_seen = coalesce(?10, first_seen)
             WHERE id = ?1",
        )
        .bind(issue)
        .bind(face.title)
        .bind(face.culprit)
        .bind(face.metadata)
        .bind(face.level)
        .bind(face.logger)
        .bind(face.is_unhandled)
        .bind(face.event_id.as_bytes().as_slice())
        .bind(last_seen.as_millis())
        .bind(first_seen.map(Timestamp::as_millis))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Forgets that issues are new: nobody is told of them.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn forget_new_issues(&mut self, issues: &[i64]) -> Result<(), StoreError> {
        for issue in issues {
            sqlx::query("DELETE FROM issue_changes WHERE issue_id = ?1")
                .bind(issue)
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}
