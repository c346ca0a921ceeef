//! Counters in time buckets.
//!
//! Pure: the store gives counts by hour, this room lays them into the buckets of a chart. Buckets
//! are aligned to their width since 1970, so that two charts of the same time show the same
//! columns, and every bucket is there, also when nothing was counted.

use protocol::timestamp::Timestamp;

/// Most buckets of one chart.
pub const BUCKETS_MAX: i64 = 10_000;

/// Why a chart cannot be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatsError {
    /// The end is not after the start.
    #[error("time range ends before it begins")]
    Reversed,
    /// The bucket's width is nothing.
    #[error("interval is not a length of time")]
    Width,
    /// More buckets than anyone can see.
    #[error("time range has more than {BUCKETS_MAX} intervals")]
    TooMany,
}

/// The columns of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    first: i64,
    width: i64,
    n: usize,
}

impl Buckets {
    /// The buckets that cover the time from `from` to before `to`.
    ///
    /// # Errors
    /// [`StatsError`].
    pub fn new(from: Timestamp, to: Timestamp, width_millis: i64) -> Result<Self, StatsError> {
        if width_millis <= 0 {
            return Err(StatsError::Width);
        }
        if to <= from {
            return Err(StatsError::Reversed);
        }
        let first = from.as_millis().div_euclid(width_millis);
        let last = (to.as_millis() - 1).div_euclid(width_millis);
        let n = last - first + 1;
        if n > BUCKETS_MAX {
            return Err(StatsError::TooMany);
        }
        Ok(Self {
            first: first * width_millis,
            width: width_millis,
            n: usize::try_from(n).map_err(|_| StatsError::TooMany)?,
        })
    }

    /// The start of each bucket.
    pub fn starts(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let (first, width) = (self.first, self.width);
        (0..self.n).map(move |place| {
            let place = i64::try_from(place).unwrap_or(i64::MAX);
            Timestamp::from_millis(first + place * width)
        })
    }

    /// Sums counts by bucket; what lies outside is left out.
    pub fn sum(&self, counts: impl IntoIterator<Item = (Timestamp, i64)>) -> Vec<i64> {
        let mut sums = vec![0; self.n];
        for (at, n) in counts {
            let place = (at.as_millis() - self.first).div_euclid(self.width);
            let bucket = usize::try_from(place).ok();
            if let Some(sum) = bucket.and_then(|place| sums.get_mut(place)) {
                *sum += n;
            }
        }
        sums
    }
}

/// The time at which an hour since 1970 begins.
#[must_use]
pub const fn hour_start(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour.saturating_mul(3_600_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn every_bucket_is_there_and_aligned() {
        let buckets = Buckets::new(at(HOUR + 5), at(4 * HOUR), HOUR).unwrap();
        let starts: Vec<_> = buckets.starts().collect();
        assert_eq!(starts, [at(HOUR), at(2 * HOUR), at(3 * HOUR)]);
        let counts = [
            (hour_start(0), 1),
            (hour_start(1), 2),
            (hour_start(3), 3),
            (at(3 * HOUR + 1), 4),
            (hour_start(4), 5),
        ];
        assert_eq!(buckets.sum(counts), [2, 0, 7]);
    }

    #[test]
    fn refuses_charts_that_cannot_be() {
        assert_eq!(Buckets::new(at(0), at(1), 0), Err(StatsError::Width));
        assert_eq!(Buckets::new(at(1), at(1), 1), Err(StatsError::Reversed));
        assert_eq!(Buckets::new(at(0), at(HOUR), 1), Err(StatsError::TooMany));
    }
}
