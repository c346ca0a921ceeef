//! Tags: the event's own, put right, and those computed from the rest of it.
//!
//! A tag of the event's own that is left out is noted, unless it says what the event says anyway.

use std::borrow::Cow;

use protocol::event::{Event, Fields, Level};
use serde_json::json;

use super::contexts::{Facts, LARGEST_PAINT};
use super::journal::{CorrectionKind, Journal, shown};
use super::names::Names;
use super::{EventKind, Tag};

/// Most characters of a key and of a value.
const CHARS_MAX: usize = 200;
/// Most tags of one event.
const TAGS_MAX: usize = 200;

/// What tags are computed from, besides the event.
pub(super) struct Computed<'c, 'a> {
    pub(super) names: &'c Names<'a>,
    pub(super) kind: EventKind,
    pub(super) handled: Option<bool>,
    pub(super) facts: &'c Facts,
}

/// All tags, sorted by key; the event's own win over computed ones of the same key.
pub(super) fn normalise<'a>(
    event: &Event<'a>,
    computed: &Computed<'_, 'a>,
    journal: &mut Journal,
) -> Vec<Tag<'a>> {
    let mut tags: Vec<Tag<'a>> = Vec::with_capacity(event.tags.list.len() + 16);
    let mut n_omitted = 0;
    for (key, value) in &event.tags.list {
        let Some(tag) = own(key, value.as_ref(), journal) else {
            continue;
        };
        let known = reserved(&tag.key, event, computed.names).or_else(|| {
            tags.iter()
                .find(|t| t.key == tag.key)
                .map(|t| Some(&*t.value))
        });
        match known {
            Some(known) if known == Some(&*tag.value) => {}
            Some(_) => journal.invalid(path(&tag.key), &tag.value),
            None if tags.len() == TAGS_MAX => n_omitted += 1,
            None => tags.push(tag),
        }
    }
    if n_omitted > 0 {
        let facts = json!({ "omitted": n_omitted });
        journal.correct(CorrectionKind::ValueTooLong, "tags", Some(facts));
    }
    compute(&mut tags, event, computed);
    tags.sort_by(|a, b| a.key.cmp(&b.key));
    tags
}

/// Adds where the user was, which is found out when all else is known.
pub(super) fn add_place(tags: &mut Vec<Tag<'_>>, geo: &Fields<'_>) {
    for (tag, value) in of_place(geo) {
        push(tags, Cow::Borrowed(tag), Cow::Owned(value));
    }
    tags.sort_by(|a, b| a.key.cmp(&b.key));
}

fn of_place(geo: &Fields<'_>) -> impl Iterator<Item = (&'static str, String)> {
    let tags = [
        ("geo.country_code", "country_code"),
        ("geo.region", "region"),
        ("geo.city", "city"),
    ];
    let found = tags.map(|(tag, field)| Some((tag, geo.text(field)?.into_owned())));
    found.into_iter().flatten()
}

/// Keys whose values the product takes from elsewhere, each with that value; `None` for others.
fn reserved<'c>(key: &str, event: &'c Event<'_>, names: &'c Names<'_>) -> Option<Option<&'c str>> {
    match key {
        "release" => Some(names.release.as_deref()),
        "dist" => Some(names.dist.as_deref()),
        "environment" => Some(names.environment.as_deref()),
        "user" => Some(event.user.as_ref().and_then(|u| u.sentry_user.as_deref())),
        "filename" | "function" => Some(None),
        _ => None,
    }
}

fn path(key: &str) -> String {
    format!("tags.{}", key.chars().take(CHARS_MAX).collect::<String>())
}

fn push<'a>(tags: &mut Vec<Tag<'a>>, key: Cow<'a, str>, value: Cow<'a, str>) {
    if !tags.iter().any(|tag| tag.key == key) {
        tags.push(Tag { key, value });
    }
}

/// A tag of the event's own, or none with a correction.
fn own<'a>(
    key: &Cow<'a, str>,
    value: Option<&Cow<'a, str>>,
    journal: &mut Journal,
) -> Option<Tag<'a>> {
    let value = value?;
    let key = tidy_key(key);
    let is_valid = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'));
    if !is_valid {
        journal.invalid(path(&key), &key);
        return None;
    }
    if key.len() > CHARS_MAX {
        journal.correct(CorrectionKind::ValueTooLong, path(&key), Some(shown(&key)));
        return None;
    }
    let trimmed = value.trim();
    if trimmed.is_empty() || trimmed.contains(['\n', '\r']) {
        journal.invalid(path(&key), value);
        return None;
    }
    if trimmed.len() > CHARS_MAX && trimmed.chars().count() > CHARS_MAX {
        journal.correct(
            CorrectionKind::ValueTooLong,
            path(&key),
            Some(shown(trimmed)),
        );
        return None;
    }
    let value = if trimmed.len() == value.len() {
        value.clone()
    } else {
        Cow::Owned(trimmed.to_owned())
    };
    Some(Tag { key, value })
}

fn tidy_key<'a>(key: &Cow<'a, str>) -> Cow<'a, str> {
    if key.contains(char::is_whitespace) {
        Cow::Owned(key.trim().replace(' ', "-"))
    } else {
        key.clone()
    }
}

fn compute<'a>(tags: &mut Vec<Tag<'a>>, event: &Event<'a>, computed: &Computed<'_, 'a>) {
    let names = computed.names;
    let level: Level = names.level_of(computed.kind);
    let mut add = |key: &'static str, value: Option<Cow<'a, str>>| {
        let Some(value) = value else { return };
        let line = value.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            return;
        }
        let value = if line.len() == value.len() && value.len() <= CHARS_MAX {
            value
        } else {
            let cut: String = line.chars().take(CHARS_MAX).collect();
            Cow::Owned(cut.trim_end().to_owned())
        };
        push(tags, Cow::Borrowed(key), value);
    };
    add("level", Some(Cow::Borrowed(level.name())));
    add("environment", names.environment.clone());
    add("release", names.release.clone());
    add("dist", names.dist.clone());
    add("logger", names.logger.clone());
    add("server_name", names.server_name.clone());
    add("site", names.site.clone());
    add("transaction", names.transaction.clone());
    let user = event.user.as_ref();
    add("user", user.and_then(|user| user.sentry_user.clone()));
    let request = event.request.as_ref();
    add("url", request.and_then(|request| request.url.clone()));
    let mechanism = event
        .exceptions
        .last()
        .and_then(|exception| exception.mechanism.as_ref()?.ty.clone());
    add("mechanism", mechanism);
    let handled = computed
        .handled
        .map(|handled| if handled { "yes" } else { "no" });
    add("handled", handled.map(Cow::Borrowed));
    let facts = computed.facts;
    let things = [
        ("browser", "browser.name", &facts.browser),
        ("os", "os.name", &facts.os),
        ("client_os", "client_os.name", &facts.client_os),
        ("runtime", "runtime.name", &facts.runtime),
    ];
    for (full, name, thing) in things {
        if let Some(thing) = thing {
            add(full, Some(Cow::Owned(thing.full())));
            add(name, Some(Cow::Owned(thing.name.clone())));
        }
    }
    for (tag, value) in user.into_iter().flat_map(|user| of_place(&user.geo)) {
        add(tag, Some(Cow::Owned(value)));
    }
    add("device", facts.device.clone().map(Cow::Owned));
    add("device.family", facts.device_family.clone().map(Cow::Owned));
    add("device.class", facts.device_class.map(Cow::Borrowed));
    add("replayId", facts.replay_id.clone().map(Cow::Owned));
    for (key, value) in LARGEST_PAINT.iter().zip(&facts.largest_paint) {
        add(key, value.clone().map(Cow::Owned));
    }
}
