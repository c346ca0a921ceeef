//! Entries to one committed transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use protocol::block::Sum;
use protocol::ids::{EventId, ProjectId, Seq};
use protocol::item::Category;
use protocol::outcome::{Reason, Term, reason};
use protocol::timestamp::Timestamp;

use super::books::{Books, Digests, LaneOf};
use super::effect::{self, Effect, Entry, Incoming, Kept, Piece, What};
use super::prepare;
use super::rulebook::RuleBook;
use super::surplus::{Made, NewIssues};
use super::tally::{Key, Tally};
use super::{ApplyError, Changed, Parts, issues, names, owners, removals};
use crate::archive::{ArchiveError, Location};
use crate::index::Document;
use crate::store::events::EventRow;
use crate::store::items::{Identity, Place};
use crate::store::parts::PartsOf;
use crate::store::poison::Poison;
use crate::store::{StoreError, Write};

/// What is left to do after the commit.
#[derive(Debug, Default)]
pub(super) struct Committed {
    pub(super) documents: Vec<Document>,
    pub(super) changed: Vec<Changed>,
    pub(super) n_duplicates: usize,
    pub(super) n_poison: usize,
    /// Releases and environments that were noted as one.
    pub(super) n_more_names: usize,
    pub(super) n_items: usize,
    pub(super) new_issues: Made,
    /// How the lanes stand behind each of the entries.
    pub(super) digests: Digests,
}

/// What a transaction will write, decided before it begins.
struct Plan<'a> {
    events: Vec<&'a Incoming>,
    items: Vec<&'a Kept>,
    pieces: Vec<&'a Piece>,
    /// What comes in parts and is not kept.
    forgotten: Vec<PartsOf>,
    /// What each event is counted as.
    applied: Vec<Key>,
    organizations: HashMap<ProjectId, i64>,
    tally: Tally,
    books: Books,
    poison: Vec<Poison>,
    cursors: BTreeMap<LaneOf, Seq>,
    replayed: Vec<i64>,
    n_duplicates: usize,
}

/// Applies entries, all or none.
pub(super) async fn apply(
    parts: &Parts,
    now: Timestamp,
    new_issues: &NewIssues,
    rules: &RuleBook,
    entries: &[Entry],
) -> Result<Committed, ApplyError> {
    let mut plan = plan(parts, now, rules, entries).await?;
    let of_events = plan.events.iter().map(|event| event.stored.clone());
    let of_items = plan.items.iter().map(|item| item.stored.clone());
    let of_pieces = plan.pieces.iter().map(|piece| piece.stored.clone());
    let bodies: Vec<_> = of_events.chain(of_items).chain(of_pieces).collect();
    let archive = parts.archive.clone();
    let locations: Result<Vec<Location>, ArchiveError> =
        tokio::task::spawn_blocking(move || archive.append(&bodies))
            .await
            .map_err(|_| ApplyError::Ended)?;
    let locations = locations?;

    let mut write = parts.store.begin().await?;
    let n_poison = plan.poison.len();
    let n_duplicates = plan.n_duplicates;
    let written = issues::write(&mut write, now, new_issues, &plan.events).await?;
    plan.name_surplus(&written.surplus);
    let (found, left_out) = (&written.issues, &written.surplus);
    owners::write(&mut write, now, rules, &plan.events, found, left_out).await?;
    let rows = write_events(&mut write, now, &plan.events, &written.issues, &locations).await?;
    let documents = documents(&plan.events, &rows);
    let n_more_names = names::write(&mut write, now, &plan.organizations, &plan.events).await?;
    removals::write(&mut write, now, &plan.events, &plan.items).await?;
    write_items(&mut write, now, &plan, &locations).await?;
    write.add_ledger(&plan.tally.rows()).await?;
    for poison in &plan.poison {
        write.add_poison(poison).await?;
    }
    for id in plan.replayed {
        write.poison_replayed(id, now).await?;
    }
    write.add_books(&plan.books.rows()).await?;
    for (of, upto) in plan.cursors {
        let digest = plan.books.digest(of);
        write
            .put_lane_cursor(of.0, of.1, of.2, upto, digest, now)
            .await?;
    }
    write.commit().await?;
    Ok(Committed {
        documents,
        changed: written.changed,
        new_issues: written.made,
        n_duplicates,
        n_poison,
        n_more_names,
        n_items: plan.items.len(),
        digests: plan.books.into_digests(),
    })
}

async fn plan<'a>(
    parts: &Parts,
    now: Timestamp,
    rules: &RuleBook,
    entries: &'a [Entry],
) -> Result<Plan<'a>, ApplyError> {
    let mut projects = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut identities = Vec::new();
    let mut wholes = BTreeSet::new();
    for effect in entries.iter().flat_map(effects_of) {
        match effect {
            Effect::Event(event) => {
                projects.insert(event.stored.project);
                let spare = event.spare.as_deref();
                let both = std::iter::once(&**event).chain(spare);
                ids.extend(both.map(id_of));
            }
            Effect::Item(item) => {
                let known = &item.known;
                projects.insert(known.project);
                let identity = known.identity;
                identities.extend(identity.map(|id| (known.project, known.kind.as_str(), id)));
                wholes.extend(item.parts_of());
            }
            Effect::Part(piece) => {
                projects.insert(piece.known.project);
                wholes.insert(piece.known.of);
            }
            Effect::Count { .. } | Effect::Ledger(_) => {}
        }
    }
    let projects: Vec<_> = projects.into_iter().collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let known = parts.store.known_events(&ids).await?;
    let mut seen = Seen {
        events: known,
        items: parts.store.known_items(&identities).await?,
        sums: HashMap::new(),
        rules,
    };
    for of in wholes {
        let sum = parts.store.parts_sum(of).await?;
        seen.sums.extend(sum.map(|sum| (of, sum)));
    }
    let mut plan = Plan {
        events: Vec::with_capacity(ids.len()),
        items: Vec::new(),
        pieces: Vec::new(),
        forgotten: Vec::new(),
        applied: Vec::with_capacity(ids.len()),
        organizations: parts.store.project_organizations(&projects).await?,
        tally: Tally::default(),
        books: Books::open(&parts.store, entries).await?,
        poison: Vec::new(),
        cursors: BTreeMap::new(),
        replayed: Vec::new(),
        n_duplicates: 0,
    };
    for entry in entries {
        match &entry.replay_of {
            Some(id) => plan.replayed.push(*id),
            None => {
                let place = entry.place;
                let lane = (entry.relay, place.epoch, place.lane);
                plan.cursors.insert(lane, place.seq);
            }
        }
        match &entry.what {
            What::Skip => {}
            What::Poison(poison) => plan.set_aside(now, entry, poison),
            What::Effects(effects) => {
                for effect in effects {
                    plan.take(now, entry, effect, &mut seen);
                }
            }
        }
        if entry.replay_of.is_none() {
            plan.books.close(entry);
        }
    }
    Ok(plan)
}

/// What is stored already, or will be by this transaction.
struct Seen<'r> {
    events: HashSet<(ProjectId, EventId)>,
    items: HashSet<(ProjectId, Identity)>,
    /// What the parts that are here come to.
    sums: HashMap<PartsOf, Sum>,
    /// Whose issues were discarded is dropped.
    rules: &'r RuleBook,
}

fn id_of(event: &Incoming) -> (ProjectId, EventId) {
    (event.stored.project, event.stored.event_id)
}

fn effects_of(entry: &Entry) -> &[Effect] {
    match &entry.what {
        What::Effects(effects) => effects.as_slice(),
        What::Poison(_) | What::Skip => &[],
    }
}

impl<'a> Plan<'a> {
    fn take(&mut self, now: Timestamp, entry: &Entry, effect: &'a Effect, seen: &mut Seen<'_>) {
        match effect {
            Effect::Event(event) => {
                let project = event.stored.project;
                let refused = if !self.organizations.contains_key(&project) {
                    Some((Term::Rejected, reason::PROJECT_ID))
                } else if seen
                    .rules
                    .is_discarded(project, [&event.previous, &event.hashes])
                {
                    Some((Term::Invalid, reason::DISCARDED))
                } else {
                    None
                };
                match refused {
                    None => self.take_event(now, entry, event, seen),
                    Some((term, reason)) => {
                        let n = event.count();
                        self.count(now, entry, project, event.category, term, reason, n);
                    }
                }
            }
            Effect::Item(item) => {
                let project = item.known.project;
                let identity = item.known.identity;
                let is_whole = item.parts_of().is_none_or(|of| {
                    // They came before it, or never will.
                    seen.sums.get(&of) == item.sum.as_ref()
                });
                let (term, reason) = if !self.organizations.contains_key(&project) {
                    (Term::Rejected, reason::PROJECT_ID)
                } else if !is_whole {
                    (Term::Invalid, reason::PARTS_MISSING)
                } else if identity.is_none_or(|id| seen.items.insert((project, id))) {
                    self.items.push(item);
                    (Term::Applied, reason::NONE)
                } else {
                    self.n_duplicates += 1;
                    (Term::Invalid, reason::DUPLICATE)
                };
                if term != Term::Applied {
                    self.forgotten.extend(item.parts_of());
                }
                self.count(now, entry, project, item.category, term, reason, 1);
            }
            Effect::Part(piece) => {
                let of = piece.known.of;
                let sum = seen.sums.get(&of).copied();
                // Behind a hole nothing is of use: what is missing does not come any more.
                if self.organizations.contains_key(&piece.known.project) && piece.follows(sum) {
                    seen.sums.insert(of, piece.sum_behind(sum));
                    self.pieces.push(piece);
                }
            }
            Effect::Count {
                project,
                category,
                term,
                reason,
            } => self.count(now, entry, *project, *category, *term, reason, 1),
            Effect::Ledger(delta) => {
                let hour = prepare::ledger_hour(delta, now);
                for (account, n) in &delta.counts {
                    let key = Key {
                        relay: entry.relay,
                        project: account.project,
                        category: account.category,
                        term: account.term,
                        reason: prepare::bounded(&account.reason),
                        hour,
                    };
                    let n = i64::try_from(*n).unwrap_or(i64::MAX);
                    if matches!(account.term, Term::Evicted | Term::Expired | Term::Corrupt) {
                        // Items that were kept and then lost never come here themselves.
                        self.tally.add_kept(&key, n);
                    }
                    self.tally.add(key, n);
                }
            }
        }
    }

    /// Takes an event that is not stored yet; where it is, what stands for those like it.
    fn take_event(
        &mut self,
        now: Timestamp,
        entry: &Entry,
        event: &'a Incoming,
        seen: &mut Seen<'_>,
    ) {
        let mut is_new = |event: &Incoming| seen.events.insert(id_of(event));
        let new = if is_new(event) {
            Some(event)
        } else {
            event.spare.as_deref().filter(|spare| is_new(spare))
        };
        let (project, category) = (event.stored.project, event.category);
        let n_new = new.map_or(0, Incoming::count);
        let n_known = event.count() - n_new;
        if let Some(new) = new {
            self.events.push(new);
            self.applied.push(Key {
                relay: entry.relay,
                project: Some(project),
                category,
                term: Term::Applied,
                reason: Reason::Borrowed(reason::NONE),
                hour: now.hour(),
            });
            let (term, reason) = (Term::Applied, reason::NONE);
            self.count(now, entry, project, category, term, reason, n_new);
        }
        if n_known > 0 {
            self.n_duplicates += 1;
            let (term, reason) = (Term::Invalid, reason::DUPLICATE);
            self.count(now, entry, project, category, term, reason, n_known);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the ledger's columns")]
    fn count(
        &mut self,
        now: Timestamp,
        entry: &Entry,
        project: ProjectId,
        category: Category,
        term: Term,
        reason: &'static str,
        quantity: i64,
    ) {
        let key = |term, reason| Key {
            relay: entry.relay,
            project: Some(project),
            category,
            term,
            reason: Reason::Borrowed(reason),
            hour: now.hour(),
        };
        self.tally.add(key(term, reason), quantity);
        self.books.add(entry, project, category, term, quantity);
        if entry.replay_of.is_some() {
            // It was counted as set aside when it came.
            self.tally
                .add(key(Term::Rejected, reason::POISON), -quantity);
            self.books.take_back(entry, project, category, quantity);
        } else {
            self.tally.add_kept(&key(term, reason), quantity);
        }
    }

    /// Says of these events, by their places, that they share an issue for want of one of their
    /// own.
    fn name_surplus(&mut self, places: &[usize]) {
        let both = self.applied.iter().zip(&self.events);
        let both: Vec<_> = both.collect();
        for (key, event) in places.iter().filter_map(|place| both.get(*place)) {
            let reason = Reason::Borrowed(reason::NEW_ISSUES);
            self.tally.add((*key).clone(), -event.count());
            let named = Key {
                reason,
                ..(*key).clone()
            };
            self.tally.add(named, event.count());
        }
    }

    fn set_aside(&mut self, now: Timestamp, entry: &Entry, poison: &effect::Poison) {
        for (project, category, n) in &poison.counts {
            let (term, reason) = (Term::Rejected, reason::POISON);
            self.count(now, entry, *project, *category, term, reason, *n);
        }
        self.poison.push(Poison {
            id: 0,
            relay: entry.relay,
            epoch: entry.place.epoch,
            lane: entry.place.lane,
            seq: entry.place.seq,
            project: poison.project,
            reason: poison.reason.clone(),
            record: poison.record.clone(),
            created_at: now,
            replayed_at: None,
        });
    }
}

async fn write_events(
    write: &mut Write,
    now: Timestamp,
    events: &[&Incoming],
    issues: &[i64],
    locations: &[Location],
) -> Result<Vec<EventRow>, StoreError> {
    let mut row = match events {
        [] => 0,
        _ => write.last_event_row().await?,
    };
    let mut rows = Vec::with_capacity(events.len());
    for ((event, issue), at) in events.iter().zip(issues).zip(locations) {
        row += 1;
        rows.push(EventRow {
            row,
            project: event.stored.project,
            event_id: event.stored.event_id,
            issue: *issue,
            timestamp: event.document.timestamp,
            received_at: event.stored.received_at,
            digested_at: now,
            pack: at.pack,
            offset: at.offset,
            item: at.item,
            weight: event.count(),
        });
    }
    write.add_events(&rows).await?;
    for (event, row) in events.iter().zip(&rows) {
        if let Some(about) = event.about {
            write.add_feedback(row, about).await?;
        }
    }
    Ok(rows)
}

/// Their bodies lie behind those of the events, and those of pieces behind them.
async fn write_items(
    write: &mut Write,
    now: Timestamp,
    plan: &Plan<'_>,
    locations: &[Location],
) -> Result<(), StoreError> {
    let mut places = locations.iter().skip(plan.events.len()).map(|at| Place {
        pack: at.pack,
        offset: at.offset,
        item: at.item,
    });
    let known = plan.items.iter().map(|item| &item.known);
    let items: Vec<_> = known.zip(places.by_ref()).collect();
    let rows = write.add_items(&items, now).await?;
    let known = plan.pieces.iter().map(|piece| &piece.known);
    let pieces: Vec<_> = known.zip(places).collect();
    write.add_parts(&pieces, now).await?;
    for (item, row) in plan.items.iter().zip(rows) {
        if let Some(of) = item.parts_of() {
            write.join_parts(of, row).await?;
        }
    }
    for of in &plan.forgotten {
        write.forget_parts(*of).await?;
    }
    Ok(())
}

fn documents(events: &[&Incoming], rows: &[EventRow]) -> Vec<Document> {
    let both = events.iter().zip(rows);
    both.map(|(event, row)| event.searchable(row.row, row.issue))
        .collect()
}
