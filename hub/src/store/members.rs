//! Who comes to an organization and who leaves it.
//!
//! Times are unix milliseconds.

use super::{Store, StoreError, Write};

/// What stands for the password of someone who has set none. No password has it as its hash.
pub const NO_PASSWORD: &str = "";

impl Store {
    /// The members of an organization who have set no password yet, by number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn pending_members(
        &self,
        organization_id: i64,
    ) -> Result<Vec<(i64, Option<i64>)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT u.id, i.expires_at FROM members m JOIN users u ON u.id = m.user_id
             LEFT JOIN invitations i ON i.user_id = u.id
             WHERE m.organization_id = ?1 AND u.password_hash = ?2 ORDER BY u.id",
        )
        .bind(organization_id)
        .bind(NO_PASSWORD)
        .fetch_all(self.reader())
        .await?)
    }

    /// Whom an invitation is for, while it can be accepted.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn invited(&self, token_hash: &[u8], now: i64) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT user_id FROM invitations WHERE token_hash = ?1 AND expires_at > ?2",
        )
        .bind(token_hash)
        .bind(now)
        .fetch_optional(self.reader())
        .await?)
    }
}

impl Write {
    /// Invites a user; an earlier invitation ends.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_invitation(
        &mut self,
        user_id: i64,
        token_hash: &[u8],
        expires_at: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO invitations (user_id, token_hash, expires_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash,
                 expires_at = excluded.expires_at",
        )
        .bind(user_id)
        .bind(token_hash)
        .bind(expires_at)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Uses an invitation up; false when somebody else did.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn take_invitation(&mut self, token_hash: &[u8]) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM invitations WHERE token_hash = ?1")
            .bind(token_hash)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Names a user.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn rename_user(&mut self, user_id: i64, name: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET name = ?2 WHERE id = ?1")
            .bind(user_id)
            .bind(name)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Changes a member's role; false when the organization would be left without an owner.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_member_role(
        &mut self,
        organization_id: i64,
        user_id: i64,
        role: &str,
    ) -> Result<bool, StoreError> {
        sqlx::query("UPDATE members SET role = ?3 WHERE organization_id = ?1 AND user_id = ?2")
            .bind(organization_id)
            .bind(user_id)
            .bind(role)
            .execute(self.connection())
            .await?;
        self.has_owner(organization_id).await
    }

    /// Takes a member out of an organization, its teams and what they were to look at; false when
    /// the organization would be left without an owner. Then the caller drops the transaction.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_member(
        &mut self,
        organization_id: i64,
        user_id: i64,
    ) -> Result<bool, StoreError> {
        let statements = [
            "DELETE FROM members WHERE organization_id = ?1 AND user_id = ?2",
            "DELETE FROM team_members WHERE user_id = ?2 AND team_id IN
                 (SELECT id FROM teams WHERE organization_id = ?1)",
            "DELETE FROM issue_people WHERE user_id = ?2 AND issue_id IN
                 (SELECT i.id FROM issues i JOIN projects p ON p.id = i.project_id
                  WHERE p.organization_id = ?1)",
            "UPDATE issues SET assignee = NULL WHERE assignee = 'user:' || ?2 AND project_id IN
                 (SELECT id FROM projects WHERE organization_id = ?1)",
        ];
        for statement in statements {
            sqlx::query(statement)
                .bind(organization_id)
                .bind(user_id)
                .execute(self.connection())
                .await?;
        }
        self.has_owner(organization_id).await
    }

    async fn has_owner(&mut self, organization_id: i64) -> Result<bool, StoreError> {
        let n: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM members WHERE organization_id = ?1 AND role = 'owner'",
        )
        .bind(organization_id)
        .fetch_one(self.connection())
        .await?;
        Ok(n > 0)
    }
}
