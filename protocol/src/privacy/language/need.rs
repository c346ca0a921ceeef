//! What a text must have for a pattern to match: found by reading the pattern, so that most texts are passed over without running it.

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Shortest word that is worth a search, in bytes.
const WORD_BYTES_MIN: usize = 3;
/// Most words of a pattern.
const WORDS_MAX: usize = 64;
/// Longest repetition that is counted.
const REPEATS_MAX: usize = 32;
/// Most signs that are looked for at once.
const SIGNS_MAX: usize = 3;

/// What a text must have. It holds for ASCII texts without escapes: others are always looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) least: Least,
    /// One of these words, in any case; empty is none.
    pub(crate) words: Vec<String>,
}

/// What the bytes of a text must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Least {
    /// A match is a run of bytes, of which none is outside the pattern's classes.
    run: Run,
    /// Of each of these few signs one.
    signs: Vec<Vec<u8>>,
    digits: usize,
}

/// So many bytes of a set, one behind the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    set: ByteSet,
    length: usize,
}

/// A set of ASCII bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ByteSet([u64; 2]);

impl Need {
    /// Reads a pattern, which must be a right one.
    pub(crate) fn of(pattern: &str) -> Self {
        let Ok(hir) = regex_syntax::parse(pattern) else {
            return Self::default();
        };
        let mut least = least(&hir);
        least.run.length = hir.properties().minimum_len().unwrap_or_default();
        least.signs.sort_unstable();
        least.signs.dedup();
        Self {
            least,
            words: words(&hir),
        }
    }

    /// Whether a text allows a match; words are looked for elsewhere.
    pub(crate) fn is_met_by(&self, text: &[u8], has_word: bool) -> bool {
        (has_word || self.words.is_empty()) && self.least.is_in(text)
    }
}

impl Least {
    /// Whether a text has it.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        let has_digits = || {
            let digits = text.iter().filter(|byte| byte.is_ascii_digit());
            digits.take(self.digits).count() == self.digits
        };
        self.run.is_in(text) && self.signs.iter().all(|any| has_any(text, any)) && has_digits()
    }

    /// Whether every text that has another one's has this one's.
    pub(crate) fn is_implied_by(&self, other: &Self) -> bool {
        let is_implied = |any: &Vec<u8>| {
            let mut others = other.signs.iter();
            others.any(|stricter| stricter.iter().all(|sign| any.contains(sign)))
        };
        self.run.length <= other.run.length
            && other.run.set.is_within(self.run.set)
            && self.digits <= other.digits
            && self.signs.iter().all(is_implied)
    }

    fn and(mut self, other: Self) -> Self {
        self.run.set = self.run.set.or(other.run.set);
        self.digits = self.digits.saturating_add(other.digits);
        self.signs.extend(other.signs);
        self
    }

    /// What both have.
    fn or(mut self, other: &Self) -> Self {
        self.run.set = self.run.set.or(other.run.set);
        self.digits = self.digits.min(other.digits);
        self.signs.retain(|any| other.signs.contains(any));
        self
    }
}

impl Run {
    /// Whether it is in a text: most bytes are leapt over.
    fn is_in(&self, text: &[u8]) -> bool {
        let mut rest = text;
        while let Some(head) = rest.get(..self.length) {
            let Some(outside) = head.iter().rposition(|byte| !self.set.has(*byte)) else {
                return true;
            };
            rest = rest.get(outside + 1..).unwrap_or_default();
        }
        false
    }
}

impl ByteSet {
    fn has(self, byte: u8) -> bool {
        let half = self.0.get(usize::from(byte >> 6));
        half.is_some_and(|half| half >> (byte & 63) & 1 == 1)
    }

    fn add(&mut self, byte: u8) {
        let half = self.0.get_mut(usize::from(byte >> 6));
        half.into_iter().for_each(|half| *half |= 1 << (byte & 63));
    }

    fn or(self, other: Self) -> Self {
        let [low, high] = self.0;
        Self([low | other.0[0], high | other.0[1]])
    }

    fn is_within(self, other: Self) -> bool {
        self.or(other) == other
    }
}

fn has_any(text: &[u8], any: &[u8]) -> bool {
    let found = match any {
        [one] => memchr::memchr(*one, text),
        [one, other] => memchr::memchr2(*one, *other, text),
        [one, other, third] => memchr::memchr3(*one, *other, *third, text),
        // More are not looked for.
        _ => Some(0),
    };
    found.is_some()
}

/// Words of which every match in an ASCII text begins or ends with one.
fn words(hir: &Hir) -> Vec<String> {
    [ExtractKind::Prefix, ExtractKind::Suffix]
        .into_iter()
        .find_map(|kind| {
            let mut extractor = Extractor::new();
            extractor.kind(kind).limit_literal_len(6).limit_total(512);
            let found = extractor.extract(hir);
            // In any case, a letter may be one of another script, as the sign of the kelvin is a K.
            let ascii = found.literals()?.iter().filter_map(|literal| {
                let word = std::str::from_utf8(literal.as_bytes()).ok()?;
                word.is_ascii().then(|| word.to_ascii_lowercase())
            });
            let mut words: Vec<String> = ascii.collect();
            words.sort_unstable();
            words.dedup();
            let is_good = !words.is_empty()
                && words.len() <= WORDS_MAX
                && words.iter().all(|word| word.len() >= WORD_BYTES_MIN);
            is_good.then_some(words)
        })
        .unwrap_or_default()
}

/// What every match has; the length of its run is told from the whole pattern.
fn least(hir: &Hir) -> Least {
    let all = |parts: &mut dyn Iterator<Item = Least>| parts.fold(Least::default(), Least::and);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Least::default(),
        HirKind::Literal(literal) => all(&mut literal.0.iter().map(|byte| of_any(&[*byte]))),
        HirKind::Class(class) => of_any(&ascii_of(class)),
        HirKind::Capture(capture) => least(&capture.sub),
        HirKind::Repetition(repetition) => {
            let Least { run, signs, digits } = least(&repetition.sub);
            let n = usize::try_from(repetition.min).unwrap_or(REPEATS_MAX);
            Least {
                run,
                signs: if n == 0 { Vec::new() } else { signs },
                digits: digits.saturating_mul(n.min(REPEATS_MAX)),
            }
        }
        HirKind::Concat(parts) => all(&mut parts.iter().map(least)),
        HirKind::Alternation(parts) => {
            let each = parts.iter().map(least);
            each.reduce(|all, part| all.or(&part)).unwrap_or_default()
        }
    }
}

/// What a match has by one of these bytes, whichever it is.
fn of_any(bytes: &[u8]) -> Least {
    let is_few = (1..=SIGNS_MAX).contains(&bytes.len());
    let is_sign = is_few && bytes.iter().all(u8::is_ascii_punctuation);
    let is_digit = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    let mut set = ByteSet::default();
    bytes.iter().for_each(|byte| set.add(*byte));
    Least {
        run: Run { set, length: 0 },
        signs: Vec::from_iter(is_sign.then(|| bytes.to_vec())),
        digits: usize::from(is_digit),
    }
}

/// The bytes of a class, as far as it is ASCII.
fn ascii_of(class: &Class) -> Vec<u8> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
        Class::Bytes(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
    };
    let ascii = ranges
        .into_iter()
        .flat_map(|(start, end)| start..=end.min(0x7F));
    ascii.filter_map(|byte| u8::try_from(byte).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn is_in(pattern: &str, text: &str) -> bool {
        let Need { least, words } = Need::of(pattern);
        let lower = text.to_ascii_lowercase();
        let has_word = words.is_empty() || words.iter().any(|word| lower.contains(word.as_str()));
        has_word && least.is_in(text.as_bytes())
    }

    #[test]
    fn what_cannot_match_is_told_without_the_pattern() {
        let mac = r"(?i)\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b";
        assert!(is_in(mac, "from 00:1B:44:11:3A:B7 on"));
        assert!(!is_in(mac, "2026-11-30 12:34:56 GET /checkout: token-less"));
        let iban = r"\b(?:DE|GB)\d{2}[A-Z0-9]{11,29}\b";
        assert!(is_in(iban, "to DE89370400440532013000"));
        assert!(!is_in(iban, "ERROR 77 IN /checkout OF DE12 BY 1234567890"));
        let order = "(?i)order #\\d+";
        assert!(is_in(order, "Order #7"));
        assert!(!is_in(order, "order 7") && !is_in(order, "an ORDER # of"));
        assert!(!is_in("[a-z]+@[a-z]+", "nobody at example"));
        assert!(is_in("", ""));
    }

    #[test]
    fn what_is_needed_less_stands_for_what_is_needed_more() {
        let of = |pattern| Need::of(pattern).least;
        assert!(of(r"\d{3}-\d{2}").is_implied_by(&of(r"\d{4}-\d{4}")));
        assert!(!of(r"\d{4}-\d{4}").is_implied_by(&of(r"\d{3}-\d{2}")));
        assert!(!of(r"\d{3}-\d{2}").is_implied_by(&of(r"\d{3}[-:]\d{4}")));
        assert!(of(".*").is_implied_by(&of("[a-z]")));
    }

    fn pattern() -> impl Strategy<Value = String> {
        let atoms = [
            "a", "Z", "0", "-", ":", "@", r"\.", "[0-9a-f]", "[:-]", r"\d", r"\w", r"\s", ".",
            "[^a]", "(?i:abc)", "zz0", r"\b", "^", "$", "é", "[é-ü0]", "(a)",
        ];
        let atom = prop::sample::select(atoms.to_vec()).prop_map(str::to_owned);
        atom.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
                (
                    inner,
                    prop::sample::select(&["?", "*", "+", "{2}", "{1,3}", "{3,}"][..])
                )
                    .prop_map(|(part, times)| format!("(?:{part}){times}")),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_text_that_matches_has_what_is_needed(pattern in pattern(), text in "[aAbBcCzZ0-9@.: -]{0,24}") {
            if Regex::new(&pattern).is_ok_and(|regex| regex.is_match(&text)) {
                prop_assert!(is_in(&pattern, &text), "{pattern} {text:?} {:?}", Need::of(&pattern));
            }
        }
    }
}
