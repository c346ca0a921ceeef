//! When it happened: the client's word, corrected against the relay's clock.

use protocol::event::Breadcrumb;
use protocol::timestamp::Timestamp;
use serde_json::json;

use super::Receipt;
use super::journal::{CorrectionKind, Journal};

/// From this difference between sending and receipt on, the client's clock is off.
const DRIFT_MIN_MILLIS: i64 = 55 * 60 * 1000;
/// From this difference between the clocks of relay and hub on, the relay's is off.
const RELAY_OFFSET_MIN_MILLIS: i64 = 5 * 60 * 1000;
/// What waited in the spool for longer may have been received by another clock.
const FRESH_MAX_MILLIS: i64 = 10 * 60 * 1000;
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

/// How far a relay's clock was ahead when it took something, in milliseconds; 0 where it was right
/// or nobody can tell.
///
/// `measured` is how far it is ahead of the hub's as the thing arrives. That says what it was at
/// the receipt only where the two agree with the arrival: a clock may have been set while the
/// thing lay in the spool. What arrives before it was received was received at the latest then.
#[must_use]
pub fn relay_offset(by_relay: Timestamp, arrived_at: Timestamp, measured: i64) -> i64 {
    let ahead = by_relay.millis_since(arrived_at);
    let is_measured = measured.saturating_abs() >= RELAY_OFFSET_MIN_MILLIS;
    let waited = measured.saturating_sub(ahead);
    if is_measured && (-RELAY_OFFSET_MIN_MILLIS..=FRESH_MAX_MILLIS).contains(&waited) {
        measured
    } else if ahead >= RELAY_OFFSET_MIN_MILLIS {
        ahead
    } else {
        0
    }
}

/// When a relay had something, by a clock that is right; `offset_millis` is [`relay_offset`]'s.
#[must_use]
pub fn received(by_relay: Timestamp, offset_millis: i64) -> Timestamp {
    by_relay.plus_millis(offset_millis.saturating_neg())
}

/// How far the times of an envelope have to move, in milliseconds; nothing for a clock that is
/// near enough.
#[must_use]
pub fn drift(sent_at: Option<Timestamp>, received_at: Timestamp) -> i64 {
    sent_at
        .map(|sent_at| received_at.millis_since(sent_at))
        .filter(|drift| drift.saturating_abs() >= DRIFT_MIN_MILLIS)
        .unwrap_or(0)
}

/// Whether a time may be that of something received then.
pub(super) fn is_believed(timestamp: Timestamp, received_at: Timestamp) -> bool {
    (-FUTURE_MAX_MILLIS..=PAST_MAX_MILLIS).contains(&received_at.millis_since(timestamp))
}

/// When the relay had the event, corrected where its clock was off.
pub(super) fn of_receipt(receipt: &Receipt<'_>, journal: &mut Journal) -> Timestamp {
    let received_at = received(receipt.received_at, receipt.relay_offset_millis);
    if received_at != receipt.received_at {
        let facts = json!({
            "relay_time": receipt.received_at.to_rfc3339(),
            "server_time": received_at.to_rfc3339(),
        });
        journal.correct(CorrectionKind::RelayClock, "received", Some(facts));
    }
    received_at
}

pub(super) fn judge(
    sent: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    received_at: Timestamp,
    journal: &mut Journal,
) -> Times {
    let drift = drift(sent_at, received_at);
    let Some(original) = sent else {
        return Times {
            timestamp: received_at,
            original: None,
            shift_millis: drift,
        };
    };
    let mut timestamp = original.plus_millis(drift);
    if drift != 0 {
        let facts = json!({
            "sdk_time": sent_at.unwrap_or(received_at).to_rfc3339(),
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
        // What happened before keeps its distance to the event.
        shift_millis: timestamp.millis_since(original),
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
