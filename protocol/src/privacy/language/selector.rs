//! Selectors: what a rule applies to. `extra.**`, `$frame.vars.*`, `$string && !(user.id || $http.headers.'x-id')`.
//!
//! A path matches a value when its last item is the value itself; it may begin at any depth. `*` is one level, `**` is one level or
//! more, once in a path. Keys are compared without regard to case. `!` binds closer than `&&`, and that closer than `||`.

use super::document::Dialect;

/// Most items of a path.
const ITEMS_MAX: usize = 32;
/// Deepest nesting of parentheses and `!`.
const NESTING_MAX: usize = 32;

/// The types of values, as bits.
pub(crate) type Types = u32;

/// The names of types, and their bits.
const TYPE_NAMES: &[(&str, Types)] = &[
    ("string", types::STRING),
    ("binary", types::BINARY),
    ("number", types::NUMBER),
    ("boolean", types::BOOLEAN),
    ("bool", types::BOOLEAN),
    ("datetime", types::DATETIME),
    ("array", types::ARRAY),
    ("list", types::ARRAY),
    ("object", types::OBJECT),
    ("event", types::EVENT),
    ("attachments", types::ATTACHMENTS),
    ("replay", types::REPLAY),
    ("error", types::EXCEPTION),
    ("exception", types::EXCEPTION),
    ("stack", types::STACKTRACE),
    ("stacktrace", types::STACKTRACE),
    ("frame", types::FRAME),
    ("request", types::REQUEST),
    ("http", types::REQUEST),
    ("user", types::USER),
    ("logentry", types::LOGENTRY),
    ("message", types::MESSAGE),
    ("thread", types::THREAD),
    ("breadcrumb", types::BREADCRUMB),
    ("log", types::LOG),
    ("trace_metric", types::TRACE_METRIC),
    ("span", types::SPAN),
    ("sdk", types::SDK),
    ("minidump", types::MINIDUMP),
    ("heap_memory", types::HEAP_MEMORY),
    ("stack_memory", types::STACK_MEMORY),
];

/// One bit for each type.
pub(crate) mod types {
    use super::Types;

    pub(crate) const STRING: Types = 1;
    pub(crate) const BINARY: Types = 1 << 1;
    pub(crate) const NUMBER: Types = 1 << 2;
    pub(crate) const BOOLEAN: Types = 1 << 3;
    pub(crate) const DATETIME: Types = 1 << 4;
    pub(crate) const ARRAY: Types = 1 << 5;
    pub(crate) const OBJECT: Types = 1 << 6;
    pub(crate) const EVENT: Types = 1 << 7;
    pub(crate) const ATTACHMENTS: Types = 1 << 8;
    pub(crate) const REPLAY: Types = 1 << 9;
    pub(crate) const EXCEPTION: Types = 1 << 10;
    pub(crate) const STACKTRACE: Types = 1 << 11;
    pub(crate) const FRAME: Types = 1 << 12;
    pub(crate) const REQUEST: Types = 1 << 13;
    pub(crate) const USER: Types = 1 << 14;
    pub(crate) const LOGENTRY: Types = 1 << 15;
    pub(crate) const MESSAGE: Types = 1 << 16;
    pub(crate) const THREAD: Types = 1 << 17;
    pub(crate) const BREADCRUMB: Types = 1 << 18;
    pub(crate) const LOG: Types = 1 << 19;
    pub(crate) const TRACE_METRIC: Types = 1 << 20;
    pub(crate) const SPAN: Types = 1 << 21;
    pub(crate) const SDK: Types = 1 << 22;
    pub(crate) const MINIDUMP: Types = 1 << 23;
    pub(crate) const HEAP_MEMORY: Types = 1 << 24;
    pub(crate) const STACK_MEMORY: Types = 1 << 25;
    pub(crate) const COUNT: usize = 26;
}

/// A selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    Path(Vec<Item>),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// An item of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    /// A key in lower case.
    Key(String),
    /// A place in an array, as it is written.
    Index(String),
    /// `*`
    Any,
    /// `**`
    Deep,
    /// `$type`
    Type(Types),
}

/// Why a selector cannot be read, with the place in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Something else was expected.
    #[error("{expected} is expected at byte {at}")]
    Expected {
        /// Where.
        at: usize,
        /// What.
        expected: &'static str,
    },
    /// A type is not known.
    #[error("`${name}` at byte {at} is not a type of value")]
    UnknownType {
        /// Where.
        at: usize,
        /// The name.
        name: String,
    },
    /// `**` stands twice in one path.
    #[error("the second `**` of a path, at byte {at}, must be `*`")]
    DeepTwice {
        /// Where.
        at: usize,
    },
    /// It is too long or too deep.
    #[error("too many items or parentheses at byte {at}")]
    TooLong {
        /// Where.
        at: usize,
    },
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// [`SelectorError`] with the place.
    pub(crate) fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut reader = Reader {
            text,
            at: 0,
            depth: 0,
        };
        let selector = reader.or()?;
        if reader.at < text.len() {
            return Err(reader.expected("`&&`, `||` or the end"));
        }
        Ok(selector)
    }
}

/// Whether a path reaches fields that must be named: it has no `**`, and a key or a level at least.
pub(crate) fn is_specific(path: &[Item], dialect: Dialect) -> bool {
    let has = |is: fn(&Item) -> bool| path.iter().any(is);
    let names = has(|item| matches!(item, Item::Key(_) | Item::Index(_)));
    let has_type = has(|item| matches!(item, Item::Type(_)));
    let is_open = has(|item| *item == Item::Deep);
    names && !is_open && (dialect == Dialect::Vedette || !has_type)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, expected: &'static str) -> SelectorError {
        SelectorError::Expected {
            at: self.at,
            expected,
        }
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Takes one of the signs, the longer ones first.
    fn takes(&mut self, signs: &[&str]) -> bool {
        let sign = signs.iter().find(|sign| self.rest().starts_with(**sign));
        self.at += sign.map_or(0, |sign| sign.len());
        sign.is_some()
    }

    fn or(&mut self) -> Result<Selector, SelectorError> {
        let mut parts = vec![self.and()?];
        while self.takes(&["||", "|"]) {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Selector::Or))
    }

    fn and(&mut self) -> Result<Selector, SelectorError> {
        let mut parts = vec![self.not()?];
        while self.takes(&["&&", "&"]) {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Selector::And))
    }

    fn not(&mut self) -> Result<Selector, SelectorError> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(SelectorError::TooLong { at: self.at });
        }
        self.space();
        let selector = if self.takes(&["!", "~"]) {
            Selector::Not(Box::new(self.not()?))
        } else if self.takes(&["("]) {
            let inner = self.or()?;
            if !self.takes(&[")"]) {
                return Err(self.expected("`)`"));
            }
            inner
        } else {
            Selector::Path(self.path()?)
        };
        self.space();
        self.depth -= 1;
        Ok(selector)
    }

    fn path(&mut self) -> Result<Vec<Item>, SelectorError> {
        let mut items = Vec::new();
        loop {
            let at = self.at;
            let item = self.item()?;
            if item == Item::Deep && items.contains(&Item::Deep) {
                return Err(SelectorError::DeepTwice { at });
            }
            items.push(item);
            if items.len() > ITEMS_MAX {
                return Err(SelectorError::TooLong { at });
            }
            if !self.takes(&["."]) {
                return Ok(items);
            }
        }
    }

    fn item(&mut self) -> Result<Item, SelectorError> {
        if self.takes(&["**"]) {
            return Ok(Item::Deep);
        }
        if self.takes(&["*"]) {
            return Ok(Item::Any);
        }
        let at = self.at;
        if self.takes(&["$"]) {
            let name = self.word();
            let known = TYPE_NAMES.iter().find(|(known, _)| *known == name);
            return match known {
                Some((_, bit)) => Ok(Item::Type(*bit)),
                None => Err(SelectorError::UnknownType { at, name }),
            };
        }
        if self.takes(&["'"]) {
            return self.quoted();
        }
        let digits = self.take_while(|c| c.is_ascii_digit());
        if !digits.is_empty() {
            return Ok(Item::Index(digits));
        }
        if self
            .rest()
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        {
            return Ok(Item::Key(self.word().to_lowercase()));
        }
        Err(self.expected("a key, an index, `$type`, `*` or `**`"))
    }

    fn word(&mut self) -> String {
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    }

    fn take_while(&mut self, is_taken: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let end = rest.find(|c| !is_taken(c)).unwrap_or(rest.len());
        let taken = rest.get(..end).unwrap_or_default().to_owned();
        self.at += end;
        taken
    }

    /// Behind a quote: the text up to the one that ends it; two are one.
    fn quoted(&mut self) -> Result<Item, SelectorError> {
        let mut key = String::new();
        loop {
            key += &self.take_while(|c| c != '\'');
            if self.takes(&["''"]) {
                key.push('\'');
            } else if self.takes(&["'"]) {
                return Ok(Item::Key(key.to_lowercase()));
            } else {
                return Err(self.expected("`'`"));
            }
        }
    }
}

fn one_or(mut parts: Vec<Selector>, many: impl FnOnce(Vec<Selector>) -> Selector) -> Selector {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}
