//! Which issue each event belongs to, and what the events of one commit do to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;

use super::prepare::Incoming;
use super::{Changed, ChangedKind, tags};
use crate::issue::{self, Decision, IssueState, NewEvent, Release, Resolution, Status, Unresolved};
use crate::store::changes::ChangeKind;
use crate::store::issues::{GroupHash, IssueDelta, IssueFace, IssueRow, NewIssue, TagCount};
use crate::store::{StoreError, Write};

/// Activity types, as Sentry numbers them.
const SET_UNRESOLVED: i64 = 2;
const SET_REGRESSION: i64 = 6;
const FIRST_SEEN: i64 = 9;

/// Longest explanation of a grouping that is stored with an issue, in bytes.
const GROUPING_BYTES_MAX: usize = 64 * 1024;

/// Assigns each event its issue and writes everything about issues. Gives the issue of each event
/// and what changed.
pub(super) async fn write(
    write: &mut Write,
    now: Timestamp,
    events: &[&Incoming],
) -> Result<(Vec<i64>, Vec<Changed>), StoreError> {
    let (mut groups, bindings) = assign(write, events).await?;
    make_issues(write, now, &mut groups).await?;
    let bindings: Vec<_> = bindings
        .into_iter()
        .filter_map(|(project, hash, slot)| Some((project, hash, groups.get(slot)?.issue)))
        .collect();
    write.bind_hashes(&bindings).await?;
    let fresh_users = add_users(write, &groups).await?;
    let changed = touch_issues(write, now, &groups, &fresh_users).await?;
    add_counts(write, &groups).await?;

    let mut issues = vec![0; events.len()];
    for group in &groups {
        for place in &group.places {
            if let Some(issue) = issues.get_mut(*place) {
                *issue = group.issue;
            }
        }
    }
    Ok((issues, changed))
}

/// The events of one issue in one commit; at least one.
#[derive(Debug)]
struct Group<'a> {
    /// The issue's row; 0 until it is made.
    issue: i64,
    is_new: bool,
    /// The event that came first.
    first: &'a Incoming,
    /// The event with the latest time.
    latest: &'a Incoming,
    events: Vec<&'a Incoming>,
    /// The events' places in the list.
    places: Vec<usize>,
    first_seen: Timestamp,
    users: BTreeSet<[u8; 8]>,
    /// By key and value: events, first, last.
    tags: BTreeMap<(&'a str, &'a str), (i64, Timestamp, Timestamp)>,
    hours: BTreeMap<i64, i64>,
}

impl<'a> Group<'a> {
    const fn begin(issue: Option<i64>, first: &'a Incoming) -> Self {
        Self {
            issue: match issue {
                Some(issue) => issue,
                None => 0,
            },
            is_new: issue.is_none(),
            first,
            latest: first,
            events: Vec::new(),
            places: Vec::new(),
            first_seen: first.document.timestamp,
            users: BTreeSet::new(),
            tags: BTreeMap::new(),
            hours: BTreeMap::new(),
        }
    }

    fn add(&mut self, place: usize, event: &'a Incoming) {
        let at = event.document.timestamp;
        self.places.push(place);
        self.events.push(event);
        self.first_seen = self.first_seen.min(at);
        if at >= self.last_seen() {
            self.latest = event;
        }
        self.users.extend(event.user);
        *self.hours.entry(at.hour()).or_default() += 1;
        for (key, value) in &event.document.tags {
            let seen = self.tags.entry((key, value)).or_insert((0, at, at));
            seen.0 += 1;
            seen.1 = seen.1.min(at);
            seen.2 = seen.2.max(at);
        }
    }

    const fn last_seen(&self) -> Timestamp {
        self.latest.document.timestamp
    }

    const fn project(&self) -> ProjectId {
        self.first.stored.project
    }

    fn count(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    fn face(&self) -> IssueFace<'a> {
        let event = self.latest;
        IssueFace {
            title: &event.document.title,
            culprit: &event.culprit,
            metadata: &event.metadata,
            level: &event.document.level,
            logger: event.document.logger.as_deref(),
            is_unhandled: event.document.handled == Some(false),
            release: event.document.release.as_deref(),
            event_id: event.stored.event_id,
        }
    }
}

/// Hashes to bind, each to a group by its place.
type Bindings = Vec<(ProjectId, GroupHash, usize)>;

/// Sorts the events by issue: the first of an event's hashes that is bound decides, and all its
/// hashes are bound from then on.
async fn assign<'a>(
    write: &mut Write,
    events: &[&'a Incoming],
) -> Result<(Vec<Group<'a>>, Bindings), StoreError> {
    let mut wanted = BTreeSet::new();
    for event in events {
        let project = event.stored.project;
        wanted.extend(event.hashes.iter().map(|hash| (project, *hash)));
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    let bound = write.issues_by_hash(&wanted).await?;

    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut by_issue: HashMap<i64, usize> = HashMap::new();
    let mut by_hash: HashMap<(ProjectId, GroupHash), usize> = HashMap::new();
    let mut bindings = Vec::new();
    for (place, event) in events.iter().copied().enumerate() {
        let project = event.stored.project;
        let found = event.hashes.iter().find_map(|hash| {
            let key = (project, *hash);
            let issue = bound.get(&key).copied();
            let slot = by_hash.get(&key).copied();
            slot.or_else(|| by_issue.get(&issue?).copied())
                .map(Ok)
                .or_else(|| issue.map(Err))
        });
        let slot = match found {
            Some(Ok(slot)) => slot,
            Some(Err(issue)) => {
                groups.push(Group::begin(Some(issue), event));
                by_issue.insert(issue, groups.len() - 1);
                groups.len() - 1
            }
            None => {
                groups.push(Group::begin(None, event));
                groups.len() - 1
            }
        };
        for hash in &event.hashes {
            let key = (project, *hash);
            if !bound.contains_key(&key) && !by_hash.contains_key(&key) {
                by_hash.insert(key, slot);
                bindings.push((project, *hash, slot));
            }
        }
        if let Some(group) = groups.get_mut(slot) {
            group.add(place, event);
        }
    }
    Ok((groups, bindings))
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
            last_seen: group.last_seen(),
            times_seen: group.count(),
            users_seen: i64::try_from(group.users.len()).unwrap_or(i64::MAX),
            first_release: group.first.document.release.as_deref(),
            grouping: match grouping.len() {
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
                last_seen: group.last_seen(),
                times_seen: group.count(),
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
    };
    if matches!(state.status, Status::Unresolved(_)) {
        return Ok(ChangedKind::Seen);
    }
    let resolved_in = match state.details.resolution() {
        Resolution::Now => None,
        Resolution::InRelease(version) => Some(version.to_owned()),
        Resolution::InNextRelease(version) => version.map(str::to_owned),
    };
    let mut dates = Dates::default();
    for event in &group.events {
        state.times_seen += 1;
        let release = event.document.release.as_deref();
        let new = NewEvent {
            timestamp: event.document.timestamp,
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
                write.reopen_issue(group.issue, status.codes()).await?;
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
                write.reopen_issue(group.issue, status.codes()).await?;
                let data = format!(r#"{{"event_id":"{event_id}"}}"#);
                write
                    .add_activity(group.issue, SET_UNRESOLVED, &data, now)
                    .await?;
                return Ok(ChangedKind::Reopened);
            }
        }
    }
    Ok(ChangedKind::Seen)
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
