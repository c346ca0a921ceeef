//! What a relay may take of its network: a bandwidth, and hours in which it keeps quiet.
//!
//! Pure: the time is an argument. What the limits are is the configuration's, the centre's and the
//! policy's to say, and the strictest counts. The bandwidth is a mean, held by a bucket of one second, and
//! counts the bytes of blocks; what the transport adds and sends again comes on top of it.

use std::time::Duration;

use protocol::ids::Lane;
use protocol::unit::Bandwidth;
use serde::{Deserialize, Serialize};

use super::outbox::ByLane;

/// What travels in quiet hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuietLanes {
    /// What is urgent: counts, check-ins, sessions, errors and crashes.
    #[default]
    Urgent,
    /// No block at all. The connection stays, and its reports.
    None,
}

impl QuietLanes {
    /// Which lanes may travel.
    #[must_use]
    pub fn lanes(self, is_quiet: bool) -> ByLane<bool> {
        Lane::ALL.map(|lane| match (is_quiet, self) {
            (false, _) => true,
            (true, Self::Urgent) => is_urgent(lane),
            (true, Self::None) => false,
        })
    }
}

/// Whether a lane carries what somebody may be waiting for.
const fn is_urgent(lane: Lane) -> bool {
    !matches!(lane, Lane::Logs | Lane::Traces | Lane::Blobs)
}

/// Whether a lane pauses on a link that is very thin.
pub(super) const fn is_bulk(lane: Lane) -> bool {
    matches!(lane, Lane::Traces | Lane::Blobs)
}

/// Holds a mean rate, with bursts of a second. One block may always be begun, however large: what
/// it takes beyond the bucket is waited for before the next.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: u64,
    /// Bytes that may go; below zero is what is owed.
    level: i64,
    at: Duration,
}

impl Bucket {
    pub(super) const fn new(rate: Bandwidth, now: Duration) -> Self {
        let Bandwidth(rate) = rate;
        Self {
            rate,
            level: rate.cast_signed(),
            at: now,
        }
    }

    pub(super) const fn rate(&self) -> u64 {
        self.rate
    }

    /// When the next block may be begun; a time that has passed is now.
    pub(super) fn ready_at(&self) -> Duration {
        let owed = self.level.min(1).abs_diff(1);
        let millis = owed.saturating_mul(1000).div_ceil(self.rate.max(1));
        self.at.saturating_add(Duration::from_millis(millis))
    }

    pub(super) fn take(&mut self, bytes: u64, now: Duration) {
        let millis = now.saturating_sub(self.at).as_millis();
        let gained = millis.saturating_mul(u128::from(self.rate)) / 1000;
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        let full = self.rate.cast_signed().max(1);
        self.level = self.level.saturating_add(gained).min(full);
        self.level = self.level.saturating_sub_unsigned(bytes);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quiet_hours_keep_what_is_urgent_or_nothing() {
        assert!(QuietLanes::Urgent.lanes(false).iter().all(|may| *may));
        let urgent = QuietLanes::Urgent.lanes(true);
        assert!(urgent[Lane::Control.index()] && urgent[Lane::Errors.index()]);
        assert!(!urgent[Lane::Logs.index()] && !urgent[Lane::Blobs.index()]);
        assert!(QuietLanes::None.lanes(true).iter().all(|may| !may));
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_rate(
            rate in 1_000_u64..10_000_000,
            blocks in prop::collection::vec(1_u64..4_000_000, 1..200),
        ) {
            let mut bucket = Bucket::new(Bandwidth(rate), Duration::ZERO);
            let mut now = Duration::ZERO;
            let mut sent = 0;
            for block in blocks {
                now = now.max(bucket.ready_at());
                let allowed = rate + u64::try_from(now.as_millis()).unwrap() * rate / 1000;
                prop_assert!(sent <= allowed + 1, "{sent} of {allowed}");
                bucket.take(block, now);
                sent += block;
            }
        }
    }
}
