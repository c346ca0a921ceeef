//! Tells people when something goes wrong with relays, and when it is over.
//!
//! What is wrong now is kept in the store; what begins or ends is told once, in the transaction
//! that notes it, so that a crash neither loses nor repeats it. What happens to several relays at
//! the same time is one notification: an outage of a region does not bury anyone.
//!
//! What it never does: send. The notifier does.

use std::collections::BTreeMap;

use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::condition::{Condition, ConditionKind, judge};
use super::{Fleet, FleetError, Relay};
use crate::rule::{Action, Rule, RuleError, Trigger};
use crate::store::relay_history::ConditionRow;

/// Where the store keeps whom to tell.
const SETTING: &str = "fleet_alerts";
/// Relays named in one notification.
const NAMED_MAX: usize = 20;

/// Whom to tell of trouble with relays, and of which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FleetAlerts {
    /// Where to; empty tells nobody.
    pub actions: Vec<Action>,
    /// Of what; empty is everything.
    pub kinds: Vec<ConditionKind>,
}

impl FleetAlerts {
    /// Checks what a person wrote.
    ///
    /// # Errors
    /// [`RuleError`] names the field and the remedy.
    pub fn check(&self) -> Result<(), RuleError> {
        if self.actions.is_empty() {
            return Ok(());
        }
        let rule = Rule {
            triggers: vec![Trigger::NewIssue],
            actions: self.actions.clone(),
            environment: None,
            frequency_minutes: *crate::rule::FREQUENCY_MINUTES.start(),
            is_enabled: true,
        };
        rule.check()
    }

    fn tells_of(&self, kind: ConditionKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// Something that began or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    relay: RelayId,
    name: String,
    kind: ConditionKind,
    /// What is wrong; `None` when it is over.
    detail: Option<String>,
    since: Timestamp,
}

impl Fleet {
    /// Whom to tell of trouble with relays.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn alerts(&self) -> Result<FleetAlerts, FleetError> {
        let text = self.0.store.setting(SETTING).await?;
        let alerts = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(alerts.unwrap_or_default())
    }

    /// Changes whom to tell.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn set_alerts(&self, alerts: &FleetAlerts) -> Result<(), FleetError> {
        let text = serde_json::to_string(alerts).unwrap_or_default();
        let mut write = self.0.store.begin().await?;
        write.put_setting(SETTING, &text).await?;
        write.commit().await?;
        Ok(())
    }

    /// Looks at every relay, notes what is wrong and writes notifications of what began or ended;
    /// answers how many were written.
    ///
    /// # Errors
    /// [`FleetError::Store`]; then all of it is done the next time.
    pub async fn look_after(
        &self,
        public_url: &str,
        watching_since: Timestamp,
        now: Timestamp,
    ) -> Result<usize, FleetError> {
        let relays = self.relays().await?;
        let before = self.0.store.relay_conditions().await?;
        let config = &self.0.config;
        let found = |relay: &Relay| judge(relay, config, watching_since, now);
        let all: Vec<_> = relays.iter().map(|relay| (relay, found(relay))).collect();
        let rows = rows(&all, &before, now);
        let changes = changes(&all, &before, now);
        if rows == before {
            return Ok(0);
        }
        let alerts = self.alerts().await?;
        let mut n_written = 0;
        let mut write = self.0.store.begin().await?;
        for row in rows.iter().filter(|row| !before.contains(row)) {
            write.put_relay_condition(row).await?;
        }
        let is_over = |row: &&ConditionRow| !rows.iter().any(|now| is_same(now, row));
        for row in before.iter().filter(is_over) {
            write
                .remove_relay_condition(&row.relay_id, &row.kind)
                .await?;
        }
        for ((kind, begins), changes) in grouped(&changes) {
            if !alerts.tells_of(kind) {
                continue;
            }
            let payload = payload(kind, begins, &changes, public_url).to_string();
            let name = format!("relay_{}", kind.name());
            for action in &alerts.actions {
                write
                    .add_fleet_notification(&name, action, &payload, now)
                    .await?;
                n_written += 1;
            }
        }
        write.commit().await?;
        for change in &changes {
            note(change);
        }
        Ok(n_written)
    }
}

/// One line when trouble begins, one when it ends.
fn note(change: &Change) {
    let (relay, kind) = (change.relay, change.kind.name());
    match &change.detail {
        Some(detail) => tracing::warn!(relay.id = %relay, kind, detail, "trouble with a relay"),
        None => tracing::info!(relay.id = %relay, kind, "trouble with a relay is over"),
    }
}

fn is_same(a: &ConditionRow, b: &ConditionRow) -> bool {
    a.relay_id == b.relay_id && a.kind == b.kind
}

/// What is to be in the store.
fn rows(
    all: &[(&Relay, Vec<Condition>)],
    before: &[ConditionRow],
    now: Timestamp,
) -> Vec<ConditionRow> {
    let mut rows = Vec::new();
    for (relay, conditions) in all {
        for condition in conditions {
            let mut row = ConditionRow {
                relay_id: relay.id.as_bytes().to_vec(),
                kind: condition.kind.name().to_owned(),
                detail: condition.detail.clone(),
                since: now.as_millis(),
            };
            if let Some(before) = before.iter().find(|before| is_same(before, &row)) {
                row.since = before.since;
            }
            rows.push(row);
        }
    }
    rows.sort_by(|a, b| (&a.relay_id, &a.kind).cmp(&(&b.relay_id, &b.kind)));
    rows
}

/// What began and what ended.
fn changes(
    all: &[(&Relay, Vec<Condition>)],
    before: &[ConditionRow],
    now: Timestamp,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (relay, conditions) in all {
        let had = |kind: ConditionKind| {
            before
                .iter()
                .find(|row| row.relay_id == relay.id.as_bytes() && row.kind == kind.name())
        };
        for kind in ConditionKind::ALL {
            let is = conditions.iter().find(|condition| condition.kind == kind);
            let (detail, since) = match (is, had(kind)) {
                (Some(condition), None) => (Some(condition.detail.clone()), now),
                (None, Some(row)) => (None, Timestamp::from_millis(row.since)),
                _ => continue,
            };
            changes.push(Change {
                relay: relay.id,
                name: relay.name.clone(),
                kind,
                detail,
                since,
            });
        }
    }
    changes
}

/// Changes of one kind and direction belong together.
fn grouped(changes: &[Change]) -> BTreeMap<(ConditionKind, bool), Vec<&Change>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for change in changes {
        let key = (change.kind, change.detail.is_some());
        groups.entry(key).or_default().push(change);
    }
    groups
}

/// What a notification says.
fn payload(
    kind: ConditionKind,
    begins: bool,
    changes: &[&Change],
    public_url: &str,
) -> serde_json::Value {
    let base = public_url.trim_end_matches('/');
    let relay = |change: &&Change| {
        json!({
            "id": change.relay.to_string(),
            "name": change.name,
            "detail": change.detail,
            "since": change.since.to_rfc3339(),
            "web_url": format!("{base}/fleet/{}/", change.relay),
        })
    };
    let relays: Vec<_> = changes.iter().take(NAMED_MAX).map(relay).collect();
    json!({
        "action": if begins { "triggered" } else { "resolved" },
        "change": format!("relay_{}", kind.name()),
        "data": {
            "condition": kind.name(),
            "count": changes.len(),
            "relays": relays,
            "web_url": format!("{base}/fleet/"),
        },
    })
}
