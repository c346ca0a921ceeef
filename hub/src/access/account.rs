//! What people do with their own account: another name or password, and their sessions.

use std::net::IpAddr;

use protocol::timestamp::Timestamp;

use super::{Access, AccessError, Login, SESSION_IDLE, millis};
use crate::audit;

/// Longest name of a browser that is kept, in bytes.
const BROWSER_BYTES_MAX: usize = 300;
/// Bytes of a session's hash that are its name: enough to tell those of one user apart.
const SESSION_NAME_BYTES: usize = 8;

/// What somebody logs in with, so that they recognise their session later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    /// What it calls itself; empty when it does not say.
    pub user_agent: String,
    /// Where it is.
    pub address: IpAddr,
}

impl Browser {
    /// What it calls itself, of bounded length.
    pub(super) fn name(&self) -> &str {
        let end = self.user_agent.floor_char_boundary(BROWSER_BYTES_MAX);
        self.user_agent.get(..end).unwrap_or_default()
    }
}

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// What it is called.
    pub id: String,
    /// What the browser calls itself; empty when it did not say.
    pub user_agent: String,
    /// Where it was begun from; empty for one that began before that was kept.
    pub address: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
}

/// What a session is called: its secret cannot be told from that.
pub(super) fn session_name(id_hash: &[u8]) -> String {
    hex::encode(id_hash.get(..SESSION_NAME_BYTES).unwrap_or(id_hash))
}

impl Access {
    /// Gives a user another name.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn rename(&self, user_id: i64, name: &str) -> Result<(), AccessError> {
        let mut write = self.store.begin().await?;
        write.rename_user(user_id, name).await?;
        Ok(write.commit().await?)
    }

    /// Replaces the password of whoever knows the one before. Every session ends, and a fresh one
    /// begins.
    ///
    /// # Errors
    /// [`AccessError::WrongLogin`], [`AccessError::Throttled`], [`AccessError::Password`], or the
    /// store's.
    pub async fn change_password(
        &self,
        now: Timestamp,
        email: &str,
        before: &str,
        password: &str,
        browser: &Browser,
    ) -> Result<Login, AccessError> {
        let user = self.check_password(now, email, before, browser.address);
        let user = user.await?;
        audit::detail("passwordChanged", true);
        self.set_password(user.id, password).await?;
        self.begin_session(now, user, browser).await
    }

    /// The sessions of a user that have not ended, the one used last first.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn sessions(
        &self,
        now: Timestamp,
        user_id: i64,
    ) -> Result<Vec<SessionInfo>, AccessError> {
        let idle_since = now.plus_millis(-millis(SESSION_IDLE)).as_millis();
        let rows = self.store.sessions(user_id, now.as_millis(), idle_since);
        let rows = rows.await?.into_iter();
        Ok(rows
            .map(|row| SessionInfo {
                id: session_name(&row.id_hash),
                user_agent: row.user_agent,
                address: row.address,
                created_at: Timestamp::from_millis(row.created_at),
                last_seen_at: Timestamp::from_millis(row.last_seen_at),
            })
            .collect())
    }

    /// Ends a session of a user; `false` when there is none of that name.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn end_session(
        &self,
        now: Timestamp,
        user_id: i64,
        id: &str,
    ) -> Result<bool, AccessError> {
        let rows = self.store.sessions(user_id, now.as_millis(), i64::MIN);
        let rows = rows.await?;
        let Some(row) = rows.iter().find(|row| session_name(&row.id_hash) == id) else {
            return Ok(false);
        };
        let mut write = self.store.begin().await?;
        write.remove_session(&row.id_hash).await?;
        write.commit().await?;
        Ok(true)
    }
}
