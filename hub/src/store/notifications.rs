//! The way from a change of an issue to a notification that was sent.
//!
//! A change is taken and its notifications are written in one transaction, so that a crash loses
//! none and doubles none. What was sent stays, so that people see it.

use protocol::ids::{EventId, ProjectId};
use protocol::timestamp::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, Write};
use crate::rule::{Action, Rule, Trigger};

/// A change of an issue that no rule has seen yet, with what a notification tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its row.
    pub id: i64,
    /// Whose issue.
    pub project: ProjectId,
    /// The project's short name.
    pub project_slug: String,
    /// The organisation's short name.
    pub organization_slug: String,
    /// The issue's row.
    pub issue: i64,
    /// The issue's number within the project.
    pub short_id: i64,
    /// The issue's title.
    pub title: String,
    /// Where it happens.
    pub culprit: String,
    /// Its level.
    pub level: String,
    /// How often it was seen.
    pub times_seen: i64,
    /// The event that made the change.
    pub event_id: EventId,
    /// That event's environment.
    pub environment: Option<String>,
    /// What happened.
    pub trigger: Trigger,
    /// When.
    pub created_at: Timestamp,
}

/// A rule with its row and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRule {
    /// Its row.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The rule.
    pub rule: Rule,
}

/// A notification to write.
#[derive(Clone, Debug)]
pub struct NewNotification<'n> {
    /// The rule that fired.
    pub rule: i64,
    /// The issue it tells of.
    pub issue: i64,
    /// What happened.
    pub trigger: Trigger,
    /// Where to.
    pub action: &'n Action,
    /// What it says, as JSON.
    pub payload: &'n str,
}

/// A notification whose turn has come.
#[derive(Clone, Debug)]
pub struct DueNotification {
    /// Its row.
    pub id: i64,
    /// Where to.
    pub action: Action,
    /// What it says, as JSON.
    pub payload: String,
    /// How often it was tried.
    pub attempts: i64,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is there.
    Sent,
    /// It failed and is tried again.
    Again {
        /// When.
        at: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// It failed for good.
    Failed {
        /// Why.
        error: String,
    },
}

impl Store {
    /// Changes that no rule has seen, oldest first. A change whose issue is gone is not among
    /// them; [`Write::forget_changes`] removes it with the others.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn changes(&self, limit: i64) -> Result<Vec<Change>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.id, c.project_id, p.slug AS project_slug, o.slug AS organization_slug,
                    c.issue_id, i.short_id, i.title, i.culprit, i.level, i.times_seen, c.event_id,
                    (SELECT t.value FROM issue_tags t
                     WHERE t.issue_id = c.issue_id AND t.key = 'environment'
                     ORDER BY t.last_seen DESC LIMIT 1) AS environment,
                    c.kind, c.created_at
             FROM issue_changes c
             JOIN issues i ON i.id = c.issue_id
             JOIN projects p ON p.id = c.project_id
             JOIN organizations o ON o.id = p.organization_id
             ORDER BY c.id LIMIT ?1",
        )
        .bind(limit)
        .fetch_all(self.reader())
        .await?;
        Ok(rows.iter().filter_map(change).collect())
    }

    /// The rules of a project that are on.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn enabled_rules(&self, project: ProjectId) -> Result<Vec<StoredRule>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, triggers, actions, environment, frequency_minutes
             FROM alert_rules WHERE project_id = ?1 AND is_enabled ORDER BY id",
        )
        .bind(project.as_i64())
        .fetch_all(self.reader())
        .await?;
        Ok(rows.iter().filter_map(stored_rule).collect())
    }

    /// When a rule last told of an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn last_told(&self, rule: i64, issue: i64) -> Result<Option<Timestamp>, StoreError> {
        let told: Option<i64> = sqlx::query_scalar(
            "SELECT MAX(created_at) FROM notifications WHERE rule_id = ?1 AND issue_id = ?2",
        )
        .bind(rule)
        .bind(issue)
        .fetch_one(self.reader())
        .await?;
        Ok(told.map(Timestamp::from_millis))
    }

    /// Notifications to be sent by `now`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn due_notifications(
        &self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<DueNotification>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, action, payload, attempts FROM notifications
             WHERE state = 'pending' AND next_attempt_at <= ?1
             ORDER BY next_attempt_at, id LIMIT ?2",
        )
        .bind(now.as_millis())
        .bind(limit)
        .fetch_all(self.reader())
        .await?;
        let due = |row: &sqlx::sqlite::SqliteRow| {
            Some(DueNotification {
                id: row.get("id"),
                action: serde_json::from_str(row.get("action")).ok()?,
                payload: row.get("payload"),
                attempts: row.get("attempts"),
            })
        };
        Ok(rows.iter().filter_map(due).collect())
    }
}

impl Write {
    /// Notes what became of an attempt to send.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn note_attempt(
        &mut self,
        notification: i64,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (state, next, error, sent) = match attempt {
            Attempt::Sent => ("sent", now, None, Some(now.as_millis())),
            Attempt::Again { at, error } => ("pending", *at, Some(error), None),
            Attempt::Failed { error } => ("failed", now, Some(error), None),
        };
        sqlx::query(
            "UPDATE notifications SET state = ?2, attempts = attempts + 1, next_attempt_at = ?3,
                    last_error = ?4, sent_at = ?5
             WHERE id = ?1",
        )
        .bind(notification)
        .bind(state)
        .bind(next.as_millis())
        .bind(error)
        .bind(sent)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Writes a notification that is due at once.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_notification(
        &mut self,
        new: &NewNotification<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let action = serde_json::to_string(new.action).unwrap_or_default();
        sqlx::query(
            "INSERT INTO notifications
                (rule_id, issue_id, change_kind, action, payload, state, next_attempt_at,
                 created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?6)",
        )
        .bind(new.rule)
        .bind(new.issue)
        .bind(new.trigger.name())
        .bind(action)
        .bind(new.payload)
        .bind(now.as_millis())
        .execute(self.connection())
        .await?;
        sqlx::query("UPDATE alert_rules SET last_triggered_at = ?2 WHERE id = ?1")
            .bind(new.rule)
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Removes changes up to a row: every rule has seen them.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn forget_changes(&mut self, upto: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM issue_changes WHERE id <= ?1")
            .bind(upto)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

fn change(row: &sqlx::sqlite::SqliteRow) -> Option<Change> {
    let project: i64 = row.get("project_id");
    let event_id: Vec<u8> = row.get("event_id");
    Some(Change {
        id: row.get("id"),
        project: ProjectId::new(u64::try_from(project).ok()?).ok()?,
        project_slug: row.get("project_slug"),
        organization_slug: row.get("organization_slug"),
        issue: row.get("issue_id"),
        short_id: row.get("short_id"),
        title: row.get("title"),
        culprit: row.get("culprit"),
        level: row.get("level"),
        times_seen: row.get("times_seen"),
        event_id: EventId::from_bytes(event_id.try_into().ok()?),
        environment: row.get("environment"),
        trigger: Trigger::from_name(row.get("kind"))?,
        created_at: Timestamp::from_millis(row.get("created_at")),
    })
}

fn stored_rule(row: &sqlx::sqlite::SqliteRow) -> Option<StoredRule> {
    let rule = Rule {
        triggers: serde_json::from_str(row.get("triggers")).ok()?,
        actions: serde_json::from_str(row.get("actions")).ok()?,
        environment: row.get("environment"),
        frequency_minutes: row.get("frequency_minutes"),
        is_enabled: true,
    };
    Some(StoredRule {
        id: row.get("id"),
        name: row.get("name"),
        rule,
    })
}
