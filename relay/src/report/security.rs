//! Reports of browsers: broken content security policies as they came, network errors as logs,
//! whichever of the addresses they come to.
//!
//! Certificate reports (Expect-CT, Expect-Staple, public key pins) are withdrawn from browsers;
//! they are passed on here, so that the pipeline counts them by their reason.

use std::borrow::Cow;

use bytes::Bytes;
use protocol::envelope::{Envelope, EnvelopeItem, ItemHeader};
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::bounded::Room;
use super::container::Containers;
use super::{ENTRY_BYTES_MAX, REPORTS_MAX, ReportError, alone, container, list};

/// Longest release or environment of an address, in bytes; longer ones are no names.
const NAME_BYTES_MAX: usize = 200;
/// Oldest report that is believed to be so old, in milliseconds.
const AGE_MILLIS_MAX: i64 = 30 * 24 * 3_600_000;
/// Most facts of one network error.
const FACTS_MAX: usize = 64;

/// Every report of the body, each by what it is about: pages name one address for all that browsers
/// report. Network errors become log entries, others an envelope each.
pub(super) fn reports(
    body: &Bytes,
    at: Timestamp,
    release: Option<&str>,
    environment: Option<&str>,
) -> Result<Vec<Envelope>, ReportError> {
    let mut header = ItemHeader::default();
    for (name, value) in [
        ("sentry_release", release),
        ("sentry_environment", environment),
    ] {
        if let Some(value) = value.filter(|v| !v.is_empty() && v.len() <= NAME_BYTES_MAX) {
            header.set_text(name, value);
        }
    }
    let mut logs = Containers::new(ItemKind::Log);
    let mut others = Vec::new();
    for payload in listed(body)? {
        if is_network_error(&payload) {
            if payload.len() > ENTRY_BYTES_MAX {
                return Err(ReportError::UnpacksTo(ENTRY_BYTES_MAX));
            }
            let report = Room::new().json(&payload).map_err(|why| why.of(JSON))?;
            logs.add(&network_error(&report, at))?;
        } else {
            others.push(alone(EnvelopeItem {
                kind: ItemKind::RawSecurity,
                header: header.clone(),
                payload,
            }));
        }
    }
    Ok(logs.close().into_iter().chain(others).collect())
}

fn is_network_error(report: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    serde_json::from_slice::<Kind<'_>>(report).is_ok_and(|read| read.kind == "network-error")
}

/// Whether a report is of a kind that browsers no longer send, or of none that is known.
#[must_use]
pub fn is_withdrawn(report: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Kinds<'a> {
        #[serde(borrow)]
        csp_report: Option<&'a RawValue>,
        #[serde(borrow)]
        body: Option<&'a RawValue>,
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let Ok(kinds) = serde_json::from_slice::<Kinds<'_>>(report) else {
        // What is not JSON is told so by the scrubbing.
        return false;
    };
    let is_csp = kinds.kind.is_none_or(|kind| kind == "csp-violation");
    kinds.csp_report.is_none() && (kinds.body.is_none() || !is_csp)
}

fn network_error(report: &Map<String, Value>, at: Timestamp) -> Value {
    let empty = Map::new();
    let body = report.get("body").and_then(Value::as_object);
    let body = body.unwrap_or(&empty);
    let kind = body.get("type").and_then(Value::as_str);
    let kind = kind.unwrap_or("unknown");
    let url = report
        .get("url")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut attributes = Map::new();
    let mut put = |name: String, value: &Value| {
        if !value.is_null() && attributes.len() < FACTS_MAX {
            attributes.insert(name, container::attribute(value));
        }
    };
    put(
        "sentry.origin".to_owned(),
        &json!("auto.http.browser_report.nel"),
    );
    put("url.full".to_owned(), &json!(url));
    if let Some(agent) = report.get("user_agent") {
        put("user_agent.original".to_owned(), agent);
    }
    for (name, value) in body {
        put(format!("nel.{name}"), value);
    }
    let level = if kind == "ok" { "info" } else { "warn" };
    // How many milliseconds before it was sent it happened.
    let age = report
        .get("age")
        .and_then(Value::as_i64)
        .unwrap_or(0)
        .clamp(0, AGE_MILLIS_MAX);
    json!({
        "level": level, "body": format!("{kind} {url}"), "attributes": attributes,
        "trace_id": "0".repeat(32), "timestamp": at.plus_millis(-age).to_rfc3339(),
    })
}

const JSON: ReportError = ReportError::Json("a report, or a list of reports");

/// The reports of a body that is one or a list of them, as they came.
fn listed(body: &Bytes) -> Result<Vec<Bytes>, ReportError> {
    let one = |raw: &RawValue| {
        let text = raw.get();
        text.starts_with('{')
            .then(|| body.slice_ref(text.as_bytes()))
    };
    let whole: &RawValue = serde_json::from_slice(body).map_err(|_| JSON)?;
    if !whole.get().starts_with('[') {
        return Ok(vec![one(whole).ok_or(JSON)?]);
    }
    let raws = list::members(body, REPORTS_MAX, JSON)?;
    raws.into_iter().map(|raw| one(raw).ok_or(JSON)).collect()
}
