//! People: organizations, users, members, teams, sessions, tokens.
//!
//! Times are unix milliseconds. What is secret arrives here hashed.

use super::{Store, StoreError, Write};

/// The team every organization begins with, and every project belongs to.
pub const DEFAULT_TEAM: &str = "everyone";

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Organization {
    /// Its number.
    pub id: i64,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// When it was made.
    pub created_at: i64,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct User {
    /// Their number.
    pub id: i64,
    /// Their address, in lower case.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Whether they may log in.
    pub is_active: bool,
    /// When they were added.
    pub created_at: i64,
    /// When they last logged in.
    pub last_login_at: Option<i64>,
}

/// A person's role in an organization.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Membership {
    /// The organization.
    pub organization_id: i64,
    /// The role's name.
    pub role: String,
}

/// A member of an organization.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Member {
    /// The person.
    #[sqlx(flatten)]
    pub user: User,
    /// The role's name.
    pub role: String,
    /// Since when.
    pub joined_at: i64,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Team {
    /// Its number.
    pub id: i64,
    /// Its organization.
    pub organization_id: i64,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// When it was made.
    pub created_at: i64,
}

/// A logged-in browser.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    /// SHA-256 of the cookie's value.
    pub id_hash: Vec<u8>,
    /// Whose.
    pub user_id: i64,
    /// What its changes must carry.
    pub csrf_token: String,
    /// When it began.
    pub created_at: i64,
    /// When it was last used.
    pub last_seen_at: i64,
    /// When it ends at the latest.
    pub expires_at: i64,
    /// What the browser that began it calls itself.
    pub user_agent: String,
    /// Where it was begun from.
    pub address: String,
}

/// An API token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ApiToken {
    /// Its number.
    pub id: i64,
    /// The end of its secret, to recognise it by.
    pub last_four: String,
    /// Whose.
    pub user_id: i64,
    /// What its owner calls it.
    pub name: String,
    /// JSON array of scope names.
    pub scopes: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was last used.
    pub last_used_at: Option<i64>,
    /// When it ends; `None` is never.
    pub expires_at: Option<i64>,
}

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// SHA-256 of the whole token.
    pub hash: &'a [u8],
    /// Its last four characters.
    pub last_four: &'a str,
    /// Whose.
    pub user_id: i64,
    /// What its owner calls it.
    pub name: &'a str,
    /// JSON array of scope names.
    pub scopes: &'a str,
    /// When it is made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: Option<i64>,
}

const USER: &str = "id, email, name, is_active, created_at, last_login_at";

impl Store {
    /// The organization of a slug or a number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn organization(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, slug, name, created_at FROM organizations
             WHERE slug = ?1 OR id = ?2 ORDER BY slug = ?1 DESC LIMIT 1",
        )
        .bind(name)
        .bind(name.parse::<i64>().unwrap_or(-1))
        .fetch_optional(self.reader())
        .await?)
    }

    /// Every organization, by slug.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        Ok(
            sqlx::query_as("SELECT id, slug, name, created_at FROM organizations ORDER BY slug")
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// The user of a number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn user(&self, id: i64) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {USER} FROM users WHERE id = ?1");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(self.reader())
            .await?)
    }

    /// The user of an address, with the password's hash.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn user_by_email(&self, email: &str) -> Result<Option<(User, String)>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Row {
            #[sqlx(flatten)]
            user: User,
            password_hash: String,
        }
        let sql = format!("SELECT {USER}, password_hash FROM users WHERE email = ?1");
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(email.to_lowercase())
            .fetch_optional(self.reader())
            .await?;
        Ok(row.map(|row| (row.user, row.password_hash)))
    }

    /// The organizations a user belongs to.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn memberships(&self, user_id: i64) -> Result<Vec<Membership>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT organization_id, role FROM members WHERE user_id = ?1 ORDER BY organization_id",
        )
        .bind(user_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// The users who own every organization there is; everyone while there is none.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn owners_of_all(&self) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT u.id FROM users u WHERE NOT EXISTS (
               SELECT 1 FROM organizations o WHERE NOT EXISTS (
                 SELECT 1 FROM members m WHERE m.user_id = u.id AND m.organization_id = o.id
                 AND m.role = 'owner'))
             ORDER BY u.id",
        )
        .fetch_all(self.reader())
        .await?)
    }

    /// The members of an organization, by address.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn members(&self, organization_id: i64) -> Result<Vec<Member>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT u.id, u.email, u.name, u.is_active, u.created_at, u.last_login_at,
                    m.role, m.created_at AS joined_at
             FROM members m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = ?1 ORDER BY u.email",
        )
        .bind(organization_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// The teams of an organization, by slug.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn teams(&self, organization_id: i64) -> Result<Vec<Team>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, organization_id, slug, name, created_at FROM teams
             WHERE organization_id = ?1 ORDER BY slug",
        )
        .bind(organization_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// Which team each project of an organization belongs to: (project, team).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_teams(&self, organization_id: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT pt.project_id, pt.team_id FROM project_teams pt
             JOIN projects p ON p.id = pt.project_id
             WHERE p.organization_id = ?1 ORDER BY pt.project_id, pt.team_id",
        )
        .bind(organization_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// The session of a hashed cookie.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn session(&self, id_hash: &[u8]) -> Result<Option<Session>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id_hash, user_id, csrf_token, created_at, last_seen_at, expires_at, user_agent,
                    address
             FROM sessions WHERE id_hash = ?1",
        )
        .bind(id_hash)
        .fetch_optional(self.reader())
        .await?)
    }

    /// A user's sessions that end after `now` and were used since `idle_since`, the one used last
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn sessions(
        &self,
        user_id: i64,
        now: i64,
        idle_since: i64,
    ) -> Result<Vec<Session>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id_hash, user_id, csrf_token, created_at, last_seen_at, expires_at, user_agent,
                    address
             FROM sessions WHERE user_id = ?1 AND expires_at > ?2 AND last_seen_at > ?3
             ORDER BY last_seen_at DESC, created_at DESC",
        )
        .bind(user_id)
        .bind(now)
        .bind(idle_since)
        .fetch_all(self.reader())
        .await?)
    }

    /// The token of a hashed secret.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn api_token(&self, hash: &[u8]) -> Result<Option<ApiToken>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, last_four, user_id, name, scopes, created_at, last_used_at, expires_at
             FROM api_tokens WHERE token_hash = ?1",
        )
        .bind(hash)
        .fetch_optional(self.reader())
        .await?)
    }

    /// A user's tokens, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn api_tokens(&self, user_id: i64) -> Result<Vec<ApiToken>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, last_four, user_id, name, scopes, created_at, last_used_at, expires_at
             FROM api_tokens WHERE user_id = ?1 ORDER BY id DESC",
        )
        .bind(user_id)
        .fetch_all(self.reader())
        .await?)
    }
}

impl Write {
    /// Makes an organization with its default team.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the slug is taken.
    pub async fn add_organization(
        &mut self,
        slug: &str,
        name: &str,
        now: i64,
    ) -> Result<i64, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO organizations (slug, name, created_at) VALUES (?1, ?2, ?3) RETURNING id",
        )
        .bind(slug)
        .bind(name)
        .bind(now)
        .fetch_one(self.connection())
        .await
        .map_err(|error| StoreError::from(error).or_exists("organization"))?;
        self.add_team(id, DEFAULT_TEAM, "Everyone", now).await?;
        Ok(id)
    }

    /// Renames an organization.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the slug is taken.
    pub async fn rename_organization(
        &mut self,
        organization: &Organization,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE organizations SET name = ?2, slug = ?3 WHERE id = ?1")
            .bind(organization.id)
            .bind(&organization.name)
            .bind(&organization.slug)
            .execute(self.connection())
            .await
            .map_err(|error| StoreError::from(error).or_exists("organization"))?;
        Ok(())
    }

    /// Makes a team.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the slug is taken.
    pub async fn add_team(
        &mut self,
        organization_id: i64,
        slug: &str,
        name: &str,
        now: i64,
    ) -> Result<i64, StoreError> {
        sqlx::query_scalar(
            "INSERT INTO teams (organization_id, slug, name, created_at)
             VALUES (?1, ?2, ?3, ?4) RETURNING id",
        )
        .bind(organization_id)
        .bind(slug)
        .bind(name)
        .bind(now)
        .fetch_one(self.connection())
        .await
        .map_err(|error| StoreError::from(error).or_exists("team"))
    }

    /// Adds a person.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the address is taken.
    pub async fn add_user(
        &mut self,
        email: &str,
        name: &str,
        password_hash: &str,
        now: i64,
    ) -> Result<i64, StoreError> {
        sqlx::query_scalar(
            "INSERT INTO users (email, name, password_hash, created_at)
             VALUES (?1, ?2, ?3, ?4) RETURNING id",
        )
        .bind(email.to_lowercase())
        .bind(name)
        .bind(password_hash)
        .bind(now)
        .fetch_one(self.connection())
        .await
        .map_err(|error| StoreError::from(error).or_exists("user"))
    }

    /// Replaces a password, and ends the user's sessions.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_password(&mut self, user_id: i64, hash: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET password_hash = ?2 WHERE id = ?1")
            .bind(user_id)
            .bind(hash)
            .execute(self.connection())
            .await?;
        self.remove_sessions_of(user_id).await
    }

    /// Makes a user a member of an organization and of its teams, or changes the role.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_member(
        &mut self,
        organization_id: i64,
        user_id: i64,
        role: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO members (organization_id, user_id, role, created_at)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role",
        )
        .bind(organization_id)
        .bind(user_id)
        .bind(role)
        .bind(now)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "INSERT INTO team_members (team_id, user_id)
             SELECT id, ?2 FROM teams WHERE organization_id = ?1 AND slug = ?3
             ON CONFLICT (team_id, user_id) DO NOTHING",
        )
        .bind(organization_id)
        .bind(user_id)
        .bind(DEFAULT_TEAM)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Begins a session and notes the login; the user's ended sessions go.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_session(&mut self, session: &Session) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE user_id = ?1 AND expires_at < ?2")
            .bind(session.user_id)
            .bind(session.created_at)
            .execute(self.connection())
            .await?;
        sqlx::query(
            "INSERT INTO sessions
                 (id_hash, user_id, csrf_token, created_at, last_seen_at, expires_at,
                  user_agent, address)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(&session.id_hash)
        .bind(session.user_id)
        .bind(&session.csrf_token)
        .bind(session.created_at)
        .bind(session.last_seen_at)
        .bind(session.expires_at)
        .bind(&session.user_agent)
        .bind(&session.address)
        .execute(self.connection())
        .await?;
        sqlx::query("UPDATE users SET last_login_at = ?2 WHERE id = ?1")
            .bind(session.user_id)
            .bind(session.created_at)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn touch_session(&mut self, id_hash: &[u8], now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET last_seen_at = ?2 WHERE id_hash = ?1")
            .bind(id_hash)
            .bind(now)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_session(&mut self, id_hash: &[u8]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE id_hash = ?1")
            .bind(id_hash)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Ends every session of a user.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_sessions_of(&mut self, user_id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE user_id = ?1")
            .bind(user_id)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Stores a token.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_api_token(&mut self, token: &NewToken<'_>) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO api_tokens
                 (token_hash, last_four, user_id, name, scopes, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        )
        .bind(token.hash)
        .bind(token.last_four)
        .bind(token.user_id)
        .bind(token.name)
        .bind(token.scopes)
        .bind(token.created_at)
        .bind(token.expires_at)
        .fetch_one(self.connection())
        .await?)
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn touch_api_token(&mut self, id: i64, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1")
            .bind(id)
            .bind(now)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Removes a user's token; false when there is none of that number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_api_token(&mut self, user_id: i64, id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM api_tokens WHERE id = ?1 AND user_id = ?2")
            .bind(id)
            .bind(user_id)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
