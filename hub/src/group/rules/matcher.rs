//! Conditions of rules: on a frame, an exception or the event.

use std::fmt;

use protocol::event::{Exception, Frame};

use crate::glob::Glob;
use crate::normalise::NormalEvent;

use super::text::{Cursor, quote};
use super::{PATTERN_CHARS_MAX, RuleError};

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Path,
    Package,
    Function,
    Module,
    Category,
    Family,
    App,
    Type,
    Value,
    Mechanism,
    Message,
    Logger,
    Level,
    Sdk,
    Release,
    Tag(String),
}

/// What has to hold for a condition: all of a kind on the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Frame,
    Exception,
    Event,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    is_negated: bool,
    key: Key,
    pattern: String,
    glob: Glob,
}

/// What conditions see of a frame.
#[derive(Clone, Debug, Default)]
pub(in crate::group) struct FrameFacts<'f> {
    path: String,
    package: String,
    function: &'f str,
    module: &'f str,
    platform: &'f str,
    pub(super) in_app: bool,
    pub(in crate::group) category: Option<&'f str>,
}

impl<'f> FrameFacts<'f> {
    pub(in crate::group) fn of(frame: &'f Frame<'_>, platform: &'f str, in_app: bool) -> Self {
        let path = frame.abs_path.as_deref().or(frame.filename.as_deref());
        Self {
            path: path.map(normal_path).unwrap_or_default(),
            package: frame
                .package
                .as_deref()
                .map(normal_path)
                .unwrap_or_default(),
            function: frame.function.as_deref().unwrap_or_default(),
            module: frame.module.as_deref().unwrap_or_default(),
            platform: frame.platform.as_deref().unwrap_or(platform),
            in_app,
            category: None,
        }
    }
}

fn normal_path(path: &str) -> String {
    path.replace('\\', "/").to_lowercase()
}

fn family(platform: &str) -> &'static str {
    match platform {
        "native" | "c" | "cocoa" | "objc" | "swift" | "rust" => "native",
        "javascript" | "node" => "javascript",
        _ => "other",
    }
}

/// Names of keys, with the older ones.
const KEYS: &[(&str, Key)] = &[
    ("path", Key::Path),
    ("stack.abs_path", Key::Path),
    ("package", Key::Package),
    ("stack.package", Key::Package),
    ("function", Key::Function),
    ("stack.function", Key::Function),
    ("module", Key::Module),
    ("stack.module", Key::Module),
    ("category", Key::Category),
    ("family", Key::Family),
    ("app", Key::App),
    ("type", Key::Type),
    ("error.type", Key::Type),
    ("value", Key::Value),
    ("error.value", Key::Value),
    ("mechanism", Key::Mechanism),
    ("error.mechanism", Key::Mechanism),
    ("message", Key::Message),
    ("logger", Key::Logger),
    ("level", Key::Level),
    ("sdk", Key::Sdk),
    ("release", Key::Release),
];

impl Key {
    fn named(name: &str) -> Option<Self> {
        if let Some(tag) = name.strip_prefix("tags.") {
            return (!tag.is_empty()).then(|| Self::Tag(tag.to_owned()));
        }
        let found = KEYS.iter().find(|(own, _)| *own == name);
        found.map(|(_, key)| key.clone())
    }

    fn name(&self) -> String {
        if let Self::Tag(tag) = self {
            return format!("tags.{tag}");
        }
        let found = KEYS.iter().find(|(_, key)| key == self);
        found
            .map(|(name, _)| (*name).to_owned())
            .unwrap_or_default()
    }

    const fn subject(&self) -> Subject {
        match self {
            Self::Path
            | Self::Package
            | Self::Function
            | Self::Module
            | Self::Category
            | Self::Family
            | Self::App => Subject::Frame,
            Self::Type | Self::Value | Self::Mechanism => Subject::Exception,
            Self::Message
            | Self::Logger
            | Self::Level
            | Self::Sdk
            | Self::Release
            | Self::Tag(_) => Subject::Event,
        }
    }
}

fn is_key_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '"' | '#' | '[' | ']' | '|')
}

impl Matcher {
    /// Reads `[!]key:pattern`. `subjects` are what the language knows.
    pub(super) fn read(cursor: &mut Cursor<'_>, subjects: &[Subject]) -> Result<Self, RuleError> {
        let from = cursor.at();
        let is_negated = cursor.eat("!");
        let name = cursor.word(is_key_char);
        if name.is_empty() || !cursor.rest().starts_with(':') {
            cursor.word(|c| !c.is_whitespace());
            return Err(cursor.error(from, "expected a condition such as function:main*"));
        }
        let key = Key::named(name)
            .filter(|key| subjects.contains(&key.subject()))
            .ok_or_else(|| cursor.error(from, format!("there is no condition {name} here")))?;
        cursor.eat(":");
        let from = cursor.at();
        let pattern = match cursor.peek() {
            Some('"') => cursor.quoted()?,
            _ => cursor.word(is_bare).to_owned(),
        };
        if pattern.is_empty() {
            return Err(cursor.error(from, format!("{name} needs a pattern")));
        }
        if pattern.chars().count() > PATTERN_CHARS_MAX {
            let message = format!("a pattern has at most {PATTERN_CHARS_MAX} characters");
            return Err(cursor.error(from, message));
        }
        check(&key, &pattern).map_err(|message| cursor.error(from, message))?;
        let glob = match key {
            Key::Path | Key::Package => Glob::new(&normal_path(&pattern), true),
            _ => Glob::new(&pattern, false),
        };
        Ok(Self {
            is_negated,
            key,
            pattern,
            glob,
        })
    }

    pub(super) const fn subject(&self) -> Subject {
        self.key.subject()
    }

    pub(super) fn on_frame(&self, frame: &FrameFacts<'_>) -> bool {
        let path = |path: &str| {
            !path.is_empty()
                && (self.glob.matches(path)
                    || (!path.starts_with('/') && self.glob.matches(&format!("/{path}"))))
        };
        let holds = match self.key {
            Key::Path => path(&frame.path),
            Key::Package => path(&frame.package),
            Key::Function => self.glob.matches(frame.function),
            Key::Module => self.glob.matches(frame.module),
            Key::Category => frame.category.is_some_and(|own| self.glob.matches(own)),
            Key::Family => {
                let own = family(frame.platform);
                self.pattern
                    .split(',')
                    .any(|one| matches!(one.trim(), "all") || one.trim() == own)
            }
            Key::App => frame.in_app == is_yes(&self.pattern),
            _ => false,
        };
        holds != self.is_negated
    }

    pub(super) fn on_exception(&self, exception: &Exception<'_>) -> bool {
        let text = match self.key {
            Key::Type => exception.ty.as_deref(),
            Key::Value => exception.value.0.as_deref(),
            Key::Mechanism => exception
                .mechanism
                .as_ref()
                .and_then(|mechanism| mechanism.ty.as_deref()),
            _ => None,
        };
        text.is_some_and(|text| self.glob.matches(text)) != self.is_negated
    }

    pub(super) fn on_event(&self, event: &NormalEvent<'_>) -> bool {
        let is = |text: Option<&str>| text.is_some_and(|text| self.glob.matches(text));
        let holds = match &self.key {
            Key::Message => {
                is(event.message_text())
                    || event
                        .exceptions
                        .iter()
                        .any(|exception| is(exception.value.0.as_deref()))
            }
            Key::Logger => is(event.logger.as_deref()),
            Key::Level => is(Some(event.level.name())),
            Key::Sdk => is(event.sdk.as_ref().and_then(|sdk| sdk.name.as_deref())),
            Key::Release => is(event.release.as_deref()),
            Key::Tag(tag) => is(event.tag(tag)),
            _ => false,
        };
        holds != self.is_negated
    }
}

/// Values that are no patterns.
fn check(key: &Key, pattern: &str) -> Result<(), String> {
    match key {
        Key::App if !matches!(pattern, "yes" | "no" | "true" | "false" | "1" | "0") => {
            Err("app is yes or no".to_owned())
        }
        Key::Family => match pattern
            .split(',')
            .find(|one| !matches!(one.trim(), "native" | "javascript" | "other" | "all"))
        {
            Some(unknown) => Err(format!(
                "there is no family {}: native, javascript, other or all",
                unknown.trim()
            )),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn is_yes(text: &str) -> bool {
    matches!(text, "yes" | "true" | "1")
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negated {
            f.write_str("!")?;
        }
        write!(f, "{}:{}", self.key.name(), quote(&self.pattern, is_bare))
    }
}
