//! Applies privacy rules to events, for `make compare`: a line of JSON in, `{"rules": "…", "event": {…}}`, and one out, with
//! the event as the rules leave it or with the error.

use std::io::{self, BufRead as _, Write as _};

use bytes::Bytes;
use protocol::privacy::{CustomRules, Payload};
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        writeln!(out, "{}", apply(&case))?;
    }
    Ok(())
}

fn apply(case: &Value) -> Value {
    let rules = case
        .get("rules")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let event = case.get("event").cloned().unwrap_or_default();
    let rules = match CustomRules::compile(&[rules.to_owned()], None) {
        Ok(rules) => rules,
        Err(error) => return json!({"error": error.to_string()}),
    };
    let payload = Bytes::from(event.to_string());
    let applied = rules.apply(&payload, Payload::Event);
    let event = applied
        .map_err(|error| error.to_string())
        .and_then(|(payload, _)| {
            serde_json::from_slice::<Value>(&payload).map_err(|error| error.to_string())
        });
    match event {
        Ok(event) => json!({"event": event}),
        Err(error) => json!({"error": error}),
    }
}
