//! What a change means for an issue's status.
//!
//! [`new_status`] decides and is pure; which release a change means is read before.

use protocol::timestamp::Timestamp;

use super::SHA_BYTES_MAX;
use super::change::{IssueChange, StatusDetailsInput};
use crate::api::error::ApiError;
use crate::api::input::text;
use crate::api::search;
use crate::issue::{Ignored, InCommit, Status, StatusDetails, Unresolved};
use crate::store::Store;
use crate::store::issue_read::IssueRow;

/// Longest window in which events or users count, in minutes: a week.
const WINDOW_MAX_MINUTES: i64 = 7 * 24 * 60;

/// The release that a change means without its name: the one an issue's project is at, or the
/// first that contains a commit.
pub(super) async fn meant_release(
    store: &Store,
    row: &IssueRow,
    change: &IssueChange,
) -> Result<Option<String>, ApiError> {
    let details = change.status_details.as_ref();
    if let Some(named) = details.and_then(|details| details.in_commit.as_ref()) {
        let repository = named.repository.as_deref();
        let found = store.release_of_commit(row.project_id, named.commit.trim(), repository);
        return Ok(found.await?);
    }
    let asks = change.status.as_deref() == Some("resolvedInNextRelease")
        || details.is_some_and(|details| {
            details.in_next_release == Some(true) || details.in_release.as_deref() == Some("latest")
        });
    let is_upcoming = change.is_upcoming();
    if !asks && !is_upcoming {
        return Ok(None);
    }
    let mut releases = store.releases_of(&[row.project_id]).await?;
    if is_upcoming {
        releases.retain(|release| release.is_out);
    }
    let latest = search::latest_releases(&releases);
    Ok(latest.first().map(|version| (*version).to_owned()))
}

/// What an issue becomes; `None` leaves its status.
pub(super) fn new_status(
    now: Timestamp,
    row: &IssueRow,
    change: &IssueChange,
    release: Option<String>,
) -> Result<Option<(Status, StatusDetails)>, ApiError> {
    let Some(status) = change.status.as_deref() else {
        return Ok(None);
    };
    let input = change.status_details.clone().unwrap_or_default();
    let mut details = StatusDetails::default();
    let status = match status {
        "resolved" | "resolvedInNextRelease" | "resolvedInUpcomingRelease" => {
            details.in_upcoming_release = change.is_upcoming();
            if details.in_upcoming_release {
                details.current_release = release;
            } else {
                resolution(status, input, release, &mut details)?;
            }
            Status::Resolved
        }
        "unresolved" => Status::Unresolved(match change.substatus.as_deref() {
            Some("new") => Unresolved::New,
            Some("escalating") => Unresolved::Escalating,
            Some("regressed") => Unresolved::Regressed,
            _ => Unresolved::Ongoing,
        }),
        "ignored" | "muted" | "archived" => {
            Status::Ignored(archived(now, row, change, &input, &mut details)?)
        }
        _ => {
            return Err(ApiError::field(
                "status",
                "resolved, resolvedInNextRelease, resolvedInUpcomingRelease, unresolved or ignored",
            ));
        }
    };
    Ok(Some((status, details)))
}

fn resolution(
    status: &str,
    input: StatusDetailsInput,
    release: Option<String>,
    details: &mut StatusDetails,
) -> Result<(), ApiError> {
    if status == "resolvedInNextRelease" || input.in_next_release == Some(true) {
        details.in_next_release = true;
        details.current_release = release;
    } else if let Some(named) = input.in_commit {
        details.in_commit = Some(InCommit {
            commit: text("statusDetails", &named.commit, SHA_BYTES_MAX)?,
            repository: named.repository.filter(|name| !name.is_empty()),
        });
        details.in_release = release;
    } else if let Some(version) = input.in_release {
        let version = if version == "latest" {
            release
        } else {
            Some(version)
        };
        details.in_release = Some(
            version
                .ok_or_else(|| ApiError::field("statusDetails", "the project has no release"))?,
        );
    }
    Ok(())
}

fn archived(
    now: Timestamp,
    row: &IssueRow,
    change: &IssueChange,
    input: &StatusDetailsInput,
    details: &mut StatusDetails,
) -> Result<Ignored, ApiError> {
    let minutes = input
        .ignore_duration
        .or(change.ignore_duration)
        .or(change.snooze_duration);
    if let Some(minutes) = minutes.filter(|minutes| *minutes > 0) {
        let until = now.plus_millis(minutes.saturating_mul(60_000));
        details.ignore_until = Some(until.as_millis());
    }
    if let Some(text) = &input.ignore_until {
        let until = Timestamp::parse(text);
        let until = until.map_err(|error| ApiError::field("statusDetails", error.to_string()))?;
        details.ignore_until = Some(until.as_millis());
    }
    let count = input.ignore_count.or(change.ignore_count);
    details.ignore_count = count.filter(|count| *count > 0);
    let users = input.ignore_user_count.or(change.ignore_user_count);
    details.ignore_user_count = users.filter(|count| *count > 0);
    if details.ignore_count.is_some() {
        details.base_times_seen = Some(row.times_seen);
        let minutes = input.ignore_window.or(change.ignore_window);
        details.ignore_window = window("ignoreWindow", minutes)?;
    }
    if details.ignore_user_count.is_some() {
        details.base_users_seen = Some(row.users_seen);
        let minutes = input.ignore_user_window.or(change.ignore_user_window);
        details.ignore_user_window = window("ignoreUserWindow", minutes)?;
    }
    if details.ignore_window.is_some() || details.ignore_user_window.is_some() {
        details.base_time = Some(now.as_millis());
    }
    let has_condition = details.ignore_until.is_some()
        || details.ignore_count.is_some()
        || details.ignore_user_count.is_some();
    Ok(match change.substatus.as_deref() {
        _ if has_condition => Ignored::UntilConditionMet,
        Some("archived_until_condition_met") => {
            return Err(ApiError::field("statusDetails", "needs the condition"));
        }
        Some("archived_until_escalating" | "until_escalating") => until_escalating(now, details),
        _ if input.ignore_until_escalating == Some(true) => until_escalating(now, details),
        _ => Ignored::Forever,
    })
}

/// Minutes in which events or users count, no more than a week.
fn window(name: &str, minutes: Option<i64>) -> Result<Option<i64>, ApiError> {
    match minutes.filter(|minutes| *minutes > 0) {
        Some(minutes) if minutes > WINDOW_MAX_MINUTES => Err(ApiError::field(
            "statusDetails",
            format!("{name} is at most {WINDOW_MAX_MINUTES} minutes"),
        )),
        minutes => Ok(minutes),
    }
}

const fn until_escalating(now: Timestamp, details: &mut StatusDetails) -> Ignored {
    details.base_hour = Some(now.hour());
    Ignored::UntilEscalating
}
