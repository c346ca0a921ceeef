//! Alert rules as people keep them, and what was sent because of them.
//!
//! Times are unix milliseconds.

use super::{Store, StoreError, Write};

/// An alert rule.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AlertRule {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub project_id: i64,
    /// Its name.
    pub name: String,
    /// JSON array of triggers.
    pub triggers: String,
    /// JSON array of actions.
    pub actions: String,
    /// Only events of this environment.
    pub environment: Option<String>,
    /// At most one notification per issue in so many minutes.
    pub frequency_minutes: i64,
    /// Whether it fires.
    pub is_enabled: bool,
    /// When it was made.
    pub created_at: i64,
    /// When it last fired.
    pub last_triggered_at: Option<i64>,
}

/// A notification, with the names of what it is about.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SentNotification {
    /// Its number.
    pub id: i64,
    /// The rule that fired.
    pub rule_id: i64,
    /// The rule's name, while there is the rule.
    pub rule_name: Option<String>,
    /// The issue it tells of.
    pub issue_id: i64,
    /// The issue's number within the project, while there is the issue.
    pub short_id: Option<i64>,
    /// `new_issue`, `regression`.
    pub change_kind: String,
    /// JSON: where to.
    pub action: String,
    /// `pending`, `sent`, `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: i64,
    /// When it was sent.
    pub sent_at: Option<i64>,
}

impl Store {
    /// The rules of a project, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn alert_rules(&self, project_id: i64) -> Result<Vec<AlertRule>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM alert_rules WHERE project_id = ?1 ORDER BY id")
                .bind(project_id)
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// One rule of a project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn alert_rule(
        &self,
        project_id: i64,
        id: i64,
    ) -> Result<Option<AlertRule>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM alert_rules WHERE project_id = ?1 AND id = ?2")
                .bind(project_id)
                .bind(id)
                .fetch_optional(self.reader())
                .await?,
        )
    }

    /// The latest notifications of a project's rules before a row, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn notifications(
        &self,
        project_id: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<SentNotification>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT n.id, n.rule_id, r.name AS rule_name, n.issue_id, i.short_id, n.change_kind,
                    n.action, n.state, n.attempts, n.last_error, n.created_at, n.sent_at
             FROM notifications n
             JOIN alert_rules r ON r.id = n.rule_id
             LEFT JOIN issues i ON i.id = n.issue_id
             WHERE r.project_id = ?1 AND n.id < ?2 ORDER BY n.id DESC LIMIT ?3",
        )
        .bind(project_id)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(self.reader())
        .await?)
    }
}

impl Write {
    /// Makes a rule; its number and times are given here.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_alert_rule(&mut self, rule: &AlertRule) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO alert_rules (project_id, name, triggers, actions, environment,
                 frequency_minutes, is_enabled, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
        )
        .bind(rule.project_id)
        .bind(&rule.name)
        .bind(&rule.triggers)
        .bind(&rule.actions)
        .bind(&rule.environment)
        .bind(rule.frequency_minutes)
        .bind(rule.is_enabled)
        .bind(rule.created_at)
        .fetch_one(self.connection())
        .await?)
    }

    /// Writes a rule's changeable columns.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn update_alert_rule(&mut self, rule: &AlertRule) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE alert_rules SET name = ?2, triggers = ?3, actions = ?4, environment = ?5,
                 frequency_minutes = ?6, is_enabled = ?7 WHERE id = ?1",
        )
        .bind(rule.id)
        .bind(&rule.name)
        .bind(&rule.triggers)
        .bind(&rule.actions)
        .bind(&rule.environment)
        .bind(rule.frequency_minutes)
        .bind(rule.is_enabled)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_alert_rule(&mut self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM alert_rules WHERE id = ?1")
            .bind(id)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}
