//! The tags of what a search found, with how many of its events have each value.
//!
//! The dictionary of a project's values is walked once for each segment, and the events that have
//! a value are held against those that were marked. Of more values than [`VALUES_MAX`] of a tag
//! the further ones are counted together with the tag alone.

use std::collections::BTreeMap;

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;
use tantivy::columnar::Column;
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet as _, InvertedIndexReader, TERMINATED};

use super::look::{Documents, Marks, OfPart};
use super::part::Parts;
use super::schema::{SEPARATOR, tag_key, tags_prefix, value_prefix};
use super::suggest::written;
use super::{Facet, FacetValue, IndexError};

/// Values of one tag that are kept apart.
const VALUES_MAX: usize = 100_000;

/// Events, and when the first and the last of them happened.
#[derive(Clone, Copy, Debug)]
struct Seen {
    events: u64,
    first: i64,
    last: i64,
}

impl Seen {
    const NONE: Self = Self {
        events: 0,
        first: i64::MAX,
        last: i64::MIN,
    };

    fn at(&mut self, time: i64) {
        self.join(Self {
            events: 1,
            first: time,
            last: time,
        });
    }

    fn join(&mut self, other: Self) {
        self.events += other.events;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// What was seen of a tag.
#[derive(Debug, Default)]
struct OfTag {
    events: u64,
    values: BTreeMap<String, Seen>,
}

impl OfTag {
    fn add(&mut self, value: String, seen: Seen) {
        self.events += seen.events;
        self.keep(value, seen);
    }

    fn keep(&mut self, value: String, seen: Seen) {
        if self.values.len() < VALUES_MAX || self.values.contains_key(&value) {
            self.values.entry(value).or_insert(Seen::NONE).join(seen);
        }
    }
}

type ByTag = BTreeMap<String, OfTag>;

/// The tags of marked documents of these projects, or the one of this name, by their names.
pub(super) fn facets(
    parts: &Parts,
    documents: &Documents,
    projects: &[ProjectId],
    tag: Option<&str>,
) -> Result<Vec<Facet>, IndexError> {
    let of_parts: Vec<&OfPart> = documents.parts.iter().collect();
    let counted = parts
        .threads
        .each(of_parts, |part| count(parts, part, projects, tag))?;
    let mut all = ByTag::new();
    for (tag, of_tag) in counted.into_iter().flatten() {
        let sum = all.entry(tag).or_default();
        sum.events += of_tag.events;
        for (value, seen) in of_tag.values {
            sum.keep(value, seen);
        }
    }
    Ok(all.into_iter().map(facet).collect())
}

fn facet((tag, of_tag): (String, OfTag)) -> Facet {
    let values = of_tag.values.into_iter();
    let mut values: Vec<FacetValue> = values
        .map(|(text, seen)| FacetValue {
            text,
            events: seen.events,
            first_seen: Timestamp::from_millis(seen.first),
            last_seen: Timestamp::from_millis(seen.last),
        })
        .collect();
    // Stable: what is as frequent stays in the order of letters.
    values.sort_by_key(|value| std::cmp::Reverse(value.events));
    Facet {
        tag,
        events: of_tag.events,
        values,
    }
}

fn count(
    parts: &Parts,
    part: &OfPart,
    projects: &[ProjectId],
    tag: Option<&str>,
) -> Result<ByTag, IndexError> {
    let mut found = ByTag::new();
    for (segment, marks) in part.searcher.segment_readers().iter().zip(&part.segments) {
        let n_marked = marks.n_marked();
        if n_marked == 0 {
            continue;
        }
        let inverted = segment.inverted_index(parts.fields.fact)?;
        let marked = Marked {
            inverted: &inverted,
            marks,
            n_marked,
            timestamp: segment.fast_fields().i64("timestamp")?,
        };
        for project in projects {
            of_project(&marked, *project, tag, &mut found)?;
        }
    }
    Ok(found)
}

fn of_project(
    marked: &Marked<'_>,
    project: ProjectId,
    tag: Option<&str>,
    found: &mut ByTag,
) -> Result<(), IndexError> {
    let of_tags = tags_prefix(project);
    let begin = match tag {
        Some(tag) => value_prefix(project, &tag_key(tag)),
        None => of_tags.clone(),
    };
    let range = marked.inverted.terms().range().ge(begin.as_bytes());
    let mut terms = range.into_stream()?;
    while terms.advance() && terms.key().starts_with(begin.as_bytes()) {
        let seen = marked.seen(terms.value())?;
        if seen.events == 0 {
            continue;
        }
        let named = terms.key().get(of_tags.len()..).unwrap_or_default();
        let named = String::from_utf8_lossy(named);
        if let Some((tag, value)) = named.split_once(SEPARATOR) {
            let of_tag = match found.get_mut(tag) {
                Some(of_tag) => of_tag,
                None => found.entry(tag.to_owned()).or_default(),
            };
            of_tag.add(written(value), seen);
        }
    }
    Ok(())
}

/// A segment's marked documents.
struct Marked<'s> {
    inverted: &'s InvertedIndexReader,
    marks: &'s Marks,
    n_marked: usize,
    timestamp: Column<i64>,
}

impl Marked<'_> {
    /// What the marked documents say that have a term.
    fn seen(&self, term: &TermInfo) -> Result<Seen, IndexError> {
        let mut seen = Seen::NONE;
        let mut postings = self
            .inverted
            .read_postings_from_terminfo(term, IndexRecordOption::Basic)?;
        let mut take = |doc| seen.at(self.timestamp.first(doc).unwrap_or_default());
        // Few are looked for among many, many are read in turn.
        if self.n_marked < term.doc_freq as usize / 16 {
            for doc in self.marks.iter() {
                if postings.doc() < doc {
                    postings.seek(doc);
                }
                if postings.doc() == doc {
                    take(doc);
                }
            }
            return Ok(seen);
        }
        while postings.doc() != TERMINATED {
            if self.marks.has(postings.doc()) {
                take(postings.doc());
            }
            postings.advance();
        }
        Ok(seen)
    }
}
