//! Who is asking, and what they may do: passwords, sessions, API tokens, roles.
//!
//! What always holds: secrets are stored as hashes (argon2id for passwords, SHA-256 for the random
//! ones) and shown once; a login takes as long for an unknown account as for a known one; guesses
//! are slowed down by account and by address; a session ends after twelve idle hours or fourteen
//! days, and a change of password ends all of them; a token never holds a scope that the role of
//! its owner does not bring.
//!
//! What it never does: speak HTTP. Cookies, headers and status codes are the API's.

mod account;
mod invite;
mod making;
mod password;
mod scope;
mod secret;
mod throttle;
mod wrong_logins;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::timestamp::Timestamp;
use tokio_util::task::TaskTracker;

use crate::audit;
use crate::store::members::NO_PASSWORD;
use crate::store::people::{ApiToken, NewToken, Session, User};
use crate::store::{Store, StoreError};

pub use account::{Browser, SessionInfo};
pub use invite::{INVITATION_LIFE, Invited};
use making::account_name;
pub use making::{SLUG_LEN_MAX, check_slug, slug_of};
pub use password::{PASSWORD_CHARS_MIN, PasswordError};
pub use scope::{Role, Scope, ScopeSet};
pub use secret::{NoRandomness, random_name};
use throttle::{Throttle, Verdict};
use wrong_logins::WrongLogins;

/// A session unused for this long has ended.
pub const SESSION_IDLE: Duration = Duration::from_hours(12);
/// A session this old has ended.
pub const SESSION_LIFE: Duration = Duration::from_hours(14 * 24);
/// How often the last use of a session or token is written down.
const TOUCH_EVERY: Duration = Duration::from_mins(1);
/// Most tokens of one user.
const TOKENS_MAX: usize = 100;
/// What a wrong login is called in the audit log.
pub const LOGIN_FAILED: &str = "auth.login-failed";
/// What user tokens begin with.
const TOKEN_PREFIX: &str = "sntryu_";

/// Why access was not given.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No such account, or not its password. Which of the two is not said.
    #[error("e-mail address or password is wrong")]
    WrongLogin,
    /// Too many guesses.
    #[error("too many login attempts")]
    Throttled {
        /// When the next is allowed.
        retry_after: Duration,
    },
    /// The password cannot be used, or not now.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A user has as many tokens as allowed.
    #[error("a user may have at most {TOKENS_MAX} tokens")]
    TooManyTokens,
    /// An account that was not taken up yet belongs to whoever holds its invitation.
    #[error("another organization has invited them: try again when they have come")]
    InvitedElsewhere,
    /// No such invitation, or it has ended.
    #[error("the invitation is used up or has ended: ask for another one")]
    NoInvitation,
    /// The address is not one.
    #[error("not an e-mail address")]
    Email,
    /// The slug is not one.
    #[error(
        "a slug has 1 to {SLUG_LEN_MAX} characters of a to z, 0 to 9, - and _, and is no number"
    )]
    Slug,
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Someone who has shown who they are.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who.
    pub user: User,
    /// What they showed.
    pub proof: Proof,
    /// Their organizations, each with what they may do there with this proof.
    pub memberships: Vec<Membership>,
}

/// What showed who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A browser's session. Its changes must carry the token.
    Session {
        /// What it is called in lists.
        id: String,
        /// What the header must say.
        csrf_token: String,
    },
    /// An API token.
    Token {
        /// Its number.
        id: i64,
        /// What it is called.
        name: String,
        /// What it was made for.
        scopes: ScopeSet,
    },
}

/// A role in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub organization_id: i64,
    /// The role.
    pub role: Role,
    /// The role's scopes, cut to those of the proof.
    pub scopes: ScopeSet,
}

impl Identity {
    /// The membership in an organization.
    #[must_use]
    pub fn membership(&self, organization_id: i64) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|membership| membership.organization_id == organization_id)
    }

    /// What may be done in any of the organizations.
    #[must_use]
    pub fn scopes(&self) -> ScopeSet {
        self.memberships
            .iter()
            .fold(ScopeSet::NONE, |all, membership| all.or(membership.scopes))
    }

    /// Whether a CSRF token is the session's. API tokens need none.
    #[must_use]
    pub fn accepts_csrf(&self, shown: Option<&str>) -> bool {
        match &self.proof {
            Proof::Token { .. } => true,
            Proof::Session { csrf_token, .. } => {
                shown.is_some_and(|shown| secret::same(shown, csrf_token))
            }
        }
    }
}

/// A fresh session. The cookie's value is here and nowhere else.
#[derive(Clone)]
pub struct Login {
    /// What the cookie holds.
    pub cookie: String,
    /// Who.
    pub user: User,
    /// What changes must carry.
    pub csrf_token: String,
}

/// A fresh API token. The secret is here and nowhere else.
#[derive(Clone)]
pub struct FreshToken {
    /// The whole token.
    pub secret: String,
    /// What is stored of it.
    pub id: i64,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshToken")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The door. Clones share the counts and the store.
#[derive(Clone, Debug)]
pub struct Access {
    store: Store,
    hasher: password::Hasher,
    throttle: Arc<Mutex<Throttle>>,
    wrong_logins: Arc<Mutex<WrongLogins>>,
    tracker: TaskTracker,
}

impl Access {
    /// Opens the door. Last uses are written down by tasks on `tracker`.
    ///
    /// # Errors
    /// [`AccessError::Password`] when the machine cannot hash.
    pub fn new(store: Store, tracker: TaskTracker) -> Result<Self, AccessError> {
        Ok(Self {
            store,
            hasher: password::Hasher::new()?,
            throttle: Arc::default(),
            wrong_logins: Arc::default(),
            tracker,
        })
    }

    /// Begins a session for who knows the password.
    ///
    /// # Errors
    /// [`AccessError::WrongLogin`], [`AccessError::Throttled`], or that the hub is in trouble.
    pub async fn login(
        &self,
        now: Timestamp,
        email: &str,
        password: &str,
        browser: &Browser,
    ) -> Result<Login, AccessError> {
        let user = self.check_password(now, email, password, browser.address);
        let user = user.await?;
        self.begin_session(now, user, browser).await
    }

    /// Who has this address and knows its password.
    async fn check_password(
        &self,
        now: Timestamp,
        email: &str,
        password: &str,
        address: IpAddr,
    ) -> Result<User, AccessError> {
        let account = account_name(email);
        {
            let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
            if let Verdict::Wait(retry_after) = throttle.check(now, &account, address) {
                return Err(AccessError::Throttled { retry_after });
            }
            throttle.begin(now, &account, address);
        }
        let found = self.store.user_by_email(&account).await?;
        let known = found.as_ref().map(|(user, _)| user.clone());
        let (user, hash) = match found {
            // Who was invited and has not come yet has no password to know.
            Some((user, hash)) if user.is_active && hash != NO_PASSWORD => (Some(user), Some(hash)),
            _ => (None, None),
        };
        let right = self.hasher.verify(password, hash).await?;
        let (Some(user), true) = (user, right) else {
            self.note_wrong_login(now, known.as_ref()).await?;
            return Err(AccessError::WrongLogin);
        };
        self.throttle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .succeeded(now, &account, address);
        Ok(user)
    }

    /// Leaves a trace of a wrong login. Of an account that is not there nothing is kept but that
    /// somebody tried: what was typed may be a password.
    async fn note_wrong_login(
        &self,
        now: Timestamp,
        known: Option<&User>,
    ) -> Result<(), AccessError> {
        if !self.wrong_logins().is_written(now) {
            audit::nothing();
            return Ok(());
        }
        audit::action(LOGIN_FAILED);
        match known {
            Some(user) => audit::target("user", user.id, &user.email),
            None => audit::target("user", "", ""),
        }
        Ok(self.store.begin().await?.commit().await?)
    }

    /// Writes one entry for the wrong logins of an hour that left none of their own, once the hour
    /// is over or, at the end of the hub, nothing follows; answers how many it tells of.
    ///
    /// # Errors
    /// [`AccessError::Store`]; they are counted on.
    pub async fn tell_wrong_logins(
        &self,
        now: Timestamp,
        is_end: bool,
    ) -> Result<u64, AccessError> {
        let Some(n) = self.wrong_logins().take_rest(now, is_end) else {
            return Ok(0);
        };
        let told = async {
            audit::target("user", "", "");
            audit::detail("count", n);
            self.store.begin().await?.commit().await
        };
        let (told, _) = audit::during(now, audit::Actor::default(), LOGIN_FAILED, told).await;
        if told.is_err() {
            self.wrong_logins().put_back(n);
        }
        told?;
        Ok(n)
    }

    fn wrong_logins(&self) -> MutexGuard<'_, WrongLogins> {
        self.wrong_logins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn begin_session(
        &self,
        now: Timestamp,
        user: User,
        browser: &Browser,
    ) -> Result<Login, AccessError> {
        let cookie = secret::random_hex()?;
        let csrf_token = secret::random_hex()?;
        audit::actor(user.id, &user.email);
        audit::target("user", user.id, &user.email);
        let mut write = self.store.begin().await?;
        write
            .add_session(&Session {
                id_hash: secret::hash(&cookie),
                user_id: user.id,
                csrf_token: csrf_token.clone(),
                created_at: now.as_millis(),
                last_seen_at: now.as_millis(),
                expires_at: now.plus_millis(millis(SESSION_LIFE)).as_millis(),
                user_agent: browser.name().to_owned(),
                address: browser.address.to_string(),
            })
            .await?;
        write.commit().await?;
        Ok(Login {
            cookie,
            user,
            csrf_token,
        })
    }

    /// Ends the session of a cookie.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn logout(&self, cookie: &str) -> Result<(), AccessError> {
        let mut write = self.store.begin().await?;
        write.remove_session(&secret::hash(cookie)).await?;
        Ok(write.commit().await?)
    }

    /// Who holds this session cookie; `None` when it is unknown or has ended.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn by_session(
        &self,
        now: Timestamp,
        cookie: &str,
    ) -> Result<Option<Identity>, AccessError> {
        let id_hash = secret::hash(cookie);
        let Some(session) = self.store.session(&id_hash).await? else {
            return Ok(None);
        };
        let idle = now.as_millis().saturating_sub(session.last_seen_at);
        if now.as_millis() >= session.expires_at || idle >= millis(SESSION_IDLE) {
            return Ok(None);
        }
        if idle >= millis(TOUCH_EVERY) {
            self.touch(now, Used::Session(id_hash));
        }
        let proof = Proof::Session {
            id: account::session_name(&session.id_hash),
            csrf_token: session.csrf_token,
        };
        self.identity(session.user_id, proof).await
    }

    /// Who holds this API token; `None` when it is unknown or has ended.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn by_token(
        &self,
        now: Timestamp,
        token: &str,
    ) -> Result<Option<Identity>, AccessError> {
        if !token.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let Some(token) = self.store.api_token(&secret::hash(token)).await? else {
            return Ok(None);
        };
        if token.expires_at.is_some_and(|end| now.as_millis() >= end) {
            return Ok(None);
        }
        let last = token.last_used_at.unwrap_or(i64::MIN);
        if now.as_millis().saturating_sub(last) >= millis(TOUCH_EVERY) {
            self.touch(now, Used::Token(token.id));
        }
        let proof = Proof::Token {
            id: token.id,
            scopes: scopes_of(&token),
            name: token.name.clone(),
        };
        self.identity(token.user_id, proof).await
    }

    async fn identity(&self, user_id: i64, proof: Proof) -> Result<Option<Identity>, AccessError> {
        let Some(user) = self
            .store
            .user(user_id)
            .await?
            .filter(|user| user.is_active)
        else {
            return Ok(None);
        };
        let limit = match &proof {
            Proof::Session { .. } => ScopeSet::all(),
            Proof::Token { scopes, .. } => *scopes,
        };
        let memberships = self.store.memberships(user_id).await?;
        let memberships = memberships
            .iter()
            .filter_map(|row| {
                let role = Role::from_name(&row.role)?;
                Some(Membership {
                    organization_id: row.organization_id,
                    role,
                    scopes: role.scopes().and(limit),
                })
            })
            .collect();
        Ok(Some(Identity {
            user,
            proof,
            memberships,
        }))
    }

    /// Writes down a use without making the request wait for the writer.
    fn touch(&self, now: Timestamp, used: Used) {
        let store = self.store.clone();
        self.tracker.spawn(async move {
            let written = async {
                let mut write = store.begin().await?;
                match used {
                    Used::Session(id_hash) => {
                        write.touch_session(&id_hash, now.as_millis()).await?;
                    }
                    Used::Token(id) => write.touch_api_token(id, now.as_millis()).await?,
                }
                write.commit().await
            };
            if let Err(error) = written.await {
                tracing::debug!(%error, "last use was not written down");
            }
        });
    }

    /// Makes an API token for a user.
    ///
    /// # Errors
    /// [`AccessError::TooManyTokens`] or the store's.
    pub async fn create_token(
        &self,
        now: Timestamp,
        user_id: i64,
        name: &str,
        scopes: ScopeSet,
    ) -> Result<FreshToken, AccessError> {
        if self.store.api_tokens(user_id).await?.len() >= TOKENS_MAX {
            return Err(AccessError::TooManyTokens);
        }
        let secret = format!("{TOKEN_PREFIX}{}", secret::random_hex()?);
        audit::detail("scopes", scopes.names());
        let scopes = serde_json::Value::from(scopes.names()).to_string();
        let last_four = secret.get(secret.len() - 4..).unwrap_or_default();
        let mut write = self.store.begin().await?;
        let id = write
            .add_api_token(&NewToken {
                hash: &secret::hash(&secret),
                last_four,
                user_id,
                name,
                scopes: &scopes,
                created_at: now.as_millis(),
                expires_at: None,
            })
            .await?;
        audit::target("api-token", id, name);
        write.commit().await?;
        Ok(FreshToken { secret, id })
    }
}

/// What was used.
enum Used {
    Session(Vec<u8>),
    Token(i64),
}

/// The scopes stored with a token; names of later versions are passed over.
#[must_use]
pub fn scopes_of(token: &ApiToken) -> ScopeSet {
    let names: Vec<String> = serde_json::from_str(&token.scopes).unwrap_or_default();
    names
        .iter()
        .filter_map(|name| Scope::from_name(name))
        .collect()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
