//! People who are asked in: an account without a password, and a token that sets the first one.

use std::time::Duration;

use protocol::timestamp::Timestamp;

use super::account::Browser;
use super::making::checked_email;
use super::{Access, AccessError, Login, Role, millis, secret};
use crate::audit;
use crate::store::StoreError;
use crate::store::members::NO_PASSWORD;

/// How long an invitation can be accepted.
pub const INVITATION_LIFE: Duration = Duration::from_hours(7 * 24);

/// Someone who was made a member.
#[derive(Clone)]
pub struct Invited {
    /// Who.
    pub user_id: i64,
    /// What sets the first password, for whoever has none yet; it is here and nowhere else.
    pub token: Option<String>,
}

impl std::fmt::Debug for Invited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invited")
            .field("user", &self.user_id)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Makes whoever has this address a member, and an account for who has none.
    ///
    /// # Errors
    /// [`AccessError::Email`], [`AccessError::InvitedElsewhere`], or that they are a member already.
    pub async fn invite(
        &self,
        now: Timestamp,
        organization_id: i64,
        email: &str,
        role: Role,
    ) -> Result<Invited, AccessError> {
        let email = checked_email(email)?;
        let found = self.store.user_by_email(&email).await?;
        let has_password = found.as_ref().is_some_and(|(_, hash)| hash != NO_PASSWORD);
        if let Some((user, _)) = &found {
            let memberships = self.store.memberships(user.id).await?;
            let mut places = memberships.iter().map(|row| row.organization_id);
            if places.any(|place| place == organization_id) {
                return Err(StoreError::Exists { what: "member" }.into());
            }
            // Whoever holds that invitation would come in here with it.
            if !has_password && !memberships.is_empty() {
                return Err(AccessError::InvitedElsewhere);
            }
        }
        let token = match has_password {
            true => None,
            false => Some(secret::random_hex()?),
        };
        let mut write = self.store.begin().await?;
        let user_id = match found {
            Some((user, _)) => user.id,
            None => {
                let name = email.split('@').next().unwrap_or_default();
                let at = now.as_millis();
                write.add_user(&email, name, NO_PASSWORD, at).await?
            }
        };
        let at = now.as_millis();
        write
            .put_member(organization_id, user_id, role.name(), at)
            .await?;
        if let Some(token) = &token {
            let until = now.plus_millis(millis(INVITATION_LIFE)).as_millis();
            write
                .put_invitation(user_id, &secret::hash(token), until)
                .await?;
        }
        audit::target("user", user_id, &email);
        audit::detail("role", role.name());
        write.commit().await?;
        Ok(Invited { user_id, token })
    }

    /// A fresh invitation for a member who has not come yet; `None` for who has a password.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn invite_again(
        &self,
        now: Timestamp,
        email: &str,
    ) -> Result<Option<String>, AccessError> {
        let found = self.store.user_by_email(email).await?;
        let Some((user, _)) = found.filter(|(_, hash)| hash == NO_PASSWORD) else {
            return Ok(None);
        };
        let token = secret::random_hex()?;
        let until = now.plus_millis(millis(INVITATION_LIFE)).as_millis();
        let mut write = self.store.begin().await?;
        write
            .put_invitation(user.id, &secret::hash(&token), until)
            .await?;
        audit::detail("reinvited", true);
        write.commit().await?;
        Ok(Some(token))
    }

    /// Sets the name and the first password of whom an invitation is for, and begins a session.
    ///
    /// # Errors
    /// [`AccessError::NoInvitation`], [`AccessError::Password`], or the store's.
    pub async fn accept_invitation(
        &self,
        now: Timestamp,
        token: &str,
        name: &str,
        password: &str,
        browser: &Browser,
    ) -> Result<Login, AccessError> {
        let token_hash = secret::hash(token);
        let invited = self.store.invited(&token_hash, now.as_millis()).await?;
        let user_id = invited.ok_or(AccessError::NoInvitation)?;
        let hash = self.hasher.hash(password).await?;
        if let Some(user) = self.store.user(user_id).await? {
            audit::actor(user.id, &user.email);
            audit::target("user", user.id, &user.email);
        }
        let mut write = self.store.begin().await?;
        if !write.take_invitation(&token_hash).await? {
            return Err(AccessError::NoInvitation);
        }
        write.set_password(user_id, &hash).await?;
        if !name.is_empty() {
            write.rename_user(user_id, name).await?;
        }
        write.commit().await?;
        let user = self.store.user(user_id).await?;
        let user = user.filter(|user| user.is_active);
        self.begin_session(now, user.ok_or(AccessError::NoInvitation)?, browser)
            .await
    }
}
