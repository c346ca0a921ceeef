//! Releases and environments, as events name them.

use std::collections::HashMap;

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};

/// What stands for all releases, or environments, beyond the new ones of an hour.
pub const MORE_NAMES: &str = "(more than are noted in an hour)";

/// A release as a project's events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseSeen<'a> {
    /// Whose.
    pub organization: i64,
    /// The project.
    pub project: ProjectId,
    /// The release.
    pub version: &'a str,
    /// The first event's time.
    pub first_seen: Timestamp,
    /// The last event's time.
    pub last_seen: Timestamp,
}

/// Releases read for a comparison; the latest first.
const COMPARED_MAX: i64 = 10_000;

/// A release of a project.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ReleaseOfProject {
    /// The project.
    pub project_id: i64,
    /// The release.
    pub version: String,
    /// When an event of the project first named it, or somebody made it, in unix milliseconds.
    pub first_seen_at: i64,
    /// Whether events name it, or somebody said when it was released.
    pub is_out: bool,
}

impl Store {
    /// The releases of these projects, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn releases_of(&self, projects: &[i64]) -> Result<Vec<ReleaseOfProject>, StoreError> {
        let list = projects.iter().map(i64::to_string).collect::<Vec<_>>();
        Ok(sqlx::query_as(
            "SELECT rp.project_id, r.version, rp.first_seen_at,
                    rp.has_events OR r.released_at IS NOT NULL AS is_out
             FROM release_projects rp JOIN releases r ON r.id = rp.release_id
             WHERE rp.project_id IN (SELECT value FROM json_each(?1)) AND r.version <> ?2
             ORDER BY rp.first_seen_at DESC, r.id DESC LIMIT ?3",
        )
        .bind(format!("[{}]", list.join(",")))
        .bind(MORE_NAMES)
        .bind(COMPARED_MAX)
        .fetch_all(self.reader())
        .await?)
    }

    /// The organization of each of these projects; a project that is not there is left out.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_organizations(
        &self,
        projects: &[ProjectId],
    ) -> Result<HashMap<ProjectId, i64>, StoreError> {
        let mut owners = HashMap::new();
        for run in runs(projects) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "SELECT id, organization_id FROM projects WHERE id IN (",
            );
            let mut ids = sql.separated(", ");
            for project in run {
                ids.push_bind(project.as_i64());
            }
            sql.push(")");
            for row in sql.build().fetch_all(self.reader()).await? {
                owners.insert(super::events::project(row.try_get(0)?)?, row.try_get(1)?);
            }
        }
        Ok(owners)
    }
}

impl Write {
    /// When a release of a project's organization was first seen.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn release_date(
        &mut self,
        project: ProjectId,
        version: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> = sqlx::query_scalar(
            "SELECT r.created_at FROM releases r JOIN projects p
             ON p.organization_id = r.organization_id
             WHERE p.id = ?1 AND r.version = ?2",
        )
        .bind(project.as_i64())
        .bind(version)
        .fetch_optional(self.connection())
        .await?;
        Ok(at.map(Timestamp::from_millis))
    }

    /// Whether a release is noted for its project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn is_known_release(
        &mut self,
        release: &ReleaseSeen<'_>,
    ) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM releases r JOIN release_projects p ON p.release_id = r.id
             WHERE r.organization_id = ?1 AND r.version = ?2 AND p.project_id = ?3",
        )
        .bind(release.organization)
        .bind(release.version)
        .bind(release.project.as_i64())
        .fetch_optional(self.connection())
        .await?;
        Ok(found.is_some())
    }

    /// How many releases of a release's project are new since a time; no more than `most` are
    /// counted.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn new_releases(
        &mut self,
        release: &ReleaseSeen<'_>,
        since: Timestamp,
        most: u32,
    ) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM (
                 SELECT 1 FROM releases r JOIN release_projects p ON p.release_id = r.id
                 WHERE r.organization_id = ?1 AND r.created_at > ?2 AND p.project_id = ?3
                   AND r.version <> ?4 LIMIT ?5)",
        )
        .bind(release.organization)
        .bind(since.as_millis())
        .bind(release.project.as_i64())
        .bind(MORE_NAMES)
        .bind(most)
        .fetch_one(self.connection())
        .await?)
    }

    /// Whether an environment of a project is noted.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn is_known_environment(
        &mut self,
        project: ProjectId,
        name: &str,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM environments WHERE project_id = ?1 AND name = ?2";
        let found: Option<i64> = sqlx::query_scalar(sql)
            .bind(project.as_i64())
            .bind(name)
            .fetch_optional(self.connection())
            .await?;
        Ok(found.is_some())
    }

    /// How many environments of a project are new since a time; no more than `most` are counted.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn new_environments(
        &mut self,
        project: ProjectId,
        since: Timestamp,
        most: u32,
    ) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM (
                 SELECT 1 FROM environments
                 WHERE project_id = ?1 AND first_seen_at > ?2 AND name <> ?3 LIMIT ?4)",
        )
        .bind(project.as_i64())
        .bind(since.as_millis())
        .bind(MORE_NAMES)
        .bind(most)
        .fetch_one(self.connection())
        .await?)
    }

    /// Notes that events name these releases.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn see_releases(
        &mut self,
        releases: &[ReleaseSeen<'_>],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for release in releases {
            sqlx::query(
                "INSERT INTO releases (organization_id, version, created_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (organization_id, version) DO NOTHING",
            )
            .bind(release.organization)
            .bind(release.version)
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
            sqlx::query(
                "INSERT INTO release_projects (release_id, project_id, first_seen_at, last_seen_at)
                 SELECT id, ?3, ?4, ?5 FROM releases WHERE organization_id = ?1 AND version = ?2
                 ON CONFLICT (release_id, project_id) DO UPDATE SET
                   first_seen_at = CASE WHEN NOT release_projects.has_events
                       OR excluded.first_seen_at < release_projects.first_seen_at
                     THEN excluded.first_seen_at ELSE release_projects.first_seen_at END,
                   last_seen_at = CASE WHEN NOT release_projects.has_events
                       OR excluded.last_seen_at > release_projects.last_seen_at
                     THEN excluded.last_seen_at ELSE release_projects.last_seen_at END,
                   has_events = TRUE",
            )
            .bind(release.organization)
            .bind(release.version)
            .bind(release.project.as_i64())
            .bind(release.first_seen.as_millis())
            .bind(release.last_seen.as_millis())
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }

    /// Notes that events name these environments; an empty name is "no environment".
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn see_environments(
        &mut self,
        environments: &[(ProjectId, &str)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for run in runs(environments) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO environments (project_id, name, first_seen_at) ",
            );
            sql.push_values(run, |mut row, (project, name)| {
                row.push_bind(project.as_i64())
                    .push_bind(*name)
                    .push_bind(now.as_millis());
            });
            sql.push(" ON CONFLICT (project_id, name) DO NOTHING");
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Notes when each project's first event came.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn see_first_events(
        &mut self,
        projects: &[ProjectId],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for project in projects {
            sqlx::query(
                "UPDATE projects SET first_event_at = ?2 WHERE id = ?1 AND first_event_at IS NULL",
            )
            .bind(project.as_i64())
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }
}
