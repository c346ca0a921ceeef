//! Makes people, organizations, projects and keys, and checks the names that they are given.

use protocol::timestamp::Timestamp;

use super::secret::{self, NoRandomness};
use super::{Access, AccessError, Role};
use crate::audit;
use crate::store::projects::{NewProject, ProjectKey};

/// Longest e-mail address, in bytes.
const EMAIL_LEN_MAX: usize = 254;
/// Longest slug, in bytes.
pub const SLUG_LEN_MAX: usize = 50;

impl Access {
    /// Adds a person with a password.
    ///
    /// # Errors
    /// [`AccessError::Email`], [`AccessError::Password`], or that the address is taken.
    pub async fn create_user(
        &self,
        now: Timestamp,
        email: &str,
        name: &str,
        password: &str,
    ) -> Result<i64, AccessError> {
        let email = checked_email(email)?;
        let hash = self.hasher.hash(password).await?;
        let mut write = self.store.begin().await?;
        let id = write.add_user(&email, name, &hash, now.as_millis()).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Replaces a password, and ends every session of its owner.
    ///
    /// # Errors
    /// [`AccessError::Password`] or the store's.
    pub async fn set_password(&self, user_id: i64, password: &str) -> Result<(), AccessError> {
        let hash = self.hasher.hash(password).await?;
        let mut write = self.store.begin().await?;
        write.set_password(user_id, &hash).await?;
        Ok(write.commit().await?)
    }

    /// Makes an organization.
    ///
    /// # Errors
    /// [`AccessError::Slug`], or that the slug is taken.
    pub async fn create_organization(
        &self,
        now: Timestamp,
        slug: &str,
        name: &str,
    ) -> Result<i64, AccessError> {
        check_slug(slug)?;
        let mut write = self.store.begin().await?;
        let id = write.add_organization(slug, name, now.as_millis()).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Makes a user a member, or changes the role.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn put_member(
        &self,
        now: Timestamp,
        organization_id: i64,
        user_id: i64,
        role: Role,
    ) -> Result<(), AccessError> {
        let mut write = self.store.begin().await?;
        write
            .put_member(organization_id, user_id, role.name(), now.as_millis())
            .await?;
        Ok(write.commit().await?)
    }

    /// Makes a project with its first key.
    ///
    /// # Errors
    /// [`AccessError::Slug`], or that the slug is taken.
    pub async fn create_project(
        &self,
        now: Timestamp,
        project: NewProject<'_>,
    ) -> Result<(i64, ProjectKey), AccessError> {
        check_slug(project.slug)?;
        let slug = project.slug;
        let mut write = self.store.begin().await?;
        let id = write.add_project(project, now.as_millis()).await?;
        let key = fresh_key(now, id, "Default")?;
        write.add_project_key(&key).await?;
        audit::target("project", id, slug);
        write.commit().await?;
        Ok((id, key))
    }

    /// Makes another key for a project.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn create_project_key(
        &self,
        now: Timestamp,
        project_id: i64,
        label: &str,
    ) -> Result<ProjectKey, AccessError> {
        let key = fresh_key(now, project_id, label)?;
        let mut write = self.store.begin().await?;
        write.add_project_key(&key).await?;
        audit::target("key", &key.public_key, label);
        write.commit().await?;
        Ok(key)
    }
}

/// Checks a slug: what may stand in an address and cannot be taken for a number.
///
/// # Errors
/// [`AccessError::Slug`].
pub fn check_slug(slug: &str) -> Result<(), AccessError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let numeric = slug.bytes().all(|b| b.is_ascii_digit());
    if slug.is_empty() || slug.len() > SLUG_LEN_MAX || numeric || !slug.bytes().all(allowed) {
        return Err(AccessError::Slug);
    }
    Ok(())
}

/// The slug of a name: small letters, everything else a dash.
#[must_use]
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(SLUG_LEN_MAX);
    slug.trim_end_matches('-').to_owned()
}

pub(super) fn checked_email(email: &str) -> Result<String, AccessError> {
    let email = account_name(email);
    let plausible = email
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if !plausible || email.len() > EMAIL_LEN_MAX || email.contains(char::is_whitespace) {
        return Err(AccessError::Email);
    }
    Ok(email)
}

pub(super) fn account_name(email: &str) -> String {
    let email = email.trim().to_lowercase();
    email.chars().take(EMAIL_LEN_MAX).collect()
}

fn fresh_key(now: Timestamp, project_id: i64, label: &str) -> Result<ProjectKey, NoRandomness> {
    let secret = secret::random_hex()?;
    let (public_key, secret_key) = secret.split_at(32);
    Ok(ProjectKey {
        public_key: public_key.to_owned(),
        secret_key: secret_key.to_owned(),
        project_id,
        label: label.to_owned(),
        is_active: true,
        rate_limit_count: None,
        rate_limit_window_s: None,
        rate_limit_burst: None,
        created_at: now.as_millis(),
    })
}
