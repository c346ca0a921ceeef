//! Whether a relay has sent everything that it took some time ago, by what it last said of itself.

use std::time::Duration;

use protocol::ids::Lane;
use protocol::timestamp::Timestamp;
use protocol::unit::Span;
use serde::Deserialize;

use crate::store::relays::RelayRow;

/// A report says nothing any more after so long.
const REPORT_AGE_MAX: Duration = Duration::from_hours(1);
/// How long an upload may wait at a relay between its last part and its item.
const UPLOAD_IDLE_MAX: Duration = Duration::from_hours(24);

/// What is read of a report.
#[derive(Deserialize)]
struct Report {
    lanes: Vec<Waiting>,
}

#[derive(Deserialize)]
struct Waiting {
    lane: Lane,
    records: u64,
    oldest_age_ms: Option<u64>,
}

/// Whether no item is on its way of which the parts came `wait` before `now`.
pub(super) fn is_abreast(relay: &RelayRow, wait: Span, now: Timestamp) -> bool {
    let age = relay
        .last_seen_at
        .and_then(|at| u64::try_from(now.millis_since(Timestamp::from_millis(at))).ok());
    let is_fresh = age.is_some_and(|age| Duration::from_millis(age) <= REPORT_AGE_MAX);
    let Ok(report) = serde_json::from_str::<Report>(&relay.report) else {
        return false;
    };
    let left = wait.0.saturating_sub(UPLOAD_IDLE_MAX + REPORT_AGE_MAX);
    let is_new = |age: u64| Duration::from_millis(age) < left;
    let mut blobs = report.lanes.iter().filter(|one| one.lane == Lane::Blobs);
    is_fresh && blobs.all(|one| one.records == 0 || one.oldest_age_ms.is_some_and(is_new))
}
