//! The keys of the language: which are fields, what their values are, and where the facts about
//! them live. Every other name is a tag.

use super::figure;

/// What a filter looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A field of the product, by its canonical name: `level`, `user.email`, `firstSeen`.
    Field(String),
    /// A tag: written as `tags[name]`, or a name that is no field.
    Tag(String),
    /// A feature flag: `flags["name"]`.
    Flag(String),
}

/// Where the facts about a key live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the issue: its state, counts and dates.
    Issue,
    /// On each event.
    Event,
    /// On a group of events: how many there are, and for how many people.
    Group,
}

impl Key {
    /// Whether the key is about issues, about events or about groups of them.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::Field(_) if self.is_one_of(ISSUE_KEYS) => Scope::Issue,
            Self::Field(name) if figure::is_number(name) || figure::is_date(name) => Scope::Group,
            _ => Scope::Event,
        }
    }

    /// Whether it is a number that issues have.
    pub(super) fn is_issue_number(&self) -> bool {
        self.is_one_of(NUMBER_KEYS) && self.scope() == Scope::Issue
    }

    /// Whether it is a field among `names`.
    pub(super) fn is_one_of(&self, names: &[&str]) -> bool {
        matches!(self, Self::Field(name) if names.contains(&name.as_str()))
    }

    /// The name as a person would write it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Field(name) | Self::Tag(name) | Self::Flag(name) => name,
        }
    }
}

/// Keys whose values are numbers.
pub(super) const NUMBER_KEYS: &[&str] = &[
    "device.battery_level",
    "device.screen_density",
    "device.screen_dpi",
    "device.screen_height_pixels",
    "device.screen_width_pixels",
    "http.status_code",
    "stack.colno",
    "stack.lineno",
    "timesSeen",
    "userCount",
];
/// Keys whose values are times.
pub(super) const DATE_KEYS: &[&str] = &["firstSeen", "lastSeen", "timestamp"];
/// Other names of the time of an event, by how long what is named lasts, in milliseconds.
pub(super) const TIME_SPANS: &[(&str, i64)] = &[
    ("timestamp.to_day", 86_400_000),
    ("timestamp.to_hour", 3_600_000),
];
/// Keys whose values are yes or no.
pub(super) const BOOLEAN_KEYS: &[&str] = &[
    "app.in_foreground",
    "device.charging",
    "device.online",
    "device.simulator",
    "error.handled",
    "error.main_thread",
    "error.unhandled",
    "stack.in_app",
];
/// Keys whose values are text, as fields of the product.
const TEXT_KEYS: &[&str] = &[
    "assigned",
    "assigned_or_suggested",
    "bookmarks",
    "culprit",
    "detector",
    "device.arch",
    "device.brand",
    "device.locale",
    "device.model_id",
    "device.name",
    "device.orientation",
    "device.uuid",
    "dist",
    "environment",
    "error.type",
    "error.value",
    "event.type",
    "firstRelease",
    "http.method",
    "http.referer",
    "http.url",
    "id",
    "is",
    "issue",
    "issue.category",
    "issue.id",
    "issue.priority",
    "issue.type",
    "level",
    "location",
    "logger",
    "message",
    "os.build",
    "os.distribution_name",
    "os.distribution_version",
    "os.kernel_version",
    "platform.name",
    "project",
    "project.id",
    "regressed_in_release",
    "release",
    "release.build",
    "release.package",
    "release.stage",
    "release.version",
    "sdk.name",
    "sdk.version",
    "server_name",
    "stack.abs_path",
    "stack.filename",
    "stack.function",
    "stack.module",
    "stack.package",
    "status",
    "subscribed",
    "substatus",
    "team",
    "title",
    "trace",
    "trace.parent_span",
    "trace.span",
    "transaction",
    "transaction.op",
    "transaction.status",
    "unreal.crash_type",
    "user",
    "user.display",
    "user.email",
    "user.id",
    "user.ip",
    "user.username",
];
/// Fields that issues have, not events.
const ISSUE_KEYS: &[&str] = &[
    "assigned",
    "assigned_or_suggested",
    "bookmarks",
    "detector",
    "firstRelease",
    "firstSeen",
    "is",
    "issue",
    "issue.category",
    "issue.id",
    "issue.priority",
    "issue.type",
    "lastSeen",
    "project",
    "project.id",
    "regressed_in_release",
    "status",
    "subscribed",
    "substatus",
    "team",
    "timesSeen",
    "userCount",
];
/// Other spellings of a key.
const ALIASES: &[(&str, &str)] = &[
    ("age", "firstSeen"),
    ("assigned_to", "assigned"),
    ("bookmarked_by", "bookmarks"),
    ("date", "timestamp"),
    ("error.mechanism", "mechanism"),
    ("event.timestamp", "timestamp"),
    ("eventId", "id"),
    ("first-release", "firstRelease"),
    ("first_release", "firstRelease"),
    ("first_seen", "firstSeen"),
    ("last_seen", "lastSeen"),
    ("platform", "platform.name"),
    ("project.name", "project"),
    ("subscribed_by", "subscribed"),
    ("times_seen", "timesSeen"),
    ("url", "http.url"),
];

/// Every key that is a field, for completion.
pub fn field_keys() -> impl Iterator<Item = &'static str> {
    TEXT_KEYS
        .iter()
        .chain(NUMBER_KEYS)
        .chain(BOOLEAN_KEYS)
        .chain(DATE_KEYS)
        .copied()
}

/// What the values of a tag are said to be, as in `tags[ratio,number]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagKind {
    Text,
    Number,
    Boolean,
}

pub(super) fn tag_kind(name: &str) -> TagKind {
    let inside = name.strip_prefix("tags[").and_then(|n| n.strip_suffix(']'));
    let kind = inside.and_then(|inside| inside.rsplit_once(','));
    match kind.map(|(_, kind)| kind.trim()) {
        Some("number" | "duration" | "size") => TagKind::Number,
        Some("boolean") => TagKind::Boolean,
        _ => TagKind::Text,
    }
}

/// The key a name means, as it stands before the colon: a field by its canonical spelling, else a
/// tag.
#[must_use]
pub fn canonical(name: &str) -> Key {
    let inside = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?.strip_suffix(']')?;
        let rest = rest.split_once(',').map_or(rest, |(tag, _)| tag);
        Some(rest.trim().trim_matches('"').to_owned())
    };
    if let Some(tag) = inside("tags[") {
        return Key::Tag(tag);
    }
    if let Some(flag) = inside("flags[") {
        return Key::Flag(flag);
    }
    let name = ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map_or(name, |(_, name)| name);
    let is_field = field_keys().any(|field| field == name);
    if is_field {
        Key::Field(name.to_owned())
    } else {
        Key::Tag(name.to_owned())
    }
}
