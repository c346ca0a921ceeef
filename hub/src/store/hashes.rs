//! Hashes that lead events to their issues.

use std::collections::HashMap;

use protocol::ids::{EventId, ProjectId};
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};

/// One of an event's grouping hashes.
pub type GroupHash = [u8; 16];

/// A hash that leads to an issue, and the event that brought it.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The project.
    pub project: ProjectId,
    /// The hash.
    pub hash: GroupHash,
    /// The issue.
    pub issue: i64,
    /// The event.
    pub event_id: EventId,
    /// The event's title.
    pub title: &'a str,
}

/// A hash that leads to an issue.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct BoundHash {
    /// The hash.
    pub hash: Vec<u8>,
    /// The title of the event that brought it; none where that is not known any more.
    pub title: Option<String>,
    /// That event.
    pub event_id: Option<Vec<u8>>,
}

impl Store {
    /// The issue that the first of these hashes that is bound is bound to.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_of_hashes(
        &self,
        project_id: i64,
        hashes: &[Vec<u8>],
    ) -> Result<Option<i64>, StoreError> {
        for hash in hashes {
            let issue = sqlx::query_scalar(
                "SELECT issue_id FROM issue_hashes WHERE project_id = ?1 AND hash = ?2",
            )
            .bind(project_id)
            .bind(hash)
            .fetch_optional(self.reader())
            .await?;
            if issue.is_some() {
                return Ok(issue);
            }
        }
        Ok(None)
    }

    /// The hashes bound to an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_hashes(&self, issue_id: i64) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT hash FROM issue_hashes WHERE issue_id = ?1 ORDER BY hash")
                .bind(issue_id)
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// The same with what brought each, the latest bound last.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn bound_hashes(&self, issue_id: i64) -> Result<Vec<BoundHash>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT hash, title, event_id FROM issue_hashes WHERE issue_id = ?1 ORDER BY rowid",
        );
        Ok(rows.bind(issue_id).fetch_all(self.reader()).await?)
    }
}

impl Write {
    /// The issues that these hashes are bound to.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issues_by_hash(
        &mut self,
        hashes: &[(ProjectId, GroupHash)],
    ) -> Result<HashMap<(ProjectId, GroupHash), i64>, StoreError> {
        let mut bound = HashMap::new();
        for run in runs(hashes) {
            let mut sql = QueryBuilder::<Sqlite>::new("WITH wanted (project_id, hash) AS (");
            sql.push_values(run, |mut row, (project, hash)| {
                row.push_bind(project.as_i64()).push_bind(hash.as_slice());
            });
            sql.push(
                ") SELECT h.project_id, h.hash, h.issue_id FROM wanted w CROSS JOIN issue_hashes h
                 WHERE h.project_id = w.project_id AND h.hash = w.hash",
            );
            for row in sql.build().fetch_all(self.connection()).await? {
                let unreadable = |_| StoreError::Unreadable { what: "hash" };
                let hash: &[u8] = row.try_get(1)?;
                let project = super::events::project(row.try_get(0)?)?;
                bound.insert(
                    (project, hash.try_into().map_err(unreadable)?),
                    row.try_get(2)?,
                );
            }
        }
        Ok(bound)
    }

    /// Binds hashes to issues; a hash that is bound stays with its issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn bind_hashes(&mut self, hashes: &[Binding<'_>]) -> Result<(), StoreError> {
        for run in runs(hashes) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO issue_hashes (project_id, hash, issue_id, event_id, title) ",
            );
            sql.push_values(run, |mut row, bound| {
                row.push_bind(bound.project.as_i64())
                    .push_bind(bound.hash.as_slice())
                    .push_bind(bound.issue)
                    .push_bind(bound.event_id.as_bytes().as_slice())
                    .push_bind(bound.title);
            });
            sql.push(" ON CONFLICT (project_id, hash) DO NOTHING");
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Frees hashes of an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn free_hashes(
        &mut self,
        project: ProjectId,
        hashes: &[GroupHash],
    ) -> Result<(), StoreError> {
        for hash in hashes {
            sqlx::query("DELETE FROM issue_hashes WHERE project_id = ?1 AND hash = ?2")
                .bind(project.as_i64())
                .bind(hash.as_slice())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}
