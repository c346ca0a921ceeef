//! What projects set about grouping, and what issues have in common.
//!
//! Times are unix milliseconds.

use protocol::ids::ProjectId;
use sqlx::{QueryBuilder, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};
use crate::group::Version;

/// Issues looked at for each feature; more have it that say little.
const ISSUES_PER_FEATURE_MAX: u32 = 500;

/// A project's settings, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupingRow {
    /// The way of grouping.
    pub version: Version,
    /// The way before.
    pub previous: Option<Version>,
    /// Until when the way before finds issues.
    pub previous_until: Option<i64>,
    /// Rules about frames.
    pub enhancements: String,
    /// Rules about fingerprints.
    pub fingerprints: String,
}

/// An issue that shares features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Kin {
    /// The issue.
    pub issue_id: i64,
    /// Features it shares.
    pub shared: i64,
    /// Features it has.
    pub own: i64,
}

type Columns = (i64, Option<i64>, Option<i64>, String, String);

fn row(columns: Columns) -> GroupingRow {
    let (version, previous, previous_until, enhancements, fingerprints) = columns;
    GroupingRow {
        // A way that this program does not know yet is the latest it knows.
        version: Version::from_number(version).unwrap_or(Version::LATEST),
        previous: previous.and_then(Version::from_number),
        previous_until,
        enhancements,
        fingerprints,
    }
}

impl Store {
    /// What a project has set.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn grouping(&self, project_id: i64) -> Result<GroupingRow, StoreError> {
        let columns: Option<Columns> = sqlx::query_as(
            "SELECT version, previous, previous_until, enhancements, fingerprints
             FROM project_grouping WHERE project_id = ?1",
        )
        .bind(project_id)
        .fetch_optional(self.reader())
        .await?;
        Ok(columns.map(row).unwrap_or_default())
    }

    /// The projects that have set anything.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn grouping_projects(&self) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT project_id FROM project_grouping UNION SELECT project_id FROM issue_splits",
        )
        .fetch_all(self.reader())
        .await?)
    }

    /// The hashes of a project that were split, each with its tag.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn splits(&self, project_id: i64) -> Result<Vec<([u8; 16], String)>, StoreError> {
        let rows: Vec<(Vec<u8>, String)> =
            sqlx::query_as("SELECT hash, tag FROM issue_splits WHERE project_id = ?1")
                .bind(project_id)
                .fetch_all(self.reader())
                .await?;
        let unreadable = |_| StoreError::Unreadable { what: "hash" };
        rows.into_iter()
            .map(|(hash, tag)| Ok((hash.try_into().map_err(unreadable)?, tag)))
            .collect()
    }

    /// A project's name in addresses.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_slug(&self, project_id: i64) -> Result<Option<String>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT slug FROM projects WHERE id = ?1")
                .bind(project_id)
                .fetch_optional(self.reader())
                .await?,
        )
    }

    /// The features of an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_features(&self, issue_id: i64) -> Result<Vec<i64>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT feature FROM issue_features WHERE issue_id = ?1")
                .bind(issue_id)
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// The issues of a project that share most features with these, the nearest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn kin(
        &self,
        project_id: i64,
        features: &[i64],
        limit: u32,
    ) -> Result<Vec<Kin>, StoreError> {
        if features.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::<Sqlite>::new("WITH hits AS (");
        for (at, feature) in features.iter().enumerate() {
            sql.push(if at == 0 { "" } else { " UNION ALL " });
            sql.push(
                "SELECT issue_id FROM (SELECT issue_id FROM issue_features WHERE project_id = ",
            );
            sql.push_bind(project_id).push(" AND feature = ");
            sql.push_bind(*feature)
                .push(" ORDER BY issue_id DESC LIMIT ");
            sql.push_bind(ISSUES_PER_FEATURE_MAX).push(")");
        }
        sql.push(
            "), best AS (SELECT issue_id, COUNT(*) AS shared FROM hits GROUP BY issue_id
                         ORDER BY shared DESC, issue_id LIMIT ",
        );
        sql.push_bind(limit.saturating_mul(4));
        sql.push(
            ") SELECT b.issue_id, b.shared,
                      (SELECT COUNT(*) FROM issue_features f WHERE f.issue_id = b.issue_id) AS own
               FROM best b JOIN issues i ON i.id = b.issue_id WHERE i.status <= 2
               ORDER BY b.shared DESC, b.issue_id LIMIT ",
        );
        sql.push_bind(limit);
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }
}

impl Write {
    /// Sets what a project sets.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_grouping(
        &mut self,
        project_id: i64,
        row: &GroupingRow,
        now: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO project_grouping (project_id, version, previous, previous_until,
                                           enhancements, fingerprints, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (project_id) DO UPDATE SET version = ?2, previous = ?3,
                 previous_until = ?4, enhancements = ?5, fingerprints = ?6, updated_at = ?7",
        )
        .bind(project_id)
        .bind(row.version.number())
        .bind(row.previous.map(Version::number))
        .bind(row.previous_until)
        .bind(&row.enhancements)
        .bind(&row.fingerprints)
        .bind(now)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Lets events of these hashes be told apart by a tag as well.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_splits(
        &mut self,
        project_id: i64,
        hashes: &[Vec<u8>],
        tag: &str,
    ) -> Result<(), StoreError> {
        for hash in hashes {
            sqlx::query(
                "INSERT INTO issue_splits (project_id, hash, tag) VALUES (?1, ?2, ?3)
                 ON CONFLICT (project_id, hash) DO UPDATE SET tag = excluded.tag",
            )
            .bind(project_id)
            .bind(hash)
            .bind(tag)
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }

    /// Keeps what new issues have in common with others.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_issue_features(
        &mut self,
        features: &[(ProjectId, i64, i64)],
    ) -> Result<(), StoreError> {
        for run in runs(features) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO issue_features (project_id, issue_id, feature) ",
            );
            sql.push_values(run, |mut row, (project, issue, feature)| {
                row.push_bind(project.as_i64())
                    .push_bind(*issue)
                    .push_bind(*feature);
            });
            sql.push(" ON CONFLICT DO NOTHING");
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }
}
