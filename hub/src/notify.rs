//! Sends notifications: webhooks and e-mail.
//!
//! This is the one room that calls out, and `outbound` is its one door: it resolves a name first,
//! refuses addresses of private networks unless they are allowed, and connects to what it
//! resolved. Redirects are not followed.
//!
//! What always holds: a notification is sent at least once, or noted as failed with the reason
//! after [`ATTEMPTS_MAX`] tries; the pause between tries doubles.

mod mail;
mod outbound;
mod smtp;

use std::sync::Arc;
use std::time::Duration;

use protocol::pattern::Network;
use protocol::timestamp::Timestamp;
use protocol::unit::Span;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::rule::Action;
use crate::store::notifications::{Attempt, DueNotification};
use crate::store::{Store, StoreError};

/// Tries of one notification: spread over about two hours.
pub const ATTEMPTS_MAX: i64 = 8;
/// Notifications taken from the store at a time.
const BATCH: i64 = 50;
/// The pause after the first failed try; it doubles each time.
const FIRST_PAUSE_MS: i64 = 30_000;
/// How often the store is looked at when nobody rings.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Longest error text that is kept, in characters.
const ERROR_CHARS_MAX: usize = 300;

/// How and where to the hub may call out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The mail server: `smtp://user@host:587` (STARTTLS), `smtps://host` (TLS). In the clear are
    /// servers on this host, and where `?tls=off` says so. Empty: no mail is sent, and rules that
    /// want it say so.
    pub smtp: String,
    /// A file with the certificate of the authority that the mail server's is from, in PEM, beside
    /// those that browsers know.
    pub smtp_ca_file: Option<std::path::PathBuf>,
    /// A file that holds the mail server's password.
    pub smtp_password_file: Option<std::path::PathBuf>,
    /// The sender of mails.
    pub mail_from: String,
    /// Private networks that webhooks may reach, as `10.1.0.0/16`. All others are refused.
    pub allow_networks: Vec<Network>,
    /// How long one try may take.
    pub timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            smtp: String::new(),
            smtp_ca_file: None,
            smtp_password_file: None,
            mail_from: "vedette@localhost".into(),
            allow_networks: Vec::new(),
            timeout: Span(Duration::from_secs(10)),
        }
    }
}

/// Why a notification was not sent.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// A setting cannot be used.
    #[error("{key}: {reason}")]
    Config {
        /// The key in the file.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no mail server.
    #[error(
        "no mail server is set: write smtp = \"smtp://host:port\" into the hub's configuration"
    )]
    NoMailServer,
    /// The address lies in a network that is not allowed.
    #[error(
        "{0} lies in a private network; allow it with allow_networks in the hub's configuration"
    )]
    PrivateNetwork(String),
    /// The address cannot be read or resolved.
    #[error("{0}")]
    Address(String),
    /// The other side answered with an error.
    #[error("the webhook answered {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// There was no answer.
    #[error("the webhook could not be reached: {0}")]
    Unreachable(String),
    /// The mail server refused or was not there.
    #[error("the mail server did not take the mail: {0}")]
    Mail(String),
}

impl NotifyError {
    /// Whether another try may help.
    const fn may_pass(&self) -> bool {
        match self {
            Self::Status { status } => *status >= 500 || *status == 429 || *status == 408,
            Self::Unreachable(_) | Self::Mail(_) | Self::Address(_) => true,
            Self::Config { .. } | Self::NoMailServer | Self::PrivateNetwork(_) => false,
        }
    }
}

/// Sends one notification; cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender {
    webhooks: outbound::Outbound,
    mails: Option<mail::Mailer>,
}

impl Sender {
    /// Prepares the clients.
    ///
    /// # Errors
    /// [`NotifyError::Config`] names the key.
    pub fn new(config: &Config) -> Result<Self, NotifyError> {
        let webhooks = outbound::Outbound::new(&config.allow_networks, config.timeout.0)?;
        let mails = if config.smtp.is_empty() {
            None
        } else {
            Some(mail::Mailer::new(config)?)
        };
        Ok(Self { webhooks, mails })
    }

    /// Whether there is a mail server.
    #[must_use]
    pub const fn sends_mail(&self) -> bool {
        self.mails.is_some()
    }

    /// Sends once. `payload` is the notification as JSON.
    ///
    /// # Errors
    /// [`NotifyError`] says what a person can do about it.
    pub async fn send(&self, action: &Action, payload: &str) -> Result<(), NotifyError> {
        match action {
            Action::Webhook { url } => self.webhooks.post(url, payload).await,
            Action::Email { to } => match &self.mails {
                Some(mailer) => mailer.send(to, payload).await,
                None => Err(NotifyError::NoMailServer),
            },
        }
    }
}

/// Sends what the alerts wrote, until cancelled.
#[derive(Debug)]
pub struct Notifier {
    store: Store,
    sender: Sender,
    /// Rung by the alerts: notifications wait.
    due: Arc<Notify>,
}

impl Notifier {
    /// `due` is rung when notifications wait.
    #[must_use]
    pub const fn new(store: Store, sender: Sender, due: Arc<Notify>) -> Self {
        Self { store, sender, due }
    }

    /// Sends until cancelled. `now` reads the clock.
    pub async fn run(self, now: fn() -> Timestamp, cancelled: CancellationToken) {
        let mut is_failing = false;
        loop {
            match self.send_due(now).await {
                Ok(n_sent) => {
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("notifications are sent again");
                    }
                    if n_sent > 0 {
                        continue;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%error, "notifications cannot be read; trying again");
                    }
                }
            }
            tokio::select! {
                () = cancelled.cancelled() => return,
                () = self.due.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Tries everything that is due; answers how many were tried.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn send_due(&self, now: fn() -> Timestamp) -> Result<usize, StoreError> {
        let due = self.store.due_notifications(now(), BATCH).await?;
        for notification in &due {
            let outcome = self
                .sender
                .send(&notification.action, &notification.payload)
                .await;
            let attempt = judge(notification, outcome, now());
            if let Attempt::Failed { error } = &attempt {
                tracing::warn!(notification.id, %error, "a notification failed for good");
            }
            let mut write = self.store.begin().await?;
            write.note_attempt(notification.id, &attempt, now()).await?;
            write.commit().await?;
        }
        Ok(due.len())
    }
}

/// What follows from a try.
fn judge(
    notification: &DueNotification,
    outcome: Result<(), NotifyError>,
    now: Timestamp,
) -> Attempt {
    let Err(error) = outcome else {
        return Attempt::Sent;
    };
    let text: String = error.to_string().chars().take(ERROR_CHARS_MAX).collect();
    let n_tries = notification.attempts + 1;
    if error.may_pass() && n_tries < ATTEMPTS_MAX {
        let doublings = u32::try_from(notification.attempts).unwrap_or(0).min(16);
        let pause = FIRST_PAUSE_MS.saturating_mul(2_i64.saturating_pow(doublings));
        return Attempt::Again {
            at: now.plus_millis(pause),
            error: text,
        };
    }
    Attempt::Failed { error: text }
}

#[cfg(test)]
mod tests;
