//! Reads JSON tokens: where they end, what their bytes promise, what their escapes mean.
//!
//! Lenient where SDKs are (lone surrogates, raw control characters in strings), strict where a wrong guess could hide text from the rules:
//! every quote, bracket and escape is accounted for.

use std::ops::Range;

use memchr::{memchr, memchr2};

/// Ends a run of plain bytes in a string: a quote or a backslash.
const STOP: u32 = 1 << 8;
/// `0` to `9`, above all others, so that a sum of classes counts them.
const DIGIT: u32 = 1 << DIGIT_SHIFT;
const DIGIT_SHIFT: u32 = 16;
/// `@`
pub(super) const AT: u32 = 1 << 1;
/// `=` or `:`, between a key and its value.
pub(super) const PAIR: u32 = 1 << 2;
/// `%`, before an encoded byte.
pub(super) const PERCENT: u32 = 1 << 3;
/// `.`, in addresses.
pub(super) const DOT: u32 = 1 << 4;
/// A letter that every sensitive key has: c, k, u or w.
pub(super) const KEY_LETTER: u32 = 1 << 5;

/// `-`, between the groups of a number.
pub(super) const DASH: u32 = 1 << 6;
/// `'`, around what a program printed.
pub(super) const QUOTE: u32 = 1 << 7;

const CLASSES: [u32; 256] = classes();

const fn classes() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        #[expect(
            clippy::indexing_slicing,
            reason = "a byte is always within a table of 256"
        )]
        {
            table[byte as usize] = match byte {
                b'"' | b'\\' => STOP,
                b'0'..=b'9' => DIGIT,
                b'@' => AT,
                b'=' | b':' => PAIR,
                b'%' => PERCENT,
                b'.' => DOT,
                b'-' => DASH,
                b'\'' => QUOTE,
                b'c' | b'k' | b'u' | b'w' | b'C' | b'K' | b'U' | b'W' => KEY_LETTER,
                _ => 0,
            };
        }
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "a byte is always within a table of 256"
)]
fn class_of(byte: u8) -> u32 {
    CLASSES[usize::from(byte)]
}

/// What the bytes of a text promise: which rules need to look at it at all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sight {
    /// Bits of the constants above.
    pub(super) flags: u32,
    /// How many digits there are.
    pub(super) digits: usize,
}

impl Sight {
    /// Looks at a whole text.
    pub(super) fn of(text: &[u8]) -> Self {
        text.iter()
            .fold(Self::default(), |sight, byte| sight.with(class_of(*byte)))
    }

    #[inline]
    fn with(self, class: u32) -> Self {
        self.with_all(class, class)
    }

    /// Takes a few bytes in, of which any has the classes `any`, and whose classes have this sum.
    #[inline]
    fn with_all(self, any: u32, sum: u32) -> Self {
        Self {
            flags: self.flags | any,
            digits: self.digits + (sum >> DIGIT_SHIFT) as usize,
        }
    }

    /// Whether any of the flags is set.
    pub(super) fn has(self, flags: u32) -> bool {
        self.flags & flags != 0
    }
}

/// Which escapes a string has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Escapes {
    /// None: the raw bytes are the text.
    None,
    /// Single characters: the raw bytes show every letter and digit of the text.
    Simple,
    /// `\u…`: the raw bytes may hide anything.
    Unicode,
}

/// A string token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Between the quotes.
    pub(super) raw: Range<usize>,
    /// Its escapes.
    pub(super) escapes: Escapes,
    /// What its raw bytes promise; empty after [`skip_string`].
    pub(super) sight: Sight,
}

impl Token {
    /// The literal with its quotes.
    pub(super) fn literal(&self) -> Range<usize> {
        self.raw.start.saturating_sub(1)..self.raw.end + 1
    }
}

/// Reads the string whose opening quote is just before `start`. An error is the byte at which reading ended.
pub(super) fn string(bytes: &[u8], start: usize) -> Result<Token, usize> {
    let mut sight = Sight::default();
    let mut escapes = Escapes::None;
    let mut at = start;
    loop {
        let (plain, stop) = look_to_stop(bytes.get(at..).unwrap_or_default());
        sight.flags |= plain.flags;
        sight.digits += plain.digits;
        at += stop.ok_or(bytes.len())?;
        if bytes.get(at) == Some(&b'"') {
            return Ok(Token {
                raw: start..at,
                escapes,
                sight,
            });
        }
        let (next, kind) = escape(bytes, at)?;
        escapes = escapes.max(kind);
        at = next;
    }
}

/// Looks at bytes up to the next quote or backslash, and says where that is.
///
/// Never part of its callers, which are large: what it counts stays in registers, and each byte costs a third of the time.
#[inline(never)]
fn look_to_stop(bytes: &[u8]) -> (Sight, Option<usize>) {
    let mut sight = Sight::default();
    let (chunks, _) = bytes.as_chunks::<8>();
    let mut at = 0;
    for chunk in chunks {
        let (mut any, mut sum) = (0, 0);
        for byte in chunk {
            let class = class_of(*byte);
            any |= class;
            sum += class;
        }
        if any & STOP != 0 {
            break;
        }
        sight = sight.with_all(any, sum);
        at += chunk.len();
    }
    for byte in bytes.get(at..).unwrap_or_default() {
        let class = class_of(*byte);
        if class & STOP != 0 {
            return (sight, Some(at));
        }
        sight = sight.with(class);
        at += 1;
    }
    (sight, None)
}

/// As [`string`], without looking at what is inside.
pub(super) fn skip_string(bytes: &[u8], start: usize) -> Result<Token, usize> {
    let mut escapes = Escapes::None;
    let mut at = start;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        at += memchr2(b'"', b'\\', rest).ok_or(bytes.len())?;
        if bytes.get(at) == Some(&b'"') {
            return Ok(Token {
                raw: start..at,
                escapes,
                sight: Sight::default(),
            });
        }
        let (next, kind) = escape(bytes, at)?;
        escapes = escapes.max(kind);
        at = next;
    }
}

/// Checks the escape at `at` and says where it ends.
fn escape(bytes: &[u8], at: usize) -> Result<(usize, Escapes), usize> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
            Ok((at + 2, Escapes::Simple))
        }
        Some(b'u') => match bytes.get(at + 2..at + 6) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => Ok((at + 6, Escapes::Unicode)),
            _ => Err(at),
        },
        _ => Err(at),
    }
}

/// The end of the number that starts at `at`.
pub(super) fn number(bytes: &[u8], at: usize) -> Result<usize, usize> {
    let digits = |from: usize| {
        from + bytes
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let whole = if bytes.get(at) == Some(&b'-') {
        at + 1
    } else {
        at
    };
    let mut end = digits(whole);
    if end == whole {
        return Err(at);
    }
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == end + 1 {
            return Err(end);
        }
        end = fraction;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = if matches!(bytes.get(end + 1), Some(b'+' | b'-')) {
            end + 2
        } else {
            end + 1
        };
        let exponent = digits(sign);
        if exponent == sign {
            return Err(end);
        }
        end = exponent;
    }
    Ok(end)
}

/// The end of the literal that starts at `at`. Bare `NaN` and `Infinity` are what old Python clients write.
pub(super) fn literal(bytes: &[u8], at: usize) -> Result<usize, usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    let words: [&[u8]; 6] = [
        b"true",
        b"false",
        b"null",
        b"NaN",
        b"Infinity",
        b"-Infinity",
    ];
    words
        .into_iter()
        .find(|word| rest.starts_with(word))
        .map(|word| at + word.len())
        .ok_or(at)
}

/// The first byte at or after `at` that is not white space.
#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Where a value ends that begins at `at`, whatever is in it. Strings and brackets are accounted for, nothing else.
pub(super) fn skip_value(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    let mut depth = 0_usize;
    loop {
        at = match bytes.get(at) {
            Some(b'"') => skip_string(bytes, at + 1)?.raw.end + 1,
            Some(b'{' | b'[') => {
                depth += 1;
                at + 1
            }
            Some(b'}' | b']') if depth > 0 => {
                depth -= 1;
                at + 1
            }
            Some(b',' | b':' | b' ' | b'\n' | b'\r' | b'\t') if depth > 0 => at + 1,
            Some(b'-' | b'0'..=b'9') if bytes.get(at + 1) != Some(&b'I') => number(bytes, at)?,
            Some(_) => literal(bytes, at)?,
            None => return Err(at),
        };
        if depth == 0 {
            return Ok(at);
        }
    }
}

/// Whether an array has elements, and all of them are pairs of a text and something.
pub(super) fn is_pair_list(bytes: &[u8], start: usize) -> bool {
    let mut at = skip_space(bytes, start + 1);
    loop {
        let Some(end) = pair_end(bytes, at) else {
            return false;
        };
        at = skip_space(bytes, end);
        match bytes.get(at) {
            Some(b',') => at = skip_space(bytes, at + 1),
            Some(b']') => return true,
            _ => return false,
        }
    }
}

/// Where a pair ends; `None` when it is none.
fn pair_end(bytes: &[u8], at: usize) -> Option<usize> {
    let expect = |at: usize, byte: u8| (bytes.get(at) == Some(&byte)).then_some(at + 1);
    let first = skip_space(bytes, expect(at, b'[')?);
    let after = skip_string(bytes, expect(first, b'"')?).ok()?.raw.end + 1;
    let second = skip_space(bytes, expect(skip_space(bytes, after), b',')?);
    let after = skip_value(bytes, second).ok()?;
    expect(skip_space(bytes, after), b']')
}

/// Writes what a raw string means to `out`. A lone surrogate becomes U+FFFD.
pub(super) fn decode(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(n) = memchr(b'\\', rest) {
        let (plain, escaped) = rest.split_at(n);
        out.extend_from_slice(plain);
        let used = match escaped.get(1) {
            Some(b'u') => decode_unicode(escaped, out),
            Some(letter) => {
                out.push(match letter {
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                });
                2
            }
            None => 1,
        };
        rest = escaped.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

fn decode_unicode(escaped: &[u8], out: &mut Vec<u8>) -> usize {
    let unit = |from: usize| {
        let hex = escaped
            .get(from..from + 6)
            .and_then(|escape| escape.strip_prefix(b"\\u"))?;
        u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
    };
    let high = unit(0).unwrap_or(0xFFFD);
    let (code, used) = match (high, unit(6)) {
        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
            (0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00), 12)
        }
        _ => (high, 6),
    };
    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    used
}

/// Writes a text as a string literal to `out`.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend(
                    [byte >> 4, byte & 15]
                        .iter()
                        .filter_map(|nibble| HEX.get(usize::from(*nibble))),
                );
            }
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

/// How many characters a UTF-8 text has.
pub(super) fn chars(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &str) -> String {
        let mut out = Vec::new();
        decode(raw.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(decoded(r"a\u0040b\/c\n\ud83d\ude00"), "a@b/c\n\u{1F600}");
        assert_eq!(decoded(r"\ud83dx\ude00"), "\u{FFFD}x\u{FFFD}");
    }

    #[test]
    fn a_string_ends_at_its_own_quote() {
        assert_eq!(string(br#"a\"b"rest"#, 0).unwrap().raw, 0..4);
        assert_eq!(skip_string(br#"a\\"rest"#, 0).unwrap().raw, 0..3);
        assert!(string(br#"a\"b"#, 0).is_err());
        assert!(string(br#"a\u12"b"#, 0).is_err());
        assert!(string(br#"a\q""#, 0).is_err());
    }

    #[test]
    fn numbers_end_where_they_should() {
        assert_eq!(number(b"-12.5e+3,", 0), Ok(8));
        assert_eq!(number(b"1]", 0), Ok(1));
        assert!(number(b"-", 0).is_err());
        assert!(number(b"1.", 0).is_err());
        assert!(number(b"1e", 0).is_err());
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = "a\"b\\c\n\u{1}\u{1F600}";
        let mut out = Vec::new();
        encode(text.as_bytes(), &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
