//! Finds credentials by their form: URL credentials, `Bearer` and `Basic`, PEM keys.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use memchr::memmem;

use super::found::{Found, at, before};
use super::rules::{Rule, is_redacted};

/// Longest user and password in a URL, in bytes.
const USERINFO_BYTES_MAX: usize = 1024;
/// Longest first line of a PEM block, in bytes.
const PEM_NAME_BYTES_MAX: usize = 64;
/// Shortest token after the word `bearer` within a sentence, in bytes.
const TOKEN_BYTES_MIN: usize = 6;
/// A word of lower-case letters this long is a token all the same, in bytes.
const TOKEN_WORD_BYTES_MIN: usize = 20;
/// Shortest encoded `user:password`, in bytes.
const BASIC_BYTES_MIN: usize = 4;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `scheme://user:pass@host` and `//user:pass@host`: everything before the last `@` of the authority.
pub(super) fn url_credentials(text: &[u8], is_source: bool, found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some(n) = memmem::find(text.get(from..).unwrap_or_default(), b"//") {
        let start = from + n + 2;
        let authority = text.get(start..).unwrap_or_default();
        let length = authority
            .iter()
            .take(USERINFO_BYTES_MAX)
            .take_while(|byte| !ends_authority(**byte))
            .count();
        let Some(end) = authority
            .get(..length)
            .and_then(|authority| memchr::memrchr(b'@', authority))
        else {
            from = start;
            continue;
        };
        let userinfo = authority.get(..end).unwrap_or_default();
        let has_scheme = before(text, start, 3) == b':';
        let is_template = is_source
            && (memchr::memchr2(b'{', b'%', userinfo).is_some() || userinfo.contains(&b'$'));
        if end > 0
            && (has_scheme || userinfo.contains(&b':'))
            && !is_template
            && !userinfo.split(|byte| *byte == b':').all(is_placeholder)
        {
            found.push(Found::new(start..start + end, Rule::UrlAuth));
        }
        from = start + end;
    }
}

fn is_placeholder(part: &[u8]) -> bool {
    part.is_empty() || is_redacted(part)
}

fn ends_authority(byte: u8) -> bool {
    byte <= b' '
        || matches!(
            byte,
            b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`'
        )
}

/// `Bearer TOKEN`, in any case. Within a sentence the token must look like one.
pub(super) fn bearer(text: &[u8], found: &mut Vec<Found>) {
    let mut done = 0;
    for (start, is_header) in after_word(text, b"bearer") {
        let token = if start < done {
            &[]
        } else {
            token_at(text, start)
        };
        done = done.max(start + token.len());
        if !token.is_empty() && (is_header || looks_random(token)) {
            found.push(Found::new(start..start + token.len(), Rule::Bearer));
        }
    }
}

/// `Basic BASE64`, when the base64 holds a colon.
pub(super) fn basic(text: &[u8], found: &mut Vec<Found>) {
    let mut done = 0;
    for (start, _) in after_word(text, b"basic") {
        let token = if start < done {
            &[]
        } else {
            token_at(text, start)
        };
        done = done.max(start + token.len());
        let is_credentials = || {
            BASE64
                .decode(token)
                .or_else(|_| general_purpose::URL_SAFE_NO_PAD.decode(token))
                .is_ok_and(|plain| plain.contains(&b':'))
        };
        if token.len() >= BASIC_BYTES_MIN && is_credentials() {
            found.push(Found::new(start..start + token.len(), Rule::Basic));
        }
    }
}

/// Where what follows a word begins, and whether the word begins a value, as in a header.
fn after_word<'a>(text: &'a [u8], word: &'static [u8]) -> impl Iterator<Item = (usize, bool)> + 'a {
    let first = word.first().copied().unwrap_or_default();
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), text).filter_map(move |start| {
        let end = start + word.len();
        let is_word = text.get(start..end)?.eq_ignore_ascii_case(word)
            && (!before(text, start, 1).is_ascii_alphanumeric() || before(text, start, 2) == b'\\');
        let rest = text.get(end..)?;
        let spaces = space_length(rest);
        if !is_word || spaces == 0 {
            return None;
        }
        let lead = text.get(..start)?.trim_ascii_end();
        let is_header = matches!(
            lead.last(),
            None | Some(b':' | b'=' | b'"' | b'\'' | b'`' | b'[')
        );
        Some((end + spaces, is_header))
    })
}

/// Spaces, also as they are written in URLs.
fn space_length(rest: &[u8]) -> usize {
    let mut length = 0;
    loop {
        match rest.get(length..) {
            Some([b' ' | b'\t' | b'+', ..]) => length += 1,
            Some([b'%', b'2', b'0', ..]) => length += 3,
            _ => return length,
        }
    }
}

fn token_at(text: &[u8], start: usize) -> &[u8] {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=:|%".contains(byte))
        .count();
    let token = rest.get(..length).unwrap_or_default();
    if token.iter().any(u8::is_ascii_alphanumeric) && !token.starts_with(b"%s") {
        token
    } else {
        &[]
    }
}

fn looks_random(token: &[u8]) -> bool {
    let word = token
        .strip_suffix(b".")
        .or_else(|| token.strip_suffix(b":"))
        .unwrap_or(token);
    let tail = word.get(1..).unwrap_or_default();
    let is_plain =
        word.iter().all(u8::is_ascii_alphabetic) && tail.iter().all(u8::is_ascii_lowercase);
    let is_shout = word.iter().all(u8::is_ascii_uppercase);
    word.len() >= TOKEN_BYTES_MIN && !((is_plain || is_shout) && word.len() < TOKEN_WORD_BYTES_MIN)
}

/// Whether a line begins a PEM key and does not end it.
pub(super) fn opens_pem(line: &[u8]) -> bool {
    memmem::rfind(line, b"-----BEGIN ").is_some_and(|begin| {
        let rest = line.get(begin..).unwrap_or_default();
        memmem::find(rest, b" KEY").is_some() && !ends_pem(rest)
    })
}

/// Whether a line ends a PEM block.
pub(super) fn ends_pem(line: &[u8]) -> bool {
    memmem::find(line, b"-----END").is_some()
}

/// What stands between `-----BEGIN … KEY-----` and `-----END`; to the end when the block was cut.
pub(super) fn pem(text: &[u8], found: &mut Vec<Found>) {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let mut from = 0;
    while let Some(n) = memmem::find(text.get(from..).unwrap_or_default(), BEGIN) {
        let name_start = from + n + BEGIN.len();
        from = name_start;
        let rest = text.get(name_start..).unwrap_or_default();
        let head = rest
            .get(..rest.len().min(PEM_NAME_BYTES_MAX))
            .unwrap_or_default();
        let Some(name_length) = memmem::find(head, b"-----") else {
            continue;
        };
        let name = rest.get(..name_length).unwrap_or_default();
        let is_key = memmem::find(name, b" KEY").is_some()
            || name.starts_with(b"PRIVATE")
            || name.starts_with(b"PUBLIC");
        if !is_key {
            continue;
        }
        let body_start = name_start + name_length + 5;
        let body = text.get(body_start..).unwrap_or_default();
        let body_length = memmem::find(body, b"-----END").unwrap_or(body.len());
        let (start, end) = trim(text, body_start, body_start + body_length);
        if start < end && !is_redacted(text.get(start..end).unwrap_or_default()) {
            found.push(Found::new(start..end, Rule::PemKey));
        }
        from = body_start + body_length;
    }
}

/// Line breaks stay, also those written as `\n`.
fn trim(text: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    loop {
        match (at(text, start), at(text, start + 1)) {
            (b' ' | b'\n' | b'\r' | b'\t', _) if start < end => start += 1,
            (b'\\', b'n' | b'r') if start + 1 < end => start += 2,
            _ => break,
        }
    }
    loop {
        match (before(text, end, 2), before(text, end, 1)) {
            (_, b' ' | b'\n' | b'\r' | b'\t') if start < end => end -= 1,
            (b'\\', b'n' | b'r') if start + 1 < end => end -= 2,
            _ => return (start, end),
        }
    }
}
