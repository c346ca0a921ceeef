//! The tree of what was looked at, what of it counts, and why the rest does not.

use serde::Serialize;

use super::hash::{Hash, Hasher};

/// One way of looking at an event; those that contribute give a hash.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    /// `app`, `system`, `default`, `custom_fingerprint`, `checksum`, `fallback`.
    pub name: &'static str,
    /// What it was made of, in words: `exception stack trace`.
    pub description: &'static str,
    /// Whether it gives a hash.
    pub contributes: bool,
    /// Why it does not, or what was special.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
    /// The project's rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The hash, also where it does not contribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
    /// What was hashed.
    pub component: Component,
}

/// A part of a variant.
#[derive(Clone, Debug, Serialize)]
pub struct Component {
    /// `exception`, `stacktrace`, `frame`, `module`, …
    pub id: &'static str,
    /// Whether it goes into the hash.
    pub contributes: bool,
    /// Why not, or what was done to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
    /// The project's rule that decided over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Texts and parts, in the order they are hashed.
    pub values: Vec<Value>,
}

/// What a component holds.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A text.
    Text(String),
    /// A part.
    Part(Component),
}

impl Component {
    /// A part that has parts, and contributes if any of them does.
    pub(super) fn of(id: &'static str, parts: Vec<Self>) -> Self {
        Self {
            id,
            contributes: parts.iter().any(|part| part.contributes),
            hint: None,
            rule: None,
            values: parts.into_iter().map(Value::Part).collect(),
        }
    }

    /// A text that contributes.
    pub(super) fn leaf(id: &'static str, text: impl Into<String>) -> Self {
        Self {
            id,
            contributes: true,
            hint: None,
            rule: None,
            values: vec![Value::Text(text.into())],
        }
    }

    /// The same, not contributing.
    pub(super) fn ignored(mut self, hint: &'static str) -> Self {
        self.contributes = false;
        self.hint = Some(hint);
        self
    }

    /// The same, with a remark.
    pub(super) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The same, with the rule that decided over it.
    pub(super) fn by(mut self, rule: Option<String>) -> Self {
        self.rule = rule;
        self
    }

    /// The text of a part that has one.
    pub(super) fn text(&self) -> Option<&str> {
        self.values.iter().find_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Part(_) => None,
        })
    }

    /// The texts that are hashed, each with the names of the parts it is in.
    #[must_use]
    pub fn contributing(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        self.collect("", &mut out);
        out
    }

    fn collect(&self, above: &str, out: &mut Vec<(String, String)>) {
        if !self.contributes {
            return;
        }
        let path = match above {
            "" => self.id.to_owned(),
            _ => format!("{above}.{}", self.id),
        };
        for value in &self.values {
            match value {
                Value::Text(text) => out.push((path.clone(), text.clone())),
                Value::Part(part) => part.collect(&path, out),
            }
        }
    }

    /// The parts.
    pub fn parts(&self) -> impl Iterator<Item = &Self> {
        self.values.iter().filter_map(|value| match value {
            Value::Part(part) => Some(part),
            Value::Text(_) => None,
        })
    }

    /// The hash over what contributes.
    pub(super) fn hash(&self) -> Hash {
        let mut hasher = Hasher::default();
        self.feed(&mut hasher);
        hasher.finish()
    }

    /// Leaves out what is beyond a budget of parts; called once the hash is known.
    fn prune(&mut self, left: &mut usize) {
        let mut n_kept = 0;
        for value in &mut self.values {
            if *left == 0 {
                break;
            }
            *left -= 1;
            n_kept += 1;
            match value {
                Value::Text(text) => cut(text),
                Value::Part(part) => part.prune(left),
            }
        }
        if n_kept < self.values.len() {
            self.values.truncate(n_kept);
            self.hint = Some("further parts are not shown");
        }
    }

    fn feed(&self, hasher: &mut Hasher) {
        if !self.contributes {
            return;
        }
        let n_values = self
            .values
            .iter()
            .filter(|value| match value {
                Value::Text(_) => true,
                Value::Part(part) => part.contributes,
            })
            .count();
        hasher.open(self.id, n_values);
        for value in &self.values {
            match value {
                Value::Text(text) => hasher.text(text),
                Value::Part(part) => part.feed(hasher),
            }
        }
    }
}

/// Most characters of a text that an explanation shows.
const TEXT_CHARS_MAX: usize = 1024;
/// Most parts and texts that the explanation of a variant shows.
const PARTS_MAX: usize = 4000;

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push_str("...");
    }
}

impl Variant {
    /// Keeps the explanation to a size that can be stored with an issue.
    pub(super) fn bound(&mut self) {
        let mut left = PARTS_MAX;
        self.component.prune(&mut left);
    }

    /// A variant that contributes as its component does.
    pub(super) fn of(name: &'static str, description: &'static str, component: Component) -> Self {
        Self {
            name,
            description,
            contributes: component.contributes,
            hint: None,
            rule: None,
            hash: component.contributes.then(|| component.hash()),
            component,
        }
    }

    /// A variant that nobody asked for, by its name.
    pub(super) fn unused(description: &'static str, hint: &'static str) -> Self {
        Self {
            name: "default",
            description,
            contributes: false,
            hint: Some(hint),
            rule: None,
            hash: None,
            component: Component::of("unused", Vec::new()),
        }
    }

    pub(super) fn silence(&mut self, hint: &'static str) {
        if self.contributes {
            self.contributes = false;
            self.hint = Some(hint);
        }
    }
}
