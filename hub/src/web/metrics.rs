//! Metrics as Prometheus reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

use super::Parts;
use crate::store::StoreError;

/// Writes metrics of one room, in Prometheus' text format.
pub type Source = Arc<dyn Fn(&mut String) + Send + Sync>;

/// Most sums of the ledger that are written.
const SUMS_MAX: usize = 5000;

/// Answers by the first digit of their status.
#[derive(Debug, Default)]
pub(super) struct Requests([AtomicU64; 6]);

impl Requests {
    pub(super) fn note(&self, status: StatusCode) {
        if let Some(count) = self.0.get(usize::from(status.as_u16() / 100)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Every metric.
pub(super) async fn text(parts: &Parts, requests: &Requests) -> String {
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    head(&mut text, "vedette_hub_info", "gauge", "The hub's version.");
    line(&mut text, "vedette_hub_info", &[("version", version)], 1);
    let is_ready = u64::from(*parts.ready.borrow());
    head(
        &mut text,
        "vedette_hub_ready",
        "gauge",
        "Whether the hub takes work.",
    );
    line(&mut text, "vedette_hub_ready", &[], is_ready);
    let name = "vedette_hub_http_responses_total";
    head(&mut text, name, "counter", "Answers by class of status.");
    for (class, count) in requests.0.iter().enumerate().skip(1) {
        let class = format!("{class}xx");
        line(
            &mut text,
            name,
            &[("class", &class)],
            count.load(Ordering::Relaxed),
        );
    }
    if let Err(error) = stored(parts, &mut text).await {
        tracing::warn!(%error, "metrics of the store cannot be read");
    }
    for source in &parts.metrics {
        source(&mut text);
    }
    text
}

/// What the store keeps: the ledger, and how much there is.
async fn stored(parts: &Parts, text: &mut String) -> Result<(), StoreError> {
    let name = "vedette_hub_ledger_items";
    head(
        text,
        name,
        "gauge",
        "Items by relay, category, term and reason, over all time.",
    );
    let mut sums: BTreeMap<(String, &str, &str, String), i64> = BTreeMap::new();
    for row in parts.store.ledger_totals().await? {
        let key = (
            row.relay.to_string(),
            row.category.name(),
            row.term.name(),
            row.reason,
        );
        *sums.entry(key).or_insert(0) += row.quantity;
    }
    for ((relay, category, term, reason), quantity) in sums.into_iter().take(SUMS_MAX) {
        let labels = [
            ("relay", relay.as_str()),
            ("category", category),
            ("term", term),
            ("reason", reason.as_str()),
        ];
        line(text, name, &labels, quantity);
    }
    head(text, "vedette_hub_issues", "gauge", "Issues.");
    line(
        text,
        "vedette_hub_issues",
        &[],
        parts.store.issue_count().await?,
    );
    head(text, "vedette_hub_events", "gauge", "Events.");
    line(
        text,
        "vedette_hub_events",
        &[],
        parts.store.event_count().await?,
    );
    Ok(())
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    text.push_str(name);
    for (n, (key, label)) in labels.iter().enumerate() {
        let open = if n == 0 { '{' } else { ',' };
        let label = label
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(text, "{open}{key}=\"{label}\"");
    }
    if !labels.is_empty() {
        text.push('}');
    }
    let _ = writeln!(text, " {value}");
}
