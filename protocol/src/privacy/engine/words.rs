//! Finds the words that patterns wait for, all at once, over a whole payload.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// A search for words, in any case.
#[derive(Debug, Default)]
pub(crate) struct Words {
    search: Option<AhoCorasick>,
    /// There are words, but they are too many for a search: every text may have one.
    is_everywhere: bool,
}

impl Words {
    pub(crate) fn new(mut words: Vec<&String>) -> Self {
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return Self::default();
        }
        let kind = (words.len() <= 500).then_some(AhoCorasickKind::DFA);
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(kind)
            .build(words)
            .ok();
        Self {
            is_everywhere: search.is_none(),
            search,
        }
    }

    /// Where the next word begins, at or after a place.
    pub(crate) fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        if self.is_everywhere {
            return Some(from);
        }
        let found = self.search.as_ref()?.find(bytes.get(from..)?)?;
        Some(from + found.start())
    }
}
