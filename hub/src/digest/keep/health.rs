//! What tells whether releases and jobs are well: sessions and check-ins.

use protocol::check_in;
use protocol::outcome::{Term, reason};
use protocol::timestamp::Timestamp;
use serde_json::{Value, json};

use super::{AHEAD_MILLIS_MAX, Body, Ending, Read, time};

/// A session counts for releases of these days; what began earlier would change what is told of them.
const SESSION_AGE_MILLIS_MAX: i64 = 5 * 24 * 3_600_000;

impl Body<'_> {
    /// One update of one session.
    pub(super) fn session(self, received: Timestamp, drift: i64) -> Result<Read, Ending> {
        self.has_release()?;
        let times = ["started", "timestamp"].map(|name| self.json.get(name).and_then(time));
        let is_fresh = |at: &Timestamp| is_fresh(*at, received, drift);
        if !times.iter().flatten().all(is_fresh) {
            return Err((Term::Invalid, reason::TIMESTAMP));
        }
        let facts = self.facts(&[
            ("sid", "/sid"),
            ("did", "/did"),
            ("seq", "/seq"),
            ("init", "/init"),
            ("status", "/status"),
            ("errors", "/errors"),
            ("started", "/started"),
            ("duration", "/duration"),
            ("abnormal_mechanism", "/abnormal_mechanism"),
            ("release", "/attrs/release"),
            ("environment", "/attrs/environment"),
        ]);
        let sid = self.text("/sid").unwrap_or_default().to_owned();
        // Without a number the update's own time tells it from the others.
        let seq = self.json.get("seq").or_else(|| self.json.get("timestamp"));
        let identity = seq.filter(|_| !sid.is_empty());
        Ok(Read {
            identity: identity.map(|seq| format!("{sid} {seq}")),
            name: sid,
            at: self.json.get("timestamp").and_then(time),
            facts,
            ..Read::default()
        })
    }

    /// Counts of sessions by when they began. Those of groups that are too old are left out, and
    /// how many groups that were is told.
    pub(super) fn sessions(self, received: Timestamp, drift: i64) -> Result<Read, Ending> {
        self.has_release()?;
        let mut facts = self.facts(&[
            ("release", "/attrs/release"),
            ("environment", "/attrs/environment"),
        ]);
        let groups = self.json.get("aggregates").and_then(Value::as_array);
        let groups = groups.map(Vec::as_slice).unwrap_or_default();
        let started = |group: &Value| group.get("started").and_then(time);
        let fresh: Vec<_> = groups
            .iter()
            .filter(|group| started(group).is_none_or(|at| is_fresh(at, received, drift)))
            .collect();
        let n_omitted = groups.len() - fresh.len();
        if n_omitted > 0 && fresh.is_empty() {
            return Err((Term::Invalid, reason::TIMESTAMP));
        }
        if n_omitted > 0 {
            let error = json!({"type": "past_timestamp", "name": "aggregates", "value": {"omitted": n_omitted}});
            facts.insert("errors".to_owned(), json!([error]));
        }
        for status in ["exited", "errored", "abnormal", "unhandled", "crashed"] {
            let counts = fresh.iter().filter_map(|group| group.get(status)?.as_u64());
            let n = counts.fold(0_u64, u64::saturating_add);
            facts.insert(status.to_owned(), json!(n));
        }
        Ok(Read {
            name: self.text("/attrs/release").unwrap_or_default().to_owned(),
            at: fresh.first().and_then(|group| started(group)),
            facts,
            ..Read::default()
        })
    }

    /// Sessions are counted by release; without one they count for nothing.
    fn has_release(&self) -> Result<(), Ending> {
        let release = self.text("/attrs/release").unwrap_or_default().trim();
        if release.is_empty() {
            return Err((Term::Invalid, reason::PAYLOAD));
        }
        Ok(())
    }

    pub(super) fn check_in(self) -> Result<Read, Ending> {
        let invalid = |_| (Term::Invalid, reason::INVALID_CHECK_IN);
        let slug = check_in::slug(self.text("/monitor_slug").unwrap_or_default());
        let slug = slug.map_err(invalid)?;
        let status = check_in::status(self.text("/status")).map_err(invalid)?;
        let environment = check_in::environment(self.text("/environment")).map_err(invalid)?;
        let mut facts = self.facts(&[
            ("check_in_id", "/check_in_id"),
            ("duration", "/duration"),
            ("monitor_config", "/monitor_config"),
            ("release", "/release"),
        ]);
        for (name, text) in [
            ("monitor_slug", slug.as_str()),
            ("status", status),
            ("environment", environment),
        ] {
            facts.insert(name.to_owned(), json!(text));
        }
        Ok(Read {
            name: slug,
            traces: self.traces(&["/contexts/trace/trace_id"]),
            facts,
            ..Read::default()
        })
    }
}

/// Whether a session of that time, by its client's clock, is one of these days.
fn is_fresh(at: Timestamp, received: Timestamp, drift: i64) -> bool {
    let age = received.millis_since(at.plus_millis(drift));
    (-AHEAD_MILLIS_MAX..=SESSION_AGE_MILLIS_MAX).contains(&age)
}
