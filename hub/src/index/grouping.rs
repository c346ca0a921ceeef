//! Counts of what a search found, by the values that its events have.
//!
//! What is grouped by a column is read off it; of a key the dictionary of the projects' values is
//! walked once for each segment, and the documents that have a value are given its number. Of
//! several values of one key the first by its letters counts.

use std::collections::{HashMap, HashSet};

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;
use tantivy::columnar::Column;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet as _, SegmentReader, TERMINATED};

use super::look::{Documents, Marks, OfPart};
use super::part::Parts;
use super::schema::value_prefix;
use super::suggest::written;
use super::{Count, GroupBy, GroupHit, GroupValue, IndexError};

/// Most groups of one question.
const GROUPS_MAX: usize = 50_000;

/// What was seen of a group.
#[derive(Debug)]
struct Seen {
    events: u64,
    first: i64,
    last: i64,
    people: HashSet<u64>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            events: 0,
            first: i64::MAX,
            last: i64::MIN,
            people: HashSet::new(),
        }
    }
}

impl Seen {
    fn join(&mut self, other: Self) {
        self.events += other.events;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.people.extend(other.people);
    }
}

type Groups = HashMap<Vec<GroupValue>, Seen>;

/// The groups of marked documents of these projects, in no order.
pub(super) fn groups(
    parts: &Parts,
    documents: &Documents,
    projects: &[ProjectId],
    by: &[GroupBy],
) -> Result<Vec<GroupHit>, IndexError> {
    let of_parts: Vec<&OfPart> = documents.parts.iter().collect();
    let counted = parts
        .threads
        .each(of_parts, |part| count(parts, part, projects, by))?;
    let mut all = Groups::new();
    for (values, seen) in counted.into_iter().flatten() {
        all.entry(values).or_default().join(seen);
    }
    check(&all)?;
    let hit = |(values, seen): (Vec<GroupValue>, Seen)| GroupHit {
        values,
        count: Count {
            events: seen.events,
            people: seen.people.len() as u64,
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
        let timestamp: Column<i64> = segment.fast_fields().i64("timestamp")?;
        let user: Option<Column<u64>> = segment.fast_fields().u64("user").ok();
        let mut of_segment: HashMap<Vec<i64>, Seen> = HashMap::new();
        for doc in marks.iter() {
            let cells: Vec<i64> = sides.iter().map(|side| side.cell(doc)).collect();
            let seen = of_segment.entry(cells).or_default();
            let at = timestamp.first(doc).unwrap_or_default();
            seen.events += 1;
            seen.first = seen.first.min(at);
            seen.last = seen.last.max(at);
            let user = user.as_ref().and_then(|column| column.first(doc));
            seen.people.extend(user);
        }
        for (cells, seen) in of_segment {
            let cells = cells.iter().zip(&sides);
            let values = cells.map(|(cell, side)| side.value(*cell)).collect();
            all.entry(values).or_default().join(seen);
        }
        check(&all)?;
    }
    Ok(all)
}

/// What one thing that is grouped by says of a segment's documents.
enum Side {
    Issue(Column<i64>),
    Project(Column<u64>),
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
            GroupBy::Issue => Self::Issue(columns.i64("issue")?),
            GroupBy::Project => Self::Project(columns.u64("project")?),
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

    fn cell(&self, doc: DocId) -> i64 {
        match self {
            Self::Issue(column) => column.first(doc).unwrap_or_default(),
            Self::Project(column) => column
                .first(doc)
                .and_then(|id| i64::try_from(id).ok())
                .unwrap_or_default(),
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
