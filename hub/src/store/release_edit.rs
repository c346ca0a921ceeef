//! Releases as people and their tools make them.
//!
//! Times are unix milliseconds.

use super::{StoreError, Write};

/// What is said of a release; what is left out stays.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct ReleaseWords<'a> {
    pub started_at: Option<i64>,
    pub released_at: Option<i64>,
    pub url: Option<&'a str>,
    pub reference: Option<&'a str>,
    pub is_archived: Option<bool>,
}

impl Write {
    /// Makes a release where there is none; answers its id, and whether it is new.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn make_release(
        &mut self,
        organization_id: i64,
        version: &str,
        now: i64,
    ) -> Result<(i64, bool), StoreError> {
        let made = sqlx::query(
            "INSERT INTO releases (organization_id, version, created_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (organization_id, version) DO NOTHING",
        )
        .bind(organization_id)
        .bind(version)
        .bind(now)
        .execute(self.connection())
        .await?;
        let id = sqlx::query_scalar(
            "SELECT id FROM releases WHERE organization_id = ?1 AND version = ?2",
        )
        .bind(organization_id)
        .bind(version)
        .fetch_one(self.connection())
        .await?;
        Ok((id, made.rows_affected() > 0))
    }

    /// Says that a release is one of a project, whether or not events have named it.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_release_project(
        &mut self,
        release_id: i64,
        project_id: i64,
        now: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO release_projects
                 (release_id, project_id, first_seen_at, last_seen_at, has_events)
             VALUES (?1, ?2, ?3, ?3, FALSE) ON CONFLICT (release_id, project_id) DO NOTHING",
        )
        .bind(release_id)
        .bind(project_id)
        .bind(now)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Notes what is said of a release.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn describe_release(
        &mut self,
        release_id: i64,
        words: &ReleaseWords<'_>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE releases SET started_at = COALESCE(?2, started_at),
                 released_at = COALESCE(?3, released_at), url = COALESCE(?4, url),
                 ref = COALESCE(?5, ref), is_archived = COALESCE(?6, is_archived)
             WHERE id = ?1",
        )
        .bind(release_id)
        .bind(words.started_at)
        .bind(words.released_at)
        .bind(words.url)
        .bind(words.reference)
        .bind(words.is_archived)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Removes a release that no event names; answers whether it is gone.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_release(&mut self, release_id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "DELETE FROM releases WHERE id = ?1 AND NOT EXISTS (
                 SELECT 1 FROM release_projects p WHERE p.release_id = ?1 AND p.has_events)",
        )
        .bind(release_id)
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
