//! Whether an issue is seen more often than usual: a day's events against those of the week before.

/// Hours of the day that is looked at, and of the week before it that says what is usual.
pub const TREND_HOURS: (i64, i64) = (24, 7 * 24);

/// Events of the day in percent of one more than a mean day of the week before had, so that a few
/// events where there were none do not outdo many where there were some; 0 when there are none.
#[must_use]
pub const fn trend(day: i64, week: i64) -> i64 {
    day.saturating_mul(700) / (week.saturating_add(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_counts_more_than_size() {
        let check = |(day, week): (i64, i64), expected: i64| {
            assert_eq!(trend(day, week), expected, "{day} after {week}");
        };
        check((0, 700), 0);
        check((100, 693), 100);
        check((1000, 693), 1000);
        check((10_000, 70_000), 99);
        check((3, 0), 300);
        check((i64::MAX, 0), i64::MAX / 7);
    }
}
