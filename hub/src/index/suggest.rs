//! Which keys and values there are, with how many events have them.
//!
//! `fact` holds one term for each key and for each value of a project, so that one project's
//! dictionary is a run of terms, and a term's postings are its count. What is deleted and not yet
//! merged away is left out by reading the postings.
//!
//! Bounded: of each segment and project at most [`SCANNED_MAX`] terms are read. Where there are
//! more, what begins so is known exactly up to the least of the ends, and is given in the order of
//! letters instead of that of counts.

use std::collections::BTreeMap;

use protocol::ids::ProjectId;
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet as _, InvertedIndexReader, SegmentReader, TERMINATED};

use super::compile::tokens;
use super::part::Parts;
use super::schema::{SEPARATOR, key_prefix, value_prefix};
use super::{IndexError, Suggestion, Suggestions};
use crate::query::{distance, slips};

/// Terms read of a segment and project.
const SCANNED_MAX: usize = 500;
/// Words looked at for those that are near to one, of the latest parts.
const NEAR_SCANNED_MAX: usize = 300_000;
/// Near words given at once.
const NEAR_MAX: usize = 5;

/// Events by the term behind the prefix, in the order of letters.
#[derive(Debug, Default)]
struct Found {
    counts: BTreeMap<Vec<u8>, u64>,
    /// Behind this term something may be missing.
    end: Option<Vec<u8>>,
}

/// The keys of these projects' events; tags begin with `#`.
pub(super) fn keys(
    parts: &Parts,
    projects: &[ProjectId],
    limit: usize,
) -> Result<Suggestions, IndexError> {
    let mut found = Found::default();
    for project in projects {
        let prefix = key_prefix(*project);
        scan_all(parts, prefix.as_bytes(), prefix.len(), &mut found)?;
    }
    Ok(found.into_suggestions(limit))
}

/// The values of a key that begin with a text, letters without case.
pub(super) fn values(
    parts: &Parts,
    projects: &[ProjectId],
    key: &str,
    begin: &str,
    limit: usize,
) -> Result<Suggestions, IndexError> {
    let mut found = Found::default();
    for project in projects {
        let all = value_prefix(*project, key);
        let begun = format!("{all}{}", begin.to_lowercase());
        scan_all(parts, begun.as_bytes(), all.len(), &mut found)?;
    }
    Ok(found.into_suggestions(limit))
}

/// Words that differ from one by a slip or two and begin with the same letter, the nearest and
/// most frequent first.
pub(super) fn near_words(parts: &Parts, word: &str) -> Result<Vec<String>, IndexError> {
    let Some(word) = tokens(word).into_iter().next() else {
        return Ok(Vec::new());
    };
    let most = slips(word.chars().count());
    let Some(first) = word.chars().next().filter(|_| most > 0) else {
        return Ok(Vec::new());
    };
    let prefix = first.to_string();
    let mut left = NEAR_SCANNED_MAX;
    let mut found: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for part in parts.all().into_iter().rev() {
        for segment in part.searcher().segment_readers() {
            let inverted = segment.inverted_index(parts.fields.text)?;
            let mut terms = inverted
                .terms()
                .range()
                .ge(prefix.as_bytes())
                .into_stream()?;
            while left > 0 && terms.advance() && terms.key().starts_with(prefix.as_bytes()) {
                left -= 1;
                let Ok(term) = std::str::from_utf8(terms.key()) else {
                    continue;
                };
                if term.starts_with(&word) {
                    return Ok(Vec::new());
                }
                if let Some(far) = distance(&word, term, most) {
                    let events = u64::from(terms.value().doc_freq);
                    found.entry(term.to_owned()).or_insert((far, 0)).1 += events;
                }
            }
        }
    }
    let mut found: Vec<(String, (usize, u64))> = found.into_iter().collect();
    found.sort_by_key(|(_, (far, events))| (*far, std::cmp::Reverse(*events)));
    found.truncate(NEAR_MAX);
    Ok(found.into_iter().map(|(term, _)| term).collect())
}

/// Adds the terms that begin with a prefix; of each the first `cut` bytes are left out.
fn scan_all(parts: &Parts, prefix: &[u8], cut: usize, found: &mut Found) -> Result<(), IndexError> {
    for part in parts.all() {
        for segment in part.searcher().segment_readers() {
            let inverted = segment.inverted_index(parts.fields.fact)?;
            scan(segment, &inverted, prefix, cut, found)?;
        }
    }
    Ok(())
}

fn scan(
    segment: &SegmentReader,
    inverted: &InvertedIndexReader,
    prefix: &[u8],
    cut: usize,
    found: &mut Found,
) -> Result<(), IndexError> {
    let mut terms = inverted.terms().range().ge(prefix).into_stream()?;
    let mut n = 0;
    while terms.advance() && terms.key().starts_with(prefix) {
        let name = terms.key().get(cut..).unwrap_or_default();
        if n == SCANNED_MAX {
            let end = found.end.take();
            let is_first = end.as_deref().is_none_or(|end| name < end);
            found.end = if is_first { Some(name.to_vec()) } else { end };
            break;
        }
        n += 1;
        let events = alive(segment, inverted, terms.value())?;
        if events > 0 {
            *found.counts.entry(name.to_vec()).or_insert(0) += events;
        }
    }
    Ok(())
}

/// How many events have a term.
fn alive(
    segment: &SegmentReader,
    inverted: &InvertedIndexReader,
    term: &TermInfo,
) -> Result<u64, IndexError> {
    let Some(bits) = segment.alive_bitset() else {
        return Ok(u64::from(term.doc_freq));
    };
    let mut postings = inverted.read_postings_from_terminfo(term, IndexRecordOption::Basic)?;
    let mut n = 0;
    while postings.doc() != TERMINATED {
        n += u64::from(bits.is_alive(postings.doc()));
        postings.advance();
    }
    Ok(n)
}

impl Found {
    fn into_suggestions(self, limit: usize) -> Suggestions {
        let known = self.counts.into_iter();
        let known = known.filter(|(name, _)| self.end.as_ref().is_none_or(|end| name < end));
        let mut found: Vec<Suggestion> = known
            .map(|(name, events)| Suggestion {
                text: written(&String::from_utf8_lossy(&name)),
                events,
            })
            .collect();
        let is_complete = self.end.is_none();
        if is_complete {
            // Stable: what is as frequent stays in the order of letters.
            found.sort_by_key(|each| std::cmp::Reverse(each.events));
        }
        let n_left_out = found.len().saturating_sub(limit);
        found.truncate(limit);
        Suggestions {
            found,
            is_complete,
            n_left_out: is_complete.then_some(n_left_out),
        }
    }
}

/// A value as it was written; behind its small letters it stands where it has others.
pub(super) fn written(term: &str) -> String {
    let written = term.rsplit_once(SEPARATOR).map_or(term, |(_, text)| text);
    written.to_owned()
}
