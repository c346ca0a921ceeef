//! Who looks after what of a project, and who was found to look after an issue.
//!
//! Times are unix milliseconds.

use std::collections::HashSet;

use protocol::ids::ProjectId;
use sqlx::sqlite::SqliteExecutor;
use sqlx::{QueryBuilder, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};
use crate::owner::Owner;

/// The time of an issue that rules are never asked about again.
const NEVER_AGAIN: i64 = i64::MAX;

/// A project's settings.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the columns of the table, each a wish of its own"
)]
pub struct OwnershipRow {
    /// Its own rules.
    pub raw: String,
    /// Its CODEOWNERS file.
    pub codeowners: String,
    /// Whether its teams look after what no rule fits.
    pub falls_through: bool,
    /// Whether issues are given to their owners.
    pub assigns: bool,
    /// Whether they are given first of all to whose commit may have brought them.
    pub assigns_suspects: bool,
    /// When commits of its releases were told last while that was so; 0 is never.
    pub commits_told_at: i64,
    /// Whether the file is to be brought up to date by itself.
    pub syncs: bool,
    /// When it was first set; 0 is never.
    pub created_at: i64,
    /// When it was last set; 0 is never.
    pub updated_at: i64,
}

impl Default for OwnershipRow {
    fn default() -> Self {
        Self {
            raw: String::new(),
            codeowners: String::new(),
            falls_through: true,
            assigns: true,
            assigns_suspects: false,
            commits_told_at: 0,
            syncs: true,
            created_at: 0,
            updated_at: 0,
        }
    }
}

impl Store {
    /// What a project has set.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn ownership(&self, project_id: i64) -> Result<OwnershipRow, StoreError> {
        let row = sqlx::query_as(
            "SELECT raw, codeowners, falls_through, assigns, assigns_suspects, commits_told_at,
                 syncs, created_at, updated_at
             FROM project_ownership WHERE project_id = ?1",
        )
        .bind(project_id)
        .fetch_optional(self.reader())
        .await?;
        Ok(row.unwrap_or_default())
    }

    /// The projects that have set anything.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn ownership_projects(&self) -> Result<Vec<i64>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT project_id FROM project_ownership")
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// The stored name, as in `user:1`, of an owner in a project's organization.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn find_owner(
        &self,
        project_id: i64,
        owner: &Owner,
    ) -> Result<Option<String>, StoreError> {
        find(self.reader(), project_id, owner).await
    }
}

impl Write {
    /// Writes what a project sets.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_ownership(
        &mut self,
        project_id: i64,
        row: &OwnershipRow,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO project_ownership
                 (project_id, raw, codeowners, falls_through, assigns, syncs, created_at,
                  updated_at, assigns_suspects)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (project_id) DO UPDATE SET raw = excluded.raw,
                 codeowners = excluded.codeowners, falls_through = excluded.falls_through,
                 assigns = excluded.assigns, syncs = excluded.syncs,
                 assigns_suspects = excluded.assigns_suspects,
                 updated_at = excluded.updated_at",
        )
        .bind(project_id)
        .bind(&row.raw)
        .bind(&row.codeowners)
        .bind(row.falls_through)
        .bind(row.assigns)
        .bind(row.syncs)
        .bind(row.created_at)
        .bind(row.updated_at)
        .bind(row.assigns_suspects)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Those of these issues that are nobody's, and that rules of this age were not asked about.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issues_without_owner(
        &mut self,
        issues: &[i64],
        rules_of: i64,
    ) -> Result<HashSet<i64>, StoreError> {
        let mut found = HashSet::new();
        for run in runs(issues) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "SELECT id FROM issues WHERE assignee IS NULL AND owner_asked_at < ",
            );
            sql.push_bind(rules_of).push(" AND id IN (");
            let mut ids = sql.separated(", ");
            for issue in run {
                ids.push_bind(*issue);
            }
            sql.push(")");
            let ids: Vec<i64> = sql
                .build_query_scalar()
                .fetch_all(self.connection())
                .await?;
            found.extend(ids);
        }
        Ok(found)
    }

    /// The stored name, as in `user:1`, of an owner in a project's organization.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn owner_of(
        &mut self,
        project: ProjectId,
        owner: &Owner,
    ) -> Result<Option<String>, StoreError> {
        find(self.connection(), project.as_i64(), owner).await
    }

    /// Has those asked again about issues that are nobody's who may have brought them by a commit
    /// of this release; answers the projects that want it.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn commits_told(
        &mut self,
        release_id: i64,
        now: i64,
    ) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "UPDATE project_ownership SET commits_told_at = ?2
             WHERE assigns AND assigns_suspects AND project_id IN
                 (SELECT project_id FROM release_projects WHERE release_id = ?1)
             RETURNING project_id",
        )
        .bind(release_id)
        .bind(now)
        .fetch_all(self.connection())
        .await?)
    }

    /// Notes whom rules name for an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn suggest_owner(
        &mut self,
        issue: i64,
        owner: Option<&str>,
        now: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET suggested_owner = ?2, owner_asked_at = ?3 WHERE id = ?1")
            .bind(issue)
            .bind(owner)
            .bind(now)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Assigns an issue: `user:1`, `team:1` or nobody. Rules are not asked about it any more.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_issue_assignee(
        &mut self,
        issue_id: i64,
        assignee: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET assignee = ?2, owner_asked_at = ?3 WHERE id = ?1")
            .bind(issue_id)
            .bind(assignee)
            .bind(NEVER_AGAIN)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

async fn find(
    executor: impl SqliteExecutor<'_>,
    project: i64,
    owner: &Owner,
) -> Result<Option<String>, StoreError> {
    let (sql, name) = match owner {
        Owner::Team(slug) => (
            "SELECT 'team:' || t.id FROM teams t
             JOIN projects p ON p.organization_id = t.organization_id
             WHERE p.id = ?1 AND t.slug = ?2",
            slug.clone(),
        ),
        Owner::Email(email) => (
            "SELECT 'user:' || u.id FROM users u
             JOIN members m ON m.user_id = u.id
             JOIN projects p ON p.organization_id = m.organization_id
             WHERE p.id = ?1 AND u.email = ?2 AND u.is_active",
            email.clone(),
        ),
        // `substr` rather than LIKE: a name may have its wildcards.
        Owner::Name(name) => (
            "SELECT 'user:' || u.id FROM users u
             JOIN members m ON m.user_id = u.id
             JOIN projects p ON p.organization_id = m.organization_id
             WHERE p.id = ?1 AND substr(u.email, 1, length(?2)) = ?2 AND u.is_active
             ORDER BY u.id LIMIT 1",
            format!("{name}@"),
        ),
    };
    Ok(sqlx::query_scalar(sql)
        .bind(project)
        .bind(name)
        .fetch_optional(executor)
        .await?)
}
