//! What a change of issues may ask for, and what it answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::assignees::Assignee;
use crate::api::input::nullable;
use crate::api::issue_moves::Merged;
use crate::api::issue_shape::{CommitName, StatusDetailsBody};

/// Changes of issues. What is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::api) struct IssueChange {
    /// `resolved`, `resolvedInNextRelease`, `resolvedInUpcomingRelease`, `unresolved`, `ignored`,
    /// `muted`.
    pub(super) status: Option<String>,
    pub(super) status_details: Option<StatusDetailsInput>,
    /// `archived_until_escalating`, `archived_until_condition_met`, `archived_forever`, or why an
    /// issue is open.
    pub(super) substatus: Option<String>,
    /// Minutes until an archived issue comes back.
    pub(super) ignore_duration: Option<i64>,
    /// The same by its old name.
    pub(super) snooze_duration: Option<i64>,
    /// Further events, as in `statusDetails`.
    pub(super) ignore_count: Option<i64>,
    /// Minutes within which so many events have to come.
    pub(super) ignore_window: Option<i64>,
    /// Further users, as in `statusDetails`.
    pub(super) ignore_user_count: Option<i64>,
    /// Minutes within which so many users have to come.
    pub(super) ignore_user_window: Option<i64>,
    /// `user:1`, `team:1`, an e-mail address, `#team`; empty or null is nobody.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(super) assigned_to: Option<Option<String>>,
    /// `low`, `medium`, `high`.
    pub(super) priority: Option<String>,
    /// `false` beside a priority leaves it to the hub to weigh the issues again, as before anybody
    /// did.
    pub(super) priority_locked: Option<bool>,
    pub(super) has_seen: Option<bool>,
    pub(super) is_bookmarked: Option<bool>,
    pub(super) is_subscribed: Option<bool>,
    /// Whether whoever has the link may see the issue; the link is another each time.
    pub(super) is_public: Option<bool>,
    /// `false` marks the issue as reviewed: it needs no look any more, and is ongoing. `true` marks
    /// an open one for review, for a week.
    pub(super) inbox: Option<bool>,
    /// `1` or `true` merges the issues into the one with most events.
    #[schema(value_type = Option<Object>)]
    pub(super) merge: Option<Value>,
    /// `1` or `true` discards the issues: they go, and what comes of them is dropped.
    #[schema(value_type = Option<Object>)]
    pub(super) discard: Option<Value>,
}

impl IssueChange {
    /// Whether issues are resolved in the upcoming release.
    pub(super) fn is_upcoming(&self) -> bool {
        let details = self.status_details.as_ref();
        match self.status.as_deref() {
            Some("resolvedInUpcomingRelease") => true,
            Some("resolved") => {
                details.is_some_and(|details| details.in_upcoming_release == Some(true))
            }
            _ => false,
        }
    }
}

/// How issues are resolved or archived.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::api) struct StatusDetailsInput {
    /// A version, or `latest`.
    pub(super) in_release: Option<String>,
    pub(super) in_next_release: Option<bool>,
    /// The release after the newest that events name or that has a date of release.
    pub(super) in_upcoming_release: Option<bool>,
    /// A commit, whether or not the hub was told of it.
    pub(super) in_commit: Option<CommitName>,
    /// Minutes.
    pub(super) ignore_duration: Option<i64>,
    /// A time, ISO 8601.
    pub(super) ignore_until: Option<String>,
    /// Further events.
    pub(super) ignore_count: Option<i64>,
    /// Minutes within which so many events have to come; left out they may take any time.
    pub(super) ignore_window: Option<i64>,
    /// Further users.
    pub(super) ignore_user_count: Option<i64>,
    /// Minutes within which so many users have to come; left out they may take any time.
    pub(super) ignore_user_window: Option<i64>,
    pub(super) ignore_until_escalating: Option<bool>,
}

/// What was changed.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Changed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_details: Option<StatusDetailsBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) substatus: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Assignee>)]
    pub(super) assigned_to: Option<Option<Assignee>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) has_seen: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_bookmarked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_subscribed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_public: Option<bool>,
    /// What the link ends with, of a change of one issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) share_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inbox: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) merge: Option<Merged>,
}

/// Whether a change asks for this: `1` or `true`.
pub(super) fn wants(flag: Option<&Value>) -> bool {
    match flag {
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(n)) => n.as_i64() == Some(1),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "true"),
        _ => false,
    }
}
