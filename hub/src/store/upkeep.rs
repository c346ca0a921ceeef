//! What keeps the file small: removing what has ended, and giving pages back.

use protocol::timestamp::Timestamp;

use super::{Store, StoreError, Write};

/// Pages given back in one step, so that others get their turn to write.
const VACUUM_PAGES: i64 = 2000;

impl Store {
    /// Pages of the file that hold nothing.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn free_pages(&self) -> Result<i64, StoreError> {
        let pages = sqlx::query_scalar("PRAGMA freelist_count")
            .fetch_one(self.reader())
            .await?;
        Ok(pages)
    }

    /// Gives free pages back to the file system, and folds the write-ahead log in.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn give_back(&self) -> Result<(), StoreError> {
        let mut before = i64::MAX;
        loop {
            let free: i64 = sqlx::query_scalar("PRAGMA freelist_count")
                .fetch_one(&self.writer)
                .await?;
            if free == 0 || free >= before {
                break;
            }
            before = free;
            let sql = format!("PRAGMA incremental_vacuum({VACUUM_PAGES})");
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&self.writer)
                .await?;
        }
        sqlx::query("PRAGMA optimize").execute(&self.writer).await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

impl Write {
    /// Removes logins and join tokens that have ended.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_ended(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let sessions = sqlx::query("DELETE FROM sessions WHERE expires_at < ?1")
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
        let tokens = sqlx::query("DELETE FROM join_tokens WHERE expires_at < ?1")
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
        Ok(sessions.rows_affected() + tokens.rows_affected())
    }

    /// Removes notifications that were dealt with before `before`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_notifications(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let done =
            sqlx::query("DELETE FROM notifications WHERE state <> 'pending' AND created_at < ?1")
                .bind(before.as_millis())
                .execute(self.connection())
                .await?;
        Ok(done.rows_affected())
    }
}
