//! Takes events out of an issue again: those of some of its hashes, or each value of a tag.
//!
//! The events are read from their bodies and digested anew into issues of their own, in one
//! transaction with what their old issue loses, so that counts stay exact. An event whose body is
//! gone stays where it is.

use std::collections::{BTreeSet, HashSet};

use protocol::ids::ProjectId;
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;

use super::effect::Incoming;
use super::prepare;
use super::surplus::NewIssues;
use super::{issues, surplus};
use crate::archive::{Archive, Location};
use crate::geo::Places;
use crate::group::Rules;
use crate::index::{Index, Replaces};
use crate::store::event_read::EventRow;
use crate::store::hashes::GroupHash;
use crate::store::issue_moves::Loss;
use crate::store::issues::IssueFace;
use crate::store::{Store, StoreError, Write};

/// Most events of an issue that is taken apart: they are all held at once.
pub const EVENTS_MAX: u32 = 20_000;
/// Most issues made of one.
pub const PARTS_MAX: usize = 100;
/// Activity types, as Sentry numbers them.
const UNMERGE_SOURCE: i64 = 19;
const UNMERGE_DESTINATION: i64 = 20;
/// Events read and indexed in one step.
const STEP: u32 = 200;

/// Why an issue was not taken apart. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RegroupError {
    /// It has too many events.
    #[error("the issue has more than {EVENTS_MAX} events; too many to be taken apart")]
    TooLarge,
    /// It would become too many issues.
    #[error("more than {PARTS_MAX} issues would come of it")]
    TooMany,
    /// No event would go, or none would stay.
    #[error("every event would be in the same issue")]
    Nothing,
    /// Events came while it was read; try again.
    #[error("events are coming in too fast; try again")]
    Busy,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index does not take documents.
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
    /// The reading thread ended.
    #[error("thread of the archive ended")]
    Ended,
}

/// Which events go.
#[derive(Clone, Debug)]
pub enum Parting {
    /// Those of these hashes.
    Hashes(Vec<GroupHash>),
    /// Those that have the tag, each value into an issue of its own. `rules` name the split.
    Tag(String),
}

/// An event, read again.
struct Again {
    row: i64,
    incoming: Incoming,
    /// What the way before would find it by.
    previous: Vec<GroupHash>,
    goes: bool,
}

impl Again {
    fn hashes(&self) -> impl Iterator<Item = &GroupHash> {
        self.incoming.hashes.iter().chain(&self.previous)
    }
}

/// What the issue is taken apart with.
#[derive(Debug)]
pub struct Regroup<'r> {
    /// Where counts are.
    pub store: &'r Store,
    /// Where bodies are.
    pub archive: &'r Archive,
    /// The project's rules, the split included.
    pub rules: &'r Rules,
    /// The time.
    pub now: Timestamp,
    /// Who asks for it.
    pub user: i64,
}

/// Takes events out of `issue`; gives the new issues. The rows to be indexed again are noted.
///
/// # Errors
/// [`RegroupError`].
pub async fn regroup(
    with: &Regroup<'_>,
    project: ProjectId,
    issue: i64,
    parting: &Parting,
) -> Result<Vec<i64>, RegroupError> {
    let mut events = read(with, issue).await?;
    let last_row = events.iter().map(|event| event.row).max().unwrap_or(0);
    let mut bound_now = with.store.issue_hashes(issue).await?;
    bound_now.retain(|hash| hash.as_slice() != surplus::HASH);
    let bound: HashSet<&[u8]> = bound_now.iter().map(Vec::as_slice).collect();
    for event in &mut events {
        event.goes = match parting {
            Parting::Tag(tag) => event
                .incoming
                .document
                .tags
                .iter()
                .any(|(key, _)| key == tag),
            // The first hash that is bound is the one that brought it here.
            Parting::Hashes(hashes) => event
                .incoming
                .hashes
                .iter()
                .find(|hash| bound.contains(hash.as_slice()))
                .is_some_and(|hash| hashes.contains(hash)),
        };
    }
    let (going, staying): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.goes);
    let wanted = going
        .iter()
        .filter_map(|event| event.incoming.hashes.first());
    let parts = wanted.collect::<BTreeSet<_>>().len();
    match parts {
        0 => return Err(RegroupError::Nothing),
        1 if staying.is_empty() => return Err(RegroupError::Nothing),
        n if n > PARTS_MAX => return Err(RegroupError::TooMany),
        _ => {}
    }
    let mut write = with.store.begin().await?;
    if write.events_of_issue_after(issue, last_row).await? > 0 {
        return Err(RegroupError::Busy);
    }
    if let Parting::Hashes(_) = parting {
        // Whatever binds only events that go would bring the next one back.
        let kept: HashSet<&GroupHash> = staying.iter().flat_map(|event| event.hashes()).collect();
        let freed = going.iter().flat_map(|event| event.hashes());
        let freed: BTreeSet<GroupHash> =
            freed.filter(|hash| !kept.contains(hash)).copied().collect();
        let freed: Vec<GroupHash> = freed.into_iter().collect();
        write.free_hashes(project, &freed).await?;
    }
    write.take_counts(issue, &loss(&going, &staying)).await?;
    let incoming: Vec<&Incoming> = going.iter().map(|event| &event.incoming).collect();
    let new_issues = NewIssues::new(u32::MAX);
    let written = issues::write(&mut write, with.now, &new_issues, &incoming).await?;
    if written.issues.contains(&issue) {
        return Err(RegroupError::Nothing);
    }
    let moved: Vec<(i64, i64)> = going
        .iter()
        .zip(&written.issues)
        .map(|(event, to)| (event.row, *to))
        .collect();
    write.give_events(&moved).await?;
    if let Some(latest) = staying
        .iter()
        .max_by_key(|event| (event.incoming.last_seen(), event.row))
    {
        let first = staying.iter().map(|event| event.incoming.first_seen());
        let (at, face) = (latest.incoming.last_seen(), face(&latest.incoming));
        write.reface_issue(issue, &face, first.min(), at).await?;
    }
    let made: BTreeSet<i64> = written.issues.iter().copied().collect();
    let made: Vec<i64> = made.into_iter().collect();
    write.forget_new_issues(&made).await?;
    if let Parting::Tag(tag) = parting {
        write.add_splits(project.as_i64(), &bound_now, tag).await?;
    }
    note(&mut write, with, issue, &made, parting).await?;
    for one in &made {
        write.note_move(*one).await?;
    }
    write.commit().await?;
    Ok(made)
}

/// Writes down at each issue what became of it.
async fn note(
    write: &mut Write,
    with: &Regroup<'_>,
    issue: i64,
    made: &[i64],
    parting: &Parting,
) -> Result<(), StoreError> {
    let tag = match parting {
        Parting::Tag(tag) => Some(tag.as_str()),
        Parting::Hashes(_) => None,
    };
    let now = with.now.as_millis();
    let names: Vec<String> = made.iter().map(ToString::to_string).collect();
    let data = serde_json::json!({ "issues": names, "tag": tag }).to_string();
    write
        .add_person_activity(issue, UNMERGE_SOURCE, with.user, &data, now)
        .await?;
    let data = serde_json::json!({ "source": issue.to_string(), "tag": tag }).to_string();
    for one in made {
        write
            .add_person_activity(*one, UNMERGE_DESTINATION, with.user, &data, now)
            .await?;
    }
    Ok(())
}

pub(super) fn face(event: &Incoming) -> IssueFace<'_> {
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

fn loss(going: &[&Again], staying: &[&Again]) -> Loss {
    let kept: HashSet<[u8; 8]> = staying
        .iter()
        .flat_map(|event| event.incoming.users())
        .collect();
    let mut loss = Loss::default();
    let mut users = BTreeSet::new();
    for event in going {
        let event = &event.incoming;
        users.extend(event.users().filter(|user| !kept.contains(user)));
        loss.add(event);
    }
    loss.users = users.into_iter().collect();
    loss
}

impl Loss {
    /// Adds what an event counts for, its users left out.
    pub(super) fn add(&mut self, event: &Incoming) {
        self.events += event.count();
        for (hour, n) in event.hours() {
            *self.hours.entry(hour).or_default() += n;
        }
        for (tag, (n, ..)) in event.tags() {
            *self.tags.entry(tag.clone()).or_default() += n;
        }
    }
}

/// The issue's events, grouped by the rules as they are now.
async fn read(with: &Regroup<'_>, issue: i64) -> Result<Vec<Again>, RegroupError> {
    let rows = with
        .store
        .issue_event_rows(issue, 0, EVENTS_MAX.saturating_add(1))
        .await?;
    if rows.len() > EVENTS_MAX as usize {
        return Err(RegroupError::TooLarge);
    }
    let mut events = Vec::with_capacity(rows.len());
    for step in rows.chunks(STEP as usize) {
        let mut rows = with.store.event_rows(step).await?;
        rows.sort_by_key(|row| row.id);
        let (archive, rules) = (with.archive.clone(), with.rules.clone());
        let read = tokio::task::spawn_blocking(move || {
            let read = rows
                .iter()
                .filter_map(|row| digested(&archive, row, &rules));
            read.collect::<Vec<_>>()
        });
        let read = read.await.map_err(|_| RegroupError::Ended)?;
        events.extend(read.into_iter().map(|(row, mut incoming)| Again {
            row,
            previous: std::mem::take(&mut incoming.previous),
            incoming,
            goes: false,
        }));
    }
    Ok(events)
}

fn digested(archive: &Archive, row: &EventRow, rules: &Rules) -> Option<(i64, Incoming)> {
    let at = Location {
        pack: row.pack.unsigned_abs(),
        offset: row.pack_offset.unsigned_abs(),
        item: u32::try_from(row.pack_item).ok()?,
    };
    let stored = archive.read(at).ok()?;
    let category = ItemKind::from_name(&stored.kind).category();
    let incoming = prepare::digested(stored, category, rules, &Places::default()).ok()?;
    Some((row.id, incoming))
}

/// Indexes again the events of issues that were merged or made of others, from where it ended. What
/// is moved meanwhile is left to who moves it.
///
/// # Errors
/// [`RegroupError`]; what is left is done by the next call.
pub async fn index_moved(
    store: &Store,
    archive: &Archive,
    index: &Index,
) -> Result<(), RegroupError> {
    for (issue, mut after) in store.issue_moves().await? {
        loop {
            let ids = store.issue_event_rows(issue, after, STEP).await?;
            let Some(last) = ids.last().copied() else {
                let mut write = store.begin().await?;
                write.moved_upto(issue, after, None).await?;
                write.commit().await?;
                break;
            };
            let rows = store.event_rows(&ids).await?;
            let archive = archive.clone();
            let documents = tokio::task::spawn_blocking(move || {
                let rules = Rules::default();
                let documents = rows.iter().filter_map(|row| {
                    let (_, incoming) = digested(&archive, row, &rules)?;
                    Some(incoming.searchable(row.id, row.issue_id))
                });
                documents.collect::<Vec<_>>()
            });
            let documents = documents.await.map_err(|_| RegroupError::Ended)?;
            index.add(documents, Replaces::SameRows).await?;
            index.commit().await?;
            let mut write = store.begin().await?;
            let is_mine = write.moved_upto(issue, after, Some(last)).await?;
            write.commit().await?;
            if !is_mine {
                break;
            }
            after = last;
        }
    }
    Ok(())
}

/// Whether a hash is what the hub itself binds; no issue can be parted by it.
#[must_use]
pub fn is_own(hash: &GroupHash) -> bool {
    *hash == surplus::HASH
}
