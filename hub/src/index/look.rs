//! Looking for what a search means: the documents are visited once, counted by issue, and marked,
//! so that more can be asked of them without looking for them again.

use protocol::timestamp::Timestamp;
use rustc_hash::FxHashMap;
use tantivy::columnar::Column;
use tantivy::query::EnableScoring;
use tantivy::{DocId, Searcher, SegmentReader};

use super::columns::{BLOCK, Places, Read, in_blocks};
use super::compile::compile;
use super::part::{Part, Parts};
use super::{IndexError, IssueHit, Search};

/// Documents of one segment, a bit each: what a search found costs at most so much memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    /// None of so many documents.
    pub(super) fn none(n_documents: u32) -> Self {
        Self(vec![0; n_documents.div_ceil(u64::BITS) as usize])
    }

    /// The word that a document's bit is in, and the bit.
    const fn place(doc: DocId) -> (usize, u64) {
        ((doc / u64::BITS) as usize, 1 << (doc % u64::BITS))
    }

    /// Marks a document.
    pub(super) fn set(&mut self, doc: DocId) {
        let (word, bit) = Self::place(doc);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether a document is marked.
    pub(super) fn has(&self, doc: DocId) -> bool {
        let (word, bit) = Self::place(doc);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Those that are marked here and not there.
    pub(super) fn without(&self, others: &Self) -> Self {
        let words = self.0.iter().zip(&others.0);
        Self(words.map(|(word, other)| word & !other).collect())
    }

    /// How many are marked.
    pub(super) fn n_marked(&self) -> usize {
        let ones = self.0.iter().map(|word| word.count_ones() as usize);
        ones.sum()
    }

    /// The marked ones, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = DocId> {
        let words = (0..).step_by(u64::BITS as usize).zip(&self.0);
        words.flat_map(|(first, word): (DocId, &u64)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    first + bit
                })
            })
        })
    }
}

/// The documents that a search found.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) parts: Vec<OfPart>,
}

/// Those of one part.
pub(super) struct OfPart {
    /// The part as it was looked at: it holds the files, whatever the writer does meanwhile.
    pub(super) searcher: Searcher,
    /// By the place of each segment.
    pub(super) segments: Vec<Marks>,
}

impl std::fmt::Debug for OfPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfPart").finish_non_exhaustive()
    }
}

/// An issue of which nothing was found yet.
const fn nothing_of(issue: i64) -> IssueHit {
    IssueHit {
        issue,
        events: 0,
        others: 0,
        first_seen: Timestamp::from_millis(i64::MAX),
        last_seen: Timestamp::from_millis(i64::MIN),
    }
}

/// Adds what was found of an issue elsewhere.
fn join(hit: &mut IssueHit, other: &IssueHit) {
    hit.events += other.events;
    hit.others = hit.others.saturating_add(other.others);
    hit.first_seen = hit.first_seen.min(other.first_seen);
    hit.last_seen = hit.last_seen.max(other.last_seen);
}

/// Figures over the documents of each issue. The hub numbers issues itself: nobody chooses numbers
/// that a plain hash takes for each other.
type ByIssue = FxHashMap<i64, IssueHit>;

/// Adds what was found elsewhere.
fn join_all(all: &mut ByIssue, others: impl IntoIterator<Item = IssueHit>) {
    for hit in others {
        join(all.entry(hit.issue).or_insert(nothing_of(hit.issue)), &hit);
    }
}

/// Looks for the documents of a search.
pub(super) fn look(
    parts: &Parts,
    search: &Search,
) -> Result<(Vec<IssueHit>, Documents), IndexError> {
    let touched = parts.touched(search);
    let looked = parts
        .threads
        .each(touched, |part| look_in(parts, &part, search))?;
    let mut all = ByIssue::default();
    let mut found = Vec::with_capacity(looked.len());
    for (by_issue, of_part) in looked {
        join_all(&mut all, by_issue.into_values());
        found.push(of_part);
    }
    Ok((all.into_values().collect(), Documents { parts: found }))
}

/// Figures over the documents of a segment; none of its documents is hashed where issues lie near
/// each other.
struct OfSegment {
    places: Places,
    hits: Vec<IssueHit>,
}

impl OfSegment {
    /// Nothing yet, of issues whose numbers the column holds.
    fn nothing(issue: &Column<i64>, n_documents: u32) -> Self {
        let near = 1024 + n_documents as usize * 2;
        Self {
            places: Places::none(issue.min_value(), issue.max_value(), near),
            hits: Vec::new(),
        }
    }

    fn join(&mut self, other: &IssueHit) {
        let next = u32::try_from(self.hits.len()).unwrap_or(u32::MAX);
        let place = self.places.or_place(other.issue, next);
        if place == next {
            self.hits.push(nothing_of(other.issue));
        }
        if let Some(hit) = self.hits.get_mut(place as usize) {
            join(hit, other);
        }
    }
}

fn look_in(parts: &Parts, part: &Part, search: &Search) -> Result<(ByIssue, OfPart), IndexError> {
    let mut by_issue = ByIssue::default();
    let mut segments = Vec::new();
    let searcher = visit(parts, part, search, |segment, docs| {
        let columns = segment.fast_fields();
        let issue = columns.i64("issue")?;
        let mut of_segment = OfSegment::nothing(&issue, segment.max_doc());
        let mut issue = Read::of(issue);
        let mut timestamp = Read::of(columns.i64("timestamp")?);
        let mut others = columns.column_opt::<u64>("others")?.map(Read::of);
        let mut marks = Marks::none(segment.max_doc());
        docs.each_block(&mut |docs| {
            issue.read(docs);
            timestamp.read(docs);
            if let Some(others) = &mut others {
                others.read(docs);
            }
            for (place, doc) in docs.iter().enumerate() {
                marks.set(*doc);
                let others = others.as_ref().and_then(|others| others.at(place));
                let at = Timestamp::from_millis(timestamp.at(place).unwrap_or_default());
                of_segment.join(&IssueHit {
                    issue: issue.at(place).unwrap_or_default(),
                    events: 1,
                    others: others.unwrap_or(0),
                    first_seen: at,
                    last_seen: at,
                });
            }
        })?;
        join_all(&mut by_issue, of_segment.hits);
        segments.push(marks);
        Ok(())
    })?;
    Ok((by_issue, OfPart { searcher, segments }))
}

/// The documents of a segment that match.
pub(super) struct Matching<'s> {
    weight: &'s dyn tantivy::query::Weight,
    segment: &'s SegmentReader,
}

impl<'s> Matching<'s> {
    /// Those of a question that was made for the segment's part.
    pub(super) const fn new(
        weight: &'s dyn tantivy::query::Weight,
        segment: &'s SegmentReader,
    ) -> Self {
        Self { weight, segment }
    }

    /// Visits each in order; those that were deleted are none.
    pub(super) fn each(&self, take: &mut dyn FnMut(DocId)) -> Result<(), IndexError> {
        self.each_block(&mut |docs| docs.iter().copied().for_each(&mut *take))
    }

    /// The same, up to [`BLOCK`] at a time.
    pub(super) fn each_block(&self, take: &mut dyn FnMut(&[DocId])) -> Result<(), IndexError> {
        let alive = self.segment.alive_bitset();
        self.weight
            .for_each_no_score(self.segment, &mut |docs| match alive {
                None => docs.chunks(BLOCK).for_each(&mut *take),
                Some(alive) => {
                    let docs = docs.iter().copied();
                    in_blocks(docs.filter(|doc| alive.is_alive(*doc)), &mut *take);
                }
            })?;
        Ok(())
    }
}

/// Looks at every segment of a part with the documents of it that match.
pub(super) fn visit(
    parts: &Parts,
    part: &Part,
    search: &Search,
    mut look: impl FnMut(&SegmentReader, Matching<'_>) -> Result<(), IndexError>,
) -> Result<Searcher, IndexError> {
    let searcher = part.searcher();
    let query = compile(&part.of_its_time(search), parts, &searcher)?;
    let weight = query.weight(EnableScoring::disabled_from_searcher(&searcher))?;
    for segment in searcher.segment_readers() {
        look(segment, Matching::new(weight.as_ref(), segment))?;
    }
    Ok(searcher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_in_order() {
        let mut marks = Marks::none(130);
        let docs = [0, 63, 64, 100, 129];
        for doc in docs {
            marks.set(doc);
        }
        assert_eq!(marks.iter().collect::<Vec<_>>(), docs);
        assert!(marks.has(100) && !marks.has(101) && !marks.has(5000));
        let mut others = Marks::none(130);
        others.set(64);
        others.set(65);
        let left = marks.without(&others);
        assert_eq!(left.iter().collect::<Vec<_>>(), [0, 63, 100, 129]);
        assert_eq!(Marks::none(0).iter().count(), 0);
    }
}
