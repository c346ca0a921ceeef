//! `explain-scrub`: an event as it would leave this host, and which rule removed what.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use protocol::ids::ProjectId;
use protocol::limits::EVENT_BYTES_MAX;
use protocol::privacy::{Payload, Scrubber};
use protocol::roster::PrivacySettings;
use serde_json::Value;

use crate::config::Config;
use crate::policy::Policy;
use crate::roster::Roster;

/// Scrubs the event in a file by the rules in force for a project.
pub(super) fn explain(
    config: &Config,
    file: &Path,
    project: Option<u64>,
) -> anyhow::Result<String> {
    let policy = Policy::load(&config.policy)?;
    let roster = Roster::peek(&config.state_dir, &config.link.dir, policy)?;
    let (whose, scrubber) = rules(&roster, project)?;
    let event = read(file)?;
    let is_transaction = serde_json::from_slice::<Value>(&event)
        .is_ok_and(|event| event.get("type").and_then(Value::as_str) == Some("transaction"));
    let kind = if is_transaction {
        Payload::Transaction
    } else {
        Payload::Event
    };
    let scrubbed = scrubber.scrub_json(&event, kind)?;
    let mut json: Value = serde_json::from_slice(&scrubbed.payload)?;
    let mut removed = Vec::new();
    if let Some(meta) = json.get("_meta") {
        find_rules(meta, "", &mut removed);
    }
    if let Some(event) = json.as_object_mut() {
        event.remove("_meta");
    }
    let mut text = serde_json::to_string_pretty(&json)?;
    write!(text, "\n\n{whose}\n")?;
    match (removed.is_empty(), scrubbed.changed) {
        (true, false) => text.push_str("nothing was removed"),
        (true, true) => text.push_str("something was removed that no note can be made of"),
        (false, _) => text.push_str(&removed.join("\n")),
    }
    Ok(text)
}

/// The rules in force, and a line about whose they are.
fn rules(roster: &Roster, project: Option<u64>) -> anyhow::Result<(String, Scrubber)> {
    let Some(number) = project else {
        let strictest = roster.policy().privacy(&PrivacySettings::strictest());
        let whose = "by the strictest rules, which hold for projects that are not known";
        return Ok((whose.to_owned(), Scrubber::new(&strictest)));
    };
    let id = ProjectId::new(number).context("a project's number is at least 1")?;
    let Some(project) = roster.project(id) else {
        bail!("project {number} has no key in the roster on this host");
    };
    let whose = format!(
        "by the rules of project {number} ({}), roster {}",
        project.slug,
        roster.version()
    );
    Ok((whose, project.scrubber.clone()))
}

fn read(file: &Path) -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    let most = EVENT_BYTES_MAX as u64 + 1;
    let read = if file == Path::new("-") {
        io::stdin().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("event {} cannot be read", file.display()))?;
    ensure!(
        bytes.len() <= EVENT_BYTES_MAX,
        "event is larger than {EVENT_BYTES_MAX} bytes"
    );
    Ok(Bytes::from(bytes.trim_ascii().to_vec()))
}

/// Lines `path  rule, rule` out of the notes. The notes nest as deep as the event, which the
/// scrubber has bounded.
fn find_rules(meta: &Value, path: &str, lines: &mut Vec<String>) {
    let Some(fields) = meta.as_object() else {
        return;
    };
    for (name, inner) in fields {
        if !name.is_empty() {
            let separator = if path.is_empty() { "" } else { "." };
            find_rules(inner, &format!("{path}{separator}{name}"), lines);
            continue;
        }
        let remarks = inner.get("rem").and_then(Value::as_array);
        let rules = remarks.into_iter().flatten();
        let rules: Vec<&str> = rules
            .filter_map(|remark| remark.get(0).and_then(Value::as_str))
            .collect();
        if !rules.is_empty() {
            lines.push(format!("{path}  {}", rules.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_is_left_and_which_rule_removed_what() {
        let dir = tempfile::tempdir().unwrap();
        let (policy, event) = (
            dir.path().join("policy.toml"),
            dir.path().join("event.json"),
        );
        std::fs::write(&policy, "sensitive_fields = [\"shelf\"]\n").unwrap();
        std::fs::write(
            &event,
            "{\"message\":\"mail a@example.com\",\"extra\":{\"password\":\"x1\",\"shelf\":\"7b\",\"n\":\"kept\"}}\n",
        )
        .unwrap();
        let config = Config {
            state_dir: dir.path().to_owned(),
            policy: crate::policy::Config { file: policy },
            ..Config::default()
        };
        let text = explain(&config, &event, None).unwrap();
        assert!(text.contains("\"n\": \"kept\""), "{text}");
        for gone in ["a@example.com", "x1", "7b", "_meta"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        for line in [
            "extra.password  @password:filter",
            "extra.shelf  ",
            "message  @email",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let error = explain(&config, &event, Some(5)).unwrap_err();
        assert!(error.to_string().contains("project 5"), "{error}");
    }
}
