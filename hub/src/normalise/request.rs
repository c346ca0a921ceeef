//! The HTTP request: URL taken apart, headers in order, the body's type judged.

use std::borrow::Cow;

use protocol::event::{Pairs, Raw, Request, text_of};
use serde_json::value::RawValue;

use super::journal::{Journal, Limit};
use super::json;
use super::names::filled;

/// Most pairs taken out of one text; fewer are kept, by their bytes.
const PAIRS_MAX: usize = 4096;
/// Most bytes of a query.
const QUERY_BYTES_MAX: usize = 1024;
/// Most bytes of all cookies.
const COOKIES_BYTES_MAX: usize = 2048;
/// Most bytes of all headers.
const HEADERS_BYTES_MAX: usize = 8192;

pub(super) fn normalise(request: &mut Option<Box<Request<'_>>>, journal: &mut Journal) {
    const URL: Limit = Limit::new(256, 40);
    const FRAGMENT: Limit = Limit::new(1024, 100);
    let Some(request) = request else { return };
    request.method = method(request.method.take(), journal);
    split_url(request);
    take_apart(&mut request.query, '&');
    bound(
        &mut request.query,
        QUERY_BYTES_MAX,
        "request.query_string",
        journal,
    );
    headers(&mut request.headers);
    if request.cookies.is_empty()
        && let Some(at) = position(&request.headers, "Cookie")
    {
        request.cookies.text = request.headers.list.remove(at).1;
    }
    take_apart(&mut request.cookies, ';');
    bound(
        &mut request.cookies,
        COOKIES_BYTES_MAX,
        "request.cookies",
        journal,
    );
    bound(
        &mut request.headers,
        HEADERS_BYTES_MAX,
        "request.headers",
        journal,
    );
    body(request);
    journal.cut(&mut request.url, URL, || "request.url".to_owned());
    journal.cut(&mut request.fragment, FRAGMENT, || {
        "request.fragment".to_owned()
    });
    json::trim(&mut request.data, json::BODY, journal, || {
        "request.data".to_owned()
    });
    json::trim_fields(&mut request.env, json::BODY, "request.env", journal);
}

fn method<'a>(method: Option<Cow<'a, str>>, journal: &mut Journal) -> Option<Cow<'a, str>> {
    let method = filled(method)?;
    let method = if method.bytes().any(|b| b.is_ascii_lowercase()) {
        Cow::Owned(method.to_ascii_uppercase())
    } else {
        method
    };
    let is_valid = (3..=32).contains(&method.len())
        && method
            .bytes()
            .all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'));
    if !is_valid {
        journal.invalid("request.method", &method);
        return None;
    }
    Some(method)
}

/// Moves query and fragment out of the URL, where they have not been given apart.
fn split_url(request: &mut Request<'_>) {
    let Some(url) = filled(request.url.take()) else {
        return;
    };
    let (rest, fragment) = split(&url, '#');
    let (base, query) = split(rest, '?');
    if request.fragment.is_none() {
        request.fragment = fragment.map(|fragment| Cow::Owned(fragment.to_owned()));
    }
    if request.query.is_empty() {
        request.query.text = query.map(|query| Cow::Owned(query.to_owned()));
    }
    if base.len() == url.len() {
        request.url = Some(url);
    } else {
        request.url = Some(Cow::Owned(base.to_owned()));
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| {
        (before, Some(after).filter(|after| !after.is_empty()))
    })
}

/// Turns an encoded text into pairs.
fn take_apart(pairs: &mut Pairs<'_>, separator: char) {
    let Some(text) = pairs.text.take() else {
        return;
    };
    let text = text.trim_start_matches('?');
    pairs.list = text
        .split(separator)
        .filter(|part| !part.trim().is_empty())
        .take(PAIRS_MAX)
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (
                Cow::Owned(decode(key.trim())),
                Some(Cow::Owned(decode(value.trim()))),
            )
        })
        .collect();
}

/// Cuts the value that goes over the limit, and leaves out the pairs behind it.
fn bound(pairs: &mut Pairs<'_>, bytes_max: usize, path: &'static str, journal: &mut Journal) {
    let mut left = bytes_max;
    let n_pairs = pairs.list.len();
    pairs.list.retain_mut(|(key, value)| {
        // One for what parts it from the next.
        let Some(room) = left.checked_sub(key.len() + 1).filter(|room| *room > 0) else {
            left = 0;
            return false;
        };
        left = room;
        if let Some(value) = value {
            journal.cut_text(value, Limit::new(left.max(3), 0), || path.to_owned());
            left = left.saturating_sub(value.len());
        }
        true
    });
    if pairs.list.len() < n_pairs {
        journal.remark(super::Remark {
            path: path.to_owned(),
            len: n_pairs,
            mark: None,
        });
    }
}

/// Percent and plus decoding; what is not UTF-8 then stays as it was written.
fn decode(text: &str) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = text
            .get(at + 1..at + 3)
            .filter(|_| *byte == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, escaped) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', None) => out.push(b' '),
            (byte, None) => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// A text of lines taken apart; names in title case, sorted.
fn headers(headers: &mut Pairs<'_>) {
    if let Some(text) = headers.text.take() {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = Cow::Owned(value.trim().to_owned());
            (Cow::Owned(name.trim().to_owned()), Some(value))
        };
        headers.list = lines.take(PAIRS_MAX).map(pair).collect();
    }
    for (name, _) in &mut headers.list {
        let titled = title_case(name);
        if titled != *name {
            *name = Cow::Owned(titled);
        }
    }
    headers.list.sort();
}

fn title_case(name: &str) -> String {
    let mut is_start = true;
    name.trim()
        .chars()
        .map(|c| {
            let c = if is_start {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            is_start = c == '-';
            c
        })
        .collect()
}

fn position(pairs: &Pairs<'_>, name: &str) -> Option<usize> {
    pairs
        .list
        .iter()
        .position(|(key, _)| key.eq_ignore_ascii_case(name))
}

/// A body sent as text becomes what the text says, and its type is written down.
fn body(request: &mut Request<'_>) {
    let Some(data) = &request.data else { return };
    if !data.get().starts_with('"') {
        if request.inferred_content_type.is_none() && request.headers.get("Content-Type").is_none()
        {
            request.inferred_content_type = Some(Cow::Borrowed("application/json"));
        }
        fill_type(request);
        return;
    }
    if let Some((parsed, content_type)) = text_of(data).and_then(|text| sniff(&text)) {
        request.data = Some(parsed);
        request.inferred_content_type = Some(Cow::Borrowed(content_type));
    }
    fill_type(request);
}

fn fill_type(request: &mut Request<'_>) {
    if request.inferred_content_type.is_some() {
        return;
    }
    let header = request.headers.get("Content-Type");
    request.inferred_content_type = header
        .and_then(|header| header.split(';').next())
        .map(|header| header.trim().to_owned())
        .filter(|header| !header.is_empty())
        .map(Cow::Owned);
}

fn sniff(text: &str) -> Option<(Raw<'static>, &'static str)> {
    let trimmed = text.trim();
    if trimmed.starts_with(['{', '[']) {
        let raw = RawValue::from_string(trimmed.to_owned()).ok()?;
        return Some((Cow::Owned(raw), "application/json"));
    }
    let is_form = trimmed.contains('=')
        && !trimmed.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '"' | '{'));
    if !is_form {
        return None;
    }
    let mut map = serde_json::Map::new();
    for part in trimmed.split('&').take(PAIRS_MAX) {
        let (key, value) = part.split_once('=')?;
        map.insert(decode(key), serde_json::Value::String(decode(value)));
    }
    let raw = RawValue::from_string(serde_json::Value::Object(map).to_string()).ok()?;
    Some((Cow::Owned(raw), "application/x-www-form-urlencoded"))
}
