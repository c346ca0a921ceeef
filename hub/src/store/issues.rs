//! Issues as the digest changes them: many at once, in its transaction.

use std::collections::HashSet;

use protocol::ids::{EventId, ProjectId};
use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};

/// What an issue shows of its latest event.
#[derive(Clone, Debug)]
pub struct IssueFace<'a> {
    /// The title.
    pub title: &'a str,
    /// Where it happened.
    pub culprit: &'a str,
    /// JSON: type, value, filename, function.
    pub metadata: &'a str,
    /// The level.
    pub level: &'a str,
    /// The logger.
    pub logger: Option<&'a str>,
    /// Whether the application did not handle it.
    pub is_unhandled: bool,
    /// The event's release.
    pub release: Option<&'a str>,
    /// The event.
    pub event_id: EventId,
}

/// An issue to be made.
#[derive(Clone, Debug)]
pub struct NewIssue<'a> {
    /// The project.
    pub project: ProjectId,
    /// Counts within the project.
    pub short_id: i64,
    /// `error`, `default`, `csp`, …
    pub kind: &'a str,
    /// The platform of the first event.
    pub platform: &'a str,
    /// What it shows.
    pub face: IssueFace<'a>,
    /// Status and substatus as numbers.
    pub status: (i64, Option<i64>),
    /// 25, 50 or 75.
    pub priority: i64,
    /// The first event's time.
    pub first_seen: Timestamp,
    /// The last event's time.
    pub last_seen: Timestamp,
    /// Events.
    pub times_seen: i64,
    /// Users.
    pub users_seen: i64,
    /// The first event's release.
    pub first_release: Option<&'a str>,
    /// JSON: how the first event was grouped.
    pub grouping: &'a str,
}

/// What events add to an issue that exists.
#[derive(Clone, Debug)]
pub struct IssueDelta<'a> {
    /// The issue.
    pub issue: i64,
    /// The earliest event's time.
    pub first_seen: Timestamp,
    /// The latest event's time.
    pub last_seen: Timestamp,
    /// More events.
    pub times_seen: i64,
    /// More users.
    pub users_seen: i64,
    /// What it shows, if these events are later than those before.
    pub face: IssueFace<'a>,
}

/// What decides over an issue's state.
#[derive(Clone, Debug)]
pub struct IssueRow {
    /// The issue.
    pub issue: i64,
    /// Status and substatus as numbers.
    pub status: (i64, Option<i64>),
    /// JSON: how it was resolved or archived.
    pub status_details: String,
    /// The first event's time.
    pub first_seen: Timestamp,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// Events.
    pub times_seen: i64,
    /// Users.
    pub users_seen: i64,
}

/// One value of one tag of an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCount<'a> {
    /// The issue.
    pub issue: i64,
    /// The tag.
    pub key: &'a str,
    /// Its value; [`OTHER_VALUES`] gathers those beyond the cap.
    pub value: &'a str,
    /// Events.
    pub times_seen: i64,
    /// The first event's time.
    pub first_seen: Timestamp,
    /// The last event's time.
    pub last_seen: Timestamp,
}

/// The value that stands for all values beyond the cap. No tag has it: tags are not empty.
pub const OTHER_VALUES: &str = "";

impl Store {
    /// How many issues there are.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_count(&self) -> Result<u64, StoreError> {
        let n: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM issues")
            .fetch_one(self.reader())
            .await?;
        Ok(n.cast_unsigned())
    }
}

impl Write {
    /// What decides over the state of these issues.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_states(&mut self, issues: &[i64]) -> Result<Vec<IssueRow>, StoreError> {
        let mut states = Vec::with_capacity(issues.len());
        for run in runs(issues) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "SELECT id, status, substatus, status_details, first_seen, resolved_at, times_seen,
                        users_seen
                 FROM issues WHERE id IN (",
            );
            let mut ids = sql.separated(", ");
            for issue in run {
                ids.push_bind(*issue);
            }
            sql.push(")");
            for row in sql.build().fetch_all(self.connection()).await? {
                let resolved_at: Option<i64> = row.try_get(5)?;
                states.push(IssueRow {
                    issue: row.try_get(0)?,
                    status: (row.try_get(1)?, row.try_get(2)?),
                    status_details: row.try_get(3)?,
                    first_seen: Timestamp::from_millis(row.try_get(4)?),
                    resolved_at: resolved_at.map(Timestamp::from_millis),
                    times_seen: row.try_get(6)?,
                    users_seen: row.try_get(7)?,
                });
            }
        }
        Ok(states)
    }

    /// Takes `n` short ids of a project; gives the first.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the project is gone.
    pub async fn take_short_ids(&mut self, project: ProjectId, n: i64) -> Result<i64, StoreError> {
        let next: Option<i64> = sqlx::query_scalar(
            "UPDATE projects SET next_short_id = next_short_id + ?2 WHERE id = ?1
             RETURNING next_short_id",
        )
        .bind(project.as_i64())
        .bind(n)
        .fetch_optional(self.connection())
        .await?;
        let next = next.ok_or(StoreError::Missing { what: "project" })?;
        Ok(next - n)
    }

    /// Makes an issue; gives its row.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_issue(&mut self, issue: &NewIssue<'_>) -> Result<i64, StoreError> {
        let face = &issue.face;
        let id = self.next_issue_id().await?;
        sqlx::query(
            "INSERT INTO issues
             (project_id, short_id, kind, title, culprit, metadata, level, platform, logger,
              is_unhandled, status, substatus, priority, first_seen, last_seen, times_seen,
              users_seen, first_release, last_release, latest_event, grouping, waiting_since, id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, ?19, ?20, ?21, ?14, ?22)",
        )
        .bind(issue.project.as_i64())
        .bind(issue.short_id)
        .bind(issue.kind)
        .bind(face.title)
        .bind(face.culprit)
        .bind(face.metadata)
        .bind(face.level)
        .bind(issue.platform)
        .bind(face.logger)
        .bind(face.is_unhandled)
        .bind(issue.status.0)
        .bind(issue.status.1)
        .bind(issue.priority)
        .bind(issue.first_seen.as_millis())
        .bind(issue.last_seen.as_millis())
        .bind(issue.times_seen)
        .bind(issue.users_seen)
        .bind(issue.first_release)
        .bind(face.release)
        .bind(face.event_id.as_bytes().as_slice())
        .bind(issue.grouping)
        .bind(id)
        .execute(self.connection())
        .await?;
        Ok(id)
    }

    /// Adds counts to an issue; what it shows changes only with a later event.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn touch_issue(&mut self, delta: &IssueDelta<'_>) -> Result<(), StoreError> {
        let face = &delta.face;
        sqlx::query(
            "UPDATE issues SET
               times_seen = times_seen + ?2,
               users_seen = users_seen + ?3,
               first_seen = CASE WHEN ?4 < first_seen THEN ?4 ELSE first_seen END,
               title = CASE WHEN ?5 >= last_seen THEN ?6 ELSE title END,
               culprit = CASE WHEN ?5 >= last_seen THEN ?7 ELSE culprit END,
               metadata = CASE WHEN ?5 >= last_seen THEN ?8 ELSE metadata END,
               level = CASE WHEN ?5 >= last_seen THEN ?9 ELSE level END,
               logger = CASE WHEN ?5 >= last_seen THEN ?10 ELSE logger END,
               is_unhandled = CASE WHEN ?5 >= last_seen THEN ?11 ELSE is_unhandled END,
               last_release = CASE WHEN ?5 >= last_seen THEN coalesce(?12, last_release)
                              ELSE last_release END,
               latest_event = CASE WHEN ?5 >= last_seen THEN ?13 ELSE latest_event END,
               last_seen = CASE WHEN ?5 > last_seen THEN ?5 ELSE last_seen END
             WHERE id = ?1",
        )
        .bind(delta.issue)
        .bind(delta.times_seen)
        .bind(delta.users_seen)
        .bind(delta.first_seen.as_millis())
        .bind(delta.last_seen.as_millis())
        .bind(face.title)
        .bind(face.culprit)
        .bind(face.metadata)
        .bind(face.level)
        .bind(face.logger)
        .bind(face.is_unhandled)
        .bind(face.release)
        .bind(face.event_id.as_bytes().as_slice())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Opens an issue again: its resolution or archival is over, and it waits for a look.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn reopen_issue(
        &mut self,
        issue: i64,
        status: (i64, Option<i64>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE issues SET status = ?2, substatus = ?3, status_details = '{}',
                               resolved_at = NULL, waiting_since = ?4, review_since = ?4
             WHERE id = ?1",
        )
        .bind(issue)
        .bind(status.0)
        .bind(status.1)
        .bind(now.as_millis())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Adds users to issues; gives the issue of each that was not known there.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_issue_users(
        &mut self,
        users: &[(i64, [u8; 8])],
    ) -> Result<Vec<i64>, StoreError> {
        let mut fresh = Vec::new();
        for run in runs(users) {
            let mut sql =
                QueryBuilder::<Sqlite>::new("INSERT INTO issue_users (issue_id, user_hash) ");
            sql.push_values(run, |mut row, (issue, hash)| {
                row.push_bind(*issue).push_bind(hash.as_slice());
            });
            sql.push(" ON CONFLICT (issue_id, user_hash) DO NOTHING RETURNING issue_id");
            for row in sql.build().fetch_all(self.connection()).await? {
                fresh.push(row.try_get(0)?);
            }
        }
        Ok(fresh)
    }

    /// Which of these tag values are stored for their issue already, by their place in `tags`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn known_tags(
        &mut self,
        tags: &[TagCount<'_>],
    ) -> Result<HashSet<usize>, StoreError> {
        let mut known = HashSet::new();
        let mut before: i64 = 0;
        for run in runs(tags) {
            let mut sql =
                QueryBuilder::<Sqlite>::new("WITH wanted (place, issue_id, key, value) AS (");
            let mut place = before;
            sql.push_values(run, |mut row, tag| {
                row.push_bind(place)
                    .push_bind(tag.issue)
                    .push_bind(tag.key)
                    .push_bind(tag.value);
                place += 1;
            });
            sql.push(
                ") SELECT w.place FROM wanted w CROSS JOIN issue_tags t
                 WHERE t.issue_id = w.issue_id AND t.key = w.key AND t.value = w.value",
            );
            for row in sql.build().fetch_all(self.connection()).await? {
                let place: i64 = row.try_get(0)?;
                known.extend(usize::try_from(place).ok());
            }
            before = place;
        }
        Ok(known)
    }

    /// How many values a tag of an issue has, counted up to `max`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn tag_value_count(
        &mut self,
        issue: i64,
        key: &str,
        max: u32,
    ) -> Result<u32, StoreError> {
        let n = sqlx::query_scalar(
            "SELECT COUNT(*) FROM
             (SELECT 1 FROM issue_tags WHERE issue_id = ?1 AND key = ?2 LIMIT ?3) AS few",
        )
        .bind(issue)
        .bind(key)
        .bind(max)
        .fetch_one(self.connection())
        .await?;
        Ok(n)
    }

    /// Adds to the counts of tag values.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_issue_tags(&mut self, tags: &[TagCount<'_>]) -> Result<(), StoreError> {
        for run in runs(tags) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO issue_tags (issue_id, key, value, times_seen, first_seen, last_seen) ",
            );
            sql.push_values(run, |mut row, tag| {
                row.push_bind(tag.issue)
                    .push_bind(tag.key)
                    .push_bind(tag.value)
                    .push_bind(tag.times_seen)
                    .push_bind(tag.first_seen.as_millis())
                    .push_bind(tag.last_seen.as_millis());
            });
            sql.push(
                " ON CONFLICT (issue_id, key, value) DO UPDATE SET
                   times_seen = issue_tags.times_seen + excluded.times_seen,
                   first_seen = CASE WHEN excluded.first_seen < issue_tags.first_seen
                                THEN excluded.first_seen ELSE issue_tags.first_seen END,
                   last_seen = CASE WHEN excluded.last_seen > issue_tags.last_seen
                               THEN excluded.last_seen ELSE issue_tags.last_seen END",
            );
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Hourly counts of an issue, hours without events left out.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_hours(
        &mut self,
        issue: i64,
        hours: std::ops::Range<i64>,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT hour, n FROM issue_hours WHERE issue_id = ?1 AND hour >= ?2 AND hour < ?3",
        )
        .bind(issue)
        .bind(hours.start)
        .bind(hours.end)
        .fetch_all(self.connection())
        .await?)
    }

    /// Events of an issue that happened at a time or later.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_events_since(
        &mut self,
        issue: i64,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        // More than anyone waits for need not be counted.
        const COUNTED_MAX: i64 = 100_000;
        Ok(sqlx::query_scalar(
            "SELECT coalesce(SUM(weight), 0) FROM
                 (SELECT weight FROM events WHERE issue_id = ?1 AND timestamp >= ?2 LIMIT ?3)
                 AS some",
        )
        .bind(issue)
        .bind(at.as_millis())
        .bind(COUNTED_MAX)
        .fetch_one(self.connection())
        .await?)
    }

    /// The users of an issue since a time, of one that is archived until so many come; those seen
    /// before are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn recent_users(
        &mut self,
        issue: i64,
        since: Timestamp,
    ) -> Result<HashSet<[u8; 8]>, StoreError> {
        sqlx::query("DELETE FROM issue_recent_users WHERE issue_id = ?1 AND last_seen < ?2")
            .bind(issue)
            .bind(since.as_millis())
            .execute(self.connection())
            .await?;
        let users: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT user_hash FROM issue_recent_users WHERE issue_id = ?1")
                .bind(issue)
                .fetch_all(self.connection())
                .await?;
        let unreadable = |_| StoreError::Unreadable { what: "user" };
        let users = users.into_iter().map(<[u8; 8]>::try_from);
        users.map(|user| user.map_err(unreadable)).collect()
    }

    /// Notes when a user was seen last.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_recent_user(
        &mut self,
        issue: i64,
        user: &[u8; 8],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_recent_users (issue_id, user_hash, last_seen) VALUES (?1, ?2, ?3)
             ON CONFLICT (issue_id, user_hash) DO UPDATE SET
                 last_seen = max(last_seen, excluded.last_seen)",
        )
        .bind(issue)
        .bind(user.as_slice())
        .bind(at.as_millis())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Raises the priority of an issue by a step, unless a person has set it.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn raise_priority(&mut self, issue: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE issues SET priority = CASE WHEN priority <= 25 THEN 50 ELSE 75 END
             WHERE id = ?1 AND priority_locked_at IS NULL",
        )
        .bind(issue)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Adds to the hourly counts of issues: issue, hour, events.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_issue_hours(&mut self, hours: &[(i64, i64, i64)]) -> Result<(), StoreError> {
        for run in runs(hours) {
            let mut sql =
                QueryBuilder::<Sqlite>::new("INSERT INTO issue_hours (issue_id, hour, n) ");
            sql.push_values(run, |mut row, (issue, hour, n)| {
                row.push_bind(*issue).push_bind(*hour).push_bind(*n);
            });
            sql.push(" ON CONFLICT (issue_id, hour) DO UPDATE SET n = issue_hours.n + excluded.n");
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Notes what the hub itself did to an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_activity(
        &mut self,
        issue: i64,
        kind: i64,
        data: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_activity (issue_id, kind, data, created_at) VALUES (?1, ?2, ?3, ?4)",
        )
        .bind(issue)
        .bind(kind)
        .bind(data)
        .bind(at.as_millis())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Removes the issues among these that have no events left; says how many.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_empty_issues(&mut self, issues: &[i64]) -> Result<u64, StoreError> {
        let mut removed = 0;
        for run in runs(issues) {
            let mut sql = QueryBuilder::<Sqlite>::new("DELETE FROM issues WHERE id IN (");
            let mut ids = sql.separated(", ");
            for issue in run {
                ids.push_bind(*issue);
            }
            sql.push(") AND NOT EXISTS (SELECT 1 FROM events e WHERE e.issue_id = issues.id)");
            removed += sql
                .build()
                .execute(self.connection())
                .await?
                .rows_affected();
        }
        Ok(removed)
    }

    /// Removes hourly counts of issues before an hour.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_issue_hours(&mut self, before: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM issue_hours WHERE hour < ?1")
            .bind(before)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected())
    }
}
