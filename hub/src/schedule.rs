//! When something is due: crontab expressions, in UTC.
//!
//! People write crontab; the engine reads another dialect (a leading field of seconds, Sunday as
//! 1, day of month AND day of week). The translation lives here and nowhere else: a schedule that
//! restricts both kinds of day is the union of two, and weekdays become names.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use protocol::timestamp::Timestamp;

/// Weekdays by crontab number.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Why an expression is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not five fields and no known nickname.
    #[error(
        "{0:?} is not a crontab line: write minute, hour, day, month, weekday, or @hourly, @daily, @weekly, @monthly, @yearly"
    )]
    Fields(String),
    /// The weekday field.
    #[error("{0:?} is not a weekday: use 0 to 7, sun to sat, lists, ranges and steps")]
    Weekday(String),
    /// Any other field.
    #[error("{line:?}: {reason}")]
    Field {
        /// The expression.
        line: String,
        /// What the engine says.
        reason: String,
    },
}

/// A crontab expression.
#[derive(Clone, Debug)]
pub struct Schedule {
    line: String,
    /// Due when any of them is.
    any: Vec<cron::Schedule>,
}

impl Schedule {
    /// Reads five fields or a nickname such as `@hourly`.
    ///
    /// # Errors
    /// [`ScheduleError`] names the field and the remedy.
    pub fn parse(line: &str) -> Result<Self, ScheduleError> {
        let expanded = match line.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = expanded.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(ScheduleError::Fields(line.to_owned()));
        };
        let weekdays = weekdays(weekday)?;
        // As cron has it: a field that begins with a star does not restrict.
        let either = !day.starts_with('*') && !weekday.starts_with('*');
        let dialects = if either {
            vec![
                format!("0 {minute} {hour} {day} {month} *"),
                format!("0 {minute} {hour} * {month} {weekdays}"),
            ]
        } else {
            vec![format!("0 {minute} {hour} {day} {month} {weekdays}")]
        };
        let read = |dialect: &String| {
            cron::Schedule::from_str(dialect).map_err(|error| ScheduleError::Field {
                line: line.to_owned(),
                reason: error.to_string(),
            })
        };
        let any = dialects.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            line: line.to_owned(),
            any,
        })
    }

    /// The first time after `now` at which it is due; `None` when there is none, as on a 31st of
    /// February.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = DateTime::<Utc>::from_timestamp_millis(now.as_millis())?;
        let nexts = self
            .any
            .iter()
            .filter_map(|schedule| schedule.after(&now).next());
        nexts
            .min()
            .map(|at| Timestamp::from_millis(at.timestamp_millis()))
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.line
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line
    }
}

impl Eq for Schedule {}

/// The weekday field as a list of names; `*` stays.
fn weekdays(field: &str) -> Result<String, ScheduleError> {
    if field == "*" || field == "?" {
        return Ok("*".to_owned());
    }
    let wrong = || ScheduleError::Weekday(field.to_owned());
    let mut days = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: usize = step
            .parse()
            .ok()
            .filter(|step| *step > 0)
            .ok_or_else(wrong)?;
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => {
                let first = weekday(first).ok_or_else(wrong)?;
                let last = weekday(last).ok_or_else(wrong)?;
                // Seven is Sunday at the end of a week: 5-7 is Friday to Sunday.
                (first, if last < first { last + 7 } else { last })
            }
            None if range == "*" => (0, 6),
            None => {
                let only = weekday(range).ok_or_else(wrong)?;
                (only, if part.contains('/') { 6 } else { only })
            }
        };
        days.extend((first..=last).step_by(step).map(|day| day % 7));
    }
    let names: Vec<&str> = days
        .iter()
        .filter_map(|day| WEEKDAYS.get(*day).copied())
        .collect();
    Ok(names.join(","))
}

fn weekday(text: &str) -> Option<usize> {
    if let Ok(number) = text.parse::<usize>() {
        return (number <= 7).then_some(number);
    }
    WEEKDAYS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, now: &str, expected: &[&str]) {
        let schedule = Schedule::parse(line).unwrap();
        let mut at = Timestamp::parse(now).unwrap();
        for want in expected {
            at = schedule.next_after(at).unwrap();
            assert_eq!(at.to_rfc3339(), format!("{want}:00.000Z"), "{line}");
        }
    }

    #[test]
    fn is_due_as_cron_says() {
        // 2026-01-01 is a Thursday.
        let now = "2026-01-01T00:00:00Z";
        check("* * * * *", now, &["2026-01-01T00:01", "2026-01-01T00:02"]);
        check(
            "*/15 * * * *",
            now,
            &["2026-01-01T00:15", "2026-01-01T00:30"],
        );
        check("30 4 * * *", now, &["2026-01-01T04:30", "2026-01-02T04:30"]);
        check("0 0 * * 0", now, &["2026-01-04T00:00", "2026-01-11T00:00"]);
        check("0 0 * * 7", now, &["2026-01-04T00:00"]);
        check(
            "0 0 * * 1-5",
            now,
            &["2026-01-02T00:00", "2026-01-05T00:00"],
        );
        check(
            "0 0 * * 5-7",
            now,
            &["2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00"],
        );
        check(
            "0 0 * * mon,fri",
            now,
            &["2026-01-02T00:00", "2026-01-05T00:00"],
        );
        check(
            "0 12 13 * 5",
            now,
            &["2026-01-02T12:00", "2026-01-09T12:00", "2026-01-13T12:00"],
        );
        check("@hourly", now, &["2026-01-01T01:00"]);
        check("@monthly", now, &["2026-02-01T00:00"]);
        check("0 0 29 2 *", now, &["2028-02-29T00:00"]);
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(matches!(
            Schedule::parse("* * * *"),
            Err(ScheduleError::Fields(_))
        ));
        assert!(matches!(
            Schedule::parse("0 0 * * 8"),
            Err(ScheduleError::Weekday(_))
        ));
        assert!(matches!(
            Schedule::parse("0 0 * * x-y"),
            Err(ScheduleError::Weekday(_))
        ));
        assert!(matches!(
            Schedule::parse("61 * * * *"),
            Err(ScheduleError::Field { .. })
        ));
        assert!(Schedule::parse("").is_err());
    }
}
