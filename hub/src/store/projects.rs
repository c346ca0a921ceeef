//! Projects, their keys and environments.
//!
//! Every change of a project or a key raises the roster's version in the same transaction, so that
//! relays can be told.

use super::people::DEFAULT_TEAM;
use super::{Store, StoreError, Write};

/// The setting that counts changes of what relays are told.
pub const ROSTER_VERSION: &str = "roster_version";

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Project {
    /// Its number, as in DSNs.
    pub id: i64,
    /// Its organization.
    pub organization_id: i64,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// `python`, `javascript-react`, …
    pub platform: String,
    /// JSON: privacy settings, allowed origins.
    pub options: String,
    /// When it was made.
    pub created_at: i64,
    /// When its first event arrived.
    pub first_event_at: Option<i64>,
}

/// A project's key.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ProjectKey {
    /// 32 hexadecimal digits.
    pub public_key: String,
    /// 32 hexadecimal digits.
    pub secret_key: String,
    /// Whose.
    pub project_id: i64,
    /// What people call it.
    pub label: String,
    /// Whether it is accepted.
    pub is_active: bool,
    /// Most items per window and category.
    pub rate_limit_count: Option<i64>,
    /// The window, in seconds.
    pub rate_limit_window_s: Option<i64>,
    /// Most items at once, where that is more or less than in a window.
    pub rate_limit_burst: Option<i64>,
    /// When it was made.
    pub created_at: i64,
}

/// A project to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewProject<'a> {
    /// Its organization.
    pub organization_id: i64,
    /// Its name in addresses.
    pub slug: &'a str,
    /// Its name for people.
    pub name: &'a str,
    /// Its platform.
    pub platform: &'a str,
}

/// An environment of a project.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Environment {
    /// The project.
    pub project_id: i64,
    /// Its name; empty is "none".
    pub name: String,
    /// Whether it is left out of lists to choose from.
    pub is_hidden: bool,
}

impl Store {
    /// Every project of an organization, by slug.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn projects(&self, organization_id: i64) -> Result<Vec<Project>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM projects WHERE organization_id = ?1 ORDER BY slug")
                .bind(organization_id)
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// The project of an id.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_by_id(&self, id: i64) -> Result<Option<Project>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM projects WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.reader())
            .await?)
    }

    /// The project of a slug or a number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project(
        &self,
        organization_id: i64,
        name: &str,
    ) -> Result<Option<Project>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT * FROM projects WHERE organization_id = ?1 AND (slug = ?2 OR id = ?3)
             ORDER BY slug = ?2 DESC LIMIT 1",
        )
        .bind(organization_id)
        .bind(name)
        .bind(name.parse::<i64>().unwrap_or(-1))
        .fetch_optional(self.reader())
        .await?)
    }

    /// The keys of a project, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_keys(&self, project_id: i64) -> Result<Vec<ProjectKey>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT * FROM project_keys WHERE project_id = ?1 ORDER BY created_at, public_key",
        )
        .bind(project_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// The keys of all projects of an organization, by project, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn keys_of_organization(
        &self,
        organization_id: i64,
    ) -> Result<Vec<ProjectKey>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT k.* FROM project_keys k JOIN projects p ON p.id = k.project_id
             WHERE p.organization_id = ?1 ORDER BY k.project_id, k.created_at, k.public_key",
        )
        .bind(organization_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// One key of a project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_key(
        &self,
        project_id: i64,
        public_key: &str,
    ) -> Result<Option<ProjectKey>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM project_keys WHERE project_id = ?1 AND public_key = ?2")
                .bind(project_id)
                .bind(public_key)
                .fetch_optional(self.reader())
                .await?,
        )
    }

    /// The environments of an organization's projects, by name.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn environments(&self, organization_id: i64) -> Result<Vec<Environment>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT e.project_id, e.name, e.is_hidden FROM environments e
             JOIN projects p ON p.id = e.project_id
             WHERE p.organization_id = ?1 ORDER BY e.name, e.project_id",
        )
        .bind(organization_id)
        .fetch_all(self.reader())
        .await?)
    }
}

impl Write {
    /// Makes a project of the default team. It has no key yet.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the slug is taken.
    pub async fn add_project(
        &mut self,
        project: NewProject<'_>,
        now: i64,
    ) -> Result<i64, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO projects (organization_id, slug, name, platform, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
        )
        .bind(project.organization_id)
        .bind(project.slug)
        .bind(project.name)
        .bind(project.platform)
        .bind(now)
        .fetch_one(self.connection())
        .await
        .map_err(|error| StoreError::from(error).or_exists("project"))?;
        sqlx::query(
            "INSERT INTO project_teams (project_id, team_id)
             SELECT ?1, id FROM teams WHERE organization_id = ?2 AND slug = ?3",
        )
        .bind(id)
        .bind(project.organization_id)
        .bind(DEFAULT_TEAM)
        .execute(self.connection())
        .await?;
        self.raise_roster_version().await?;
        Ok(id)
    }

    /// Writes a project's changeable columns.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the slug is taken.
    pub async fn update_project(&mut self, project: &Project) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE projects SET slug = ?2, name = ?3, platform = ?4, options = ?5 WHERE id = ?1",
        )
        .bind(project.id)
        .bind(&project.slug)
        .bind(&project.name)
        .bind(&project.platform)
        .bind(&project.options)
        .execute(self.connection())
        .await
        .map_err(|error| StoreError::from(error).or_exists("project"))?;
        self.raise_roster_version().await
    }

    /// Leaves an environment out of lists to choose from, or takes it in again; false when there
    /// is none of the name.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn hide_environment(
        &mut self,
        project: i64,
        name: &str,
        is_hidden: bool,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE environments SET is_hidden = ?3 WHERE project_id = ?1 AND name = ?2",
        )
        .bind(project)
        .bind(name)
        .bind(is_hidden)
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a project with its keys and rules. Its issues must be gone.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_project(&mut self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM projects WHERE id = ?1")
            .bind(id)
            .execute(self.connection())
            .await?;
        self.raise_roster_version().await
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_project_key(&mut self, key: &ProjectKey) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO project_keys (public_key, secret_key, project_id, label, is_active,
                 rate_limit_count, rate_limit_window_s, rate_limit_burst, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .bind(&key.public_key)
        .bind(&key.secret_key)
        .bind(key.project_id)
        .bind(&key.label)
        .bind(key.is_active)
        .bind(key.rate_limit_count)
        .bind(key.rate_limit_window_s)
        .bind(key.rate_limit_burst)
        .bind(key.created_at)
        .execute(self.connection())
        .await?;
        self.raise_roster_version().await
    }

    /// Writes a key's label, state and limit.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn update_project_key(&mut self, key: &ProjectKey) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE project_keys SET label = ?2, is_active = ?3, rate_limit_count = ?4,
                 rate_limit_window_s = ?5, rate_limit_burst = ?6 WHERE public_key = ?1",
        )
        .bind(&key.public_key)
        .bind(&key.label)
        .bind(key.is_active)
        .bind(key.rate_limit_count)
        .bind(key.rate_limit_window_s)
        .bind(key.rate_limit_burst)
        .execute(self.connection())
        .await?;
        self.raise_roster_version().await
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_project_key(&mut self, public_key: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM project_keys WHERE public_key = ?1")
            .bind(public_key)
            .execute(self.connection())
            .await?;
        self.raise_roster_version().await
    }

    /// Counts a change of what relays are told.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn raise_roster_version(&mut self) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO settings (key, value) VALUES (?1, '1')
             ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(settings.value AS BIGINT) + 1 AS TEXT)",
        )
        .bind(ROSTER_VERSION)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
