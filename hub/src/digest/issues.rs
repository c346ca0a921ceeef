//! What the events of one commit do to their issues.

use std::collections::{BTreeMap, HashMap, HashSet};

use protocol::ids::{EventId, ProjectId};
use protocol::timestamp::Timestamp;

use super::assign::{Assigned, Group, assign};
use super::effect::Incoming;
use super::surplus::{self, Made, NewIssues};
use super::{Changed, ChangedKind, tags};
use crate::issue::{
    self, Decision, Ignored, IssueState, NewEvent, Pace, Release, Resolution, Status, Unresolved,
    WEEK_HOURS,
};
use crate::store::changes::ChangeKind;
use crate::store::hashes::Binding;
use crate::store::issues::{IssueDelta, IssueRow, NewIssue, TagCount};
use crate::store::{StoreError, Write};

/// Activity types, as Sentry numbers them.
const SET_UNRESOLVED: i64 = 2;
const SET_REGRESSION: i64 = 6;
const SET_ESCALATING: i64 = 25;
const FIRST_SEEN: i64 = 9;

const DAY_HOURS: i64 = 24;

/// Longest explanation of a grouping that is stored with an issue, in bytes.
const GROUPING_BYTES_MAX: usize = 64 * 1024;

/// What became of the events of a transaction.
#[derive(Debug)]
pub(super) struct Written {
    /// The issue of each event.
    pub(super) issues: Vec<i64>,
    pub(super) changed: Vec<Changed>,
    /// New issues, by project.
    pub(super) made: Made,
    /// The places of the events that share an issue for want of one of their own.
    pub(super) surplus: Vec<usize>,
}

/// Assigns each event its issue and writes everything about issues.
pub(super) async fn write(
    write: &mut Write,
    now: Timestamp,
    new_issues: &NewIssues,
    events: &[&Incoming],
) -> Result<Written, StoreError> {
    let assigned = assign(write, new_issues, events).await?;
    let Assigned {
        mut groups,
        bindings,
        made,
        surplus,
        ..
    } = assigned;
    make_issues(write, now, &mut groups).await?;
    let bindings: Vec<_> = bindings
        .into_iter()
        .filter_map(|bound| {
            let group = groups.get(bound.slot)?;
            Some(Binding {
                project: bound.event.stored.project,
                hash: bound.hash,
                issue: group.issue,
                event_id: bound.event.stored.event_id,
                title: match group.is_surplus {
                    true => surplus::TITLE,
                    false => &bound.event.document.title,
                },
            })
        })
        .collect();
    write.bind_hashes(&bindings).await?;
    let fresh_users = add_users(write, &groups).await?;
    let changed = touch_issues(write, now, &groups, &fresh_users).await?;
    add_counts(write, &groups).await?;
    let new = groups
        .iter()
        .filter(|group| group.is_new && !group.is_surplus);
    let features: Vec<_> = new
        .flat_map(|group| {
            let features = group.first.features.iter();
            features.map(|feature| (group.project(), group.issue, *feature))
        })
        .collect();
    write.add_issue_features(&features).await?;

    let mut issues = vec![0; events.len()];
    for group in &groups {
        for place in &group.places {
            if let Some(issue) = issues.get_mut(*place) {
                *issue = group.issue;
            }
        }
    }
    Ok(Written {
        issues,
        changed,
        made,
        surplus,
    })
}

/// Makes the issues of the new groups, with all their counts.
async fn make_issues(
    write: &mut Write,
    now: Timestamp,
    groups: &mut [Group<'_>],
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<ProjectId, i64> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.is_new) {
        *wanted.entry(group.project()).or_default() += 1;
    }
    let mut next = BTreeMap::new();
    for (project, n) in wanted {
        next.insert(project, write.take_short_ids(project, n).await?);
    }
    for group in groups.iter_mut().filter(|group| group.is_new) {
        let short_id = next.entry(group.project()).or_default();
        let status = Status::Unresolved(issue::age(now, group.first_seen));
        let grouping = serde_json::to_string(&group.first.variants).unwrap_or_default();
        let new = NewIssue {
            project: group.project(),
            short_id: *short_id,
            kind: &group.first.document.kind,
            platform: &group.first.document.platform,
            face: group.face(),
            status: status.codes(),
            priority: group.first.priority,
            first_seen: group.first_seen,
            last_seen: group.last_seen,
            times_seen: group.count,
            users_seen: i64::try_from(group.users.len()).unwrap_or(i64::MAX),
            first_release: group.first.document.release.as_deref(),
            grouping: match grouping.len() {
                _ if group.is_surplus => "[]",
                1..=GROUPING_BYTES_MAX => &grouping,
                _ => "[]",
            },
        };
        let issue = write.add_issue(&new).await?;
        let event_id = group.first.stored.event_id;
        let data = format!(r#"{{"event_id":"{event_id}","priority":{}}}"#, new.priority);
        write
            .add_activity(issue, FIRST_SEEN, &data, group.first_seen)
            .await?;
        write
            .add_change(group.project(), issue, event_id, ChangeKind::NewIssue, now)
            .await?;
        *short_id += 1;
        group.issue = issue;
    }
    Ok(())
}

/// Adds the users; gives how many each issue had not known.
async fn add_users(
    write: &mut Write,
    groups: &[Group<'_>],
) -> Result<HashMap<i64, i64>, StoreError> {
    let mut users = Vec::new();
    for group in groups {
        users.extend(group.users.iter().map(|user| (group.issue, *user)));
    }
    let mut fresh = HashMap::new();
    for issue in write.add_issue_users(&users).await? {
        *fresh.entry(issue).or_default() += 1;
    }
    Ok(fresh)
}

/// Adds to the issues that existed, and moves them on in their states.
async fn touch_issues(
    write: &mut Write,
    now: Timestamp,
    groups: &[Group<'_>],
    fresh_users: &HashMap<i64, i64>,
) -> Result<Vec<Changed>, StoreError> {
    let existing = groups.iter().filter(|group| !group.is_new);
    let existing: Vec<i64> = existing.map(|group| group.issue).collect();
    let states = write.issue_states(&existing).await?;
    let states: HashMap<i64, IssueRow> = states.into_iter().map(|row| (row.issue, row)).collect();
    let mut changed = Vec::with_capacity(groups.len());
    for group in groups {
        let (project, issue) = (group.project(), group.issue);
        let mut kind = ChangedKind::New;
        if let Some(row) = states.get(&issue) {
            let users = fresh_users.get(&issue).copied().unwrap_or_default();
            let delta = IssueDelta {
                issue,
                first_seen: group.first_seen,
                last_seen: group.last_seen,
                times_seen: group.count,
                users_seen: users,
                face: group.face(),
            };
            write.touch_issue(&delta).await?;
            kind = move_on(write, now, group, row, users).await?;
        }
        changed.push(Changed {
            project,
            issue,
            kind,
        });
    }
    Ok(changed)
}

/// Carries out the decision on an issue that was not open.
async fn move_on(
    write: &mut Write,
    now: Timestamp,
    group: &Group<'_>,
    row: &IssueRow,
    fresh_users: i64,
) -> Result<ChangedKind, StoreError> {
    let mut state = IssueState {
        status: Status::from_codes(row.status.0, row.status.1),
        details: issue::StatusDetails::parse(&row.status_details),
        first_seen: row.first_seen,
        resolved_at: row.resolved_at,
        times_seen: row.times_seen,
        users_seen: row.users_seen + fresh_users,
        recent: 0,
        recent_users: 0,
        pace: None,
    };
    if matches!(state.status, Status::Unresolved(_)) {
        return Ok(ChangedKind::Seen);
    }
    if state.status == Status::Ignored(Ignored::UntilEscalating) {
        state.pace = Some(pace(write, now, group.issue, &state).await?);
    }
    let window_start = state.details.window_start(now);
    if let Some(start) = window_start {
        state.recent = write.issue_events_since(group.issue, start).await?;
    }
    let mut recent_users = RecentUsers::read(write, now, group.issue, &state).await?;
    let resolved_in = match state.details.resolution() {
        Resolution::Now | Resolution::InCommit => None,
        Resolution::InRelease(version) => Some(version.to_owned()),
        Resolution::InNextRelease(version) => version.map(str::to_owned),
    };
    let mut dates = Dates::default();
    for event in &group.events {
        state.times_seen += event.count();
        state.recent += window_start.map_or(0, |start| event.count_since(start));
        state.recent_users = recent_users.add(event);
        if let Some(pace) = &mut state.pace {
            // What happened in an hour before says nothing of this one, however late it comes.
            let hours = event.hours().filter(|(hour, _)| *hour >= now.hour());
            pace.this_hour += hours.map(|(_, n)| n).sum::<i64>();
        }
        let release = event.document.release.as_deref();
        let new = NewEvent {
            timestamp: event.last_seen(),
            release: dates.of(write, now, group.project(), release).await?,
            resolved_in: dates
                .of(write, now, group.project(), resolved_in.as_deref())
                .await?,
        };
        let event_id = event.stored.event_id;
        match issue::decide(now, &state, new) {
            Decision::Stay => {}
            Decision::Regress => {
                let status = Status::Unresolved(Unresolved::Regressed);
                write.reopen_issue(group.issue, status.codes(), now).await?;
                let data = serde_json::json!({
                    "event_id": event_id.to_string(),
                    "version": release,
                    "resolved_in_version": resolved_in,
                });
                write
                    .add_activity(group.issue, SET_REGRESSION, &data.to_string(), now)
                    .await?;
                let kind = ChangeKind::Regression;
                write
                    .add_change(group.project(), group.issue, event_id, kind, now)
                    .await?;
                return Ok(ChangedKind::Reopened);
            }
            Decision::Unarchive(why) => {
                let status = Status::Unresolved(why);
                write.reopen_issue(group.issue, status.codes(), now).await?;
                let data = format!(r#"{{"event_id":"{event_id}"}}"#);
                write
                    .add_activity(group.issue, SET_UNRESOLVED, &data, now)
                    .await?;
                return Ok(ChangedKind::Reopened);
            }
            Decision::Escalate => {
                escalate(write, now, group, &state, event_id).await?;
                return Ok(ChangedKind::Reopened);
            }
        }
    }
    recent_users.keep(write, group.issue).await?;
    Ok(ChangedKind::Seen)
}

/// Users within the window of an issue's archival, where it has one for users.
struct RecentUsers {
    start: Option<Timestamp>,
    users: HashSet<[u8; 8]>,
    /// Those of these events, with when they were seen last.
    seen: Vec<([u8; 8], Timestamp)>,
}

impl RecentUsers {
    async fn read(
        write: &mut Write,
        now: Timestamp,
        issue: i64,
        state: &IssueState,
    ) -> Result<Self, StoreError> {
        let start = state.details.user_window_start(now);
        let users = match start {
            Some(start) => write.recent_users(issue, start).await?,
            None => HashSet::new(),
        };
        Ok(Self {
            start,
            users,
            seen: Vec::new(),
        })
    }

    /// How many there are with an event's.
    fn add(&mut self, event: &Incoming) -> i64 {
        if let Some(start) = self.start {
            let seen = event.users_since(start);
            for (user, at) in seen {
                self.users.insert(user);
                self.seen.push((user, at));
            }
        }
        i64::try_from(self.users.len()).unwrap_or(i64::MAX)
    }

    async fn keep(self, write: &mut Write, issue: i64) -> Result<(), StoreError> {
        for (user, at) in &self.seen {
            write.add_recent_user(issue, user, *at).await?;
        }
        Ok(())
    }
}

/// How often an issue was seen in this hour before these events, and how often it may be.
async fn pace(
    write: &mut Write,
    now: Timestamp,
    issue: i64,
    state: &IssueState,
) -> Result<Pace, StoreError> {
    let hour = now.hour();
    // What had come when it was archived was no surprise; what came within the last day may be one.
    let end = state.details.base_hour.unwrap_or_default() + 1;
    let end = end.clamp(hour - DAY_HOURS, hour + 1);
    let counts = write.issue_hours(issue, end - WEEK_HOURS..end).await?;
    let this_hour = write.issue_hours(issue, hour..hour + 1).await?;
    Ok(Pace {
        this_hour: this_hour.iter().map(|(_, n)| n).sum(),
        ceiling: issue::ceiling(&counts, state.first_seen.hour(), end),
    })
}

async fn escalate(
    write: &mut Write,
    now: Timestamp,
    group: &Group<'_>,
    state: &IssueState,
    event_id: EventId,
) -> Result<(), StoreError> {
    let (project, issue) = (group.project(), group.issue);
    let status = Status::Unresolved(Unresolved::Escalating);
    write.reopen_issue(issue, status.codes(), now).await?;
    write.raise_priority(issue).await?;
    let forecast = state.pace.map(|pace| pace.ceiling);
    let data = serde_json::json!({"event_id": event_id.to_string(), "forecast": forecast});
    write
        .add_activity(issue, SET_ESCALATING, &data.to_string(), now)
        .await?;
    let kind = ChangeKind::Escalating;
    write.add_change(project, issue, event_id, kind, now).await
}

/// When releases were first seen, looked up once each.
#[derive(Debug, Default)]
struct Dates(HashMap<String, Timestamp>);

impl Dates {
    async fn of<'v>(
        &mut self,
        write: &mut Write,
        now: Timestamp,
        project: ProjectId,
        version: Option<&'v str>,
    ) -> Result<Option<Release<'v>>, StoreError> {
        let Some(version) = version else {
            return Ok(None);
        };
        let first_seen = match self.0.get(version) {
            Some(at) => *at,
            None => {
                // A release that no event has named before is the newest there is.
                let at = write.release_date(project, version).await?.unwrap_or(now);
                self.0.insert(version.to_owned(), at);
                at
            }
        };
        Ok(Some(Release {
            version,
            first_seen,
        }))
    }
}

/// Adds to the counts by tag and by hour.
async fn add_counts(write: &mut Write, groups: &[Group<'_>]) -> Result<(), StoreError> {
    let mut tag_counts = Vec::new();
    let mut hours = Vec::new();
    let mut new_issues = HashSet::new();
    for group in groups {
        if group.is_new {
            new_issues.insert(group.issue);
        }
        for ((key, value), (times_seen, first_seen, last_seen)) in &group.tags {
            tag_counts.push(TagCount {
                issue: group.issue,
                key,
                value,
                times_seen: *times_seen,
                first_seen: *first_seen,
                last_seen: *last_seen,
            });
        }
        hours.extend(group.hours.iter().map(|(hour, n)| (group.issue, *hour, *n)));
    }
    tags::add(write, tag_counts, &new_issues).await?;
    write.add_issue_hours(&hours).await
}
