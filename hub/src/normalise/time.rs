//! When it happened: the client's word, corrected against the relay's clock.

use protocol::event::Breadcrumb;
use protocol::timestamp::Timestamp;
use serde_json::json;

use super::Receipt;
use super::journal::{CorrectionKind, Journal};

/// From this difference between sending and receipt on, the client's clock is off.
const DRIFT_MIN_MILLIS: i64 = 55 * 60 * 1000;
/// Times may lie this far ahead of the receipt.
const FUTURE_MAX_MILLIS: i64 = 60 * 1000;
/// Times may lie this far back of the receipt.
const PAST_MAX_MILLIS: i64 = 90 * 24 * 3600 * 1000;

/// The verdict on an event's time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) timestamp: Timestamp,
    /// As the client said, where it was corrected.
    pub(super) original: Option<Timestamp>,
    /// By how much every time of the event moves.
    pub(super) shift_millis: i64,
}

pub(super) fn judge(
    sent: Option<Timestamp>,
    receipt: &Receipt<'_>,
    journal: &mut Journal,
) -> Times {
    let received_at = receipt.received_at;
    let shift_millis = receipt
        .sent_at
        .map(|sent_at| received_at.millis_since(sent_at))
        .filter(|drift| drift.saturating_abs() >= DRIFT_MIN_MILLIS)
        .unwrap_or(0);
    let Some(original) = sent else {
        return Times {
            timestamp: received_at,
            original: None,
            shift_millis,
        };
    };
    let mut timestamp = original.plus_millis(shift_millis);
    if shift_millis != 0 {
        let sent_at = receipt.sent_at.unwrap_or(received_at);
        let facts = json!({
            "sdk_time": sent_at.to_rfc3339(),
            "server_time": received_at.to_rfc3339(),
            "original": original.to_rfc3339(),
        });
        journal.correct(CorrectionKind::ClockDrift, "timestamp", Some(facts));
    }
    let age = received_at.millis_since(timestamp);
    let verdict = if age < -FUTURE_MAX_MILLIS {
        Some(CorrectionKind::FutureTimestamp)
    } else if age > PAST_MAX_MILLIS {
        Some(CorrectionKind::PastTimestamp)
    } else {
        None
    };
    if let Some(kind) = verdict {
        let facts = json!({
            "server_time": received_at.to_rfc3339(),
            "original": original.to_rfc3339(),
        });
        journal.correct(kind, "timestamp", Some(facts));
        timestamp = received_at;
    }
    Times {
        timestamp,
        original: (timestamp != original).then_some(original),
        shift_millis,
    }
}

pub(super) fn shift_breadcrumbs(list: &mut [Breadcrumb<'_>], shift_millis: i64) {
    if shift_millis == 0 {
        return;
    }
    for crumb in list {
        crumb.timestamp = crumb.timestamp.map(|time| time.plus_millis(shift_millis));
    }
}
