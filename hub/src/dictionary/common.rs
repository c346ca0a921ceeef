//! What many have in common, and nothing else.
//!
//! Text is taken as words and what stands between them. A word stays when it and two of its
//! neighbours stand together in the records of at least [`SHARED_BY`] users (of records that name
//! no user, each counts as one), and when it does not look like an identifier. So a name, an
//! address or a number of one person goes although each of its parts may be common.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use memchr::memmem;

/// Users whose records must share what a dictionary holds.
pub(super) const SHARED_BY: u8 = 5;
/// Words that are looked at together.
const TOGETHER: usize = 3;
/// Shorter words in a dictionary say nothing by themselves.
const WORD_LEN_MIN: usize = 3;
/// Stands where something was taken out of a dictionary.
const BLANK: u8 = b' ';

/// A record's bytes, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) bytes: Vec<u8>,
    /// A number for the user, or for the record when it names none.
    pub(super) owner: u64,
}

/// The words that are common.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    words: HashSet<Vec<u8>>,
    /// All of them, between line ends, to find parts of them.
    text: Vec<u8>,
}

/// How many owners have something.
#[derive(Clone, Copy, Debug, Default)]
struct Owners {
    last: Option<u64>,
    n: u8,
}

impl Owners {
    /// The same owner's records come one behind the other.
    fn note(&mut self, owner: u64) {
        if self.last != Some(owner) {
            self.last = Some(owner);
            self.n = self.n.saturating_add(1);
        }
    }

    const fn are_many(self) -> bool {
        self.n >= SHARED_BY
    }
}

/// The samples without what is not common, and the words that are left in them.
pub(super) fn common_parts(mut samples: Vec<Sample>) -> (Vec<Vec<u8>>, Vocabulary) {
    samples.sort_by_key(|sample| sample.owner);
    let mut runs = HashMap::<u64, Owners>::new();
    for sample in &samples {
        let words: Vec<_> = words(&sample.bytes).collect();
        for run in words.windows(TOGETHER) {
            let owners = runs.entry(hash_of(&sample.bytes, run)).or_default();
            owners.note(sample.owner);
        }
    }
    let mut vocabulary = Vocabulary::default();
    let parts = samples
        .iter()
        .map(|sample| keep_common(&sample.bytes, &runs, &mut vocabulary));
    let parts = parts.filter(|part| !part.is_empty()).collect();
    for word in &vocabulary.words {
        vocabulary.text.extend_from_slice(word);
        vocabulary.text.push(b'\n');
    }
    (parts, vocabulary)
}

fn keep_common(bytes: &[u8], runs: &HashMap<u64, Owners>, vocabulary: &mut Vocabulary) -> Vec<u8> {
    let words: Vec<_> = words(bytes).collect();
    let mut stays = vec![false; words.len()];
    for (at, run) in words.windows(TOGETHER).enumerate() {
        let owners = runs.get(&hash_of(bytes, run));
        if owners.is_some_and(|owners| owners.are_many()) {
            let run = stays.get_mut(at..at + TOGETHER);
            run.unwrap_or_default().fill(true);
        }
    }
    let mut out = Vec::new();
    // Where the text that was kept last ends; what is between two words that stay, stays.
    let mut end = None;
    for (word, stays) in words.into_iter().zip(stays) {
        let text = bytes.get(word.clone()).unwrap_or_default();
        if !stays || is_identifier(text) {
            end = None;
            continue;
        }
        if let Some(end) = end {
            out.extend_from_slice(bytes.get(end..word.start).unwrap_or_default());
        }
        out.extend_from_slice(text);
        if !vocabulary.words.contains(text) {
            vocabulary.words.insert(text.to_vec());
        }
        end = Some(word.end);
    }
    out
}

impl Vocabulary {
    /// Takes out of a dictionary's content every word that is not common, nor a part of one. The
    /// trainer cuts where it likes, and what it puts side by side can make a word of its own.
    pub(super) fn blank_others(&self, content: &mut [u8]) {
        let found: Vec<_> = words(content).collect();
        for word in found {
            if let Some(text) = content.get_mut(word)
                && !self.allows(text)
            {
                text.fill(BLANK);
            }
        }
    }

    /// Whether everything in a dictionary's content is common.
    pub(super) fn allows_all(&self, content: &[u8]) -> bool {
        words(content).all(|word| self.allows(content.get(word).unwrap_or_default()))
    }

    fn allows(&self, word: &[u8]) -> bool {
        word.len() < WORD_LEN_MIN
            || !is_identifier(word)
                && (self.words.contains(word) || memmem::find(&self.text, word).is_some())
    }
}

/// Where the words are: letters, digits, underscores, and whatever is not ASCII.
fn words(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(is_of_word)?;
        let rest = bytes.get(start..)?;
        let len = rest.iter().position(|byte| !is_of_word(byte));
        at = start + len.unwrap_or(rest.len());
        Some(start..at)
    })
}

/// Numbers of five digits, hexadecimal of eight, and long mixtures of letters and many digits.
fn is_identifier(word: &[u8]) -> bool {
    const DIGITS_MAX: usize = 4;
    const HEX_LEN: usize = 8;
    const MIXED_LEN: usize = 16;
    let n_digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    if n_digits == 0 {
        return false;
    }
    let is_hex = word.len() >= HEX_LEN && word.iter().all(u8::is_ascii_hexdigit);
    let is_mixed = word.len() >= MIXED_LEN && n_digits >= DIGITS_MAX;
    let mut runs = word.split(|byte| !byte.is_ascii_digit());
    is_hex || is_mixed || runs.any(|run| run.len() > DIGITS_MAX)
}

fn hash_of(bytes: &[u8], run: &[Range<usize>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in run {
        bytes
            .get(word.clone())
            .unwrap_or_default()
            .hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(texts: &[(&str, u64)]) -> Vec<String> {
        let samples = texts.iter().map(|(text, owner)| Sample {
            bytes: text.as_bytes().to_vec(),
            owner: *owner,
        });
        let (parts, _) = common_parts(samples.collect());
        let text = |part: Vec<u8>| String::from_utf8(part).unwrap();
        parts.into_iter().map(text).collect()
    }

    #[test]
    fn what_few_have_is_cut_out_and_what_many_have_stays() {
        let names = ["Ada", "Bea", "Cleo", "Dora", "Eva", "Fay"];
        let texts: Vec<_> = names
            .iter()
            .map(|name| format!("{{\"type\": \"KeyError\", \"user\": \"{name} Rossi-Maier\"}}"))
            .collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).zip(0..).collect();
        for part in kept(&texts) {
            assert!(part.starts_with("type\": \"KeyError\", \"user"), "{part}");
            assert!(!names.iter().any(|name| part.contains(name)), "{part}");
        }
    }

    #[test]
    fn one_user_is_one_however_often_they_come() {
        let text = "meet me at the old harbour tonight";
        let same: Vec<_> = (0..50).map(|_| (text, 7)).collect();
        assert!(kept(&same).is_empty());
        let four: Vec<_> = (0..4).map(|owner| (text, owner)).collect();
        assert!(kept(&four).is_empty());
        let five: Vec<_> = (0..5).map(|owner| (text, owner)).collect();
        assert_eq!(kept(&five)[0], text);
    }

    #[test]
    fn identifiers_go_even_where_all_have_them() {
        for (word, is_one) in [
            ("1234", false),
            ("12345", true),
            ("order12345", true),
            ("deadbeef", false),
            ("deadbee5", true),
            ("3fa85f64", true),
            ("utf8", false),
            ("HTTP_404", false),
            ("Xk29fjQ81mmPz04c", true),
        ] {
            assert_eq!(is_identifier(word.as_bytes()), is_one, "{word}");
        }
    }

    #[test]
    fn words_that_a_trainer_puts_together_are_blanked() {
        let texts = (0..6).map(|owner| Sample {
            bytes: b"filename and function and lineno".to_vec(),
            owner,
        });
        let (_, vocabulary) = common_parts(texts.collect());
        let mut content = b"unction lineno filenamelineno jane".to_vec();
        assert!(!vocabulary.allows_all(&content));
        vocabulary.blank_others(&mut content);
        assert_eq!(content, b"unction lineno                    ".as_slice());
        assert!(vocabulary.allows_all(&content));
    }
}
