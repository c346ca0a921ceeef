//! Finds the words that patterns wait for, all at once, over a whole payload.

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Most words for which an automaton is worth the memory of a table by bytes.
const DFA_WORDS_MAX: usize = 500;

/// A search for words, in any case.
#[derive(Debug, Default)]
pub(crate) struct Words(Search);

#[derive(Debug, Default)]
enum Search {
    /// There are no words.
    #[default]
    Nothing,
    /// By vectors, which is for some dozens of words.
    Few(Searcher),
    Many(AhoCorasick),
    /// There are more words than can be searched for: every text may have one.
    Everywhere,
}

impl Words {
    /// Of words in lower case.
    pub(crate) fn new(mut words: Vec<&String>) -> Self {
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return Self::default();
        }
        let kind = (words.len() <= DFA_WORDS_MAX).then_some(AhoCorasickKind::DFA);
        let many = || AhoCorasick::builder().kind(kind).build(&words).ok();
        let few = Searcher::new(&words).map(Search::Few);
        let search = few.or_else(|| many().map(Search::Many));
        Self(search.unwrap_or(Search::Everywhere))
    }

    /// A payload as it is searched.
    pub(crate) fn lower(&self, bytes: &[u8]) -> Vec<u8> {
        match self.0 {
            Search::Nothing | Search::Everywhere => Vec::new(),
            Search::Few(_) | Search::Many(_) => bytes.to_ascii_lowercase(),
        }
    }

    /// Where the next word begins in what [`Words::lower`] made, at or after a place.
    pub(crate) fn next(&self, lower: &[u8], from: usize) -> Option<usize> {
        let rest = || lower.get(from..);
        match &self.0 {
            Search::Nothing => None,
            Search::Few(search) => Some(from + search.find(rest()?)?.start()),
            Search::Many(search) => Some(from + search.find(rest()?)?.start()),
            Search::Everywhere => Some(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_many_there_are() {
        for n in [1, 20, 64, 65, 200, 2000] {
            let words: Vec<String> = (0..n).map(|n| format!("word{n:04}x")).collect();
            let search = Words::new(words.iter().collect());
            let text = format!("{}, WORD{:04}X and word0000x", "nothing ".repeat(9), n - 1);
            let lower = search.lower(text.as_bytes());
            assert_eq!(search.next(&lower, 0), Some(74), "{n} words");
            assert_eq!(search.next(&lower, 75), Some(88), "{n} words");
            assert_eq!(search.next(&lower, 89), None, "{n} words");
        }
        assert_eq!(Words::new(Vec::new()).next(b"", 0), None);
    }
}
