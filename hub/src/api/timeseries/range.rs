//! From when until when, and in steps of which length.

use protocol::timestamp::Timestamp;

use crate::api::error::ApiError;
use crate::api::search::{Span, period_millis};
use crate::index::{Points, Search};

/// What is looked at where nothing is said: two weeks, in milliseconds.
const USUAL_MS: i64 = 14 * 86_400_000;
/// Points of one series, at most.
const POINTS_MAX: i64 = 2000;
/// About so many points a series has where no length is asked for.
const POINTS_USUAL: i64 = 400;
/// Lengths of a point, in milliseconds: a minute to a week.
const INTERVALS: [i64; 9] = [
    60_000,
    5 * 60_000,
    15 * 60_000,
    30 * 60_000,
    3_600_000,
    4 * 3_600_000,
    12 * 3_600_000,
    86_400_000,
    7 * 86_400_000,
];

/// A range of time in steps. Times and lengths are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// Begin of the first step.
    pub(super) from: i64,
    /// Behind the last step.
    pub(super) until: i64,
    /// Length of a step.
    pub(super) interval: i64,
}

impl Range {
    /// The range asked for, in whole steps; a length that is none, or makes too many steps, gives
    /// way to one that does not.
    pub(super) fn read(
        span: Span,
        interval: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let until = span.to.unwrap_or_else(|| now.as_millis());
        let from = span.from.unwrap_or(until - USUAL_MS);
        let length = until.checked_sub(from).filter(|length| *length > 0);
        let length = length.ok_or_else(|| ApiError::field("start", "before the end"))?;
        let asked = interval.and_then(period_millis);
        let asked = asked.filter(|ms| *ms <= length && length / ms < POINTS_MAX);
        let usual = || INTERVALS.into_iter().find(|ms| length / ms <= POINTS_USUAL);
        let interval = asked.or_else(usual).unwrap_or(length / POINTS_USUAL);
        Ok(Self {
            from: from.div_euclid(interval) * interval,
            until: (until - 1).div_euclid(interval) * interval + interval,
            interval,
        })
    }

    /// The search, of this range alone.
    pub(super) fn within(self, search: Search) -> Search {
        Search {
            from: Some(Timestamp::from_millis(self.from)),
            until: Some(Timestamp::from_millis(self.until)),
            ..search
        }
    }

    /// The same some time before, in whole steps.
    pub(super) const fn earlier(self, by: i64) -> Self {
        let by = by.div_euclid(self.interval) * self.interval;
        Self {
            from: self.from - by,
            until: self.until - by,
            ..self
        }
    }

    /// The begins of the steps.
    pub(super) fn points(self) -> impl Iterator<Item = i64> {
        (0..self.n_steps()).map(move |step| self.from + step * self.interval)
    }

    /// The steps, as the index counts in them.
    pub(super) fn steps(self) -> Points {
        Points {
            from: Timestamp::from_millis(self.from),
            width_ms: self.interval,
            n: usize::try_from(self.n_steps()).unwrap_or(0),
        }
    }

    const fn n_steps(self) -> i64 {
        (self.until - self.from) / self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn check(hours: i64, asked: Option<&str>, interval: i64, points: usize) {
        let now = Timestamp::from_millis(1_767_323_045_000);
        let span = Span {
            from: Some(now.as_millis() - hours * HOUR),
            to: None,
        };
        let range = Range::read(span, asked, now).unwrap();
        assert_eq!(range.interval, interval, "{hours} h by {asked:?}");
        assert_eq!(range.points().count(), points, "{hours} h by {asked:?}");
        assert!(range.from <= now.as_millis() - hours * HOUR);
        assert!(range.until >= now.as_millis());
    }

    #[test]
    fn steps_are_as_asked_where_there_are_not_too_many() {
        check(24, Some("1h"), HOUR, 25);
        check(24, None, 5 * 60_000, 289);
        check(14 * 24, None, HOUR, 337);
        check(90 * 24, Some("1m"), 12 * HOUR, 181);
        check(1, Some("1d"), 60_000, 61);
        check(1, Some("nonsense"), 60_000, 61);
    }

    #[test]
    fn what_is_compared_with_lies_whole_steps_before() {
        let range = Range {
            from: 10 * HOUR,
            until: 12 * HOUR,
            interval: HOUR,
        };
        let earlier: Vec<i64> = range.earlier(5 * HOUR + 7).points().collect();
        assert_eq!(earlier, [5 * HOUR, 6 * HOUR]);
    }
}
