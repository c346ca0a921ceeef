//! Writes down what a change does to issues, with the activity that people see.

use std::collections::HashMap;

use protocol::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::change::{Changed, IssueChange, wants};
use super::status::{meant_release, new_status};
use crate::access;
use crate::api::ApiState;
use crate::api::assignees::People;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::issue_shape::StatusDetailsBody;
use crate::api::letters::{Readers, Told};
use crate::api::live::IssueTouched;
use crate::audit;
use crate::issue::{Ignored, Status, StatusDetails};
use crate::store::Write;
use crate::store::issue_edit::StatusColumns;
use crate::store::issue_read::IssueRow;
use crate::store::people::Organization;

/// Sentry's activity types.
mod kind {
    pub(super) const RESOLVED: i64 = 1;
    pub(super) const UNRESOLVED: i64 = 2;
    pub(super) const IGNORED: i64 = 3;
    pub(super) const SET_PUBLIC: i64 = 4;
    pub(super) const SET_PRIVATE: i64 = 5;
    pub(super) const ASSIGNED: i64 = 11;
    pub(super) const UNASSIGNED: i64 = 12;
    pub(super) const RESOLVED_IN_RELEASE: i64 = 13;
    pub(super) const RESOLVED_IN_COMMIT: i64 = 16;
    pub(super) const REVIEWED: i64 = 23;
    pub(super) const PRIORITY: i64 = 26;
}

/// What is the same for every issue of a change.
pub(in crate::api) struct Context<'c> {
    pub(in crate::api) now: Timestamp,
    user: i64,
    change: &'c IssueChange,
    /// The stored name of the new assignee; the outer `None` leaves it.
    pub(in crate::api) assignee: Option<Option<String>>,
    priority: Option<i64>,
}

/// Does to issues what a change asks for: to each as it is when its turn has come, whoever changed
/// it meanwhile. `clock` is read then, so that what was done stands in its order.
pub(in crate::api) async fn apply(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    rows: &[IssueRow],
    change: IssueChange,
    clock: fn() -> Timestamp,
) -> Result<Changed, ApiError> {
    if wants(change.merge.as_ref()) {
        return Err(ApiError::field("merge", "name the issues in a list, by id"));
    }
    let people = People::read(state, organization.id).await?;
    let assignee = meant_assignee(&change, &people)?;
    let priority = meant_priority(&change)?;
    let mut releases = HashMap::new();
    for row in rows {
        releases.insert(row.id, meant_release(&state.store, row, &change).await?);
    }
    let readers = Readers::of(state, organization, rows, &people).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut write = state.store.begin().await?;
    let rows = &write.issue_rows(&ids).await?;
    let context = Context {
        now: clock(),
        user: caller.0.user.id,
        change: &change,
        assignee,
        priority,
    };
    let mut statuses = Vec::new();
    for row in rows {
        let release = releases.remove(&row.id).flatten();
        statuses.push(new_status(context.now, row, &change, release)?);
    }
    audit_change(&context, rows, &statuses);
    for (row, status) in rows.iter().zip(&statuses) {
        write_one(&mut write, row, status.as_ref(), &context).await?;
        follow(&mut write, row, status.is_some(), &context, &readers).await?;
        if let Some(about) = readers.about(state, organization, row) {
            let told = Told {
                by: &caller.0.user,
                status: status.as_ref().map(|(status, _)| *status),
            };
            readers
                .tell(state, &mut write, &about, row, &told, &context)
                .await?;
        }
    }
    write.commit().await?;
    for row in rows {
        // Nobody listening is no fault.
        let _ = state.0.touched.send(IssueTouched {
            project: row.project_id,
            issue: row.id,
        });
    }
    let share_id = match (rows.as_slice(), change.is_public) {
        ([row], Some(true)) => state.store.shares(&[row.id]).await?.pop(),
        _ => None,
    };
    let status = statuses.into_iter().flatten().next();
    Ok(Changed {
        share_id: share_id.map(|(_, share_id)| share_id),
        ..answer(&context, status, &people)
    })
}

/// Tells the audit log what is changed: of one issue how it was before, of many what is wished.
fn audit_change(
    context: &Context<'_>,
    rows: &[IssueRow],
    statuses: &[Option<(Status, StatusDetails)>],
) {
    let change = context.change;
    // What somebody has seen, bookmarked or follows is their own.
    let is_for_all = change.inbox.is_some()
        || change.is_public.is_some()
        || context.assignee.is_some()
        || context.priority.is_some()
        || statuses.iter().any(Option::is_some);
    if !is_for_all {
        return audit::nothing();
    }
    let mut after = Map::new();
    if let Some((status, details)) = statuses.iter().flatten().next() {
        after.insert("status".to_owned(), status.name().into());
        after.insert("substatus".to_owned(), status.substatus_name().into());
        let details = serde_json::from_str(&details.to_json()).unwrap_or_default();
        after.insert("statusDetails".to_owned(), details);
    }
    if let Some(assignee) = &context.assignee {
        after.insert("assignedTo".to_owned(), assignee.clone().into());
    }
    if let Some(priority) = context.priority {
        after.insert("priority".to_owned(), priority.into());
    }
    let flags = [("isPublic", change.is_public), ("inbox", change.inbox)];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            after.insert(name.to_owned(), flag.into());
        }
    }
    let before = match rows {
        [row] => before_change(row, &after),
        _ => Map::new(),
    };
    audit::changed(&before, &after);
}

/// How an issue was before, in the fields of a change.
fn before_change(row: &IssueRow, after: &Map<String, Value>) -> Map<String, Value> {
    let status = Status::from_codes(row.status, row.substatus);
    let before = [
        ("status", status.name().into()),
        ("substatus", status.substatus_name().into()),
        ("assignedTo", row.assignee.clone().into()),
        ("priority", row.priority.into()),
    ];
    let asked = before
        .into_iter()
        .filter(|(name, _)| after.contains_key(*name));
    asked
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// What was changed, as the first issue shows it.
fn answer(
    context: &Context<'_>,
    status: Option<(Status, StatusDetails)>,
    people: &People,
) -> Changed {
    let change = context.change;
    let name = |name: &Option<String>| name.as_deref().and_then(|name| people.find(name));
    Changed {
        status: status.as_ref().map(|(status, _)| status.name()),
        substatus: status
            .as_ref()
            .and_then(|(status, _)| status.substatus_name()),
        status_details: status.map(|(_, details)| details.into()),
        assigned_to: context.assignee.as_ref().map(name),
        priority: change.priority.clone(),
        has_seen: change.has_seen,
        is_bookmarked: change.is_bookmarked,
        is_subscribed: change.is_subscribed,
        is_public: change.is_public,
        share_id: None,
        inbox: change.inbox,
        merge: None,
    }
}

/// The stored name of whom a change assigns issues to; the outer `None` leaves it.
fn meant_assignee(
    change: &IssueChange,
    people: &People,
) -> Result<Option<Option<String>>, ApiError> {
    Ok(match change.assigned_to.as_ref() {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) if text.trim().is_empty() => Some(None),
        Some(Some(text)) => {
            let name = people.named(text);
            Some(Some(name.ok_or_else(|| {
                ApiError::field("assignedTo", "nobody here")
            })?))
        }
    })
}

fn meant_priority(change: &IssueChange) -> Result<Option<i64>, ApiError> {
    match change.priority.as_deref() {
        None => Ok(None),
        Some("low") => Ok(Some(25)),
        Some("medium") => Ok(Some(50)),
        Some("high") => Ok(Some(75)),
        Some(_) => Err(ApiError::field("priority", "low, medium or high")),
    }
}

async fn write_one(
    write: &mut Write,
    row: &IssueRow,
    status: Option<&(Status, StatusDetails)>,
    context: &Context<'_>,
) -> Result<(), ApiError> {
    let (id, user, now) = (row.id, context.user, context.now.as_millis());
    if let Some((status, details)) = status {
        write_status(write, row, *status, details, context).await?;
    }
    write_charge(write, row, context).await?;
    if let Some(is_public) = context.change.is_public {
        share(write, id, is_public, context).await?;
    }
    if context.change.inbox == Some(true) {
        write.mark_for_review(id, now).await?;
    }
    if context.change.inbox == Some(false) {
        if status.is_none() {
            write.review_issue(id).await?;
        }
        write
            .add_person_activity(id, kind::REVIEWED, user, "{}", now)
            .await?;
    }
    if let Some(has_seen) = context.change.has_seen {
        write
            .set_issue_seen(id, user, has_seen.then_some(now))
            .await?;
    }
    if let Some(is_bookmarked) = context.change.is_bookmarked {
        write.set_issue_bookmark(id, user, is_bookmarked).await?;
    }
    if let Some(is_subscribed) = context.change.is_subscribed {
        write
            .set_issue_subscription(id, user, is_subscribed)
            .await?;
    }
    Ok(())
}

async fn write_status(
    write: &mut Write,
    row: &IssueRow,
    status: Status,
    details: &StatusDetails,
    context: &Context<'_>,
) -> Result<(), ApiError> {
    let now = context.now.as_millis();
    let (code, substatus) = status.codes();
    let columns = StatusColumns {
        status: code,
        substatus,
        details: details.to_json(),
        resolved_at: (status == Status::Resolved).then_some(now),
    };
    write.set_issue_status(row.id, &columns).await?;
    let kind = match status {
        Status::Resolved if details.in_commit.is_some() => kind::RESOLVED_IN_COMMIT,
        Status::Resolved
            if details.in_release.is_some()
                || details.in_next_release
                || details.in_upcoming_release =>
        {
            kind::RESOLVED_IN_RELEASE
        }
        Status::Resolved => kind::RESOLVED,
        Status::Unresolved(_) => kind::UNRESOLVED,
        Status::Ignored(_) => kind::IGNORED,
    };
    let data = told(status, details)?.to_string();
    write
        .add_person_activity(row.id, kind, context.user, &data, now)
        .await?;
    Ok(())
}

/// What the activity tells of a status: in what it was resolved, or how long it is archived.
fn told(status: Status, details: &StatusDetails) -> Result<Value, ApiError> {
    let mut data = match (&details.in_commit, &details.in_release) {
        (Some(named), version) => json!({
            "commit": named.commit,
            "repository": named.repository,
            "version": version,
        }),
        (None, Some(version)) => json!({ "version": version }),
        (None, None) => serde_json::to_value(StatusDetailsBody::from(details.clone()))
            .map_err(ApiError::internal)?,
    };
    if let Value::Object(data) = &mut data {
        if let Some(current) = &details.current_release {
            let current = current.as_str().into();
            data.insert("current_release_version".to_owned(), current);
        }
        if status == Status::Ignored(Ignored::UntilEscalating) {
            data.insert("ignoreUntilEscalating".to_owned(), true.into());
        }
    }
    Ok(data)
}

/// Whose an issue is, and how much it matters.
async fn write_charge(
    write: &mut Write,
    row: &IssueRow,
    context: &Context<'_>,
) -> Result<(), ApiError> {
    let (id, user, now) = (row.id, context.user, context.now.as_millis());
    let changed = context.assignee.as_ref().filter(|to| **to != row.assignee);
    if let Some(assignee) = changed {
        write.set_issue_assignee(id, assignee.as_deref()).await?;
        let (kind, data) = match assignee {
            Some(name) => (kind::ASSIGNED, json!({ "assignee": name })),
            None => (kind::UNASSIGNED, json!({})),
        };
        write
            .add_person_activity(id, kind, user, &data.to_string(), now)
            .await?;
    }
    let is_locked = context.change.priority_locked != Some(false);
    let changed = context
        .priority
        .filter(|to| *to != row.priority || !is_locked);
    if let Some(priority) = changed {
        write
            .set_issue_priority(id, priority, is_locked.then_some(now))
            .await?;
        let data = json!({ "priority": context.change.priority }).to_string();
        write
            .add_person_activity(id, kind::PRIORITY, user, &data, now)
            .await?;
    }
    Ok(())
}

/// Shares an issue with whoever has the link, or takes the link back.
async fn share(
    write: &mut Write,
    issue: i64,
    is_public: bool,
    context: &Context<'_>,
) -> Result<(), ApiError> {
    let (user, now) = (context.user, context.now.as_millis());
    let (is_new, kind) = if is_public {
        let share_id = access::random_name()?;
        let is_new = write.share_issue(issue, &share_id, user, now).await?;
        (is_new, kind::SET_PUBLIC)
    } else {
        (write.unshare_issue(issue).await?, kind::SET_PRIVATE)
    };
    if is_new {
        write
            .add_person_activity(issue, kind, user, "{}", now)
            .await?;
    }
    Ok(())
}

/// Has those told from now on who did something, or were given something to do.
async fn follow(
    write: &mut Write,
    row: &IssueRow,
    has_status: bool,
    context: &Context<'_>,
    readers: &Readers<'_>,
) -> Result<(), ApiError> {
    if has_status {
        write
            .subscribe(row.id, context.user, "changed_status")
            .await?;
    }
    if context.change.is_bookmarked == Some(true) {
        write.subscribe(row.id, context.user, "bookmarked").await?;
    }
    if let Some(Some(name)) = &context.assignee {
        for user in readers.of_name(name) {
            write.subscribe(row.id, user, "assigned").await?;
        }
    }
    Ok(())
}
