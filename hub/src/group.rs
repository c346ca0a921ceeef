//! Decides which issue an event belongs to, and explains why.
//!
//! An event gives one or more hashes; the first that is bound to an issue wins, otherwise a new
//! issue takes them all. The hash over the application's own frames goes before the one over all
//! frames, so that a new version of a framework does not tear an issue apart.
//!
//! What always holds: equal input gives equal hashes, on any machine; parts are hashed with their
//! names and lengths, so that lists which only join to the same text stay apart; there is always
//! at least one hash, and events without content do not all share one.
//!
//! Never in a hash: line and column numbers, addresses, variables, the release.
//!
//! What a project sets ([`Rules`]) may change which frames count, which fingerprint and title an
//! event gets, and which issues are split. The way of grouping has a [`Version`]: hashes of the
//! one before find the issues that events belonged to, so that an upgrade tears none apart.
//!
//! Order of precedence: checksum, rule, fingerprint, exceptions, threads, stack, template, security
//! report, message, fallback. To add a rule about frames see `group::frame`, about functions
//! `group::function`, about messages `group::message`.

mod explain;
mod fingerprint;
mod frame;
mod function;
mod hash;
mod in_app;
mod likeness;
mod mark;
mod message;
mod module;
mod rules;
mod stack;
mod title;
mod tree;
mod version;

use crate::normalise::NormalEvent;

pub use explain::{Component, Value, Variant};
pub use likeness::{FEATURES_MAX, Feature, first_difference};
pub use mark::mark;
pub use rules::{Enhancements, FingerprintRules, RULES_BYTES_MAX, RuleError, Rules};
pub use title::{Metadata, Priority};
pub use version::Version;

use hash::{Hash, Hasher};

/// Where an event belongs, and why.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// At least one; the first that is bound to an issue wins.
    pub hashes: Vec<[u8; 16]>,
    /// The hashes by the way before, during an upgrade; they only find issues.
    pub previous: Vec<[u8; 16]>,
    /// How they came about, for the page.
    pub variants: Vec<Variant>,
    /// What similar issues share; see [`Feature`].
    pub features: Vec<Feature>,
    /// The title by this event.
    pub title: String,
    /// Where it happened: the transaction, or the function.
    pub culprit: String,
    /// The file of the frame that crashed.
    pub location: Option<String>,
    /// What list and page show of the event.
    pub metadata: Metadata,
}

/// The rules of a project and a way of grouping.
#[derive(Clone, Copy)]
struct Way<'r> {
    rules: &'r Rules,
    version: Version,
}

impl<'r> Way<'r> {
    /// What a project uses.
    const fn of(rules: &'r Rules) -> Self {
        Self {
            rules,
            version: rules.version,
        }
    }
}

/// Groups an event as a project does that has set nothing.
#[must_use]
pub fn group(event: &NormalEvent<'_>) -> Grouping {
    group_by(event, &Rules::default())
}

/// Groups an event as a project does that has set `rules`.
#[must_use]
pub fn group_by(event: &NormalEvent<'_>, rules: &Rules) -> Grouping {
    let way = Way::of(rules);
    let rule = mark::rule(event, way);
    let previous = rules.previous.filter(|version| *version != rules.version);
    let previous = previous.map_or(Vec::new(), |version| {
        let way = Way { rules, version };
        let rule = mark::rule(event, way);
        hashes(&mut variants(event, rule, way).0, event, rules)
    });
    let (mut variants, crash) = variants(event, rule, way);
    let hashes = hashes(&mut variants, event, rules);
    let features = likeness::features(&variants);
    variants.iter_mut().for_each(Variant::bound);
    let named = rule
        .and_then(|rule| rule.title.as_deref())
        .map(|title| fingerprint::fill(title, event, crash));
    let heading = title::heading(event, crash, named.as_deref(), way);
    Grouping {
        hashes,
        previous,
        variants,
        features,
        title: heading.title,
        culprit: heading.culprit,
        location: heading.location,
        metadata: heading.metadata,
    }
}

fn variants<'e, 'a>(
    event: &'e NormalEvent<'a>,
    rule: Option<&rules::Fingerprint>,
    way: Way<'_>,
) -> (Vec<Variant>, fingerprint::Crash<'e, 'a>) {
    let chosen = tree::choose(event, |exception| stack::hash_of(exception, event, way));
    let mut variants = stack::variants(event, &chosen, way);
    let crash = fingerprint::Crash::of(event, chosen.main, way);
    fingerprint::apply(event, crash, rule, way, &mut variants);
    (variants, crash)
}

/// The hashes of what contributes, each once; those that were split with their tag's value.
fn hashes(variants: &mut [Variant], event: &NormalEvent<'_>, rules: &Rules) -> Vec<[u8; 16]> {
    let mut hashes: Vec<Hash> = Vec::with_capacity(2);
    for variant in variants.iter_mut().filter(|variant| variant.contributes) {
        let Some(hash) = variant.hash else { continue };
        if hashes.contains(&hash) {
            variant.contributes = false;
            variant.hint = Some("same as the variant before it");
        } else {
            hashes.push(hash);
        }
    }
    let split = hashes
        .iter()
        .find_map(|hash| rules.splits.get(&hash.into_bytes()));
    if let Some((tag, value)) = split.and_then(|tag| Some((tag, event.tag(tag)?))) {
        for variant in variants.iter_mut().filter(|variant| variant.contributes) {
            variant.hash = variant.hash.map(|hash| salted(hash, tag, value));
            variant.hint = Some("the issue was split by a tag");
            variant.rule = Some(format!("tags.{tag}:{value}"));
        }
        hashes = hashes
            .iter()
            .map(|hash| salted(*hash, tag, value))
            .collect();
    }
    hashes.into_iter().map(Hash::into_bytes).collect()
}

/// The hash of the events of a split issue that have the tag's value.
fn salted(hash: Hash, tag: &str, value: &str) -> Hash {
    let mut hasher = Hasher::default();
    hasher.open("split", 3);
    hasher.text(&hash.to_string());
    hasher.text(tag);
    hasher.text(value);
    hasher.finish()
}

#[cfg(test)]
mod tests;
