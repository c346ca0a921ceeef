//! An issue as lists show it.

use std::collections::HashMap;

use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::assignees::{Assignee, People};
use super::caller::Caller;
use super::error::ApiError;
use super::page::Params;
use super::types::{ProjectRef, Series, iso, iso_option, stored_object};
use crate::ids::ShortId;
use crate::issue::{Status, StatusDetails};
use crate::normalise::EventKind;
use crate::store::issue_read::{Attention, IssueRow};
use crate::store::people::Organization;
use crate::store::projects::Project;

/// An issue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the shape that Sentry's clients read"
)]
pub(super) struct Issue {
    pub id: String,
    /// As people call it: `SHOP-2K`.
    pub short_id: String,
    pub title: String,
    pub culprit: String,
    pub permalink: String,
    pub logger: Option<String>,
    pub level: String,
    /// `unresolved`, `resolved` or `ignored`.
    pub status: &'static str,
    pub status_details: StatusDetailsBody,
    pub substatus: Option<&'static str>,
    /// Whether whoever has the link may see it.
    pub is_public: bool,
    /// What the link ends with.
    pub share_id: Option<String>,
    pub platform: String,
    /// `low`, `medium` or `high`.
    pub priority: &'static str,
    pub priority_locked_at: Option<String>,
    pub project: ProjectRef,
    /// `error`, `default`, `csp`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `error`, or `feedback` where a person wrote it.
    pub issue_type: &'static str,
    /// The same.
    pub issue_category: &'static str,
    #[schema(value_type = IssueMetadata)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    pub num_comments: i64,
    pub assigned_to: Option<Assignee>,
    pub is_bookmarked: bool,
    pub is_subscribed: bool,
    pub subscription_details: Option<SubscriptionDetails>,
    pub has_seen: bool,
    pub annotations: Vec<String>,
    pub is_unhandled: bool,
    /// Events, as a text: those of the time and the environments that were asked for.
    pub count: String,
    /// Who met those.
    pub user_count: i64,
    /// In the environments that were asked for, whenever that was.
    pub first_seen: String,
    /// The same.
    pub last_seen: String,
    /// Unix seconds and a count, by the period asked for, in the environments asked for.
    #[schema(value_type = IssueStats)]
    pub stats: HashMap<&'static str, Series>,
    pub lifetime: Lifetime,
    /// The events that the search means, where it demands something of events. Of events that were
    /// told as one record it knows the one that is stored.
    pub filtered: Option<Filtered>,
    /// The event whose id was searched for.
    #[serde(rename = "matchingEventId", skip_serializing_if = "Option::is_none")]
    pub matching_event: Option<String>,
}

/// Why the caller is told of an issue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubscriptionDetails {
    /// `mentioned`, `assigned`, `commented`, `bookmarked`, `changed_status`, `team_mentioned`, or
    /// `unknown` for a wish of their own.
    reason: String,
}

/// Events over time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueStats {
    #[serde(rename = "24h")]
    day: Option<Vec<(i64, i64)>>,
    #[serde(rename = "14d")]
    fortnight: Option<Vec<(i64, i64)>>,
    #[serde(rename = "30d")]
    month: Option<Vec<(i64, i64)>>,
}

/// What titles are made of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueMetadata {
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<String>,
    filename: Option<String>,
    function: Option<String>,
    title: Option<String>,
}

/// How an issue was resolved or archived.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusDetailsBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    in_release: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_next_release: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_upcoming_release: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_commit: Option<CommitName>,
    /// The time an archived issue comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_until: Option<String>,
    /// Events until an archived issue comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_count: Option<i64>,
    /// Minutes within which so many events have to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_window: Option<i64>,
    /// Users until an archived issue comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_user_count: Option<i64>,
    /// Minutes within which so many users have to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_user_window: Option<i64>,
}

/// A commit by its hash.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct CommitName {
    /// Its hash.
    pub commit: String,
    /// The name of its repository; left out it is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

impl From<StatusDetails> for StatusDetailsBody {
    fn from(details: StatusDetails) -> Self {
        Self {
            in_release: details.in_release,
            in_next_release: details.in_next_release.then_some(true),
            in_upcoming_release: details.in_upcoming_release.then_some(true),
            in_commit: details.in_commit.map(|named| CommitName {
                commit: named.commit,
                repository: named.repository,
            }),
            ignore_until: details.ignore_until.map(iso),
            ignore_count: details.ignore_count,
            ignore_window: details.ignore_window,
            ignore_user_count: details.ignore_user_count,
            ignore_user_window: details.ignore_user_window,
        }
    }
}

/// Counts over the whole life of an issue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lifetime {
    count: String,
    user_count: i64,
    first_seen: String,
    last_seen: String,
    /// The same as those of the issue, where those are of environments.
    #[schema(value_type = Option<IssueStats>)]
    pub stats: Option<HashMap<&'static str, Series>>,
}

/// Counts over the events that a search means.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filtered {
    /// Events, as a text.
    pub count: String,
    pub user_count: u64,
    pub first_seen: String,
    pub last_seen: String,
    /// Unix seconds and a count, by the period asked for.
    #[schema(value_type = IssueStats)]
    pub stats: HashMap<&'static str, Series>,
}

/// What counts over time cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatsPeriod {
    Day,
    Fortnight,
    Month,
}

impl StatsPeriod {
    /// What a request asks for; `None` where it wants no counts over time.
    pub(super) fn read(params: &Params) -> Result<Option<Self>, ApiError> {
        match params.first("groupStatsPeriod") {
            None | Some("24h" | "auto") => Ok(Some(Self::Day)),
            Some("14d") => Ok(Some(Self::Fortnight)),
            Some("30d") => Ok(Some(Self::Month)),
            Some("") => Ok(None),
            Some(_) => Err(ApiError::field(
                "groupStatsPeriod",
                "24h, 14d, 30d, auto or empty",
            )),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Fortnight => "14d",
            Self::Month => "30d",
        }
    }

    /// Hours of one point, and how many points.
    const fn points(self) -> (i64, i64) {
        match self {
            Self::Day => (1, 24),
            Self::Fortnight => (24, 14),
            Self::Month => (24, 30),
        }
    }

    /// Hours of one point, and the numbers of the first and the last of them, the last one now.
    pub(super) const fn range(self, now: Timestamp) -> (i64, i64, i64) {
        let (span, points) = self.points();
        let last = now.hour() / span;
        (span, last - points + 1, last)
    }
}

/// The rows as the API shows them, by id. What they show beside the row is read for all at once.
pub(super) async fn describe(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    projects: &[Project],
    rows: Vec<IssueRow>,
    periods: &[StatsPeriod],
    now: Timestamp,
) -> Result<HashMap<i64, Issue>, ApiError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let attention = state.store.attention(caller.0.user.id, &ids).await?;
    let attention: HashMap<i64, Attention> = attention
        .into_iter()
        .map(|row| (row.issue_id, row))
        .collect();
    let notes: HashMap<i64, i64> = state.store.count_notes(&ids).await?.into_iter().collect();
    let people = if rows.iter().any(|row| row.assignee.is_some()) {
        People::read(state, organization.id).await?
    } else {
        People::default()
    };
    let mut stats: HashMap<i64, HashMap<&'static str, Series>> = HashMap::new();
    for period in periods {
        for (id, series) in series(state, &ids, *period, now).await? {
            stats.entry(id).or_default().insert(period.name(), series);
        }
    }
    let mut shares: HashMap<i64, String> = state.store.shares(&ids).await?.into_iter().collect();
    let url = state.config.public_url.trim_end_matches('/');
    let mut issues = HashMap::new();
    for row in rows {
        let Some(project) = projects.iter().find(|project| project.id == row.project_id) else {
            continue;
        };
        let id = row.id;
        let permalink = format!("{url}/organizations/{}/issues/{id}/", organization.slug);
        let mut issue = Issue::new(row, project, permalink, &people);
        if let Some(attention) = attention.get(&id) {
            issue.has_seen = attention.seen_at.is_some();
            issue.is_bookmarked = attention.is_bookmarked;
            issue.is_subscribed = attention.is_subscribed;
            let reason = attention.reason.clone().filter(|_| attention.is_subscribed);
            issue.subscription_details = reason.map(|reason| SubscriptionDetails { reason });
        }
        issue.share_id = shares.remove(&id);
        issue.is_public = issue.share_id.is_some();
        issue.num_comments = notes.get(&id).copied().unwrap_or(0);
        issue.stats = stats.remove(&id).unwrap_or_default();
        issues.insert(id, issue);
    }
    Ok(issues)
}

impl Issue {
    fn new(row: IssueRow, project: &Project, permalink: String, people: &People) -> Self {
        let status = Status::from_codes(row.status, row.substatus);
        let short_id = ShortId {
            project: project.slug.clone(),
            number: row.short_id,
        };
        let assignee = row.assignee.as_deref();
        Self {
            id: row.id.to_string(),
            short_id: short_id.to_string(),
            permalink,
            logger: row.logger,
            level: row.level,
            status: status.name(),
            status_details: StatusDetails::parse(&row.status_details).into(),
            substatus: status.substatus_name(),
            is_public: false,
            share_id: None,
            platform: row.platform,
            priority: priority_name(row.priority),
            priority_locked_at: iso_option(row.priority_locked_at),
            project: ProjectRef::from(project),
            issue_type: category(&row.kind),
            issue_category: category(&row.kind),
            kind: row.kind,
            metadata: stored_object(&row.metadata),
            num_comments: 0,
            assigned_to: assignee.and_then(|name| people.find(name)),
            is_bookmarked: false,
            is_subscribed: false,
            subscription_details: None,
            has_seen: false,
            annotations: Vec::new(),
            is_unhandled: row.is_unhandled,
            count: row.times_seen.to_string(),
            user_count: row.users_seen,
            first_seen: iso(row.first_seen),
            last_seen: iso(row.last_seen),
            stats: HashMap::new(),
            lifetime: Lifetime {
                count: row.times_seen.to_string(),
                user_count: row.users_seen,
                first_seen: iso(row.first_seen),
                last_seen: iso(row.last_seen),
                stats: None,
            },
            filtered: None,
            matching_event: None,
            title: row.title,
            culprit: row.culprit,
        }
    }
}

/// What an issue is about, by the kind of its first event.
fn category(kind: &str) -> &'static str {
    if kind == EventKind::Feedback.name() {
        "feedback"
    } else {
        "error"
    }
}

/// The API's word for a stored priority.
pub(super) const fn priority_name(priority: i64) -> &'static str {
    match priority {
        ..=25 => "low",
        26..=50 => "medium",
        _ => "high",
    }
}

async fn series(
    state: &ApiState,
    ids: &[i64],
    period: StatsPeriod,
    now: Timestamp,
) -> Result<Vec<(i64, Series)>, ApiError> {
    let (span, first, last) = period.range(now);
    let buckets = state.store.issue_buckets(ids, first * span, span).await?;
    let mut counts = HashMap::new();
    for bucket in buckets {
        counts.insert((bucket.issue_id, bucket.bucket), bucket.n);
    }
    let series_of = |id: i64| -> Series {
        (first..=last)
            .map(|at| {
                (
                    at * span * 3600,
                    counts.get(&(id, at)).copied().unwrap_or(0),
                )
            })
            .collect()
    };
    Ok(ids.iter().map(|id| (*id, series_of(*id))).collect())
}
