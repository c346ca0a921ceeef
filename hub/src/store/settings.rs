//! Single values by name, and whether anyone changed anything.

use super::{Store, StoreError, Write};

impl Store {
    /// The value of a setting.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let value = sqlx::query_scalar("SELECT value FROM settings WHERE key = ?1")
            .bind(key)
            .fetch_optional(self.reader())
            .await?;
        Ok(value)
    }
}

impl Write {
    /// Sets a setting.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_setting(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO settings (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

/// Tells whether another process, or another connection, changed the store.
#[derive(Debug)]
pub struct Watch {
    connection: sqlx::pool::PoolConnection<sqlx::Sqlite>,
    version: i64,
}

impl Store {
    /// Begins to watch for changes; holds one of the reading connections.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn watch(&self) -> Result<Watch, StoreError> {
        let mut connection = self.reader().acquire().await?;
        let version = sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut *connection)
            .await?;
        Ok(Watch {
            connection,
            version,
        })
    }
}

impl Watch {
    /// Whether anything was committed since the last time.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn has_changed(&mut self) -> Result<bool, StoreError> {
        let version: i64 = sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut *self.connection)
            .await?;
        let changed = version != self.version;
        self.version = version;
        Ok(changed)
    }
}
