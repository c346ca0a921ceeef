//! Changes of issues that the alerts have not seen yet.
//!
//! Written in the transaction of the change itself, so that none is missed.

use protocol::ids::{EventId, ProjectId};
use protocol::timestamp::Timestamp;

use super::{StoreError, Write};

/// What happened to an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was seen for the first time.
    NewIssue,
    /// It was seen again after it was resolved.
    Regression,
    /// It was archived, and seen more often than foretold.
    Escalating,
}

impl ChangeKind {
    /// The name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewIssue => "new_issue",
            Self::Regression => "regression",
            Self::Escalating => "escalating",
        }
    }
}

impl Write {
    /// Notes a change for the alerts.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_change(
        &mut self,
        project: ProjectId,
        issue: i64,
        event_id: EventId,
        kind: ChangeKind,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_changes (project_id, issue_id, event_id, kind, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(project.as_i64())
        .bind(issue)
        .bind(event_id.as_bytes().as_slice())
        .bind(kind.name())
        .bind(now.as_millis())
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
