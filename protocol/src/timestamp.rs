//! Points in time as unix milliseconds.
//!
//! Nothing here reads a clock: who needs the time is given it.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z; may be negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Neither RFC 3339 nor a plain ISO 8601 date and time.
    #[error("not a date and time: {0:?}")]
    Unreadable(String),
    /// Outside the years 1 to 9999.
    #[error("time is out of range")]
    OutOfRange,
}

impl Timestamp {
    /// Wraps unix milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole unix seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The hour this time lies in, counted in hours since 1970.
    #[must_use]
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(3_600_000)
    }

    /// From unix seconds with a fraction, as SDKs send them.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] when it is not finite or beyond the year 9999.
    pub fn from_secs_f64(secs: f64) -> Result<Self, TimestampError> {
        const MAX_SECS: f64 = 253_402_300_799.0;
        if !secs.is_finite() || secs.abs() > MAX_SECS {
            return Err(TimestampError::OutOfRange);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range is checked above"
        )]
        Ok(Self((secs * 1000.0).round() as i64))
    }

    /// Reads RFC 3339, or ISO 8601 without a zone, which is taken as UTC.
    ///
    /// # Errors
    /// [`TimestampError::Unreadable`] names the text.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let text = text.trim();
        let unreadable = || TimestampError::Unreadable(text.chars().take(64).collect());
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(stamp.as_millisecond()));
        }
        let civil: jiff::civil::DateTime = text.parse().map_err(|_| unreadable())?;
        let zoned = civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_err(|_| unreadable())?;
        Ok(Self(zoned.timestamp().as_millisecond()))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-01-02T03:04:05.678Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(
            |_| "9999-12-31T23:59:59.999Z".to_owned(),
            |stamp| format!("{stamp:.3}"),
        )
    }

    /// This time moved by `millis`, saturating at the ends.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this time, negative when `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_sdks_send() {
        let check = |text: &str, millis: i64| {
            assert_eq!(Timestamp::parse(text), Ok(Timestamp(millis)), "{text}");
        };
        check("2026-01-02T03:04:05.678Z", 1_767_323_045_678);
        check("2026-01-02T03:04:05.678901+00:00", 1_767_323_045_678);
        check("2026-01-02T03:04:05", 1_767_323_045_000);
        check("2026-01-02 03:04:05.5", 1_767_323_045_500);
        assert!(Timestamp::parse("yesterday").is_err());
    }

    #[test]
    fn writes_milliseconds_in_utc() {
        assert_eq!(
            Timestamp(1_767_323_045_678).to_rfc3339(),
            "2026-01-02T03:04:05.678Z"
        );
    }

    #[test]
    fn refuses_seconds_beyond_the_year_9999() {
        assert!(Timestamp::from_secs_f64(f64::NAN).is_err());
        assert!(Timestamp::from_secs_f64(1e15).is_err());
        assert_eq!(Timestamp::from_secs_f64(1.5), Ok(Timestamp(1500)));
    }
}
