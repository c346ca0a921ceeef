//! Counts of what a search found: events and people, by group and over time, in one visit of the
//! documents that were marked.

use std::fmt::Debug;

use tantivy::columnar::Column;
use tantivy::query::{EnableScoring, Weight};
use tantivy::{DocId, SegmentReader};

use super::columns::{BLOCK, Places, Read, in_blocks};
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

/// What is counted of documents.
struct Columns {
    /// When, where steps of time are counted.
    timestamp: Option<Read<i64>>,
    user: Option<Read<u64>>,
    /// Events that were told with the document's, where those are counted.
    others: Option<Read<u64>>,
    users_of_others: Option<Column<u64>>,
}

impl Columns {
    fn of(segment: &SegmentReader, wanted: &Wanted) -> Result<Self, IndexError> {
        let columns = segment.fast_fields();
        let column = |name, is_wanted: bool| match is_wanted {
            true => columns.column_opt(name),
            false => Ok(None),
        };
        let counts_people = wanted.people != People::NotCounted;
        let timestamp = (wanted.points.n > 0).then(|| columns.i64("timestamp"));
        Ok(Self {
            timestamp: timestamp.transpose()?.map(Read::of),
            user: column("user", counts_people)?.map(Read::of),
            others: column("others", wanted.with_others)?.map(Read::of),
            users_of_others: column("users_of_others", wanted.with_others && counts_people)?,
        })
    }

    fn read(&mut self, docs: &[DocId]) {
        if let Some(timestamp) = &mut self.timestamp {
            timestamp.read(docs);
        }
        for column in [&mut self.user, &mut self.others].into_iter().flatten() {
            column.read(docs);
        }
    }
}

/// Documents of a segment that are to be counted, until there are enough to read their columns.
struct Pending<'s> {
    sheet: &'s mut Sheet,
    columns: Columns,
    groups: Vec<usize>,
    docs: Vec<DocId>,
}

impl<'s> Pending<'s> {
    fn none(sheet: &'s mut Sheet, columns: Columns) -> Self {
        Self {
            sheet,
            columns,
            groups: Vec::with_capacity(BLOCK),
            docs: Vec::with_capacity(BLOCK),
        }
    }

    fn take(&mut self, group: usize, doc: DocId) {
        self.groups.push(group);
        self.docs.push(doc);
        if self.docs.len() == BLOCK {
            self.count();
        }
    }

    fn count(&mut self) {
        self.columns.read(&self.docs);
        for (place, (group, doc)) in self.groups.iter().zip(&self.docs).enumerate() {
            self.sheet.add(*group, (place, *doc), &self.columns);
        }
        self.groups.clear();
        self.docs.clear();
    }
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

    /// Counts a document by its place among those that were read last.
    fn add(&mut self, group: usize, (place, doc): (usize, DocId), columns: &Columns) {
        let others = columns.others.as_ref().and_then(|others| others.at(place));
        let n = others.unwrap_or(0).saturating_add(1);
        if let Some(events) = self.events.get_mut(group) {
            *events = events.saturating_add(n);
        }
        let at = columns.timestamp.as_ref().and_then(|at| at.at(place));
        let point = at.and_then(|at| self.points.place(at));
        let cell = point.map(|point| group * self.points.n + point);
        if let Some(cell) = cell.and_then(|cell| self.cells.get_mut(cell)) {
            *cell = cell.saturating_add(n);
        }
        let met_in = match self.people_of {
            People::NotCounted => None,
            People::OfGroups => Some(group),
            People::OfPoints => cell,
        };
        let Some(met_in) = met_in else { return };
        if let Some(user) = columns.user.as_ref().and_then(|user| user.at(place)) {
            self.people.add(met_in, user);
        }
        if let Some(users) = &columns.users_of_others {
            users
                .values_for_doc(doc)
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
    let places = match &wanted.groups {
        Groups::Issues(issues) => Places::of(issues),
        Groups::Projects(projects) => {
            let projects = projects.iter().map(|id| id.get().cast_signed());
            Places::of(&projects.collect::<Vec<i64>>())
        }
        Groups::All | Groups::Matching(_) => Places::of(&[]),
    };
    let place = |number| places.place(number).map(|place| place as usize);
    let rest = wanted.has_rest.then_some(wanted.groups.len());
    let segments = part.searcher.segment_readers().iter();
    for (segment, marks) in segments.zip(&part.segments) {
        let fast = segment.fast_fields();
        let mut pending = Pending::none(sheet, Columns::of(segment, wanted)?);
        let take = |group, doc| pending.take(group, doc);
        match &wanted.groups {
            Groups::All => marks.iter().for_each(|doc| pending.take(0, doc)),
            Groups::Issues(_) => by_column(fast.i64("issue")?, place, rest, marks, take),
            Groups::Projects(_) => {
                let place = |project: u64| place(project.cast_signed());
                by_column(fast.u64("project")?, place, rest, marks, take);
            }
            Groups::Matching(_) => by_match(&weights, segment, rest, marks, take)?,
        }
        pending.count();
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
fn by_column<T: Copy + Debug + PartialOrd + Send + Sync + 'static>(
    column: Column<T>,
    place: impl Fn(T) -> Option<usize>,
    rest: Option<usize>,
    marks: &Marks,
    mut take: impl FnMut(usize, DocId),
) {
    let mut column = Read::of(column);
    in_blocks(marks.iter(), |docs| {
        for (doc, value) in docs.iter().zip(column.read(docs)) {
            if let Some(group) = value.and_then(&place).or(rest) {
                take(group, *doc);
            }
        }
    });
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
