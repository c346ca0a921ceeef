//! Words in their order, of which the last is only begun.
//!
//! A beginning may stand for as many words as there are events, and none of them is kept: where the
//! words before it stand is read first, so many places at a time, and each word of the dictionary
//! that begins so is then held against those by itself. Its positions are read only in documents
//! that have the words before it and were not found yet.

use tantivy::postings::{Postings as _, SegmentPostings, TermInfo};
use tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{
    BitSet, DocId, DocSet as _, InvertedIndexReader, Score, SegmentReader, TERMINATED, Term,
};

use super::terms::{self, Documents};

/// Places that are held at a time, and those of one more document. The dictionary is walked once
/// for so many.
const PLACES_MAX: usize = 1024 * 1024;
/// What the engine is to read of words.
const POSITIONS: IndexRecordOption = IndexRecordOption::WithFreqsAndPositions;

/// The words.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    field: Field,
    before: Vec<Term>,
    begin: String,
    places_max: usize,
}

impl Begun {
    pub(super) fn new(field: Field, before: &[String], begin: &str) -> Self {
        let before = before.iter();
        Self {
            field,
            before: before
                .map(|word| Term::from_field_text(field, word))
                .collect(),
            begin: begin.to_owned(),
            places_max: PLACES_MAX,
        }
    }

    /// Adds the documents of a segment that have them.
    fn find(
        &self,
        inverted: &InvertedIndexReader,
        room: &mut Room,
        found: &mut BitSet,
    ) -> tantivy::Result<()> {
        let begin = self.begin.as_bytes();
        if self.before.is_empty() {
            return terms::each(inverted, begin, |_, term| {
                let documents = &mut room.documents;
                documents.each(inverted, term, |doc| {
                    found.insert(doc);
                })?;
                Ok(true)
            });
        }
        let Some(mut before) = Before::open(inverted, &self.before)? else {
            return Ok(());
        };
        while room.read(&mut before, self.places_max) {
            terms::each(inverted, begin, |_, term| {
                room.hold_against(inverted, term, found)?;
                Ok(room.waiting.len() > 0)
            })?;
        }
        Ok(())
    }
}

impl Query for Begun {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Begun {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let inverted = segment.inverted_index(self.field)?;
        let mut found = BitSet::with_max_value(segment.max_doc());
        self.find(&inverted, &mut Room::of(segment), &mut found)?;
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(found), boost)))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let is_found = self.scorer(segment, 1.0)?.seek(doc) == doc;
        Ok(Explanation::new("begun", if is_found { 1.0 } else { 0.0 }))
    }
}

/// The words before the last.
struct Before {
    /// The rarest first, each with how far behind it the last word would stand.
    words: Vec<(SegmentPostings, u32)>,
    /// Those in front of this document were read.
    doc: DocId,
    others: Vec<u32>,
}

impl Before {
    /// `None` where no document of the segment has all of them.
    fn open(inverted: &InvertedIndexReader, terms: &[Term]) -> tantivy::Result<Option<Self>> {
        let mut words = Vec::with_capacity(terms.len());
        for (behind, term) in (1..).zip(terms.iter().rev()) {
            let Some(word) = inverted.read_postings(term, POSITIONS)? else {
                return Ok(None);
            };
            words.push((word, behind));
        }
        words.sort_by_key(|(word, _)| word.doc_freq());
        Ok(Some(Self {
            words,
            doc: 0,
            others: Vec::new(),
        }))
    }

    /// The next document that has all of them.
    fn next(&mut self) -> Option<DocId> {
        let mut doc = self.doc;
        loop {
            let from = doc;
            for (word, _) in &mut self.words {
                if word.doc() < doc {
                    word.seek(doc);
                }
                doc = word.doc();
            }
            if doc == TERMINATED {
                return None;
            }
            if doc == from {
                self.doc = doc + 1;
                return Some(doc);
            }
        }
    }

    /// Where the last word would stand in that document.
    fn places(&mut self, places: &mut Vec<u32>) {
        let mut words = self.words.iter_mut();
        if let Some((word, behind)) = words.next() {
            word.positions_with_offset(*behind, places);
        }
        for (word, behind) in words {
            word.positions_with_offset(*behind, &mut self.others);
            places.retain(|place| self.others.binary_search(place).is_ok());
        }
    }
}

/// All that is held of a segment while its words are walked through.
struct Room {
    /// Documents that have the words before, in order, and where the places of each end.
    read: Vec<(DocId, usize)>,
    /// Where the last word would stand in them.
    places: Vec<u32>,
    /// Those of the documents that were not found yet.
    waiting: BitSet,
    documents: Documents,
    /// Documents of the word in hand that wait.
    met: Vec<DocId>,
    /// Positions in the document in hand.
    positions: Vec<u32>,
}

impl Room {
    fn of(segment: &SegmentReader) -> Self {
        Self {
            read: Vec::new(),
            places: Vec::new(),
            waiting: BitSet::with_max_value(segment.max_doc()),
            documents: Documents::default(),
            met: Vec::new(),
            positions: Vec::new(),
        }
    }

    /// Reads the next places, and says whether there are any.
    fn read(&mut self, before: &mut Before, places_max: usize) -> bool {
        self.read.clear();
        self.places.clear();
        self.waiting.clear();
        while self.places.len() < places_max
            && let Some(doc) = before.next()
        {
            before.places(&mut self.positions);
            if !self.positions.is_empty() {
                self.places.append(&mut self.positions);
                self.read.push((doc, self.places.len()));
                self.waiting.insert(doc);
            }
        }
        !self.read.is_empty()
    }

    /// Adds the documents in which a word stands in one of the places.
    fn hold_against(
        &mut self,
        inverted: &InvertedIndexReader,
        term: &TermInfo,
        found: &mut BitSet,
    ) -> tantivy::Result<()> {
        self.met.clear();
        self.documents.each(inverted, term, |doc| {
            if self.waiting.contains(doc) {
                self.met.push(doc);
            }
        })?;
        if self.met.is_empty() {
            return Ok(());
        }
        let mut word = inverted.read_postings_from_terminfo(term, POSITIONS)?;
        for doc in &self.met {
            if word.doc() < *doc {
                word.seek(*doc);
            }
            word.positions(&mut self.positions);
            let places = places_of(&self.read, &self.places, *doc);
            let stands = |at: &u32| places.binary_search(at).is_ok();
            if self.positions.iter().any(stands) {
                self.waiting.remove(*doc);
                found.insert(*doc);
            }
        }
        Ok(())
    }
}

/// The places of one of the documents that were read.
fn places_of<'p>(read: &[(DocId, usize)], places: &'p [u32], doc: DocId) -> &'p [u32] {
    let Ok(at) = read.binary_search_by_key(&doc, |(doc, _)| *doc) else {
        return &[];
    };
    let end_of = |at: usize| read.get(at).map_or(0, |(_, end)| *end);
    let begin = at.checked_sub(1).map_or(0, end_of);
    places.get(begin..end_of(at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tantivy::{TantivyDocument, doc};

    use super::*;
    use crate::index::compile::tokens;
    use crate::index::schema::{Fields, schema, tokenizers};

    /// Documents of these texts, in segments of so many.
    fn searcher(texts: &[String], of_segment: usize) -> (tantivy::Searcher, Fields) {
        let (schema, fields) = schema();
        let directory = tantivy::directory::RamDirectory::create();
        let index = tantivy::Index::builder()
            .schema(schema)
            .tokenizers(tokenizers())
            .open_or_create(directory)
            .unwrap();
        let mut writer: tantivy::IndexWriter<TantivyDocument> =
            index.writer_with_num_threads(1, 64_000_000).unwrap();
        writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
        let rows: Vec<(i64, &String)> = (0..).zip(texts).collect();
        for rows in rows.chunks(of_segment) {
            for (row, text) in rows {
                let document = doc!(fields.row => *row, fields.text => text.as_str());
                writer.add_document(document).unwrap();
            }
            writer.commit().unwrap();
        }
        (index.reader().unwrap().searcher(), fields)
    }

    /// Which texts have the words, by their places; and how many bytes were held for a segment.
    fn found(
        texts: &[String],
        of_segment: usize,
        begun: &str,
        places_max: usize,
    ) -> (Vec<i64>, usize) {
        let (searcher, fields) = searcher(texts, of_segment);
        let words = tokens(begun);
        let (last, before) = words.split_last().unwrap();
        let begun = Begun {
            places_max,
            ..Begun::new(fields.text, before, last)
        };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for segment in searcher.segment_readers() {
            let mut found = BitSet::with_max_value(segment.max_doc());
            let mut room = Room::of(segment);
            let inverted = segment.inverted_index(fields.text).unwrap();
            begun.find(&inverted, &mut room, &mut found).unwrap();
            let row = segment.fast_fields().i64("row").unwrap();
            let docs = (0..segment.max_doc()).filter(|doc| found.contains(*doc));
            rows.extend(docs.map(|doc| row.first(doc).unwrap()));
            bytes = bytes.max(room.bytes());
        }
        rows.sort_unstable();
        (rows, bytes)
    }

    impl Room {
        fn bytes(&self) -> usize {
            size_of::<Self>()
                + self.read.capacity() * size_of::<(DocId, usize)>()
                + (self.places.capacity() + self.met.capacity() + self.positions.capacity()) * 4
                + self.waiting.max_value().div_ceil(8) as usize
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn finds_what_looking_at_every_text_finds(
            texts in prop::collection::vec("(a|ab|abc|b|ba|c)( (a|ab|abc|b|ba|c)){0,9}", 1..40),
            begun in "(a|ab|b|c)( (a|ab|b|c)){0,3}",
            of_segment in 5..40_usize,
            places_max in 1..9_usize,
        ) {
            let words = tokens(&begun);
            let (last, before) = words.split_last().unwrap();
            let has = |text: &String| tokens(text).windows(words.len()).any(|words| {
                words.starts_with(before) && words.last().is_some_and(|word| word.starts_with(last))
            });
            let places = (0..).zip(&texts).filter(|(_, text)| has(text));
            let expected: Vec<i64> = places.map(|(place, _)| place).collect();
            prop_assert_eq!(found(&texts, of_segment, &begun, places_max).0, expected);
        }
    }

    #[test]
    fn what_is_held_does_not_grow_with_the_words_that_begin_so() {
        let texts = |n_words: usize| -> Vec<String> {
            (0..20_000)
                .map(|n| format!("charge order{:05}", n % n_words))
                .collect()
        };
        let check = |n_words: usize, places_max: usize| {
            let texts = texts(n_words);
            let (rows, bytes) = found(&texts, texts.len(), "charge ord", places_max);
            assert_eq!(rows.len(), texts.len());
            bytes
        };
        let of_few = check(10, PLACES_MAX);
        assert!(check(20_000, PLACES_MAX) <= of_few);
        assert!(check(20_000, 1000) < of_few / 10);
    }
}
