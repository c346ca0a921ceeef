//! Finds secrets whose name stands before them without `=` or `:`: options of a command line, pairs in brackets, elements of XML, parts
//! of a form, columns of SQL; and pairs whose separator is percent-encoded.

use std::ops::Range;

use super::found::{Found, at, before};
use super::keys::{KEY_BYTES_MAX, Keys, counts_tokens};
use super::pairs::{self, is_plain, quoted_value};
use super::rules::Rule;

/// Most spaces and commas between a name and its value.
const GAP_MAX: usize = 8;
/// Longest head of a part of a form, behind the name, in bytes.
const HEAD_BYTES_MAX: usize = 512;
/// Longest opening tag of an element, in bytes.
const TAG_BYTES_MAX: usize = 512;
/// Longest list of columns, in bytes.
const COLUMNS_BYTES_MAX: usize = 4096;

fn push(text: &[u8], range: Range<usize>, found: &mut Vec<Found>) -> usize {
    let end = range.end;
    if !range.is_empty() && !is_plain(text.get(range.clone()).unwrap_or_default()) {
        found.push(Found::new(range, Rule::Password));
    }
    end
}

fn is_secret(name: &[u8], keys: &Keys) -> bool {
    !name.is_empty()
        && name.len() <= KEY_BYTES_MAX
        && !keys.is_safe(name)
        && keys.is_sensitive(name)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// How many bytes from `start` on are of a set.
fn run(text: &[u8], start: usize, max: usize, is_in: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default().iter();
    rest.take(max).take_while(|byte| is_in(**byte)).count()
}

/// How many of a byte stand before a place.
fn run_back(text: &[u8], place: usize, byte: u8) -> usize {
    let head = text.get(..place).unwrap_or_default().iter().rev();
    head.take(GAP_MAX).take_while(|one| **one == byte).count()
}

/// Behind the quote that stands at a place, backslashes before it included; the place itself where there is none.
fn behind_quote(text: &[u8], place: usize) -> usize {
    let slashes = run(text, place, 3, |byte| byte == b'\\');
    match at(text, place + slashes) {
        b'"' | b'\'' | b'`' => place + slashes + 1,
        _ => place,
    }
}

/// `--password VALUE` on a command line, and `'--password', 'VALUE'` in a list: the value after the option.
pub(super) fn options(text: &[u8], keys: &Keys, found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some(n) = memchr::memmem::find(text.get(from..).unwrap_or_default(), b"--") {
        let start = from + n + 2;
        let length = run(text, start, KEY_BYTES_MAX, |byte| {
            byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
        });
        from = start + length.max(1);
        let end = start + length;
        let behind = behind_quote(text, end);
        let gap = run(text, behind, GAP_MAX, |byte| {
            byte == b' ' || (byte == b',' && behind > end)
        });
        let value = behind + gap;
        let name = text.get(start..end).unwrap_or_default();
        if gap == 0 || at(text, value) == b'-' || !is_secret(name, keys) {
            continue;
        }
        let range = quoted_value(text, value).unwrap_or(value..pairs::bare_end(text, value));
        if !text
            .get(range.clone())
            .unwrap_or_default()
            .starts_with(b"--")
        {
            from = push(text, range, found).max(from);
        }
    }
}

/// Whether an argument is an option whose value is a secret: `--password`, also in the quotes of a program that prints it.
pub(super) fn is_secret_option(argument: &[u8], keys: &Keys) -> bool {
    let start = behind_quote(argument, 0);
    let name = argument
        .get(start..)
        .and_then(|rest| rest.strip_prefix(b"--"));
    name.is_some_and(|name| {
        is_secret(
            name.get(..run(name, 0, KEY_BYTES_MAX + 1, is_name_byte))
                .unwrap_or_default(),
            keys,
        ) && !name.contains(&b'=')
    })
}

/// `[('password', 'VALUE')]`, as programs print lists of pairs. Two names alone are no pair: `missing ['password', 'email']`.
pub(super) fn tuples(text: &[u8], keys: &Keys, found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some(n) = memchr::memchr2(b'(', b'[', text.get(from..).unwrap_or_default()) {
        let open = from + n;
        from = open + 1;
        if let Some(value) = value_of_tuple(text, open, keys) {
            from = push(text, value, found).max(from);
        }
    }
}

fn value_of_tuple(text: &[u8], open: usize, keys: &Keys) -> Option<Range<usize>> {
    let is_in_list = matches!(
        before(text, open - run_back(text, open, b' '), 1),
        b'[' | b'(' | b'{' | b','
    );
    if !is_in_list {
        return None;
    }
    // No name is longer, so that no bracket costs more than that.
    let head = text.get(..text.len().min(open + KEY_BYTES_MAX + GAP_MAX))?;
    let name = quoted_value(head, open + 1)?;
    let key = text.get(name.clone())?;
    if !key.iter().all(|byte| is_name_byte(*byte)) || !is_secret(key, keys) {
        return None;
    }
    let comma = behind_quote(text, name.end);
    if comma == name.end || at(text, comma) != b',' {
        return None;
    }
    let start = comma + 1 + run(text, comma + 1, GAP_MAX, |byte| byte == b' ');
    let value = quoted_value(text, start)?;
    let close = at(text, behind_quote(text, value.end));
    let closes = close == b')' && at(text, open) == b'(' || close == b']' && at(text, open) == b'[';
    closes.then_some(value)
}

/// `<password>VALUE</password>`, whatever space of names it is in.
pub(super) fn elements(text: &[u8], keys: &Keys, found: &mut Vec<Found>) {
    for close in memchr::memmem::find_iter(text, b"</") {
        if let Some(value) = value_of_element(text, close, keys) {
            push(text, value, found);
        }
    }
}

fn value_of_element(text: &[u8], close: usize, keys: &Keys) -> Option<Range<usize>> {
    let start = close + 2;
    let length = run(text, start, KEY_BYTES_MAX, |byte| {
        is_name_byte(byte) || byte == b':'
    });
    let tag = text.get(start..start + length)?;
    let name = tag.rsplit(|byte| *byte == b':').next()?;
    if at(text, start + length) != b'>' || !is_secret(name, keys) {
        return None;
    }
    let head = text.get(..close)?;
    let open = memchr::memrchr2(b'<', b'>', head)?;
    let tail = head.get(open.saturating_sub(TAG_BYTES_MAX)..open)?;
    let begin = open - tail.len() + memchr::memrchr(b'<', tail)? + 1;
    let opens = text.get(begin..open)?.strip_prefix(tag)?;
    let is_own = at(text, open) == b'>' && opens.first().is_none_or(u8::is_ascii_whitespace);
    let value = text.get(open + 1..close)?.trim_ascii_start();
    let from = close - value.len();
    let value = value.trim_ascii_end();
    let is_count = counts_tokens(name) && value.iter().all(u8::is_ascii_digit);
    (is_own && !is_count).then_some(from..from + value.len())
}

/// Parts of a form: `Content-Disposition: form-data; name="password"`, an empty line, the value.
pub(super) fn parts(text: &[u8], keys: &Keys, found: &mut Vec<Found>) {
    let mut done = 0;
    for place in memchr::memmem::find_iter(text, b"form-data;") {
        if place < done {
            continue;
        }
        if let Some(value) = value_of_part(text, place, keys) {
            done = push(text, value, found);
        }
    }
}

fn value_of_part(text: &[u8], place: usize, keys: &Keys) -> Option<Range<usize>> {
    let head = text.get(place..text.len().min(place + HEAD_BYTES_MAX))?;
    let end = memchr::memmem::find(head, b"\n\r\n").map(|n| (n, 3));
    let plain = memchr::memmem::find(head, b"\n\n").map(|n| (n, 2));
    let (end, gap) = end.into_iter().chain(plain).min()?;
    let head = head.get(..end)?;
    let mut names = memchr::memmem::find_iter(head, b"name=");
    // `filename=` ends so, too.
    let name = names.find(|n| !before(head, *n, 1).is_ascii_alphanumeric())? + 5;
    let key = quoted_value(head, name)
        .unwrap_or(name..name + run(head, name, KEY_BYTES_MAX, is_name_byte));
    if !is_secret(head.get(key)?, keys) {
        return None;
    }
    let start = place + end + gap;
    let rest = text.get(start..)?;
    let length = memchr::memmem::find(rest, b"\n--").unwrap_or(rest.len());
    let value = rest.get(..length)?;
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    Some(start..start + value.len())
}

/// `password%3Dhunter2` and `%22password%22%3A%22hunter2%22`: pairs that are a value of another.
pub(super) fn encoded(text: &[u8], keys: &Keys, found: &mut Vec<Found>) {
    let mut done = 0;
    for sign in memchr::memmem::find_iter(text, b"%3") {
        if sign < done || !matches!(at(text, sign + 2), b'A' | b'a' | b'D' | b'd') {
            continue;
        }
        let end = match before(text, sign, 3) {
            b'%' if is_code(text, sign - 3, b"22") || is_code(text, sign - 3, b"27") => sign - 3,
            _ => sign,
        };
        let head = text.get(..end).unwrap_or_default().iter().rev();
        let length = head
            .take(KEY_BYTES_MAX)
            .take_while(|byte| is_name_byte(**byte))
            .count();
        // The digits of what is encoded before it are no part of a name.
        let start = end - length;
        let start = if before(text, start, 1) == b'%' {
            (start + 2).min(end)
        } else {
            start
        };
        if !is_secret(text.get(start..end).unwrap_or_default(), keys) {
            continue;
        }
        let mut value = sign + 3;
        while is_code(text, value, b"20")
            || is_code(text, value, b"22")
            || is_code(text, value, b"27")
        {
            value += 3;
        }
        done = push(text, value..end_of_encoded(text, value), found);
    }
}

/// Whether a percent-encoded byte stands at a place.
fn is_code(text: &[u8], place: usize, code: &[u8]) -> bool {
    at(text, place) == b'%' && text.get(place + 1..place + 3) == Some(code)
}

fn end_of_encoded(text: &[u8], start: usize) -> usize {
    const ENDS: [&[u8]; 9] = [
        b"22", b"26", b"27", b"2C", b"2c", b"7D", b"7d", b"0A", b"0D",
    ];
    let rest = text.get(start..).unwrap_or_default();
    let ends = rest.iter().enumerate().position(|(n, byte)| match byte {
        0..=b' ' | b'&' | b'"' | b'\'' | b'<' | b'>' | b';' | b'#' => true,
        b'%' => ENDS.iter().any(|code| is_code(text, start + n, code)),
        _ => false,
    });
    start + ends.unwrap_or(rest.len())
}

/// `INSERT INTO users (name, password) VALUES ('bob', 'VALUE')`: what stands where a column of that name does.
pub(super) fn columns(text: &[u8], keys: &Keys, found: &mut Vec<Found>) {
    const WORD: &[u8] = b"values";
    let mut from = 0;
    for place in memchr::memchr2_iter(b'V', b'v', text) {
        let end = place + WORD.len();
        let is_word = text
            .get(place..end)
            .is_some_and(|word| word.eq_ignore_ascii_case(WORD));
        if place < from || !is_word {
            continue;
        }
        let columns = secret_columns(text, place, keys);
        if !columns.is_empty() {
            from = rows(text, end, &columns, found);
        }
    }
}

/// Which of the columns before the word hold secrets, from 0.
fn secret_columns(text: &[u8], word: usize, keys: &Keys) -> Vec<usize> {
    let head = text
        .get(word.saturating_sub(COLUMNS_BYTES_MAX)..word)
        .unwrap_or_default();
    let list = head.trim_ascii_end().strip_suffix(b")");
    // Brackets within the list would be read again with every word.
    let list = list.and_then(|head| {
        let open = memchr::memrchr2(b'(', b')', head)?;
        head.get(open..)?.strip_prefix(b"(")
    });
    let holds_secret = |column: &[u8]| {
        let start = column.iter().position(|byte| is_name_byte(*byte));
        let start = start.unwrap_or_default();
        let length = run(column, start, KEY_BYTES_MAX, is_name_byte);
        let name = column.get(start..start + length).unwrap_or_default();
        is_secret(name, keys) && !counts_tokens(name)
    };
    let columns = list.unwrap_or_default().split(|byte| *byte == b',');
    let secret = columns.enumerate().filter(|(_, one)| holds_secret(one));
    secret.map(|(nth, _)| nth).collect()
}

/// Takes the values of these columns out of rows in brackets; says where the last one ends.
fn rows(text: &[u8], mut place: usize, columns: &[usize], found: &mut Vec<Found>) -> usize {
    let is_gap = |byte: u8| byte.is_ascii_whitespace();
    let mut nth = None;
    loop {
        place += run(text, place, usize::MAX, is_gap);
        nth = match (at(text, place), nth) {
            (b'(', None) => Some(0),
            (b')', Some(_)) => None,
            (b',', Some(nth)) => Some(nth + 1),
            (b',', None) => None,
            (0, _) | (_, None) => return place,
            (_, Some(nth)) => {
                let quoted = sql_text(text, place);
                let end = quoted.as_ref().map_or_else(
                    || place + run(text, place, usize::MAX, |byte| !matches!(byte, b',' | b')')),
                    |value| behind_quote(text, value.end),
                );
                // `:password` and `@p1` are told elsewhere.
                if columns.contains(&nth) && !matches!(at(text, place), b':' | b'@') {
                    push(text, quoted.unwrap_or(place..end), found);
                }
                place = end.max(place + 1);
                continue;
            }
        };
        place += 1;
    }
}

/// A text in quotes, in which a quote is told by two.
fn sql_text(text: &[u8], place: usize) -> Option<Range<usize>> {
    let mut value = quoted_value(text, place)?;
    loop {
        let end = behind_quote(text, value.end);
        if end == value.end || at(text, end) != before(text, end, 1) {
            return Some(value);
        }
        value.end = quoted_value(text, end)?.end;
    }
}
