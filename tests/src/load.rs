//! Envelopes as a real SDK sends them, as many as asked: recordings with fresh ids, times and
//! small differences, so that compression and de-duplication see what they see in the field.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// Where the recordings lie.
#[must_use]
pub fn recordings_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings")
}

/// Where the recordings of all kinds of items lie, but for the bodies that [`recordings_dir`] has.
#[must_use]
pub fn corpus_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus")
}

/// A generator of distinct events.
#[derive(Clone, Debug)]
pub struct Load {
    templates: Vec<Value>,
    n_made: u64,
    /// The kind of item they are sent as.
    kind: &'static str,
}

impl Load {
    /// Real errors of a Python web application, about 25 KB of JSON each.
    ///
    /// # Errors
    /// When the recordings cannot be read.
    pub fn python() -> anyhow::Result<Self> {
        let names = [
            "0086-sentry-python-flask-pii-unscrubbed",
            "0088-sentry-python-flask-pii-unscrubbed",
        ];
        Self::of(&names, "event")
    }

    /// Real transactions of a Python application, with the spans of its database.
    ///
    /// # Errors
    /// As [`Load::python`].
    pub fn transactions() -> anyhow::Result<Self> {
        Self::of(
            &["0044-sentry-python-transaction-sqlalchemy"],
            "transaction",
        )
    }

    fn of(names: &[&str], kind: &'static str) -> anyhow::Result<Self> {
        let mut templates = Vec::new();
        for name in names {
            let path = recordings_dir().join(format!("{name}.body"));
            let body = std::fs::read(&path).with_context(|| path.display().to_string())?;
            templates.push(item_of(&body, kind)?);
        }
        Ok(Self {
            templates,
            n_made: 0,
            kind,
        })
    }

    /// The next event: its id and its JSON.
    ///
    /// # Errors
    /// When the generator has no template.
    pub fn next_event(&mut self) -> anyhow::Result<(String, Value)> {
        let n = self.n_made;
        self.n_made += 1;
        let place = usize::try_from(n)? % self.templates.len().max(1);
        let mut event = self.templates.get(place).context("no template")?.clone();
        let id = uuid::Uuid::new_v4().simple().to_string();
        let now = hub::clock::now();
        if let Some(fields) = event.as_object_mut() {
            fields.insert("event_id".into(), json!(id));
            fields.insert("timestamp".into(), json!(now.to_rfc3339()));
            if self.kind == "transaction" {
                fields.insert("start_timestamp".into(), json!(now.to_rfc3339()));
            }
            fields.insert("user".into(), json!({"id": (n % 500).to_string()}));
            fields.insert("server_name".into(), json!(format!("web-{:02}", n % 20)));
            fields.insert("transaction".into(), json!(format!("/checkout/{}", n % 7)));
        }
        vary_exceptions(&mut event, n);
        Ok((id, event))
    }

    /// The next envelope, compressed as the SDK does: its event id and its body.
    ///
    /// # Errors
    /// As [`Load::next_event`].
    pub fn next_gzip(&mut self) -> anyhow::Result<(String, Vec<u8>)> {
        let kind = self.kind;
        let (id, event) = self.next_event()?;
        Ok((id, gzip_item(&event, kind)?))
    }
}

/// A recorded envelope, again and again under other ids.
#[derive(Clone, Debug)]
pub struct Recorded {
    plain: Vec<u8>,
    /// What tells it from others: a trace, a session or a replay.
    id: Vec<u8>,
}

impl Recorded {
    /// The recording of this name.
    ///
    /// # Errors
    /// When it cannot be read, or names nothing by an id.
    pub fn of(name: &str) -> anyhow::Result<Self> {
        let file = format!("{name}.body");
        let paths = [recordings_dir().join(&file), corpus_dir().join(&file)];
        let path = paths.iter().find(|path| path.exists());
        let body = std::fs::read(path.context("no such recording")?)?;
        let plain = unpacked(&body)?;
        let text = String::from_utf8_lossy(&plain);
        let is_id = |word: &&str| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
        // The key of its DSN is one for all.
        let key = text.split("sentry_key").next().unwrap_or_default();
        let mut words = key.split(|c: char| !c.is_ascii_alphanumeric());
        let id = words.rfind(is_id);
        let id = id.context("no id in the recording")?.as_bytes().to_vec();
        Ok(Self { plain, id })
    }

    /// The next envelope, compressed as the SDK does.
    ///
    /// # Errors
    /// When it cannot be compressed.
    pub fn next_gzip(&self) -> anyhow::Result<Vec<u8>> {
        let fresh = uuid::Uuid::new_v4().simple().to_string();
        let mut body = self.plain.clone();
        let mut from = 0;
        while let Some(at) = find(body.get(from..).unwrap_or_default(), &self.id) {
            let place = from + at..from + at + self.id.len();
            from = place.end;
            if let Some(place) = body.get_mut(place) {
                place.copy_from_slice(fresh.as_bytes());
            }
        }
        gzip_of(&body)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// A body, gzip or plain, as it was before.
fn unpacked(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut plain = Vec::new();
    if body.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(body).read_to_end(&mut plain)?;
    } else {
        plain.extend_from_slice(body);
    }
    Ok(plain)
}

/// An event's envelope, compressed as the SDK does.
///
/// # Errors
/// When it cannot be compressed.
pub fn gzip(event: &Value) -> anyhow::Result<Vec<u8>> {
    gzip_item(event, "event")
}

fn gzip_item(payload: &Value, kind: &str) -> anyhow::Result<Vec<u8>> {
    gzip_of(&crate::api::envelope_of(payload, kind))
}

/// Bytes, compressed as the SDK does.
///
/// # Errors
/// When they cannot be compressed.
pub fn gzip_of(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(9));
    gzip.write_all(bytes)?;
    Ok(gzip.finish()?)
}

/// Twenty kinds of errors, each with its own function at the crash, and numbers that differ.
fn vary_exceptions(event: &mut Value, n: u64) {
    let Some(values) = event
        .pointer_mut("/exception/values")
        .and_then(Value::as_array_mut)
    else {
        return;
    };
    for value in values.iter_mut() {
        if let Some(text) = value.get_mut("value") {
            *text = json!(format!(
                "order {} failed after {} ms",
                n * 7919 % 100_000,
                n % 977
            ));
        }
        let frames = value
            .pointer_mut("/stacktrace/frames")
            .and_then(Value::as_array_mut);
        if let Some(frame) = frames.and_then(|frames| frames.last_mut()) {
            if let Some(function) = frame.get_mut("function") {
                *function = json!(format!("charge_{}", n % 20));
            }
            if let Some(vars) = frame.get_mut("vars").and_then(Value::as_object_mut) {
                vars.insert("order_id".into(), json!(n.to_string()));
            }
        }
    }
}

/// The event in a recorded envelope, gzip or plain.
///
/// # Errors
/// When there is none.
pub fn event_of(body: &[u8]) -> anyhow::Result<Value> {
    item_of(body, "event")
}

/// The payload of the first item of a kind in a recorded envelope.
fn item_of(body: &[u8], kind: &str) -> anyhow::Result<Value> {
    let plain = unpacked(body)?;
    let envelope = protocol::envelope::Envelope::parse(&bytes::Bytes::from(plain))?;
    let item = envelope.items.iter().find(|item| item.kind.name() == kind);
    let item = item.with_context(|| format!("no {kind} in it"))?;
    Ok(serde_json::from_slice(&item.payload)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_load_has_its_recordings() {
        for load in [Load::python(), Load::transactions()] {
            let (id, event) = load.unwrap().next_event().unwrap();
            assert_eq!(event["event_id"], id);
        }
    }
}
