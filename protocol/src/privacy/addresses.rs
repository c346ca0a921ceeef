//! Finds what names a person's place: e-mail and IP addresses, and the user's name in a path to their home.

use std::ops::Range;

use super::found::{Found, at, before};
use super::rules::{Rule, is_redacted};

/// Longest part before the `@`, in bytes. Source: RFC 5321.
const LOCAL_BYTES_MAX: usize = 64;
/// Longest host name, in bytes. Source: RFC 1035.
const HOST_BYTES_MAX: usize = 255;
/// Longest user's name in a path, in bytes.
const USER_BYTES_MAX: usize = 64;
/// Longest text form of an IPv6 address, in bytes.
const IPV6_BYTES_MAX: usize = 45;

/// E-mail addresses, also with the `@` written as `%40`.
pub(super) fn emails(text: &[u8], found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some(n) = memchr::memchr2(b'@', b'%', text.get(from..).unwrap_or_default()) {
        let sign = from + n;
        from = sign + 1;
        let sign_end = match text.get(sign..) {
            Some([b'@', ..]) => sign + 1,
            Some([b'%', b'4', b'0', ..]) => sign + 3,
            _ => continue,
        };
        let head = text.get(..sign).unwrap_or_default();
        let local = head
            .iter()
            .rev()
            .take(LOCAL_BYTES_MAX)
            .take_while(|byte| is_local(**byte))
            .count();
        let local_text = head.get(sign - local..).unwrap_or_default();
        let local = local
            - local_text
                .iter()
                .take_while(|byte| !byte.is_ascii_alphanumeric() && **byte != b'_')
                .count();
        let host = host_length(text.get(sign_end..).unwrap_or_default());
        if local > 0 && host > 0 {
            found.push(Found::new(sign - local..sign_end + host, Rule::Email));
            from = sign_end + host;
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"._%+-!#$&*^|~".contains(&byte)
}

/// A host with a dot and a last label of two letters and more.
fn host_length(text: &[u8]) -> usize {
    let is_host =
        |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || *byte == b'-' || *byte == b'.';
    let length = text
        .iter()
        .take(HOST_BYTES_MAX)
        .take_while(|byte| is_host(byte))
        .count();
    let mut host = text.get(..length).unwrap_or_default();
    while let Some(shorter) = host.strip_suffix(b".").or_else(|| host.strip_suffix(b"-")) {
        host = shorter;
    }
    let last = host.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let letters = last
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80)
        .count();
    if letters >= 2 && host.len() > last.len() + 1 && !host.starts_with(b".") {
        host.len() - last.len() + letters
    } else {
        0
    }
}

/// IP addresses of both kinds.
pub(super) fn ips(text: &[u8], found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some(n) = text.get(from..).and_then(|rest| {
        rest.iter()
            .position(|byte| byte.is_ascii_hexdigit() || *byte == b':')
    }) {
        let start = from + n;
        let rest = text.get(start..).unwrap_or_default();
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit() || **byte == b':' || **byte == b'.')
            .count();
        from = start + length;
        if let Some(range) = ip_in(text, start, from) {
            found.push(Found::new(range, Rule::Ip));
        }
    }
}

/// The address in a run of hex digits, colons and dots.
fn ip_in(text: &[u8], start: usize, end: usize) -> Option<Range<usize>> {
    // `ip:203.0.113.42`
    let start = if at(text, start) == b':' && at(text, start + 1) != b':' {
        start + 1
    } else {
        start
    };
    let previous = before(text, start, 1);
    let is_escape = before(text, start, 2) == b'\\' && matches!(previous, b'n' | b'r' | b't');
    // `Chrome/126.0.0.0` is a version.
    let is_version = previous == b'/' && before(text, start, 2).is_ascii_alphanumeric();
    if (previous.is_ascii_alphanumeric() || previous == b'_') && !is_escape || is_version {
        return None;
    }
    let run = text.get(start..end)?;
    if at(text, end).is_ascii_alphanumeric() || at(text, end) == b'_' {
        return None;
    }
    let lead = run.iter().take_while(|byte| **byte == b'.').count();
    let tail = run.iter().rev().take_while(|byte| **byte == b'.').count();
    let core = run.get(lead..run.len().checked_sub(tail)?)?;
    let first = start + lead;
    if let Some(length) = ipv4_with_port(core) {
        return Some(first..first + length);
    }
    // `ip:203.0.113.42` and `::1:` at the end of a sentence.
    let trimmed = core
        .strip_suffix(b":")
        .filter(|rest| !rest.ends_with(b":"))
        .unwrap_or(core);
    if is_ipv6(trimmed) {
        let zone = at(text, first + trimmed.len()) == b'%' && trimmed.len() == core.len();
        let tail = text.get(first + trimmed.len() + 1..).unwrap_or_default();
        let zone_length = if zone {
            1 + tail
                .iter()
                .take(16)
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count()
        } else {
            0
        };
        return Some(first..first + trimmed.len() + zone_length);
    }
    let colon = core.iter().rposition(|byte| *byte == b':')?;
    let after = core.get(colon + 1..)?;
    let lead = core.get(..colon)?;
    (lead.iter().filter(|byte| **byte == b':').count() < 2 && is_ipv4(after))
        .then(|| first + colon + 1..first + core.len())
}

/// The length of an IPv4 address that is alone or followed by a port.
fn ipv4_with_port(core: &[u8]) -> Option<usize> {
    let length = core
        .iter()
        .position(|byte| *byte == b':')
        .unwrap_or(core.len());
    let port = core.get(length..)?;
    let is_port = port
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b':');
    (is_port && is_ipv4(core.get(..length)?)).then_some(length)
}

fn is_ipv4(text: &[u8]) -> bool {
    let is_octet = |part: &[u8]| {
        (1..=3).contains(&part.len())
            && part.iter().all(u8::is_ascii_digit)
            && part
                .iter()
                .fold(0_u32, |sum, d| sum * 10 + u32::from(d - b'0'))
                < 256
    };
    text.len() <= 15
        && text.split(|byte| *byte == b'.').count() == 4
        && text.split(|byte| *byte == b'.').all(is_octet)
}

/// Eight groups, or fewer with one `::`; a digit somewhere, so that `de::ad` stays a path in a program.
fn is_ipv6(text: &[u8]) -> bool {
    if text.len() > IPV6_BYTES_MAX || !text.iter().any(u8::is_ascii_digit) {
        return false;
    }
    let groups = |half: &[u8]| -> Option<usize> {
        if half.is_empty() {
            return Some(0);
        }
        let mut count = 0;
        let mut parts = half.split(|byte| *byte == b':').peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            count += match part {
                _ if (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_hexdigit) => 1,
                _ if is_last && is_ipv4(part) => 2,
                _ => return None,
            };
        }
        Some(count)
    };
    match memchr::memmem::find(text, b"::") {
        Some(at) => {
            let (head, tail) = text.split_at(at);
            let tail = tail.get(2..).unwrap_or_default();
            matches!((groups(head), groups(tail)), (Some(head_groups), Some(tail_groups)) if head_groups + tail_groups <= 7)
        }
        None => groups(text) == Some(8),
    }
}

/// Where a home may lie, other than at the root.
const HOME_PARENTS: &[&[u8]] = &[
    b"",
    b"/var",
    b"/usr",
    b"/export",
    b"/mnt",
    b"/media",
    b"/private",
    b"/nfs",
    b"/net",
    b"/data",
    b"/System/Volumes/Data",
    b"/mnt/c",
    b"/c",
    b"//",
    b"/",
];

/// The path element after `/home/`, `/Users/`, `C:\Users\` and their kin. Paths in URLs are no homes.
pub(super) fn user_paths(text: &[u8], found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some(n) = memchr::memchr2(b'/', b'\\', text.get(from..).unwrap_or_default()) {
        let slash = from + n;
        from = slash + 1;
        let Some((name_start, is_windows)) = home_at(text, slash) else {
            continue;
        };
        let name = user_name(text, name_start, is_windows);
        if !name.is_empty() && !is_redacted(text.get(name.clone()).unwrap_or_default()) {
            from = name.end;
            found.push(Found::new(name, Rule::UserPath));
        }
    }
}

/// If the slash begins `/home/` or the like: where the user's name begins.
fn home_at(text: &[u8], slash: usize) -> Option<(usize, bool)> {
    const WINDOWS: &[&[u8]] = &[b"users", b"documents and settings", b"profiles"];
    let rest = text.get(slash + 1..)?;
    if at(text, slash) == b'/' {
        let name = if rest.starts_with(b"home/") {
            slash + 6
        } else if rest.starts_with(b"Users/")
            || rest.get(..6)?.eq_ignore_ascii_case(b"users/") && follows_drive(text, slash)
        {
            slash + 7
        } else {
            return None;
        };
        return (follows_drive(text, slash) || starts_path(text, slash))
            .then_some((name, follows_drive(text, slash)));
    }
    let folder = WINDOWS.iter().find(|folder| {
        rest.get(..folder.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(folder))
    })?;
    let after = slash + 1 + folder.len();
    let slashes = text
        .get(after..)?
        .iter()
        .take_while(|byte| **byte == b'\\')
        .count();
    (slashes > 0).then_some((after + slashes, true))
}

/// `C:/`
fn follows_drive(text: &[u8], slash: usize) -> bool {
    before(text, slash, 1) == b':'
        && before(text, slash, 2).is_ascii_alphabetic()
        && !before(text, slash, 3).is_ascii_alphanumeric()
}

fn starts_path(text: &[u8], slash: usize) -> bool {
    let head = text.get(..slash).unwrap_or_default();
    let length = head
        .iter()
        .rev()
        .take(32)
        .take_while(|byte| !is_path_edge(**byte))
        .count();
    let parent = head.get(slash - length..).unwrap_or_default();
    HOME_PARENTS.contains(&parent)
}

fn is_path_edge(byte: u8) -> bool {
    byte <= b' ' || b"\"'`<>()[]{}=,;:|&@!".contains(&byte)
}

fn user_name(text: &[u8], start: usize, is_windows: bool) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let window = rest
        .get(..rest.len().min(USER_BYTES_MAX))
        .unwrap_or_default();
    let is_end = |byte: &u8| *byte < b' ' || b"/\\\"'`<>|:*?,;()[]{}&".contains(byte);
    let to_slash = window.iter().position(is_end);
    let ends_in_slash = to_slash.is_some_and(|end| matches!(window.get(end), Some(b'\\' | b'/')));
    // Windows allows spaces in names; without a folder behind it, a space may as well end the path.
    let length = match to_slash {
        Some(end) if is_windows && ends_in_slash => end,
        _ => {
            let is_end_or_space = |byte: &u8| is_end(byte) || *byte == b' ';
            let all = rest.iter().position(is_end_or_space).unwrap_or(rest.len());
            if window.first() == Some(&b'[') {
                0
            } else {
                all
            }
        }
    };
    start..start + length
}
