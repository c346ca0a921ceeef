//! Check-ins that are told by an address: for jobs that have nothing but `curl`.

use bytes::Bytes;
use protocol::auth::query_pairs;
use protocol::check_in;
use protocol::envelope::Envelope;
use protocol::item::ItemKind;
use serde_json::{Map, Value, json};

use super::{ReportError, alone, json_item};

/// The id of a check-in that continues the newest one in progress.
const NEWEST: &str = "00000000000000000000000000000000";

/// What the address says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckIn {
    /// The monitor.
    pub slug: String,
    /// `status`.
    pub status: Option<String>,
    /// `check_in_id`.
    pub check_in_id: Option<String>,
    /// `environment`.
    pub environment: Option<String>,
    /// `duration`, in seconds.
    pub duration: Option<String>,
}

impl CheckIn {
    /// Reads the query of the address.
    #[must_use]
    pub fn of(slug: String, query: &str) -> Self {
        let mut check_in = Self {
            slug,
            ..Self::default()
        };
        for (name, value) in query_pairs(query) {
            let place = match name.as_ref() {
                "status" => &mut check_in.status,
                "check_in_id" => &mut check_in.check_in_id,
                "environment" => &mut check_in.environment,
                "duration" => &mut check_in.duration,
                _ => continue,
            };
            *place = Some(value.into_owned());
        }
        check_in
    }

    /// The check-in; what the body says counts more than the address, but for the monitor.
    pub(super) fn envelope(&self, body: &Bytes) -> Result<Envelope, ReportError> {
        let mut check_in = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            _ if body.trim_ascii().is_empty() => Map::new(),
            _ => return Err(ReportError::Json("a check-in")),
        };
        let slug = check_in::slug(&self.slug)?;
        check_in.insert("monitor_slug".to_owned(), json!(slug));
        let mut put = |name: &str, value: Value| {
            check_in.entry(name.to_owned()).or_insert(value);
        };
        if let Some(status) = &self.status {
            put("status", json!(status));
        }
        put(
            "check_in_id",
            json!(self.check_in_id.as_deref().unwrap_or(NEWEST)),
        );
        if let Some(environment) = &self.environment {
            put("environment", json!(environment));
        }
        if let Some(duration) = &self.duration {
            let seconds: Option<f64> = duration.parse().ok();
            let seconds = seconds.filter(|s| s.is_finite() && *s >= 0.0);
            put("duration", json!(seconds.ok_or(ReportError::Duration)?));
        }
        let text = |name: &str| check_in.get(name).and_then(Value::as_str);
        check_in::status(text("status"))?;
        let environment = check_in::environment(text("environment"))?.to_owned();
        check_in.insert("environment".to_owned(), json!(environment));
        Ok(alone(json_item(
            ItemKind::CheckIn,
            &Value::Object(check_in),
        )))
    }
}
