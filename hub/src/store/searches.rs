//! Searches that people keep, pin, and made lately.
//!
//! Times are unix milliseconds.

use super::{Store, StoreError, Write};

/// Recent searches kept of each person.
pub const RECENT_MAX: i64 = 30;

/// A search that someone keeps.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SavedSearch {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub user_id: i64,
    /// What people call it.
    pub name: String,
    /// What it looks for.
    pub query: String,
    /// In which order.
    pub sort: String,
    /// Whether everyone in the organization has it.
    pub is_shared: bool,
    /// When it was made.
    pub created_at: i64,
}

/// What someone's list of issues begins with.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PinnedSearch {
    /// What it looks for.
    pub query: String,
    /// In which order.
    pub sort: String,
    /// When it was pinned.
    pub created_at: i64,
}

/// A search that someone made lately.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RecentSearch {
    /// Its number.
    pub id: i64,
    /// What it looked for.
    pub query: String,
    /// When it was first made.
    pub created_at: i64,
    /// When it was last made.
    pub last_seen_at: i64,
}

impl Store {
    /// The searches that someone has, their own and everyone's, by name.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn saved_searches(
        &self,
        organization_id: i64,
        user_id: i64,
    ) -> Result<Vec<SavedSearch>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, user_id, name, query, sort, is_shared, created_at FROM saved_searches
             WHERE organization_id = ?1 AND (is_shared OR user_id = ?2) ORDER BY name, id",
        )
        .bind(organization_id)
        .bind(user_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// What someone's list begins with.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn pinned_search(
        &self,
        organization_id: i64,
        user_id: i64,
    ) -> Result<Option<PinnedSearch>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT query, sort, created_at FROM pinned_searches
             WHERE organization_id = ?1 AND user_id = ?2",
        )
        .bind(organization_id)
        .bind(user_id)
        .fetch_optional(self.reader())
        .await?)
    }

    /// What someone searched for lately, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn recent_searches(
        &self,
        organization_id: i64,
        user_id: i64,
    ) -> Result<Vec<RecentSearch>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, query, created_at, last_seen_at FROM recent_searches
             WHERE organization_id = ?1 AND user_id = ?2
             ORDER BY last_seen_at DESC, id DESC LIMIT ?3",
        )
        .bind(organization_id)
        .bind(user_id)
        .bind(RECENT_MAX)
        .fetch_all(self.reader())
        .await?)
    }
}

impl Write {
    /// Keeps a search; its number is given here.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_saved_search(
        &mut self,
        organization_id: i64,
        search: &SavedSearch,
    ) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO saved_searches
                 (organization_id, user_id, name, query, sort, is_shared, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        )
        .bind(organization_id)
        .bind(search.user_id)
        .bind(&search.name)
        .bind(&search.query)
        .bind(&search.sort)
        .bind(search.is_shared)
        .bind(search.created_at)
        .fetch_one(self.connection())
        .await?)
    }

    /// Writes a search's changeable columns.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn update_saved_search(&mut self, search: &SavedSearch) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE saved_searches SET name = ?2, query = ?3, sort = ?4, is_shared = ?5
             WHERE id = ?1",
        )
        .bind(search.id)
        .bind(&search.name)
        .bind(&search.query)
        .bind(&search.sort)
        .bind(search.is_shared)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Removes a search.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_saved_search(&mut self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM saved_searches WHERE id = ?1")
            .bind(id)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Sets what someone's list begins with; `None` is what everyone's does.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn pin_search(
        &mut self,
        organization_id: i64,
        user_id: i64,
        search: Option<&PinnedSearch>,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM pinned_searches WHERE organization_id = ?1 AND user_id = ?2")
            .bind(organization_id)
            .bind(user_id)
            .execute(self.connection())
            .await?;
        if let Some(search) = search {
            sqlx::query(
                "INSERT INTO pinned_searches (organization_id, user_id, query, sort, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .bind(organization_id)
            .bind(user_id)
            .bind(&search.query)
            .bind(&search.sort)
            .bind(search.created_at)
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }

    /// Notes what someone searched for; what is beyond [`RECENT_MAX`] is forgotten.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn note_search(
        &mut self,
        organization_id: i64,
        user_id: i64,
        query: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO recent_searches
                 (organization_id, user_id, query, created_at, last_seen_at)
             VALUES (?1, ?2, ?3, ?4, ?4)
             ON CONFLICT (organization_id, user_id, query) DO UPDATE
                 SET last_seen_at = excluded.last_seen_at",
        )
        .bind(organization_id)
        .bind(user_id)
        .bind(query)
        .bind(now)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "DELETE FROM recent_searches WHERE organization_id = ?1 AND user_id = ?2 AND id NOT IN
                 (SELECT id FROM recent_searches WHERE organization_id = ?1 AND user_id = ?2
                  ORDER BY last_seen_at DESC, id DESC LIMIT ?3)",
        )
        .bind(organization_id)
        .bind(user_id)
        .bind(RECENT_MAX)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
