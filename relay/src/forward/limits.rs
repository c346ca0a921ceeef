//! What a relay may take of its network: a bandwidth, and hours in which it keeps quiet.
//!
//! Pure: the time is an argument. The bandwidth is a mean, held by a bucket of one second, and
//! counts the bytes of blocks; what the transport adds and sends again comes on top of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use protocol::ids::Lane;
use protocol::timestamp::Timestamp;
use protocol::unit::{ByteSize, UnitError};
use serde::{Deserialize, Serialize};

use super::outbox::ByLane;

const MINUTES_PER_DAY: u32 = 24 * 60;
const MILLIS_PER_MINUTE: i64 = 60_000;

/// What the link may take; may change while it is up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most bytes of blocks per second; as many as go when not set.
    pub bandwidth_max: Option<Bandwidth>,
    /// When the relay keeps quiet, in UTC.
    pub quiet_hours: Vec<QuietHours>,
    /// What travels in quiet hours.
    pub quiet_lanes: QuietLanes,
}

/// Bytes per second. Written `256 KiB/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bandwidth(ByteSize);

/// A span of the day, in UTC. Written `22:00-06:00`; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietHours {
    /// In minutes since midnight.
    from: u32,
    to: u32,
}

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

/// A text that is no bandwidth.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBandwidth {
    /// Without the unit of time.
    #[error("{0:?} does not end in /s, as in \"256 KiB/s\"")]
    PerSecond(String),
    /// Not a number of bytes.
    #[error(transparent)]
    Size(#[from] UnitError),
    /// Nothing would ever travel.
    #[error("a bandwidth of 0 lets nothing travel: use quiet_hours")]
    Zero,
}

/// A text that is no span of the day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no span of the day, which looks like \"22:00-06:00\"")]
pub struct NoHours(String);

impl Bandwidth {
    /// In bytes.
    #[must_use]
    pub const fn bytes_per_second(self) -> u64 {
        self.0.0
    }
}

impl FromStr for Bandwidth {
    type Err = NoBandwidth;
    fn from_str(text: &str) -> Result<Self, NoBandwidth> {
        let size = text.trim().strip_suffix("/s");
        let size = size.ok_or_else(|| NoBandwidth::PerSecond(text.to_owned()))?;
        match size.parse::<ByteSize>()? {
            ByteSize(0) => Err(NoBandwidth::Zero),
            size => Ok(Self(size)),
        }
    }
}

impl TryFrom<String> for Bandwidth {
    type Error = NoBandwidth;
    fn try_from(text: String) -> Result<Self, NoBandwidth> {
        text.parse()
    }
}

impl From<Bandwidth> for String {
    fn from(bandwidth: Bandwidth) -> Self {
        format!("{}/s", bandwidth.0)
    }
}

impl QuietHours {
    /// Whether a time is within them.
    #[must_use]
    pub fn contain(self, now: Timestamp) -> bool {
        let minute = now.as_millis().div_euclid(MILLIS_PER_MINUTE);
        let minute = minute.rem_euclid(i64::from(MINUTES_PER_DAY));
        let minute = u32::try_from(minute).unwrap_or_default();
        match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }
}

impl FromStr for QuietHours {
    type Err = NoHours;
    fn from_str(text: &str) -> Result<Self, NoHours> {
        let minutes = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let is_number =
                |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            if !is_number(hours) || !is_number(minutes) {
                return None;
            }
            let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
            let at = hours * 60 + minutes;
            (minutes < 60 && at <= MINUTES_PER_DAY).then_some(at)
        };
        let span = text.split_once('-');
        let span = span.and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
        match span {
            Some((from, to)) if from != to => Ok(Self { from, to }),
            _ => Err(NoHours(text.to_owned())),
        }
    }
}

impl TryFrom<String> for QuietHours {
    type Error = NoHours;
    fn try_from(text: String) -> Result<Self, NoHours> {
        text.parse()
    }
}

impl From<QuietHours> for String {
    fn from(hours: QuietHours) -> Self {
        hours.to_string()
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        let (from_h, from_m, to_h, to_m) = (from / 60, from % 60, to / 60, to % 60);
        write!(f, "{from_h:02}:{from_m:02}-{to_h:02}:{to_m:02}")
    }
}

impl Limits {
    /// Which lanes may travel at a time.
    #[must_use]
    pub fn lanes(&self, now: Timestamp) -> ByLane<bool> {
        let is_quiet = self.quiet_hours.iter().any(|hours| hours.contain(now));
        Lane::ALL.map(|lane| match (is_quiet, self.quiet_lanes) {
            (false, _) => true,
            (true, QuietLanes::Urgent) => is_urgent(lane),
            (true, QuietLanes::None) => false,
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
        let rate = rate.bytes_per_second();
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

    fn at(hours: i64, minutes: i64) -> Timestamp {
        Timestamp::from_millis(((hours + 24 * 20_000) * 60 + minutes) * MILLIS_PER_MINUTE)
    }

    #[test]
    fn quiet_hours_may_span_midnight() {
        let night: QuietHours = "22:00-06:00".parse().unwrap();
        for (hours, minutes, is_quiet) in [
            (21, 59, false),
            (22, 0, true),
            (0, 0, true),
            (5, 59, true),
            (6, 0, false),
        ] {
            assert_eq!(
                night.contain(at(hours, minutes)),
                is_quiet,
                "{hours}:{minutes}"
            );
        }
        let noon: QuietHours = "12:00-13:30".parse().unwrap();
        assert!(noon.contain(at(13, 29)) && !noon.contain(at(13, 30)));
        let evening: QuietHours = "18:00-24:00".parse().unwrap();
        assert!(evening.contain(at(23, 59)) && !evening.contain(at(0, 0)));
        // The clock may be before 1970.
        assert!(!noon.contain(Timestamp::from_millis(-1)));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in [
            "",
            "22:00",
            "22:00-22:00",
            "25:00-01:00",
            "9:00-10:00",
            "10:60-11:00",
        ] {
            assert!(text.parse::<QuietHours>().is_err(), "{text}");
        }
        for text in ["256 KiB", "0 B/s", "fast", "-1 B/s"] {
            assert!(text.parse::<Bandwidth>().is_err(), "{text}");
        }
        let bandwidth: Bandwidth = "256 KiB/s".parse().unwrap();
        assert_eq!(String::from(bandwidth), "256 KiB/s");
        assert_eq!(
            "22:00-06:00".parse::<QuietHours>().unwrap().to_string(),
            "22:00-06:00"
        );
    }

    #[test]
    fn quiet_hours_keep_what_is_urgent_or_nothing() {
        let mut limits = Limits {
            quiet_hours: vec!["22:00-06:00".parse().unwrap()],
            ..Limits::default()
        };
        assert!(limits.lanes(at(12, 0)).iter().all(|may| *may));
        let urgent = limits.lanes(at(23, 0));
        assert!(urgent[Lane::Control.index()] && urgent[Lane::Errors.index()]);
        assert!(!urgent[Lane::Logs.index()] && !urgent[Lane::Blobs.index()]);
        limits.quiet_lanes = QuietLanes::None;
        assert!(limits.lanes(at(23, 0)).iter().all(|may| !may));
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_rate(
            rate in 1_000_u64..10_000_000,
            blocks in prop::collection::vec(1_u64..4_000_000, 1..200),
        ) {
            let bandwidth: Bandwidth = format!("{rate} B/s").parse().unwrap();
            let mut bucket = Bucket::new(bandwidth, Duration::ZERO);
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
