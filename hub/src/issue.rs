//! An issue's states and what moves it from one to the next.
//!
//! Pure: the time, the event and the releases' dates are arguments, the answer is a [`Decision`]
//! that the digest carries out in the transaction of the event.
//!
//! What always holds: an event that happened before an issue was resolved never reopens it,
//! however late it arrives; a resolution in a release is only undone by that release or a newer
//! one; a resolution in a commit is undone by none until a release contains the commit.
//!
//! Archived "until escalating" comes back when an hour has more events than the forecast allows.

mod details;
mod fixes;
mod forecast;
mod trend;
mod velocity;
mod version;

use protocol::timestamp::Timestamp;

pub use details::{Archived, InCommit, Resolution, StatusDetails};
pub use fixes::fixed;
pub use forecast::{WEEK_HOURS, ceiling};
pub use trend::{TREND_HOURS, trend};
pub use velocity::{ISSUES_MAX as RATED_ISSUES_MAX, Seen, threshold as velocity};
pub use version::{Release, compare_version, is_newer};

/// A young issue is new; an older one is ongoing.
pub const NEW_FOR_MILLIS: i64 = 7 * 24 * 3_600_000;

/// Where an issue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Someone should look at it.
    Unresolved(Unresolved),
    /// Dealt with.
    Resolved,
    /// Archived: known, and not worth looking at.
    Ignored(Ignored),
}

/// Why an issue is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unresolved {
    /// First seen lately.
    New,
    /// Known for a while.
    Ongoing,
    /// Seen more often than foretold.
    Escalating,
    /// Seen again after it was resolved.
    Regressed,
}

/// Until when an issue is archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// Until it is seen more often than foretold.
    UntilEscalating,
    /// Until a time or a count is reached.
    UntilConditionMet,
    /// For good.
    Forever,
}

impl Status {
    /// From the numbers in the store; a pair that cannot be is an ongoing issue.
    #[must_use]
    pub const fn from_codes(status: i64, substatus: Option<i64>) -> Self {
        match (status, substatus) {
            (1, _) => Self::Resolved,
            (2, Some(1)) => Self::Ignored(Ignored::UntilEscalating),
            (2, Some(4)) => Self::Ignored(Ignored::UntilConditionMet),
            (2, _) => Self::Ignored(Ignored::Forever),
            (_, Some(7)) => Self::Unresolved(Unresolved::New),
            (_, Some(2)) => Self::Unresolved(Unresolved::Escalating),
            (_, Some(6)) => Self::Unresolved(Unresolved::Regressed),
            _ => Self::Unresolved(Unresolved::Ongoing),
        }
    }

    /// The numbers for the store: status and substatus.
    #[must_use]
    pub const fn codes(self) -> (i64, Option<i64>) {
        match self {
            Self::Unresolved(Unresolved::New) => (0, Some(7)),
            Self::Unresolved(Unresolved::Ongoing) => (0, Some(3)),
            Self::Unresolved(Unresolved::Escalating) => (0, Some(2)),
            Self::Unresolved(Unresolved::Regressed) => (0, Some(6)),
            Self::Resolved => (1, None),
            Self::Ignored(Ignored::UntilEscalating) => (2, Some(1)),
            Self::Ignored(Ignored::UntilConditionMet) => (2, Some(4)),
            Self::Ignored(Ignored::Forever) => (2, Some(5)),
        }
    }

    /// `unresolved`, `resolved` or `ignored`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unresolved(_) => "unresolved",
            Self::Resolved => "resolved",
            Self::Ignored(_) => "ignored",
        }
    }

    /// The API's word for the substatus.
    #[must_use]
    pub const fn substatus_name(self) -> Option<&'static str> {
        match self {
            Self::Unresolved(Unresolved::New) => Some("new"),
            Self::Unresolved(Unresolved::Ongoing) => Some("ongoing"),
            Self::Unresolved(Unresolved::Escalating) => Some("escalating"),
            Self::Unresolved(Unresolved::Regressed) => Some("regressed"),
            Self::Resolved => None,
            Self::Ignored(Ignored::UntilEscalating) => Some("archived_until_escalating"),
            Self::Ignored(Ignored::UntilConditionMet) => Some("archived_until_condition_met"),
            Self::Ignored(Ignored::Forever) => Some("archived_forever"),
        }
    }
}

/// What is known of an issue when a new event of it comes.
#[derive(Clone, Debug)]
pub struct IssueState {
    /// Where it stands.
    pub status: Status,
    /// How it was resolved or archived.
    pub details: StatusDetails,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// Events, this one included.
    pub times_seen: i64,
    /// Users, this event's included.
    pub users_seen: i64,
    /// Events within the window of its archival, this one included; 0 where there is none.
    pub recent: i64,
    /// Users within the window of its archival, this event's included; 0 where there is none.
    pub recent_users: i64,
    /// How often it is seen; only of an issue that is archived until that is a surprise.
    pub pace: Option<Pace>,
}

/// How often an issue is seen, and how often it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Events of this hour, this event included.
    pub this_hour: i64,
    /// Most that are no surprise.
    pub ceiling: i64,
}

/// What matters of the event.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its release.
    pub release: Option<Release<'a>>,
    /// The release named by the issue's resolution.
    pub resolved_in: Option<Release<'a>>,
}

/// What an event does to an issue's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Stay,
    /// It is seen again after it was resolved.
    Regress,
    /// The condition of its archival is met.
    Unarchive(Unresolved),
    /// It is archived, and seen more often than foretold.
    Escalate,
}

/// Decides what a new event does to an existing issue.
#[must_use]
pub fn decide(now: Timestamp, issue: &IssueState, event: NewEvent<'_>) -> Decision {
    match issue.status {
        Status::Unresolved(_) => Decision::Stay,
        Status::Resolved if is_regression(issue, event) => Decision::Regress,
        Status::Resolved => Decision::Stay,
        Status::Ignored(Ignored::Forever) => Decision::Stay,
        Status::Ignored(Ignored::UntilEscalating) => match issue.pace {
            Some(pace) if pace.this_hour > pace.ceiling => Decision::Escalate,
            _ => Decision::Stay,
        },
        Status::Ignored(Ignored::UntilConditionMet) => {
            if issue.details.archived().is_met(now, issue) {
                Decision::Unarchive(age(now, issue.first_seen))
            } else {
                Decision::Stay
            }
        }
    }
}

/// What an open issue is by its age alone.
#[must_use]
pub const fn age(now: Timestamp, first_seen: Timestamp) -> Unresolved {
    if now.millis_since(first_seen) < NEW_FOR_MILLIS {
        Unresolved::New
    } else {
        Unresolved::Ongoing
    }
}

fn is_regression(issue: &IssueState, event: NewEvent<'_>) -> bool {
    if issue.resolved_at.is_some_and(|at| event.timestamp <= at) {
        return false;
    }
    match issue.details.resolution() {
        Resolution::Now => true,
        // The release itself still has the error only if it is older than the resolution's.
        Resolution::InRelease(_) => match (event.release, event.resolved_in) {
            (Some(release), Some(resolved_in)) => {
                release.version == resolved_in.version || is_newer(release, resolved_in)
            }
            _ => false,
        },
        // Resolved in what comes after the release of that time.
        Resolution::InNextRelease(_) => match (event.release, event.resolved_in) {
            (Some(release), Some(current)) => is_newer(release, current),
            (Some(release), None) => issue.resolved_at.is_none_or(|at| release.first_seen > at),
            (None, _) => false,
        },
        Resolution::InCommit => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn release(version: &str, first_seen: i64) -> Option<Release<'_>> {
        Some(Release {
            version,
            first_seen: at(first_seen),
        })
    }

    fn resolved(details: &str) -> IssueState {
        IssueState {
            status: Status::Resolved,
            details: StatusDetails::parse(details),
            first_seen: at(0),
            resolved_at: Some(at(10 * HOUR)),
            times_seen: 10,
            users_seen: 3,
            recent: 4,
            recent_users: 0,
            pace: None,
        }
    }

    #[test]
    fn codes_and_states_are_one_to_one() {
        for status in [0, 1, 2] {
            for substatus in [
                None,
                Some(1),
                Some(2),
                Some(3),
                Some(4),
                Some(5),
                Some(6),
                Some(7),
            ] {
                let state = Status::from_codes(status, substatus);
                let (code, sub) = state.codes();
                assert_eq!(Status::from_codes(code, sub), state);
                assert_eq!(code, status);
            }
        }
    }

    #[test]
    fn a_resolved_issue_regresses_only_by_events_after_the_resolution() {
        let check = |hour: i64, expected: Decision| {
            let event = NewEvent {
                timestamp: at(hour * HOUR),
                release: None,
                resolved_in: None,
            };
            assert_eq!(decide(at(20 * HOUR), &resolved("{}"), event), expected);
        };
        check(9, Decision::Stay);
        check(10, Decision::Stay);
        check(11, Decision::Regress);
    }

    #[test]
    fn a_resolution_in_a_release_is_undone_by_it_and_newer_ones() {
        let check = |details: &str, event, resolved_in, expected: Decision| {
            let event = NewEvent {
                timestamp: at(11 * HOUR),
                release: event,
                resolved_in,
            };
            assert_eq!(
                decide(at(20 * HOUR), &resolved(details), event),
                expected,
                "{details} {event:?}"
            );
        };
        let details = r#"{"inRelease":"app@2.0.0"}"#;
        let two = release("app@2.0.0", 5 * HOUR);
        check(details, release("app@1.9.9", 6 * HOUR), two, Decision::Stay);
        check(details, two, two, Decision::Regress);
        check(
            details,
            release("app@2.0.1", 4 * HOUR),
            two,
            Decision::Regress,
        );
        check(details, None, two, Decision::Stay);
        let late = NewEvent {
            timestamp: at(9 * HOUR),
            release: two,
            resolved_in: two,
        };
        let issue = resolved(details);
        assert_eq!(decide(at(20 * HOUR), &issue, late), Decision::Stay, "late");
        // Not versions: the date decides.
        let beta = release("beta", 5 * HOUR);
        let details = r#"{"inRelease":"beta"}"#;
        check(details, release("alpha", 4 * HOUR), beta, Decision::Stay);
        check(details, release("gamma", 6 * HOUR), beta, Decision::Regress);

        let details = r#"{"inNextRelease":true,"currentRelease":"app@2.0.0"}"#;
        check(details, two, two, Decision::Stay);
        check(
            details,
            release("app@2.1.0", 12 * HOUR),
            two,
            Decision::Regress,
        );
        // A commit says nothing of releases until one contains it.
        let details = r#"{"inCommit":{"commit":"7fd1a60b"}}"#;
        check(
            details,
            release("app@9.9.9", 12 * HOUR),
            None,
            Decision::Stay,
        );
        let details = r#"{"inCommit":{"commit":"7fd1a60b"},"inRelease":"app@2.0.0"}"#;
        check(details, release("app@1.9.9", 6 * HOUR), two, Decision::Stay);
        check(details, two, two, Decision::Regress);

        let details = r#"{"inNextRelease":true}"#;
        check(details, release("x", 9 * HOUR), None, Decision::Stay);
        check(details, release("x", 11 * HOUR), None, Decision::Regress);
    }

    #[test]
    fn an_archived_issue_comes_back_when_its_condition_is_met() {
        let check = |details: &str, now: i64, expected: Decision| {
            let issue = IssueState {
                status: Status::Ignored(Ignored::UntilConditionMet),
                resolved_at: None,
                ..resolved(details)
            };
            let event = NewEvent {
                timestamp: at(now),
                release: None,
                resolved_in: None,
            };
            assert_eq!(decide(at(now), &issue, event), expected, "{details}");
        };
        let back = Decision::Unarchive(Unresolved::New);
        check(r#"{"ignoreUntil":7200000}"#, HOUR, Decision::Stay);
        check(r#"{"ignoreUntil":7200000}"#, 2 * HOUR, back);
        check(
            r#"{"ignoreCount":5,"baseTimesSeen":6}"#,
            HOUR,
            Decision::Stay,
        );
        check(r#"{"ignoreCount":5,"baseTimesSeen":5}"#, HOUR, back);
        check(
            r#"{"ignoreUserCount":2,"baseUsersSeen":2}"#,
            HOUR,
            Decision::Stay,
        );
        check(r#"{"ignoreUserCount":2,"baseUsersSeen":1}"#, HOUR, back);
        let rate = |n| format!(r#"{{"ignoreCount":{n},"ignoreWindow":60,"baseTimesSeen":0}}"#);
        check(&rate(5), HOUR, Decision::Stay);
        check(&rate(4), HOUR, back);
        check("{}", HOUR, Decision::Stay);
        let week = NEW_FOR_MILLIS;
        check(
            r#"{"ignoreUntil":7200000}"#,
            week,
            Decision::Unarchive(Unresolved::Ongoing),
        );
    }

    #[test]
    fn an_issue_that_is_archived_until_escalating_comes_back_by_more_than_was_foretold() {
        let check = |status: Ignored, pace: Option<Pace>, expected: Decision| {
            let issue = IssueState {
                status: Status::Ignored(status),
                pace,
                ..resolved("{}")
            };
            let event = NewEvent {
                timestamp: at(11 * HOUR),
                release: None,
                resolved_in: None,
            };
            assert_eq!(decide(at(11 * HOUR), &issue, event), expected);
        };
        let pace = |this_hour| {
            let ceiling = 60;
            Some(Pace { this_hour, ceiling })
        };
        check(Ignored::UntilEscalating, pace(60), Decision::Stay);
        check(Ignored::UntilEscalating, pace(61), Decision::Escalate);
        check(Ignored::UntilEscalating, None, Decision::Stay);
        check(Ignored::Forever, pace(61), Decision::Stay);
    }

    #[test]
    fn archived_for_good_stays() {
        let issue = IssueState {
            status: Status::Ignored(Ignored::Forever),
            ..resolved(r#"{"ignoreCount":1}"#)
        };
        let event = NewEvent {
            timestamp: at(11 * HOUR),
            release: None,
            resolved_in: None,
        };
        assert_eq!(decide(at(12 * HOUR), &issue, event), Decision::Stay);
    }
}
