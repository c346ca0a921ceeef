//! Cuts a form (`multipart/form-data`) that lies whole in memory, without copying.

use bytes::Bytes;
use memchr::memmem;
use protocol::auth::query_pairs;

use super::ReportError;

/// Most parts of a form.
pub const PARTS_MAX: usize = 500;
/// Longest headers of a part, in bytes.
pub const HEADERS_BYTES_MAX: usize = 8 * 1024;
/// The header of a part that says how long the file is that its data refers to.
pub const LENGTH: &str = "Attachment-Length";
/// Longest boundary, in bytes. RFC 2046 allows 70.
const BOUNDARY_BYTES_MAX: usize = 200;

/// A field or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's, of a file.
    pub filename: Option<String>,
    /// What it says it is.
    pub content_type: Option<String>,
    /// How long the file is, in bytes, where the data only refers to it.
    pub length: Option<u64>,
    /// Its content.
    pub data: Bytes,
}

/// The boundary in a `Content-Type`.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    let kind = kind.trim();
    if !kind.get(..10)?.eq_ignore_ascii_case("multipart/") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    (!boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES_MAX).then_some(boundary)
}

/// The boundary that a form begins with, where no header names it.
#[must_use]
pub fn leading_boundary(body: &[u8]) -> Option<String> {
    let line = body.strip_prefix(b"--")?;
    let end = line
        .iter()
        .take(BOUNDARY_BYTES_MAX)
        .position(|b| *b == b'\r' || *b == b'\n')?;
    let boundary = std::str::from_utf8(line.get(..end)?).ok()?;
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

/// The parts, in order.
pub(super) fn parts(boundary: &str, body: &Bytes) -> Result<Vec<Part>, ReportError> {
    let delimiter = format!("--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    let mut parts = Vec::new();
    let first = finder
        .find(body)
        .ok_or(ReportError::Multipart("it has no boundary"))?;
    let mut rest = body.slice(first + delimiter.len()..);
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if parts.len() == PARTS_MAX {
            return Err(ReportError::Multipart("it has too many parts"));
        }
        let start =
            line_end(&rest).ok_or(ReportError::Multipart("a boundary's line does not end"))?;
        rest = rest.slice(start..);
        let (end, after) = next_boundary(&finder, &rest, delimiter.len())
            .ok_or(ReportError::Multipart("a part does not end"))?;
        parts.push(part(&rest.slice(..end))?);
        rest = rest.slice(after..);
    }
}

/// Behind the line break that `bytes` begins with, white space before it allowed.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let newline = memchr::memchr(b'\n', bytes)?;
    let line = bytes.get(..newline)?;
    line.iter()
        .all(u8::is_ascii_whitespace)
        .then_some(newline + 1)
}

/// Where the data ends and what follows the boundary behind it begins. A boundary counts only at
/// the beginning of a line.
fn next_boundary(finder: &memmem::Finder<'_>, bytes: &[u8], len: usize) -> Option<(usize, usize)> {
    for at in finder.find_iter(bytes) {
        let before = bytes.get(..at)?;
        let end = match before.strip_suffix(b"\r\n") {
            Some(before) => before.len(),
            None if before.is_empty() => 0,
            None => match before.strip_suffix(b"\n") {
                Some(before) => before.len(),
                None => continue,
            },
        };
        return Some((end, at + len));
    }
    None
}

fn part(bytes: &Bytes) -> Result<Part, ReportError> {
    let error = ReportError::Multipart("a part has no headers");
    let (head, data) = if let Some(at) = memmem::find(bytes, b"\r\n\r\n") {
        (bytes.get(..at), bytes.slice(at + 4..))
    } else {
        let at = memmem::find(bytes, b"\n\n").ok_or(error)?;
        (bytes.get(..at), bytes.slice(at + 2..))
    };
    let head = head.filter(|head| head.len() <= HEADERS_BYTES_MAX);
    let part = part_of(head.ok_or(error)?)?;
    Ok(Part { data, ..part })
}

/// A part without its data, of its headers.
///
/// # Errors
/// [`ReportError::Multipart`] of one without a name.
pub fn part_of(head: &[u8]) -> Result<Part, ReportError> {
    let head = String::from_utf8_lossy(head);
    let mut part = Part::default();
    let mut is_named = false;
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.trim().eq_ignore_ascii_case("content-disposition") {
            if let Some(name) = parameter(value, "name") {
                part.name = name;
                is_named = true;
            }
            let name = parameter(value, "filename*").and_then(|name| in_any_letters(&name));
            let name = name.or_else(|| parameter(value, "filename"));
            part.filename = name.filter(|name| !name.is_empty());
        } else if name.trim().eq_ignore_ascii_case("content-type") {
            part.content_type = Some(value.trim().to_owned());
        } else if name.trim().eq_ignore_ascii_case(LENGTH) {
            part.length = value.trim().parse().ok();
        }
    }
    if is_named {
        Ok(part)
    } else {
        Err(ReportError::Multipart("a part has no name"))
    }
}

/// A value that names its character set and its language (RFC 8187): `utf-8'en'a%20b`.
fn in_any_letters(value: &str) -> Option<String> {
    let (set, rest) = value.split_once('\'')?;
    let (_, name) = rest.split_once('\'')?;
    let is_utf8 = set.eq_ignore_ascii_case("utf-8");
    is_utf8.then(|| percent_decoded(name))
}

/// A text with its percent signs undone; a plus stays what it is.
#[must_use]
pub fn percent_decoded(text: &str) -> String {
    let escaped = text
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let pair = query_pairs(&escaped).next();
    pair.map_or_else(String::new, |(name, _)| name.into_owned())
}

/// A parameter's value, plain or in quotes.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.rsplit(';').next().unwrap_or_default().trim();
        let (value, behind) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => match after.split_once(';') {
                Some((value, behind)) => (value.trim().to_owned(), behind),
                None => (after.trim().to_owned(), ""),
            },
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}

/// Up to the closing quote. Only a quote and a backslash are escaped: file names of Windows have
/// backslashes of their own.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            _ => value.push(c),
        }
    }
    (value, "")
}
