//! How an issue was resolved or archived: the JSON in `status_details`.
//!
//! Keys are Sentry's where it has them (`inRelease`, `inNextRelease`, `inUpcomingRelease`, `inCommit`,
//! `ignoreCount`, `ignoreWindow`, `ignoreUserCount`, `ignoreUserWindow`, `ignoreUntil`); `currentRelease`, `baseTimesSeen`,
//! `baseUsersSeen`, `baseTime` and `baseHour` keep what was true when the decision was made.

use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::IssueState;

/// What was written down when an issue was resolved or archived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusDetails {
    /// Resolved in this release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_release: Option<String>,
    /// Resolved in the release after the current one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_next_release: bool,
    /// Resolved in the release after the one that is out, whether or not it was made already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_upcoming_release: bool,
    /// Resolved in this commit; `in_release` is set beside it once a release contains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_commit: Option<InCommit>,
    /// The newest release at the time of the resolution; of an upcoming one, the newest that was out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_release: Option<String>,
    /// Archived until then, in unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_until: Option<i64>,
    /// Archived until so many further events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_count: Option<i64>,
    /// Minutes within which so many events have to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_window: Option<i64>,
    /// Archived until so many further users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_user_count: Option<i64>,
    /// Minutes within which so many users have to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_user_window: Option<i64>,
    /// Events at the time of the archival.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_times_seen: Option<i64>,
    /// Users at the time of the archival.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_users_seen: Option<i64>,
    /// When it was archived, in unix milliseconds; only where a window matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_time: Option<i64>,
    /// The hour of the archival, since 1970: what came before it was no surprise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_hour: Option<i64>,
}

/// A commit that puts an issue right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InCommit {
    /// Its hash.
    pub commit: String,
    /// The name of its repository; left out it is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// What a resolution means for later events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution<'a> {
    /// Any later event is a regression.
    Now,
    /// Events of this and newer releases are.
    InRelease(&'a str),
    /// Events of releases newer than the one that was current are.
    InNextRelease(Option<&'a str>),
    /// None is: no release contains the commit, as far as anybody has said.
    InCommit,
}

/// The conditions that end an archival; any one is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archived {
    until: Option<Timestamp>,
    times_seen: Option<i64>,
    recent: Option<i64>,
    users_seen: Option<i64>,
    recent_users: Option<i64>,
}

impl StatusDetails {
    /// Reads the stored JSON; what cannot be read says nothing.
    #[must_use]
    pub fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// The JSON to store.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// How it was resolved.
    #[must_use]
    pub fn resolution(&self) -> Resolution<'_> {
        match &self.in_release {
            Some(release) => Resolution::InRelease(release),
            None if self.in_next_release || self.in_upcoming_release => {
                Resolution::InNextRelease(self.current_release.as_deref())
            }
            None if self.in_commit.is_some() => Resolution::InCommit,
            None => Resolution::Now,
        }
    }

    /// From when on events count that may bring it back by their rate.
    #[must_use]
    pub fn window_start(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.start_of(self.ignore_window?, now))
    }

    /// From when on users count that may bring it back by their rate.
    #[must_use]
    pub fn user_window_start(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.start_of(self.ignore_user_window?, now))
    }

    fn start_of(&self, minutes: i64, now: Timestamp) -> Timestamp {
        let window = minutes.saturating_mul(60_000);
        let start = now.as_millis().saturating_sub(window);
        Timestamp::from_millis(start.max(self.base_time.unwrap_or(i64::MIN)))
    }

    /// When it comes back.
    #[must_use]
    pub fn archived(&self) -> Archived {
        let after = |base: Option<i64>, more: Option<i64>| {
            more.map(|more| base.unwrap_or_default().saturating_add(more))
        };
        Archived {
            until: self.ignore_until.map(Timestamp::from_millis),
            times_seen: match self.ignore_window {
                None => after(self.base_times_seen, self.ignore_count),
                Some(_) => None,
            },
            recent: self.ignore_window.and(self.ignore_count),
            users_seen: match self.ignore_user_window {
                None => after(self.base_users_seen, self.ignore_user_count),
                Some(_) => None,
            },
            recent_users: self.ignore_user_window.and(self.ignore_user_count),
        }
    }
}

impl Archived {
    /// Whether one of the conditions is met.
    #[must_use]
    pub fn is_met(&self, now: Timestamp, issue: &IssueState) -> bool {
        self.until.is_some_and(|until| now >= until)
            || self.times_seen.is_some_and(|n| issue.times_seen >= n)
            || self.recent.is_some_and(|n| issue.recent >= n)
            || self.users_seen.is_some_and(|n| issue.users_seen >= n)
            || self.recent_users.is_some_and(|n| issue.recent_users >= n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_forgives_the_rest() {
        let details = StatusDetails {
            in_next_release: true,
            current_release: Some("app@1.0".to_owned()),
            ..StatusDetails::default()
        };
        assert_eq!(StatusDetails::parse(&details.to_json()), details);
        assert_eq!(
            details.to_json(),
            r#"{"inNextRelease":true,"currentRelease":"app@1.0"}"#
        );
        assert_eq!(StatusDetails::parse("nonsense"), StatusDetails::default());
        assert_eq!(
            StatusDetails::parse(r#"{"actor":1}"#),
            StatusDetails::default()
        );
    }
}
