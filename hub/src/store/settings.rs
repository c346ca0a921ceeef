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
