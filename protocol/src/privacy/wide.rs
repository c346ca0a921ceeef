//! Texts in UTF-16LE among other bytes, as crash dumps and files of Windows have them.

use std::ops::Range;

/// Shortest text that people's rules look at, in characters.
const CHARS_MIN: usize = 5;
/// Fewest characters on end, of ASCII or Latin-1, by which [`quick`] knows a text.
const QUICK_CHARS_MIN: usize = 6;
/// Bytes that [`quick`] looks at, and how many it goes on. So many are within [`QUICK_CHARS_MIN`] characters wherever it begins.
const GLANCE: usize = 8;
const STRIDE: usize = 4;

/// A run of characters that people write, two bytes each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wide {
    /// Its first byte.
    start: usize,
    /// How many characters it has.
    n_chars: usize,
    pub(super) text: String,
}

impl Wide {
    /// The text that begins at `start`.
    fn read(bytes: &[u8], start: usize) -> Self {
        let mut text = String::new();
        let mut n_chars = 0;
        while let Some(character) = character(bytes, start + 2 * n_chars) {
            text.push(character);
            n_chars += 1;
        }
        Self {
            start,
            n_chars,
            text,
        }
    }

    /// The byte behind it.
    pub(super) fn end(&self) -> usize {
        self.start + 2 * self.n_chars
    }

    /// Where ranges of the text are among the bytes. They are in order.
    pub(super) fn places(
        &self,
        ranges: impl IntoIterator<Item = Range<usize>>,
    ) -> impl Iterator<Item = Range<usize>> {
        let (mut read, mut place) = (0, self.start);
        let mut place_of = move |to: usize| {
            let between = self.text.get(read..to).unwrap_or_default();
            place += 2 * between.chars().count();
            read = to;
            place
        };
        let ranges = ranges.into_iter();
        ranges.map(move |range| place_of(range.start)..place_of(range.end))
    }
}

/// All texts, at even and odd places.
pub(super) fn texts(bytes: &[u8]) -> Vec<Wide> {
    let mut texts = Vec::new();
    for shift in 0..2 {
        let mut at = shift;
        while at + 1 < bytes.len() {
            let wide = Wide::read(bytes, at);
            at = wide.end() + 2;
            if wide.n_chars >= CHARS_MIN {
                texts.push(wide);
            }
        }
    }
    texts
}

/// The next text at or after `from` that has some ASCII or Latin-1 on end. Costs next to nothing where there is none.
pub(super) fn quick(bytes: &[u8], mut from: usize) -> Option<Wide> {
    let nul = memchr::memchr(0, bytes.get(from..)?)?;
    let mut at = from + nul.saturating_sub(1);
    loop {
        let Some(skipped) = begins_at(bytes.get(at..at + GLANCE)?) else {
            at += STRIDE;
            continue;
        };
        let mut start = at + skipped;
        while start >= from + 2 && character(bytes, start - 2).is_some() {
            start -= 2;
        }
        let wide = Wide::read(bytes, start);
        // By chance fewer are seen too, so that pieces of a file would not be looked at as the whole.
        let mut stretches = wide.text.split(|c| c > '\u{FF}');
        if stretches.any(|text| text.chars().count() >= QUICK_CHARS_MIN) {
            return Some(wide);
        }
        from = wide.end();
        at = from;
    }
}

/// At which of these bytes a character begins, if every second one is zero.
fn begins_at(glance: &[u8]) -> Option<usize> {
    let are_written = |bytes: [u8; 4]| bytes.into_iter().all(|byte| is_written(char::from(byte)));
    match *glance {
        [a, 0, b, 0, c, 0, d, 0] if are_written([a, b, c, d]) => Some(0),
        [0, a, 0, b, 0, c, 0, d] if are_written([a, b, c, d]) => Some(1),
        _ => None,
    }
}

fn character(bytes: &[u8], at: usize) -> Option<char> {
    let unit = bytes.get(at..)?.first_chunk()?;
    let character = char::from_u32(u32::from(u16::from_le_bytes(*unit)))?;
    is_written(character).then_some(character)
}

fn is_written(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{A0}'..='\u{2FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn a_text_is_found_wherever_it_begins() {
        for text in ["pwd=ab", "card 4111", "name: J\u{FC}rgen \u{418}\u{432}"] {
            for before in 0..20 {
                for fill in [0, 0xFF, b'a'] {
                    let mut bytes = vec![fill; before];
                    bytes.extend([0xFF, 0xFF].repeat(before % 2));
                    bytes.extend([0xFE, 0xFF]);
                    let start = bytes.len();
                    bytes.extend(wide(text));
                    bytes.extend([fill, 0xFF, 0xFF]);
                    let found = quick(&bytes, 0).unwrap();
                    assert_eq!((found.start, found.text.as_str()), (start, text));
                    assert!(texts(&bytes).contains(&found));
                    assert_eq!(quick(&bytes, found.end()), None);
                }
            }
        }
    }

    #[test]
    fn what_is_no_text_is_passed_over() {
        let small = [wide("pwd"), vec![0; 9], wide("ab"), vec![0xFF; 30]].concat();
        for bytes in [
            &small[..],
            b"",
            b"\0",
            &[0; 99],
            b"plain \0 text \0\0",
            &[1; 99],
        ] {
            assert_eq!(quick(bytes, 0), None, "{bytes:?}");
        }
    }

    #[test]
    fn ranges_of_a_text_are_found_among_the_bytes() {
        let bytes = [&[7][..], &wide("\u{418}a\u{FC}b pwd=ab")].concat();
        let found = quick(&bytes, 0).unwrap();
        let at = found.text.find("ab").unwrap();
        let places: Vec<_> = found.places([0..2, 3..5, at..at + 2]).collect();
        assert_eq!(places, [1..3, 5..7, 19..23]);
    }
}
