//! Grouping by cases, and of recordings of real clients.

use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;

use super::*;
use crate::normalise::{NormalEvent, Receipt, normalise};

fn receipt(kind: ItemKind) -> Receipt<'static> {
    Receipt {
        event_id: "9ec79c33ec9942ab8353589fcb2e04dc".parse().unwrap(),
        kind,
        received_at: Timestamp::parse("2026-11-20T18:18:10Z").unwrap(),
        sent_at: None,
        client: None,
        remote_addr: None,
        user_agent: None,
    }
}

fn event(json: &str) -> NormalEvent<'_> {
    normalise(json.as_bytes(), &receipt(ItemKind::Event)).unwrap()
}

fn grouped(json: &str) -> Grouping {
    group(&event(json))
}

#[test]
fn groups_every_recording() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/events")).unwrap()
    {
        let path = entry.unwrap().path();
        let payload = std::fs::read(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let kind = match name {
            "csp-report" => ItemKind::RawSecurity,
            name if name.ends_with("feedback") => ItemKind::Feedback,
            _ => ItemKind::Event,
        };
        let event = normalise(&payload, &receipt(kind)).unwrap();
        let grouping = group(&event);
        assert!(!grouping.hashes.is_empty(), "{name}");
        println!(
            "{name}: {} | {} | {:?} {}",
            grouping.title,
            grouping.culprit,
            grouping
                .variants
                .iter()
                .filter(|v| v.contributes)
                .map(|v| v.name)
                .collect::<Vec<_>>(),
            event.corrections.len()
        );
        for c in &event.corrections {
            println!("    {c:?}");
        }
    }
}
