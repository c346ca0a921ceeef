//! How often the issues of a project are seen: the bound above which a new one is escalating.

/// Issues of a project that a bound is made from; of more, any so many say enough.
pub const ISSUES_MAX: u32 = 10_000;
/// Fewer issues than these say nothing.
const ISSUES_MIN: usize = 5;
/// The share of issues that are seen less often than the bound, in percent.
const PERCENT: usize = 95;
/// So many events of an hour are never a surprise.
const FEW: f64 = 10.0;
/// Hours of the week that rates are of.
const WEEK_HOURS: i64 = 7 * 24;
/// An issue younger than these is not measured with.
const YOUNG_HOURS: i64 = 1;

/// An issue's events of the last week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Events within the week.
    pub events: i64,
    /// Hours since it was first seen.
    pub age_hours: i64,
}

/// Events an hour above which a new issue of the project is escalating: 95 of 100 issues are seen
/// less often. `None` where there are too few issues to tell.
#[must_use]
pub fn threshold(issues: &[Seen]) -> Option<f64> {
    let measured = issues
        .iter()
        .filter(|issue| issue.events > 1 && issue.age_hours > YOUNG_HOURS);
    let mut rates: Vec<f64> = measured.map(rate).collect();
    if rates.len() < ISSUES_MIN {
        return None;
    }
    rates.sort_by(f64::total_cmp);
    let place = (rates.len() * PERCENT).div_ceil(100).saturating_sub(1);
    rates.get(place).map(|rate| rate.max(FEW))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a week are small")]
fn rate(issue: &Seen) -> f64 {
    issue.events as f64 / issue.age_hours.clamp(1, WEEK_HOURS) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(events: i64, age_hours: i64) -> Seen {
        Seen { events, age_hours }
    }

    fn check(issues: &[Seen], expected: Option<i64>) {
        let found = threshold(issues).map(|bound| format!("{bound:.0}"));
        assert_eq!(found, expected.map(|bound| bound.to_string()));
    }

    #[test]
    fn the_bound_is_what_most_issues_stay_below() {
        let mut issues: Vec<Seen> = (1..=100).map(|n| seen(n * 168, 1000)).collect();
        check(&issues, Some(95));
        issues.extend([seen(1, 500), seen(1_000_000, 1)]);
        check(&issues, Some(95));
    }

    #[test]
    fn rates_are_of_the_issues_own_age_where_it_is_less_than_a_week() {
        check(&[seen(40, 2); 5], Some(20));
        check(&[seen(2, 100); 5], Some(10));
    }

    #[test]
    fn few_issues_say_nothing() {
        check(&[seen(1000, 100); 4], None);
        check(&[], None);
    }
}
