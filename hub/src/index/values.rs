//! Events by a condition over the values of a key.
//!
//! Every value is looked at as it stands in the dictionary of terms, and none is kept: a key may
//! have as many as there are events.

use std::fmt;
use std::sync::Arc;

use tantivy::postings::TermInfo;
use tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::schema::Field;
use tantivy::{BitSet, DocId, DocSet as _, InvertedIndexReader, Score, SegmentReader};

use super::terms::{self, Documents};

/// The values of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Values {
    field: Field,
    /// What the terms of all of them begin with, and those of no other key.
    prefix: String,
}

impl Values {
    pub(super) const fn of(field: Field, prefix: String) -> Self {
        Self { field, prefix }
    }

    /// Events that have one of which `keeps` says yes.
    pub(super) fn that(
        self,
        keeps: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Box<dyn Query> {
        Box::new(Kept {
            values: self,
            keeps: Arc::new(keeps),
        })
    }

    /// Where those of a segment stand.
    pub(super) fn inverted(
        &self,
        segment: &SegmentReader,
    ) -> tantivy::Result<Arc<InvertedIndexReader>> {
        segment.inverted_index(self.field)
    }

    /// Visits those of a segment, with where their events stand, as long as `visit` says yes.
    pub(super) fn each(
        &self,
        segment: &SegmentReader,
        mut visit: impl FnMut(&str, &TermInfo) -> tantivy::Result<bool>,
    ) -> tantivy::Result<()> {
        terms::each(
            &*self.inverted(segment)?,
            self.prefix.as_bytes(),
            |value, term| visit(&String::from_utf8_lossy(value), term),
        )
    }

    /// Adds the documents of a segment that have one of which `keeps` says yes.
    pub(super) fn add_those(
        &self,
        segment: &SegmentReader,
        found: &mut BitSet,
        keeps: impl Fn(&str) -> bool,
    ) -> tantivy::Result<()> {
        let inverted = self.inverted(segment)?;
        let mut documents = Documents::default();
        self.each(segment, |value, term| {
            if keeps(value) {
                documents.each(&inverted, term, |doc| {
                    found.insert(doc);
                })?;
            }
            Ok(true)
        })
    }
}

type Keeps = dyn Fn(&str) -> bool + Send + Sync;

#[derive(Clone)]
struct Kept {
    values: Values,
    keeps: Arc<Keeps>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.values).finish()
    }
}

impl Query for Kept {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Kept {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut found = BitSet::with_max_value(segment.max_doc());
        self.values.add_those(segment, &mut found, &*self.keeps)?;
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(found), boost)))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let is_found = self.scorer(segment, 1.0)?.seek(doc) == doc;
        Ok(Explanation::new("kept", if is_found { 1.0 } else { 0.0 }))
    }
}
