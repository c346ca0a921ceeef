//! The short fields that name things: level, platform, release, environment, logger, SDK.

use std::borrow::Cow;

use protocol::event::{Event, Level, Raw, Sdk};

use super::journal::{CorrectionKind, Journal, Limit, Remark, shown};
use super::{EventKind, Receipt, json};

/// Every language the product tells apart.
const PLATFORMS: [&str; 19] = [
    "as3",
    "c",
    "cfml",
    "cocoa",
    "csharp",
    "elixir",
    "go",
    "groovy",
    "haskell",
    "java",
    "javascript",
    "native",
    "node",
    "objc",
    "other",
    "perl",
    "php",
    "python",
    "ruby",
];

/// The name of a platform as the product spells it.
pub(super) fn platform(name: &str) -> &'static str {
    PLATFORMS
        .iter()
        .find(|known| **known == name)
        .copied()
        .unwrap_or("other")
}

#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    pub(super) level: Option<Level>,
    pub(super) platform: &'static str,
    pub(super) logger: Option<Cow<'a, str>>,
    pub(super) release: Option<Cow<'a, str>>,
    pub(super) dist: Option<Cow<'a, str>>,
    pub(super) environment: Option<Cow<'a, str>>,
    pub(super) server_name: Option<Cow<'a, str>>,
    pub(super) site: Option<Cow<'a, str>>,
    pub(super) transaction: Option<Cow<'a, str>>,
}

impl Names<'_> {
    pub(super) fn level_of(&self, kind: EventKind) -> Level {
        self.level.unwrap_or(match kind {
            EventKind::Feedback | EventKind::Transaction => Level::Info,
            EventKind::Error | EventKind::Default | EventKind::Csp => Level::Error,
        })
    }
}

/// Takes the names out of the event.
pub(super) fn read<'a>(
    event: &mut Event<'a>,
    receipt: &Receipt<'a>,
    journal: &mut Journal,
) -> Names<'a> {
    const NAME: Limit = Limit::new(200, 0);
    const HOST: Limit = Limit::new(256, 20);
    let level = event.level.take().and_then(|text| {
        let level = Level::parse(&text);
        if level.is_none() {
            journal.invalid("level", &text);
        }
        level
    });
    let mut names = Names {
        level,
        platform: event_platform(event, receipt),
        logger: logger(event.logger.take(), journal),
        release: release(event.release.take(), journal),
        dist: dist(event.dist.take(), journal),
        environment: environment(event, journal),
        server_name: filled(event.server_name.take()),
        site: filled(event.site.take()),
        transaction: filled(event.transaction.take()).or_else(|| filled(event.culprit.take())),
    };
    journal.cut(&mut names.server_name, HOST, || "server_name".to_owned());
    journal.cut(&mut names.site, HOST, || "site".to_owned());
    journal.cut(&mut names.transaction, NAME, || "transaction".to_owned());
    names
}

/// The declared platform, or that of the SDK where none is declared.
fn event_platform(event: &Event<'_>, receipt: &Receipt<'_>) -> &'static str {
    if let Some(name) = &event.platform {
        return platform(name);
    }
    let sdk = event.sdk.as_ref().and_then(|sdk| sdk.name.as_deref());
    let client = sdk.or(receipt.client).unwrap_or_default();
    match client {
        _ if client.starts_with("sentry.javascript.node") => "node",
        _ if client.starts_with("sentry.javascript") => "javascript",
        _ if client.starts_with("sentry.python") || client.starts_with("raven-python") => "python",
        _ => "other",
    }
}

/// Trimmed, and none when nothing is left.
pub(super) fn filled(text: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    let text = text?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        None
    } else if trimmed.len() == text.len() {
        Some(text)
    } else {
        Some(Cow::Owned(trimmed.to_owned()))
    }
}

const LOGGER_CHARS_MAX: usize = 64;

/// Long dotted names lose their first segments.
fn logger<'a>(name: Option<Cow<'a, str>>, journal: &mut Journal) -> Option<Cow<'a, str>> {
    let name = filled(name)?;
    let len = name.chars().count();
    if len <= LOGGER_CHARS_MAX {
        return Some(name);
    }
    journal.remark(Remark {
        path: "logger".to_owned(),
        len,
        mark: None,
    });
    let mut tail = &*name;
    while tail.chars().count() + 2 > LOGGER_CHARS_MAX {
        match tail.split_once('.') {
            Some((_, rest)) if !rest.is_empty() => tail = rest,
            _ => {
                let cut: String = name.chars().take(LOGGER_CHARS_MAX - 3).collect();
                return Some(Cow::Owned(cut + "..."));
            }
        }
    }
    Some(Cow::Owned(format!("*.{tail}")))
}

fn release<'a>(text: Option<Cow<'a, str>>, journal: &mut Journal) -> Option<Cow<'a, str>> {
    const CHARS_MAX: usize = 200;
    let release = filled(text)?;
    let is_valid = !release.contains(['\n', '\r', '\t', '\x0c'])
        && !release.chars().all(|c| c == '/' || c == '\\')
        && !matches!(&*release, "." | "..")
        && !release.eq_ignore_ascii_case("latest");
    if !is_valid {
        journal.invalid("release", &release);
        return None;
    }
    if release.chars().count() > CHARS_MAX {
        let mut cut = Some(release);
        journal.cut(&mut cut, Limit::new(CHARS_MAX, 0), || "release".to_owned());
        return cut;
    }
    Some(release)
}

fn dist<'a>(text: Option<Cow<'a, str>>, journal: &mut Journal) -> Option<Cow<'a, str>> {
    const CHARS_MAX: usize = 64;
    let dist = filled(text)?;
    if dist.chars().count() > CHARS_MAX {
        journal.correct(CorrectionKind::ValueTooLong, "dist", Some(shown(&dist)));
        return None;
    }
    let is_valid = dist
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if !is_valid {
        journal.invalid("dist", &dist);
        return None;
    }
    Some(dist)
}

/// The field, or else the tag of that name.
fn environment<'a>(event: &mut Event<'a>, journal: &mut Journal) -> Option<Cow<'a, str>> {
    const CHARS_MAX: usize = 64;
    let tag = event
        .tags
        .list
        .iter()
        .position(|(key, _)| key == "environment");
    let tag = tag.and_then(|at| event.tags.list.remove(at).1);
    let (own, tag) = (filled(event.environment.take()), filled(tag));
    if let (Some(own), Some(tag)) = (&own, &tag)
        && own != tag
    {
        journal.invalid("tags.environment", tag);
    }
    let environment = own.or(tag)?;
    let is_valid = environment.chars().count() <= CHARS_MAX
        && !environment.contains(['\n', '\r', '\t', '\x0c', '/'])
        && environment != "none";
    if !is_valid {
        let value = Some(shown(&environment));
        journal.correct(CorrectionKind::InvalidEnvironment, "environment", value);
        return None;
    }
    Some(environment)
}

/// The client library, by the event or else by how it authenticated.
pub(super) fn sdk<'a>(
    sent: Option<Box<Sdk<'a>>>,
    receipt: &Receipt<'a>,
    journal: &mut Journal,
) -> Option<Box<Sdk<'a>>> {
    const TEXT: Limit = Limit::new(256, 20);
    let mut sdk = sent.unwrap_or_default();
    sdk.name = filled(sdk.name);
    sdk.version = filled(sdk.version);
    if sdk.name.is_none() {
        let (name, version) = match receipt.client {
            Some(client) => client
                .split_once('/')
                .map_or((client, None), |(name, version)| (name, Some(version))),
            None => return None,
        };
        sdk.name = Some(Cow::Borrowed(name));
        sdk.version = sdk.version.or(version.map(Cow::Borrowed));
    }
    journal.cut(&mut sdk.name, TEXT, || "sdk.name".to_owned());
    journal.cut(&mut sdk.version, TEXT, || "sdk.version".to_owned());
    for (name, part) in [
        ("sdk.packages", &mut sdk.packages),
        ("sdk.features", &mut sdk.features),
    ] {
        json::trim(part, json::CONTEXT, journal, || name.to_owned());
    }
    json::trim_fields(&mut sdk.settings, json::CONTEXT, "sdk.settings", journal);
    Some(sdk)
}

/// A message's template with its parameters: `%s` where the text holds `%`, `{}` otherwise.
pub(super) fn put_in(template: &str, params: &Raw<'_>) -> Option<String> {
    use serde_json::Value;
    const BYTES_MAX: usize = 64 * 1024;
    let params: Value = serde_json::from_str(params.get()).ok()?;
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut positional = match &params {
        Value::Array(list) => list.iter(),
        _ => [].iter(),
    };
    let mut named = |name: &str| match (&params, name) {
        (_, "") => positional.next().map(shown),
        (Value::Object(map), name) => map.get(name).map(shown),
        (Value::Array(list), name) => name
            .parse()
            .ok()
            .and_then(|at: usize| list.get(at))
            .map(shown),
        _ => None,
    };
    let is_percent = template.contains('%');
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(if is_percent { '%' } else { '{' }) {
        let (before, tail) = rest.split_at_checked(at)?;
        out.push_str(before);
        let place = if is_percent {
            percent(tail)
        } else {
            brace(tail)
        };
        let (text, len) = match place {
            Some(("%", len)) => (Some("%".to_owned()), len),
            Some((name, len)) => (named(name), len),
            None => (None, 1),
        };
        match text {
            Some(text) => out.push_str(&text),
            None => out.push_str(tail.get(..len)?),
        }
        rest = tail.get(len..)?;
        if out.len() > BYTES_MAX {
            break;
        }
    }
    out.push_str(rest);
    Some(out)
}

/// A place such as `%s`, `%05.2f`, `%(name)s` or `%%`: its name and its length.
fn percent(text: &str) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    if bytes.get(1) == Some(&b'%') {
        return Some(("%", 2));
    }
    let mut at = 1;
    let mut name = "";
    if bytes.get(1) == Some(&b'(') {
        let end = text.find(')')?;
        name = text.get(2..end)?;
        at = end + 1;
    }
    while bytes
        .get(at)
        .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'#' | b'*'))
    {
        at += 1;
    }
    bytes
        .get(at)
        .filter(|b| b.is_ascii_alphabetic())
        .map(|_| (name, at + 1))
}

/// A place such as `{}`, `{0}` or `{name}`.
fn brace(text: &str) -> Option<(&str, usize)> {
    let end = text.find('}')?;
    let name = text.get(1..end)?;
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.chars()
        .all(|c| c.is_alphanumeric() || c == '_')
        .then_some((name, end + 1))
}
