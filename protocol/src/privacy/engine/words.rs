//! Finds the words that patterns wait for, all at once, over a whole payload.

use aho_corasick::packed::Searcher;

/// A search for words, in any case.
#[derive(Debug, Default)]
pub(crate) struct Words {
    search: Option<Searcher>,
    /// There are words, but they are too many for a search: every text may have one.
    is_everywhere: bool,
}

impl Words {
    /// Of words in lower case.
    pub(crate) fn new(mut words: Vec<&String>) -> Self {
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return Self::default();
        }
        let search = Searcher::new(words);
        Self {
            is_everywhere: search.is_none(),
            search,
        }
    }

    /// A payload as it is searched.
    pub(crate) fn lower(&self, bytes: &[u8]) -> Vec<u8> {
        if self.search.is_some() {
            bytes.to_ascii_lowercase()
        } else {
            Vec::new()
        }
    }

    /// Where the next word begins in what [`Words::lower`] made, at or after a place.
    pub(crate) fn next(&self, lower: &[u8], from: usize) -> Option<usize> {
        if self.is_everywhere {
            return Some(from);
        }
        let found = self.search.as_ref()?.find(lower.get(from..)?)?;
        Some(from + found.start())
    }
}
