//! Turns changes of issues into notifications, by rules and on a schedule.
//!
//! The digest writes a change in the transaction of the change itself; this room takes changes,
//! asks the project's rules, and writes what they say to send. It looks when it is told of a
//! change, and on its schedule besides, so that a wake-up lost in a crash costs a minute at most.
//!
//! What always holds: a change is seen by every rule exactly once. What it never does: send.

use std::sync::Arc;

use protocol::timestamp::Timestamp;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::ids::ShortId;
use crate::rule::{Facts, Verdict, decide};
use crate::schedule::Schedule;
use crate::store::notifications::{Change, NewNotification, StoredRule};
use crate::store::{Store, StoreError};

/// Changes looked at in one transaction.
const CHANGES_MAX: i64 = 100;

/// When rules are evaluated besides at once.
#[derive(Clone, Debug)]
pub struct Alerts {
    store: Store,
    schedule: Schedule,
    /// The dashboard's address, for links.
    public_url: String,
    /// Rung by the digest: there are changes.
    changed: Arc<Notify>,
    /// Rung here: there are notifications to send.
    due: Arc<Notify>,
}

impl Alerts {
    /// `changed` is rung when issues changed, `due` when notifications wait.
    #[must_use]
    pub const fn new(
        store: Store,
        schedule: Schedule,
        public_url: String,
        changed: Arc<Notify>,
        due: Arc<Notify>,
    ) -> Self {
        Self {
            store,
            schedule,
            public_url,
            changed,
            due,
        }
    }

    /// Evaluates until cancelled. `now` reads the clock.
    pub async fn run(self, now: fn() -> Timestamp, cancelled: CancellationToken) {
        let mut is_failing = false;
        loop {
            match self.evaluate(now()).await {
                Ok(_) if is_failing => {
                    is_failing = false;
                    tracing::info!("alert rules are evaluated again");
                }
                Ok(_) => {}
                Err(error) if !is_failing => {
                    is_failing = true;
                    tracing::warn!(%error, "alert rules cannot be evaluated; trying on schedule");
                }
                Err(_) => {}
            }
            let at = now();
            let next = self
                .schedule
                .next_after(at)
                .unwrap_or(at.plus_millis(60_000));
            let pause = u64::try_from(next.millis_since(at))
                .unwrap_or(0)
                .clamp(100, 3_600_000);
            tokio::select! {
                () = cancelled.cancelled() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(std::time::Duration::from_millis(pause)) => {}
            }
        }
    }

    /// Lets every rule see every waiting change; answers how many notifications were written.
    ///
    /// # Errors
    /// [`StoreError`]; then the changes of the transaction at hand are seen again.
    pub async fn evaluate(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut n_written = 0;
        loop {
            let changes = self.store.changes(CHANGES_MAX).await?;
            let Some(last) = changes.last() else {
                return Ok(n_written);
            };
            let upto = last.id;
            let mut firing = Vec::new();
            for change in &changes {
                for rule in self.store.enabled_rules(change.project).await? {
                    if self.fires(&rule, change, now).await? {
                        firing.push((rule, change));
                    }
                }
            }
            let mut write = self.store.begin().await?;
            for (rule, change) in &firing {
                let payload = payload(rule, change, &self.public_url).to_string();
                for action in &rule.rule.actions {
                    let new = NewNotification {
                        rule: rule.id,
                        issue: change.issue,
                        trigger: change.trigger,
                        action,
                        payload: &payload,
                    };
                    write.add_notification(&new, now).await?;
                    n_written += 1;
                }
            }
            write.forget_changes(upto).await?;
            write.commit().await?;
            if !firing.is_empty() {
                self.due.notify_one();
            }
        }
    }

    async fn fires(
        &self,
        rule: &StoredRule,
        change: &Change,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let facts = Facts {
            trigger: change.trigger,
            environment: change.environment.as_deref(),
            last_told: self.store.last_told(rule.id, change.issue).await?,
        };
        Ok(decide(&rule.rule, &facts, now) == Verdict::Fire)
    }
}

/// What a notification says, in the words of Sentry's webhooks: `action`, `data.issue`,
/// `data.event`, `data.triggered_rule`.
#[must_use]
pub fn payload(rule: &StoredRule, change: &Change, public_url: &str) -> serde_json::Value {
    let project = &change.project_slug;
    let short_id = ShortId {
        project: project.clone(),
        number: change.short_id,
    }
    .to_string();
    let base = public_url.trim_end_matches('/');
    let organization = &change.organization_slug;
    let issue_url = format!(
        "{base}/organizations/{organization}/issues/{}/",
        change.issue
    );
    json!({
        "action": "triggered",
        "change": change.trigger.name(),
        "data": {
            "triggered_rule": rule.name,
            "issue": {
                "id": change.issue.to_string(),
                "shortId": short_id,
                "title": change.title,
                "culprit": change.culprit,
                "level": change.level,
                "count": change.times_seen.to_string(),
                "project": project,
                "organization": change.organization_slug,
                "web_url": issue_url,
            },
            "event": {
                "event_id": change.event_id.to_string(),
                "environment": change.environment,
                "title": change.title,
                "level": change.level,
                "web_url": format!("{issue_url}events/{}/", change.event_id),
            },
        },
    })
}
