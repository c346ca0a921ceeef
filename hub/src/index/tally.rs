//! Counts of what a search found: events and people, by group and over time, in one visit of the
//! documents that were marked.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use tantivy::columnar::Column;
use tantivy::query::{EnableScoring, Weight};
use tantivy::{DocId, SegmentReader};

use super::compile::compile;
use super::look::{Documents, Marks, Matching, OfPart};
use super::part::Parts;
use super::people::{self, Met};
use super::{Count, Groups, IndexError, People, Points, Search, Tally, Wanted};

/// Counts in as many groups as are wanted, and behind them what is left, where that is wanted.
pub(super) fn tally(
    parts: &Parts,
    documents: &Documents,
    wanted: &Wanted,
) -> Result<Vec<Tally>, IndexError> {
    let of_parts = documents.parts.iter();
    let sheets = parts.threads.each(of_parts.collect(), |part: &OfPart| {
        let mut sheet = Sheet::new(wanted);
        count(parts, part, wanted, &mut sheet)?;
        sheet.people.tidy();
        Ok(sheet)
    })?;
    let mut all = Sheet::new(wanted);
    let mut people = Vec::with_capacity(sheets.len());
    for sheet in sheets {
        all.add_events(&sheet);
        people.push(sheet.people);
    }
    let people = people::count(&parts.threads, &people, all.n_places())?;
    Ok(all.tallies(&people))
}

/// A document as it is counted: the group's place, when, and who.
struct Columns {
    timestamp: Column<i64>,
    user: Option<Column<u64>>,
    /// Events that were told with the document's, where those are counted.
    others: Option<Column<u64>>,
    users_of_others: Option<Column<u64>>,
}

/// Counts of every group, and of every point of each.
struct Sheet {
    points: Points,
    people_of: People,
    events: Vec<u64>,
    /// By group, and within each by point.
    cells: Vec<u64>,
    people: Met,
}

impl Sheet {
    fn new(wanted: &Wanted) -> Self {
        let n_groups = wanted.groups.len() + usize::from(wanted.has_rest);
        let mut sheet = Self {
            points: wanted.points,
            people_of: wanted.people,
            events: vec![0; n_groups],
            cells: vec![0; n_groups * wanted.points.n],
            people: Met::nobody(0),
        };
        sheet.people = Met::nobody(sheet.n_places());
        sheet
    }

    fn add(&mut self, group: usize, doc: DocId, columns: &Columns) {
        let others = columns.others.as_ref().and_then(|others| others.first(doc));
        let n = others.unwrap_or(0).saturating_add(1);
        if let Some(events) = self.events.get_mut(group) {
            *events = events.saturating_add(n);
        }
        let at = columns.timestamp.first(doc).unwrap_or_default();
        let cell = self.points.place(at).map(|at| group * self.points.n + at);
        if let Some(cell) = cell.and_then(|cell| self.cells.get_mut(cell)) {
            *cell = cell.saturating_add(n);
        }
        let met_in = match self.people_of {
            People::NotCounted => None,
            People::OfGroups => Some(group),
            People::OfPoints => cell,
        };
        let Some(met_in) = met_in else { return };
        let users = [&columns.user, &columns.users_of_others];
        for user in users.into_iter().flatten() {
            user.values_for_doc(doc)
                .for_each(|user| self.people.add(met_in, user));
        }
    }

    fn add_events(&mut self, other: &Self) {
        let add = |all: &mut Vec<u64>, more: &Vec<u64>| {
            for (all, more) in all.iter_mut().zip(more) {
                *all = all.saturating_add(*more);
            }
        };
        add(&mut self.events, &other.events);
        add(&mut self.cells, &other.cells);
    }

    /// In how many places people are counted.
    fn n_places(&self) -> usize {
        match self.people_of {
            People::NotCounted => 0,
            People::OfGroups => self.events.len(),
            People::OfPoints => self.cells.len(),
        }
    }

    /// The counts, with those of people by their places.
    fn tallies(self, people: &[u64]) -> Vec<Tally> {
        let met_in = |wanted: People, place: usize| match self.people_of == wanted {
            true => people.get(place).copied().unwrap_or(0),
            false => 0,
        };
        let n = self.points.n;
        let groups = self.events.iter().enumerate();
        groups
            .map(|(group, events)| Tally {
                all: Count {
                    events: *events,
                    people: met_in(People::OfGroups, group),
                },
                points: (group * n..(group + 1) * n)
                    .map(|cell| Count {
                        events: self.cells.get(cell).copied().unwrap_or(0),
                        people: met_in(People::OfPoints, cell),
                    })
                    .collect(),
            })
            .collect()
    }
}

fn count(
    parts: &Parts,
    part: &OfPart,
    wanted: &Wanted,
    sheet: &mut Sheet,
) -> Result<(), IndexError> {
    let weights = weights(parts, part, &wanted.groups)?;
    let segments = part.searcher.segment_readers().iter();
    for (segment, marks) in segments.zip(&part.segments) {
        let fast = segment.fast_fields();
        let column = |name, is_wanted: bool| match is_wanted {
            true => fast.column_opt(name),
            false => Ok(None),
        };
        let counts_people = wanted.people != People::NotCounted;
        let columns = Columns {
            timestamp: fast.i64("timestamp")?,
            user: column("user", counts_people)?,
            others: column("others", wanted.with_others)?,
            users_of_others: column("users_of_others", wanted.with_others && counts_people)?,
        };
        let rest = wanted.has_rest.then_some(wanted.groups.len());
        match &wanted.groups {
            Groups::All => marks.iter().for_each(|doc| sheet.add(0, doc, &columns)),
            Groups::Issues(issues) => {
                let of = Column::first;
                by_column(
                    &fast.i64("issue")?,
                    of,
                    issues,
                    rest,
                    marks,
                    |group, doc| {
                        sheet.add(group, doc, &columns);
                    },
                );
            }
            Groups::Projects(projects) => {
                let projects: Vec<u64> = projects.iter().map(|id| id.get()).collect();
                let column = fast.u64("project")?;
                by_column(
                    &column,
                    Column::first,
                    &projects,
                    rest,
                    marks,
                    |group, doc| {
                        sheet.add(group, doc, &columns);
                    },
                );
            }
            Groups::Matching(_) => {
                by_match(&weights, segment, rest, marks, |group, doc| {
                    sheet.add(group, doc, &columns);
                })?;
            }
        }
    }
    Ok(())
}

/// The questions of groups that are told apart by what their events match, for one part.
fn weights(
    parts: &Parts,
    part: &OfPart,
    groups: &Groups,
) -> Result<Vec<Box<dyn Weight>>, IndexError> {
    let Groups::Matching(filters) = groups else {
        return Ok(Vec::new());
    };
    let scoring = || EnableScoring::disabled_from_searcher(&part.searcher);
    let weight = |filter: &crate::query::Expr| {
        let search = Search {
            filter: filter.clone(),
            ..Search::everything()
        };
        let query = compile(&search, parts, &part.searcher)?;
        Ok(query.weight(scoring())?)
    };
    filters.iter().map(weight).collect()
}

/// Each marked document with the place of its column's value among those wanted.
fn by_column<T: Copy + Eq + Hash>(
    column: &Column<T>,
    of: fn(&Column<T>, DocId) -> Option<T>,
    wanted: &[T],
    rest: Option<usize>,
    marks: &Marks,
    mut take: impl FnMut(usize, DocId),
) {
    let places = wanted
        .iter()
        .enumerate()
        .map(|(place, value)| (*value, place));
    // Of issues and projects, which the hub numbers itself.
    let places: FxHashMap<T, usize> = places.collect();
    for doc in marks.iter() {
        let place = of(column, doc).and_then(|value| places.get(&value).copied());
        if let Some(place) = place.or(rest) {
            take(place, doc);
        }
    }
}

/// Each marked document with the place of every group that it is in.
fn by_match(
    weights: &[Box<dyn Weight>],
    segment: &SegmentReader,
    rest: Option<usize>,
    marks: &Marks,
    mut take: impl FnMut(usize, DocId),
) -> Result<(), IndexError> {
    let mut taken = Marks::none(segment.max_doc());
    for (place, weight) in weights.iter().enumerate() {
        Matching::new(weight.as_ref(), segment).each(&mut |doc| {
            if marks.has(doc) {
                taken.set(doc);
                take(place, doc);
            }
        })?;
    }
    if let Some(rest) = rest {
        marks.without(&taken).iter().for_each(|doc| take(rest, doc));
    }
    Ok(())
}
