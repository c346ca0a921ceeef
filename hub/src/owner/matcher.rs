//! What an event must have for a rule to fit.

use super::facts::{Facts, normal_path};
use crate::glob::Glob;

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The files of frames; `*` crosses folders.
    Path,
    /// The modules of frames.
    Module,
    /// The request's address.
    Url,
    /// A tag.
    Tag(String),
    /// The files of frames, by the patterns of CODEOWNERS files.
    Codeowners,
}

impl Kind {
    /// The word before the colon.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Path => "path".to_owned(),
            Self::Module => "module".to_owned(),
            Self::Url => "url".to_owned(),
            Self::Tag(key) => format!("tags.{key}"),
            Self::Codeowners => "codeowners".to_owned(),
        }
    }
}

/// A pattern for one kind of thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    kind: Kind,
    pattern: String,
    /// One must fit the whole text.
    globs: Vec<Glob>,
}

impl Matcher {
    /// A matcher of a pattern as it was written.
    pub(super) fn new(kind: Kind, pattern: &str) -> Self {
        let globs = match &kind {
            Kind::Path => vec![Glob::new(&normal_path(pattern), false)],
            Kind::Module => vec![Glob::new(pattern, false)],
            Kind::Url | Kind::Tag(_) => vec![Glob::new(&pattern.to_lowercase(), false)],
            Kind::Codeowners => codeowners(pattern),
        };
        Self {
            kind,
            pattern: pattern.to_owned(),
            globs,
        }
    }

    /// What it looks at.
    #[must_use]
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    pub(super) fn fits(&self, facts: &Facts) -> bool {
        let one = |text: &str| self.globs.iter().any(|glob| glob.matches(text));
        match &self.kind {
            Kind::Path | Kind::Codeowners => facts.paths.iter().any(|path| one(path)),
            Kind::Module => facts.modules.iter().any(|module| one(module)),
            Kind::Url => facts.url.as_deref().is_some_and(one),
            Kind::Tag(key) => facts
                .tags
                .iter()
                .any(|(own, value)| own == key && one(value)),
        }
    }
}

/// A pattern of a CODEOWNERS file: with a slash before its end it begins at the root, otherwise
/// anywhere; a folder stands for all that is in it, `folder/*` for what lies in it directly.
fn codeowners(pattern: &str) -> Vec<Glob> {
    let text = pattern.replace('\\', "/").to_lowercase();
    let is_rooted = text.trim_end_matches('/').contains('/');
    let base = text.trim_start_matches('/').trim_end_matches('/');
    let mut bases = vec![base.to_owned()];
    if !is_rooted {
        bases.push(format!("**/{base}"));
    }
    if let Some(rest) = base.strip_prefix("**/") {
        // What is below any folder is also below none.
        bases.push(rest.to_owned());
    }
    let mut globs = Vec::new();
    for base in bases {
        if base == "*" || base == "**" || base.is_empty() {
            return vec![Glob::new("**", true)];
        }
        if !text.ends_with('/') {
            globs.push(Glob::new(&base, true));
        }
        if !base.ends_with("/*") {
            globs.push(Glob::new(&format!("{base}/**"), true));
        }
    }
    globs
}
