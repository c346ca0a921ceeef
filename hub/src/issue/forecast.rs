//! How often an issue is likely to be seen: the bound that brings an archived one back.
//!
//! The bound is made of a week of hourly counts. Sentry's is the same; it is made anew each day
//! there, and with each event here.

/// Hours of the week that a forecast is made of.
pub const WEEK_HOURS: i64 = 7 * 24;
const DAY_HOURS: i64 = 24;
/// An issue that has not been seen for a week may come this many times as often as in its worst
/// hour.
const YOUNG_FACTOR: i64 = 10;
/// So many events of an hour are never a surprise.
const FEW: i64 = 10;

/// Most events of an hour that are no surprise.
///
/// `counts` are the hours of a week that ends before `hour`, with their events: hour since 1970
/// and count, hours without events left out. `first_hour` is when the issue was first seen.
#[must_use]
pub fn ceiling(counts: &[(i64, i64)], first_hour: i64, hour: i64) -> i64 {
    foretold(counts, first_hour, hour).max(FEW)
}

fn foretold(counts: &[(i64, i64)], first_hour: i64, hour: i64) -> i64 {
    let worst = counts.iter().map(|(_, n)| *n).max().unwrap_or_default();
    if hour - first_hour < WEEK_HOURS {
        return worst.saturating_mul(YOUNG_FACTOR);
    }
    let n_hours = to_float(WEEK_HOURS);
    let average = counts.iter().map(|(_, n)| to_float(*n)).sum::<f64>() / n_hours;
    if average <= 0.0 {
        return 0;
    }
    let seen = i64::try_from(counts.len()).unwrap_or(WEEK_HOURS);
    let unseen = to_float(WEEK_HOURS - seen) * average * average;
    let square = |n: i64| (to_float(n) - average) * (to_float(n) - average);
    let spread = counts.iter().map(|(_, n)| square(*n)).sum::<f64>() + unseen;
    let deviation = (spread / n_hours).sqrt();
    // An issue that is seen evenly may come five times as often as in its worst hour, one that
    // comes in bursts only twice.
    let factor = (5.0 * (-0.65 * deviation / average).exp()).clamp(2.0, 5.0);
    let of_worst = to_float(worst) * factor;
    let margin = ((average + 5.0 * deviation) / average).clamp(5.0, 8.0) * average;
    to_whole(of_worst.max(weighted(counts, hour) + margin))
}

/// The mean of the week, in which the same day of the week counts twice.
fn weighted(counts: &[(i64, i64)], hour: i64) -> f64 {
    let weekday = |hour: i64| hour.div_euclid(DAY_HOURS).rem_euclid(7);
    let weight = |at: i64| {
        if weekday(at) == weekday(hour) {
            2.0
        } else {
            1.0
        }
    };
    let sum: f64 = counts
        .iter()
        .map(|(at, n)| weight(*at) * to_float(*n))
        .sum();
    sum / to_float(WEEK_HOURS + DAY_HOURS)
}

#[expect(clippy::cast_precision_loss, reason = "counts of an hour are small")]
const fn to_float(n: i64) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "beyond the largest count nothing is a surprise"
)]
const fn to_whole(n: f64) -> i64 {
    n.ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 480_000;

    fn week(count: impl Fn(i64) -> i64) -> Vec<(i64, i64)> {
        let hours = (NOW - WEEK_HOURS)..NOW;
        hours
            .map(|hour| (hour, count(hour)))
            .filter(|(_, n)| *n > 0)
            .collect()
    }

    #[test]
    fn a_young_issue_may_come_ten_times_as_often_as_in_its_worst_hour() {
        let counts = [(NOW - 3, 4), (NOW - 1, 7)];
        assert_eq!(ceiling(&counts, NOW - 3, NOW), 70);
        assert_eq!(ceiling(&[], NOW - 3, NOW), FEW);
    }

    #[test]
    fn an_even_one_may_come_six_times_as_often_and_one_of_bursts_twice_as_often_as_its_worst() {
        // No spread: the mean and five times the mean.
        assert_eq!(ceiling(&week(|_| 10), 0, NOW), 60);
        let bursts = week(|hour| if hour % WEEK_HOURS == 5 { 1000 } else { 0 });
        assert_eq!(ceiling(&bursts, 0, NOW), 2000);
        assert_eq!(ceiling(&[], 0, NOW), FEW);
    }

    #[test]
    fn the_same_day_of_the_week_counts_twice() {
        let day = NOW.div_euclid(DAY_HOURS).rem_euclid(7);
        let on = |which: i64| {
            week(move |hour| {
                let is_it = hour.div_euclid(DAY_HOURS).rem_euclid(7) == which;
                if is_it { 24 } else { 12 }
            })
        };
        let (same, other) = (on(day), on((day + 3) % 7));
        assert!(weighted(&same, NOW) > weighted(&other, NOW));
        assert!(ceiling(&same, 0, NOW) >= ceiling(&other, 0, NOW));
    }
}
