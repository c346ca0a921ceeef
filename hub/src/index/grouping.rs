//! Counts of what a search found, by the values that its events have.
//!
//! What is grouped by a column is read off it; of a key the dictionary of the projects' values is
//! walked once for each segment, and the documents that have a value are given its number. Of
//! several values of one key the first by its letters counts.

use std::collections::HashMap;

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;
use rustc_hash::FxHashMap;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet as _, SegmentReader, TERMINATED};

use super::columns::{Read, in_blocks};
use super::look::{Documents, Marks, OfPart};
use super::part::Parts;
use super::schema::value_prefix;
use super::suggest::written;
use super::{Count, GroupBy, GroupHit, GroupValue, IndexError, People};

/// Most groups of one question.
const GROUPS_MAX: usize = 50_000;

/// So many may be added to a crowd before those that are the same are looked for.
const TIDY_AFTER: usize = 64;

/// Different people. Nothing is hashed: the numbers come from what applications send.
#[derive(Debug, Default)]
struct Crowd {
    people: Vec<u64>,
    /// So many of them were put in order.
    n_tidy: usize,
}

impl Crowd {
    fn add(&mut self, others: impl IntoIterator<Item = u64>) {
        self.people.extend(others);
        if self.people.len() > self.n_tidy * 2 + TIDY_AFTER {
            self.tidy();
        }
    }

    fn tidy(&mut self) {
        self.people.sort_unstable();
        self.people.dedup();
        self.n_tidy = self.people.len();
    }

    fn count(mut self) -> u64 {
        self.tidy();
        self.people.len() as u64
    }
}

/// What was seen of a group.
#[derive(Debug)]
struct Seen {
    events: u64,
    first: i64,
    last: i64,
    people: Crowd,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            events: 0,
            first: i64::MAX,
            last: i64::MIN,
            people: Crowd::default(),
        }
    }
}

impl Seen {
    fn join(&mut self, other: Self) {
        self.events += other.events;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.people.add(other.people.people);
    }
}

type Groups = HashMap<Vec<GroupValue>, Seen>;
/// The same within a segment, by numbers that are given here and by the hub: nobody chooses such
/// as a plain hash takes for each other.
type OfSegment = FxHashMap<Vec<i64>, Seen>;

/// The groups of marked documents of these projects, in no order.
pub(super) fn groups(
    parts: &Parts,
    documents: &Documents,
    projects: &[ProjectId],
    by: &[GroupBy],
    people: People,
) -> Result<Vec<GroupHit>, IndexError> {
    let of_parts: Vec<&OfPart> = documents.parts.iter().collect();
    let counted = parts
        .threads
        .each(of_parts, |part| count(parts, part, projects, by, people))?;
    let mut all = Groups::new();
    for (values, seen) in counted.into_iter().flatten() {
        all.entry(values).or_default().join(seen);
    }
    check(&all)?;
    let hit = |(values, seen): (Vec<GroupValue>, Seen)| GroupHit {
        values,
        count: Count {
            events: seen.events,
            people: seen.people.count(),
        },
        first_seen: Timestamp::from_millis(seen.first),
        last_seen: Timestamp::from_millis(seen.last),
    };
    Ok(all.into_iter().map(hit).collect())
}

fn check(groups: &Groups) -> Result<(), IndexError> {
    if groups.len() > GROUPS_MAX {
        return Err(IndexError::TooManyGroups(GROUPS_MAX));
    }
    Ok(())
}

fn count(
    parts: &Parts,
    part: &OfPart,
    projects: &[ProjectId],
    by: &[GroupBy],
    people: People,
) -> Result<Groups, IndexError> {
    let mut all = Groups::new();
    for (segment, marks) in part.searcher.segment_readers().iter().zip(&part.segments) {
        if marks.n_marked() == 0 {
            continue;
        }
        let mut sides = Vec::with_capacity(by.len());
        for by in by {
            sides.push(Side::read(parts, segment, marks, projects, by)?);
        }
        for (cells, seen) in count_in(segment, marks, &mut sides, people)? {
            let cells = cells.iter().zip(&sides);
            let values = cells.map(|(cell, side)| side.value(*cell)).collect();
            all.entry(values).or_default().join(seen);
        }
        check(&all)?;
    }
    Ok(all)
}

fn count_in(
    segment: &SegmentReader,
    marks: &Marks,
    sides: &mut [Side],
    people: People,
) -> Result<OfSegment, IndexError> {
    let columns = segment.fast_fields();
    let mut timestamp = Read::of(columns.i64("timestamp")?);
    let mut user = match people {
        People::NotCounted => None,
        People::OfGroups | People::OfPoints => columns.column_opt("user")?.map(Read::<u64>::of),
    };
    let mut found = OfSegment::default();
    let mut cells = Vec::with_capacity(sides.len());
    in_blocks(marks.iter(), |docs| {
        timestamp.read(docs);
        if let Some(user) = &mut user {
            user.read(docs);
        }
        sides.iter_mut().for_each(|side| side.look_at(docs));
        for (place, doc) in docs.iter().enumerate() {
            cells.clear();
            cells.extend(sides.iter().map(|side| side.cell(place, *doc)));
            let seen = match found.get_mut(cells.as_slice()) {
                Some(seen) => seen,
                None => found.entry(cells.clone()).or_default(),
            };
            let at = timestamp.at(place).unwrap_or_default();
            seen.events += 1;
            seen.first = seen.first.min(at);
            seen.last = seen.last.max(at);
            let user = user.as_ref().and_then(|user| user.at(place));
            seen.people.add(user);
        }
    });
    Ok(found)
}

/// What one thing that is grouped by says of a segment's documents.
enum Side {
    Issue(Read<i64>),
    Project(Read<u64>),
    Values {
        names: Vec<String>,
        /// By document, the value's place counted from 1; 0 is none.
        places: Vec<u32>,
    },
}

impl Side {
    fn read(
        parts: &Parts,
        segment: &SegmentReader,
        marks: &Marks,
        projects: &[ProjectId],
        by: &GroupBy,
    ) -> Result<Self, IndexError> {
        let columns = segment.fast_fields();
        Ok(match by {
            GroupBy::Issue => Self::Issue(Read::of(columns.i64("issue")?)),
            GroupBy::Project => Self::Project(Read::of(columns.u64("project")?)),
            GroupBy::Key(key) => {
                let mut names = Vec::new();
                let mut places = vec![0; segment.max_doc() as usize];
                let inverted = segment.inverted_index(parts.fields.fact)?;
                for project in projects {
                    let begin = value_prefix(*project, &super::key_name(key));
                    let range = inverted.terms().range().ge(begin.as_bytes());
                    let mut terms = range.into_stream()?;
                    while terms.advance() && terms.key().starts_with(begin.as_bytes()) {
                        let value = terms.key().get(begin.len()..).unwrap_or_default();
                        names.push(written(&String::from_utf8_lossy(value)));
                        let place = u32::try_from(names.len()).unwrap_or(u32::MAX);
                        let mut postings = inverted
                            .read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
                        while postings.doc() != TERMINATED {
                            let doc = postings.doc();
                            if marks.has(doc)
                                && let Some(own) = places.get_mut(doc as usize)
                                && *own == 0
                            {
                                *own = place;
                            }
                            postings.advance();
                        }
                    }
                }
                Self::Values { names, places }
            }
        })
    }

    /// Reads what columns say of documents.
    fn look_at(&mut self, docs: &[DocId]) {
        match self {
            Self::Issue(column) => {
                column.read(docs);
            }
            Self::Project(column) => {
                column.read(docs);
            }
            Self::Values { .. } => {}
        }
    }

    /// What it says of a document, which has this place among those that were looked at.
    fn cell(&self, place: usize, doc: DocId) -> i64 {
        match self {
            Self::Issue(column) => column.at(place).unwrap_or_default(),
            Self::Project(column) => column.at(place).unwrap_or_default().cast_signed(),
            Self::Values { places, .. } => {
                places.get(doc as usize).copied().unwrap_or_default().into()
            }
        }
    }

    fn value(&self, cell: i64) -> GroupValue {
        match self {
            Self::Issue(_) => GroupValue::Issue(cell),
            Self::Project(_) => GroupValue::Project(cell),
            Self::Values { names, .. } => {
                let place = usize::try_from(cell)
                    .ok()
                    .and_then(|cell| cell.checked_sub(1));
                let name = place.and_then(|place| names.get(place));
                name.map_or(GroupValue::None, |name| GroupValue::Text(name.clone()))
            }
        }
    }
}
