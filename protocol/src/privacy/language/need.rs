//! What a text must have for a pattern to match: found by reading the pattern, so that most texts are passed over without running it.

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::privacy::json::{AT, DASH, DOT, PAIR, PERCENT, Sight};

/// Shortest word that is worth a search, in bytes.
const WORD_BYTES_MIN: usize = 3;
/// Most words of a pattern.
const WORDS_MAX: usize = 64;
/// Longest repetition that is counted.
const REPEATS_MAX: usize = 32;

/// What a text must have. It holds for ASCII texts: others are always looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// At least so many digits.
    pub(crate) digits: usize,
    /// All of these bytes, as flags of [`Sight`].
    pub(crate) flags: u8,
    /// One of these words, in any case; empty is none.
    pub(crate) words: Vec<String>,
}

impl Need {
    /// Reads a pattern, which must be a right one.
    pub(crate) fn of(pattern: &str) -> Self {
        let Ok(hir) = regex_syntax::parse(pattern) else {
            return Self::default();
        };
        let (digits, flags) = bytes(&hir);
        Self {
            digits,
            flags,
            words: words(&hir),
        }
    }

    /// Whether the bytes of a text allow a match; words are looked for elsewhere.
    #[inline]
    pub(crate) fn is_met_by(&self, sight: Sight, has_word: bool) -> bool {
        sight.digits >= self.digits
            && sight.flags & self.flags == self.flags
            && (has_word || self.words.is_empty())
    }
}

/// Words of which every match begins or ends with one.
fn words(hir: &Hir) -> Vec<String> {
    [ExtractKind::Prefix, ExtractKind::Suffix]
        .into_iter()
        .find_map(|kind| {
            let mut extractor = Extractor::new();
            extractor.kind(kind).limit_literal_len(6).limit_total(512);
            let found = extractor.extract(hir);
            let mut words = found
                .literals()?
                .iter()
                .map(|literal| std::str::from_utf8(literal.as_bytes()).map(str::to_ascii_lowercase))
                .collect::<Result<Vec<_>, _>>()
                .ok()?;
            words.sort_unstable();
            words.dedup();
            let is_good = !words.is_empty()
                && words.len() <= WORDS_MAX
                && words.iter().all(|word| word.len() >= WORD_BYTES_MIN);
            is_good.then_some(words)
        })
        .unwrap_or_default()
}

/// How many digits every match has, and which bytes.
fn bytes(hir: &Hir) -> (usize, u8) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (0, 0),
        HirKind::Literal(literal) => {
            let sight = Sight::of(&literal.0);
            (sight.digits, sight.flags & (AT | PERCENT | DOT | DASH))
        }
        HirKind::Class(class) => of_class(class),
        HirKind::Capture(capture) => bytes(&capture.sub),
        HirKind::Repetition(repetition) => {
            let (digits, flags) = bytes(&repetition.sub);
            let n = usize::try_from(repetition.min).unwrap_or(REPEATS_MAX);
            let n = n.min(REPEATS_MAX);
            (digits.saturating_mul(n), if n == 0 { 0 } else { flags })
        }
        HirKind::Concat(parts) => parts.iter().map(bytes).fold((0, 0), |all, part| {
            (all.0.saturating_add(part.0), all.1 | part.1)
        }),
        HirKind::Alternation(parts) => parts
            .iter()
            .map(bytes)
            .reduce(|all, part| (all.0.min(part.0), all.1 & part.1))
            .unwrap_or_default(),
    }
}

/// Of a class that is all digits, or all of one sign, as far as it is ASCII.
fn of_class(class: &Class) -> (usize, u8) {
    let mut ascii: Vec<u8> = Vec::new();
    let mut add = |start: u32, end: u32| {
        for byte in start..=end.min(0x7F) {
            ascii.extend(u8::try_from(byte));
        }
    };
    match class {
        Class::Unicode(class) => class
            .iter()
            .for_each(|range| add(u32::from(range.start()), u32::from(range.end()))),
        Class::Bytes(class) => class
            .iter()
            .for_each(|range| add(u32::from(range.start()), u32::from(range.end()))),
    }
    if ascii.is_empty() {
        return (0, 0);
    }
    let all = |is: fn(&u8) -> bool| ascii.iter().all(is);
    let digits = usize::from(all(u8::is_ascii_digit));
    let flags = if all(|byte| matches!(byte, b'=' | b':')) {
        PAIR
    } else {
        0
    };
    (digits, flags)
}
