//! Which issue each event belongs to: the events of a transaction, sorted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;

use super::effect::Incoming;
use super::surplus::{self, Made, NewIssues};
use crate::store::hashes::GroupHash;
use crate::store::issues::IssueFace;
use crate::store::{StoreError, Write};

/// The events of one issue in one commit; at least one.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The issue's row; 0 until it is made.
    pub(super) issue: i64,
    pub(super) is_new: bool,
    /// Whether it is what is beyond the project's new issues.
    pub(super) is_surplus: bool,
    /// The event that came first.
    pub(super) first: &'a Incoming,
    /// The event with the latest time, or with another like it that has.
    pub(super) latest: &'a Incoming,
    pub(super) events: Vec<&'a Incoming>,
    /// The events' places in the list.
    pub(super) places: Vec<usize>,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    /// How many events they count as.
    pub(super) count: i64,
    pub(super) users: BTreeSet<[u8; 8]>,
    /// By key and value: events, first, last.
    pub(super) tags: BTreeMap<(&'a str, &'a str), (i64, Timestamp, Timestamp)>,
    pub(super) hours: BTreeMap<i64, i64>,
}

impl<'a> Group<'a> {
    fn begin(issue: Option<i64>, first: &'a Incoming) -> Self {
        Self {
            issue: issue.unwrap_or_default(),
            is_new: issue.is_none(),
            is_surplus: false,
            first,
            latest: first,
            events: Vec::new(),
            places: Vec::new(),
            first_seen: first.first_seen(),
            last_seen: first.last_seen(),
            count: 0,
            users: BTreeSet::new(),
            tags: BTreeMap::new(),
            hours: BTreeMap::new(),
        }
    }

    fn add(&mut self, place: usize, event: &'a Incoming) {
        self.places.push(place);
        self.events.push(event);
        self.first_seen = self.first_seen.min(event.first_seen());
        self.last_seen = self.last_seen.max(event.last_seen());
        self.count = self.count.saturating_add(event.count());
        if event.last_seen() >= self.latest.last_seen() {
            self.latest = event;
        }
        self.users.extend(event.users());
        for (hour, n) in event.hours() {
            *self.hours.entry(hour).or_default() += n;
        }
        for ((key, value), (n, first, last)) in event.tags() {
            let seen = self.tags.entry((key, value)).or_insert((0, first, last));
            seen.0 += n;
            seen.1 = seen.1.min(first);
            seen.2 = seen.2.max(last);
        }
    }

    pub(super) const fn project(&self) -> ProjectId {
        self.first.stored.project
    }

    pub(super) fn face(&self) -> IssueFace<'a> {
        let event = self.latest;
        let (title, culprit, metadata) = match self.is_surplus {
            true => (surplus::TITLE, "", surplus::METADATA),
            false => (
                event.document.title.as_str(),
                event.culprit.as_str(),
                event.metadata.as_str(),
            ),
        };
        IssueFace {
            title,
            culprit,
            metadata,
            level: &event.document.level,
            logger: event.document.logger.as_deref(),
            is_unhandled: event.document.handled == Some(false),
            release: event.document.release.as_deref(),
            event_id: event.stored.event_id,
        }
    }
}

/// A hash to bind to a group, by its place, and the event that brought it.
pub(super) struct Binding<'a> {
    pub(super) hash: GroupHash,
    pub(super) slot: usize,
    pub(super) event: &'a Incoming,
}

/// The events by issue.
pub(super) struct Assigned<'a> {
    pub(super) groups: Vec<Group<'a>>,
    pub(super) bindings: Vec<Binding<'a>>,
    pub(super) made: Made,
    pub(super) surplus: Vec<usize>,
    /// Issues that hashes were bound to before.
    bound: HashMap<(ProjectId, GroupHash), i64>,
    /// Groups of issues that were there before, and of hashes that were not bound.
    by_issue: HashMap<i64, usize>,
    by_hash: HashMap<(ProjectId, GroupHash), usize>,
}

/// Sorts the events by issue: the first of an event's hashes that is bound decides, and all its
/// hashes are bound from then on. During an upgrade those of the way before are looked up first;
/// they are never bound.
pub(super) async fn assign<'a>(
    write: &mut Write,
    new_issues: &NewIssues,
    events: &[&'a Incoming],
) -> Result<Assigned<'a>, StoreError> {
    let mut wanted = BTreeSet::new();
    for event in events {
        let project = event.stored.project;
        wanted.insert((project, surplus::HASH));
        let hashes = event.previous.iter().chain(&event.hashes);
        wanted.extend(hashes.map(|hash| (project, *hash)));
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    let mut assigned = Assigned {
        groups: Vec::new(),
        bindings: Vec::new(),
        made: Made::new(),
        surplus: Vec::new(),
        bound: write.issues_by_hash(&wanted).await?,
        by_issue: HashMap::new(),
        by_hash: HashMap::new(),
    };
    for (place, event) in events.iter().copied().enumerate() {
        assigned.add(new_issues, place, event);
    }
    Ok(assigned)
}

impl<'a> Assigned<'a> {
    fn add(&mut self, new_issues: &NewIssues, place: usize, event: &'a Incoming) {
        let project = event.stored.project;
        // An event whose issue is known by the way before stays there, so that no issue is torn.
        let known = self.find(project, &event.previous, event);
        let slot = match known.or_else(|| self.find(project, &event.hashes, event)) {
            Some(slot) => slot,
            None => {
                let made = self.made.entry(project).or_default();
                if new_issues.has_room(project, *made) {
                    *made += 1;
                    self.begin(None, event)
                } else {
                    self.surplus.push(place);
                    let slot = self.share(project, event);
                    // Its hashes stay free: another hour may have an issue for them.
                    return self.put(slot, place, event);
                }
            }
        };
        for hash in &event.hashes {
            self.bind(*hash, slot, event);
        }
        self.put(slot, place, event);
    }

    /// The group of the first of these hashes that has one, or an issue.
    fn find(
        &mut self,
        project: ProjectId,
        hashes: &[GroupHash],
        event: &'a Incoming,
    ) -> Option<usize> {
        for hash in hashes {
            let key = (project, *hash);
            if let Some(slot) = self.by_hash.get(&key) {
                return Some(*slot);
            }
            let Some(issue) = self.bound.get(&key).copied() else {
                continue;
            };
            if let Some(slot) = self.by_issue.get(&issue) {
                return Some(*slot);
            }
            let slot = self.begin(Some(issue), event);
            self.by_issue.insert(issue, slot);
            return Some(slot);
        }
        None
    }

    /// The group of what is beyond the project's new issues.
    fn share(&mut self, project: ProjectId, event: &'a Incoming) -> usize {
        let slot = self.find(project, &[surplus::HASH], event);
        let slot = slot.unwrap_or_else(|| self.begin(None, event));
        self.bind(surplus::HASH, slot, event);
        if let Some(group) = self.groups.get_mut(slot) {
            group.is_surplus = true;
        }
        slot
    }

    fn begin(&mut self, issue: Option<i64>, event: &'a Incoming) -> usize {
        self.groups.push(Group::begin(issue, event));
        self.groups.len() - 1
    }

    fn bind(&mut self, hash: GroupHash, slot: usize, event: &'a Incoming) {
        let key = (event.stored.project, hash);
        if !self.bound.contains_key(&key) && !self.by_hash.contains_key(&key) {
            self.by_hash.insert(key, slot);
            self.bindings.push(Binding { hash, slot, event });
        }
    }

    fn put(&mut self, slot: usize, place: usize, event: &'a Incoming) {
        if let Some(group) = self.groups.get_mut(slot) {
            group.add(place, event);
        }
    }
}
