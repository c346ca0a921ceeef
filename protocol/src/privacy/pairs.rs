//! Finds `key=value` and `key: value` inside a text: query strings, forms, cookies, JSON in a string, `repr` output, log lines.
//!
//! Every `=` and `:` is looked at from the right to the left: only when a sensitive key stands before it is the value read.
//! In source code only quoted values are secrets; in prose (`invalid password: must be longer`) words are not.

use std::borrow::Cow;
use std::ops::Range;

use super::found::{Found, at, before};
use super::keys::{KEY_BYTES_MAX, Keys, counts_tokens};
use super::rules::{Rule, is_redacted};

/// Most spaces around a separator.
const SPACES_MAX: usize = 8;
/// Deepest level of quoting: `\"` in a string in a string has three backslashes.
const BACKSLASHES_MAX: usize = 15;
/// How far back a line of a program is read for open quotes, in bytes.
const LINE_BYTES_MAX: usize = 1024;
/// Longest name of what a value is wrapped in, in bytes.
const WRAPPER_BYTES_MAX: usize = 24;
/// Longest number that counts tokens, in digits.
const COUNT_DIGITS_MAX: usize = 9;

/// What kind of text the pairs stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prose {
    /// Data and messages.
    Text,
    /// Cookies, joined by semicolons.
    Cookies,
    /// Lines of a program.
    Source,
}

/// The name before a separator.
struct Name {
    range: Range<usize>,
    /// The quotes around it, with their backslashes; empty when it has none.
    quote: &'static str,
}

/// A separator and how strict it is about what follows.
struct Separator {
    /// Where the name's side ends.
    left: usize,
    /// Where the value's side begins.
    right: usize,
    is_colon: bool,
    needs_quotes: bool,
}

/// Looks at every separator.
pub(super) fn find(text: &[u8], keys: &Keys, prose: Prose, found: &mut Vec<Found>) {
    let mut done = 0;
    for sign in memchr::memchr2_iter(b'=', b':', text) {
        if sign < done {
            continue;
        }
        let Some(separator) = separator_at(text, sign) else {
            continue;
        };
        let Some((name, rule)) = secret_name(text, &separator, keys, prose) else {
            continue;
        };
        let Some((value, quote)) = value_of(text, &separator, &name, prose) else {
            continue;
        };
        done = value.end;
        let content = text.get(value.clone()).unwrap_or_default();
        let name = text.get(name.range).unwrap_or_default();
        let is_count = content.len() <= COUNT_DIGITS_MAX
            && content.iter().all(u8::is_ascii_digit)
            && counts_tokens(name);
        if !is_plain(content) && !is_count {
            found.push(Found {
                range: value,
                rule,
                quote,
            });
        }
    }
}

/// Whether a value says nothing: empty, a placeholder, or redacted already.
pub(super) fn is_plain(value: &[u8]) -> bool {
    const PLAIN: [&[u8]; 14] = [
        b"",
        b"true",
        b"false",
        b"null",
        b"undefined",
        b"None",
        b"True",
        b"False",
        b"nil",
        b"''",
        b"\"\"",
        b"?",
        b"%s",
        b"[]",
    ];
    PLAIN.contains(&value)
        || is_redacted(value)
        || is_quoted_redaction(value)
        || is_placeholder(value)
}

/// `'[Filtered]'`, as `repr` writes it.
fn is_quoted_redaction(value: &[u8]) -> bool {
    matches!(value, [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] if is_redacted(inner))
}

/// `{token}`, `$1`: the name of a value that is elsewhere.
fn is_placeholder(value: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        !name.is_empty()
            && name.len() <= 32
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || b"_.{}".contains(byte))
    };
    match value {
        [b'{', name @ .., b'}'] => is_name(name),
        [b'$', number @ ..] => {
            !number.is_empty() && number.len() <= 2 && number.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

fn separator_at(text: &[u8], sign: usize) -> Option<Separator> {
    let (previous, next) = (before(text, sign, 1), at(text, sign + 1));
    if at(text, sign) == b':' {
        let is_path = previous == b':'
            || next == b':'
            || next == b'='
            || (next == b'/' && at(text, sign + 2) == b'/');
        return (!is_path).then_some(Separator {
            left: sign,
            right: sign + 1,
            is_colon: true,
            needs_quotes: false,
        });
    }
    if previous == b'=' {
        return None;
    }
    let equals = text
        .get(sign..)?
        .iter()
        .take_while(|byte| **byte == b'=')
        .count();
    let (left, is_comparison) = match previous {
        b'!' => (sign - 1, true),
        b':' | b'+' | b'?' => (sign - 1, false),
        b'<' | b'>' => return None,
        _ => (sign, equals > 1),
    };
    let right = if next == b'>' {
        sign + 2
    } else {
        sign + equals
    };
    Some(Separator {
        left,
        right,
        is_colon: false,
        needs_quotes: is_comparison,
    })
}

/// The name before the separator, if it promises a secret.
fn secret_name(
    text: &[u8],
    separator: &Separator,
    keys: &Keys,
    prose: Prose,
) -> Option<(Name, Rule)> {
    let name = name_before(text, separator.left)?;
    let key = plain_key(text.get(name.range.clone())?);
    if keys.is_safe(&key) {
        return None;
    }
    if keys.is_sensitive(&key) {
        return Some((name, Rule::Password));
    }
    let is_session = match prose {
        Prose::Cookies => keys.is_cookie(&key),
        Prose::Text => keys.is_session(&key),
        Prose::Source => false,
    };
    if !separator.is_colon && separator.left == name.range.end && is_session {
        return Some((name, Rule::Cookies));
    }
    if separator.is_colon || prose != Prose::Source {
        return None;
    }
    // `password: str = "…"`: the name stands before its type.
    let colon = back_over_spaces(text, name.range.start).checked_sub(1)?;
    let typed = name_before(text, colon)?;
    let is_typed = at(text, colon) == b':' && keys.is_sensitive(text.get(typed.range.clone())?);
    is_typed.then_some((typed, Rule::Password))
}

fn plain_key(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'%') {
        return Cow::Borrowed(raw);
    }
    let mut plain = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, tail)) = rest.split_first() {
        let code = tail
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) if *byte == b'%' => {
                plain.push(code);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                plain.push(*byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(plain)
}

fn back_over_spaces(text: &[u8], end: usize) -> usize {
    let head = text.get(..end).unwrap_or_default();
    end - head
        .iter()
        .rev()
        .take(SPACES_MAX)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

fn name_before(text: &[u8], end: usize) -> Option<Name> {
    let mut end = back_over_spaces(text, end);
    // `data["password"] = …`
    if before(text, end, 1) == b']' && matches!(before(text, end, 2), b'"' | b'\'') {
        end -= 1;
    }
    let mark = before(text, end, 1);
    let mut quote = "";
    if matches!(mark, b'"' | b'\'' | b'`') {
        end -= 1;
        let slashes = text
            .get(..end)?
            .iter()
            .rev()
            .take(BACKSLASHES_MAX)
            .take_while(|byte| **byte == b'\\')
            .count();
        end -= slashes;
        quote = quote_text(mark, slashes);
    }
    let head = text.get(..end)?;
    let length = head
        .iter()
        .rev()
        .take(KEY_BYTES_MAX)
        .take_while(|byte| is_name_byte(**byte))
        .count();
    let start = end - length;
    // `\npassword=…` in a printed string: the escape's letter is no part of the name.
    let start = if before(text, start, 1) == b'\\'
        && matches!(at(text, start), b'n' | b'r' | b't')
        && length > 1
    {
        start + 1
    } else {
        start
    };
    (end > start).then_some(Name {
        range: start..end,
        quote,
    })
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_-.$%[]".contains(&byte)
}

/// The quotes to put around a label, where the name has them.
fn quote_text(mark: u8, slashes: usize) -> &'static str {
    match (mark, slashes) {
        (b'"', 0) => "\"",
        (b'"', 1) => "\\\"",
        (b'"', 3) => "\\\\\\\"",
        (b'\'', 0) => "'",
        _ => "",
    }
}

/// The value after a separator and the quotes its label needs.
fn value_of(
    text: &[u8],
    separator: &Separator,
    name: &Name,
    prose: Prose,
) -> Option<(Range<usize>, &'static str)> {
    let spaces = text
        .get(separator.right..)?
        .iter()
        .take(SPACES_MAX)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let start = separator.right + spaces;
    let start = start + wrapper_length(text, start, prose);
    if let Some(quoted) = quoted_value(text, start) {
        // `"?api_key=" + key`: the quote ends the string that the name is in.
        let closes =
            prose == Prose::Source && at(text, start) == b'"' && is_in_quotes(text, start, b'"');
        return (!closes).then_some((quoted, ""));
    }
    if prose == Prose::Source {
        return written_out(text, separator, name);
    }
    if separator.needs_quotes {
        return None;
    }
    match at(text, start) {
        b'{' | b'['
            if label_length(text, start) == 0
                && !is_placeholder(text.get(start..bare_end(text, start))?) =>
        {
            Some((start..bracket_end(text, start), name.quote))
        }
        _ if separator.is_colon && name.quote.is_empty() && is_address(text, name, start) => None,
        _ => {
            let end = value_end(text, start);
            let is_prose =
                separator.is_colon && name.quote.is_empty() && is_sentence(text, start, end);
            let has_own_pair =
                separator.is_colon && spaces > 0 && holds_pair(text.get(start..end)?);
            (start < end && !is_prose && !has_own_pair).then_some((start..end, name.quote))
        }
    }
}

/// `"host=db password=VALUE"` in a line of a program: a pair that is a part of a string, and whose value is not put in when it runs.
fn written_out(
    text: &[u8],
    separator: &Separator,
    name: &Name,
) -> Option<(Range<usize>, &'static str)> {
    let start = separator.right;
    let end = bare_end(text, start);
    let value = text.get(start..end)?;
    let is_tight = !separator.is_colon && name.range.end == separator.left && name.quote.is_empty();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.+/=~!@#".contains(byte);
    let is_written =
        value.first().is_some_and(u8::is_ascii_alphanumeric) && value.iter().all(is_word);
    let is_in_string = |at: usize| b"\"'`".iter().any(|mark| is_in_quotes(text, at, *mark));
    (is_tight && is_written && is_in_string(start)).then_some((start..end, ""))
}

/// `Some(` and `Secret(` before a quoted value, as Rust and Swift print one that may be missing.
fn wrapper_length(text: &[u8], start: usize, prose: Prose) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic();
    let length = rest
        .iter()
        .take(WRAPPER_BYTES_MAX)
        .take_while(is_letter)
        .count();
    let is_wrapper = length > 0 && at(rest, length) == b'(';
    let is_quoted = quoted_value(text, start + length + 1).is_some();
    if prose != Prose::Source && is_wrapper && is_quoted {
        length + 1
    } else {
        0
    }
}

/// Whether a line of a program is within quotes of one kind at a place.
fn is_in_quotes(text: &[u8], place: usize, mark: u8) -> bool {
    let head = text
        .get(place.saturating_sub(LINE_BYTES_MAX)..place)
        .unwrap_or_default();
    let line = head
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let (mut is_open, mut escaped) = (false, false);
    for byte in line {
        is_open ^= *byte == mark && !escaped;
        escaped = *byte == b'\\' && !escaped;
    }
    is_open
}

/// The length of a label that stands at `start`.
fn label_length(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    if rest.first() != Some(&b'[') {
        return 0;
    }
    let end = rest
        .iter()
        .take(32)
        .position(|byte| *byte == b']')
        .map_or(0, |end| end + 1);
    if is_redacted(rest.get(..end).unwrap_or_default()) {
        end
    } else {
        0
    }
}

/// What stands in the quotes that open at `start`, also with the prefixes of Python and with escaped quotes.
pub(super) fn quoted_value(text: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let prefix = rest
        .iter()
        .take(2)
        .take_while(|byte| b"bBuUrRfF".contains(byte))
        .count();
    let slashes = rest
        .get(prefix..)?
        .iter()
        .take(BACKSLASHES_MAX)
        .take_while(|byte| **byte == b'\\')
        .count();
    let open = start + prefix + slashes;
    let mark = at(text, open);
    if !matches!(mark, b'"' | b'\'' | b'`') {
        return None;
    }
    if slashes == 0 && at(text, open + 1) == mark && at(text, open + 2) == mark {
        let inner = open + 3;
        let tail = text.get(inner..)?;
        let length = memchr::memmem::find(tail, &[mark, mark, mark]).unwrap_or(tail.len());
        return Some(inner..inner + length);
    }
    let inner = open + 1;
    for n in memchr::memchr_iter(mark, text.get(inner..)?) {
        let close = inner + n;
        let own = text
            .get(inner..close)?
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        let closes = if slashes == 0 {
            own.is_multiple_of(2)
        } else {
            own == slashes
        };
        if closes {
            return Some(inner..close - if slashes == 0 { 0 } else { own });
        }
    }
    Some(inner..text.len())
}

/// Behind the bracket that closes the one at `start`; the end of the text when it is cut.
fn bracket_end(text: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut quote = 0;
    let mut escaped = false;
    for (n, byte) in text.get(start..).unwrap_or_default().iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if quote != 0 => quote = if *byte == quote { 0 } else { quote },
            b'"' | b'\'' => quote = *byte,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return start + n + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The end of a value without quotes; an authorization's scheme keeps its token.
fn value_end(text: &[u8], start: usize) -> usize {
    const SCHEMES: [&[u8]; 9] = [
        b"basic",
        b"bearer",
        b"digest",
        b"token",
        b"negotiate",
        b"ntlm",
        b"sentry",
        b"hawk",
        b"aws4-hmac-sha256",
    ];
    let mut end = bare_end(text, start);
    let scheme = text.get(start..end).unwrap_or_default();
    if !SCHEMES
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return end;
    }
    // Parameters follow each other with commas; one token follows otherwise.
    while at(text, end) == b' '
        || at(text, end) == b'+'
        || (at(text, end) == b',' && at(text, end + 1) == b' ')
    {
        let next = end
            + text
                .get(end..)
                .unwrap_or_default()
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b',' | b'+'))
                .count();
        let part_end = bare_end(text, next);
        let is_last = at(text, part_end) != b',';
        if part_end == next || is_redacted(text.get(next..part_end).unwrap_or_default()) {
            break;
        }
        end = part_end;
        if is_last {
            break;
        }
    }
    end
}

/// The end of a run without spaces and separators. A bracket that opens in it closes in it; a label at its start is a part of it.
pub(super) fn bare_end(text: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let from = start + label_length(text, start);
    let rest = text.get(from..).unwrap_or_default();
    for (n, byte) in rest.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth > 0 => depth -= 1,
            _ if ends_bare(text, from + n, *byte) => return from + n,
            _ => {}
        }
    }
    text.len()
}

fn ends_bare(text: &[u8], place: usize, byte: u8) -> bool {
    let next = at(text, place + 1);
    match byte {
        0..=b' ' | b'&' | b';' | b'"' | b'\'' | b'`' | b'<' | b'>' => true,
        b'\\' => matches!(next, b'n' | b'r' | b't' | b'"' | b'\'' | b'\\'),
        b',' => {
            next <= b' '
                || matches!(next, b'"' | b'\'' | b'}' | b']' | b')')
                || starts_pair(text.get(place + 1..).unwrap_or_default())
        }
        b')' | b']' | b'}' => next <= b' ' || b";,.:)}]>'\"&\\".contains(&next),
        _ => false,
    }
}

/// `name=`
fn starts_pair(rest: &[u8]) -> bool {
    let name = rest
        .iter()
        .take(KEY_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
        .count();
    name > 0 && matches!(at(rest, name), b'=' | b':')
}

/// `user=jane`, but not `abc123==`.
fn holds_pair(value: &[u8]) -> bool {
    let Some(equals) = value.iter().position(|byte| *byte == b'=') else {
        return false;
    };
    let (name, rest) = value.split_at(equals);
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && rest.get(1).is_some_and(u8::is_ascii_alphanumeric)
}

/// `must be at least …`: a word of letters, with another word behind it.
fn is_sentence(text: &[u8], start: usize, end: usize) -> bool {
    let word = text.get(start..end).unwrap_or_default();
    let tail = word.get(1..).unwrap_or_default();
    let is_word = word.first().is_some_and(u8::is_ascii_alphabetic)
        && tail.iter().all(u8::is_ascii_lowercase);
    is_word
        && at(text, end) == b' '
        && (at(text, end + 1).is_ascii_alphabetic() || b"'\"(-<".contains(&at(text, end + 1)))
}

/// `auth.example.com:443`, `token.rs:45`, `//auth:8080`.
fn is_address(text: &[u8], name: &Name, start: usize) -> bool {
    let digits = text
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let name_text = text.get(name.range.clone()).unwrap_or_default();
    let is_place =
        name_text.contains(&b'.') || matches!(before(text, name.range.start, 1), b'/' | b'@');
    (1..=5).contains(&digits) && is_place && !at(text, start + digits).is_ascii_alphanumeric()
}
