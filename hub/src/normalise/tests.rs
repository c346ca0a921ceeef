//! Normalisation by cases, field by field.

mod again;
mod agents;
mod entries;
mod limits;
mod message;
mod names;
mod request;
mod stacks;
mod tags;
mod time;
mod transactions;
mod user;
mod whole;

use serde_json::{Value as Json, json};

use super::*;

const RECEIVED: &str = "2026-11-20T18:40:00Z";

fn receipt() -> Receipt<'static> {
    Receipt {
        event_id: "9ec79c33ec9942ab8353589fcb2e04dc".parse().unwrap(),
        kind: ItemKind::Event,
        received_at: Timestamp::parse(RECEIVED).unwrap(),
        relay_offset_millis: 0,
        sent_at: None,
        client: Some("sentry.python/2.0.0"),
        remote_addr: Some("198.51.100.7"),
        place: None,
        user_agent: Some("python-urllib3/2"),
        header: b"{}",
    }
}

/// Looks at the normalised form of an event.
fn look<T>(event: &Json, look: impl FnOnce(&NormalEvent<'_>) -> T) -> T {
    let payload = event.to_string();
    look(&normalise(payload.as_bytes(), &receipt()).unwrap())
}

fn corrections(event: &NormalEvent<'_>) -> Vec<String> {
    let list = event.corrections.iter();
    list.map(|c| format!("{} {}", c.kind.name(), c.path))
        .collect()
}

fn text(text: &Option<Cow<'_, str>>) -> String {
    text.as_deref().unwrap_or("-").to_owned()
}
