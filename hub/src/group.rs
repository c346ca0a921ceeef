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
//! Order of precedence: checksum, fingerprint, exceptions, threads, stack, template, security
//! report, message, fallback. To add a rule about frames see `group::frame`, about functions
//! `group::function`, about messages `group::message`.

mod explain;
mod fingerprint;
mod frame;
mod function;
mod hash;
mod message;
mod module;
mod stack;
mod title;
mod tree;

use crate::normalise::NormalEvent;

pub use explain::{Component, Value, Variant};
pub use title::{Metadata, Priority};

use hash::Hash;

/// Where an event belongs, and why.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// At least one; the first that is bound to an issue wins.
    pub hashes: Vec<[u8; 16]>,
    /// How they came about, for the page.
    pub variants: Vec<Variant>,
    /// The title by this event.
    pub title: String,
    /// Where it happened: the transaction, or the function.
    pub culprit: String,
    /// The file of the frame that crashed.
    pub location: Option<String>,
    /// What list and page show of the event.
    pub metadata: Metadata,
}

/// Groups an event.
#[must_use]
pub fn group(event: &NormalEvent<'_>) -> Grouping {
    let chosen = tree::choose(event, |exception| stack::hash_of(exception, event));
    let mut variants = stack::variants(event, &chosen);
    let crash = fingerprint::Crash::of(event, chosen.main);
    fingerprint::apply(event, crash, &mut variants);
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
    variants.iter_mut().for_each(Variant::bound);
    let heading = title::heading(event, crash);
    Grouping {
        hashes: hashes.into_iter().map(Hash::into_bytes).collect(),
        variants,
        title: heading.title,
        culprit: heading.culprit,
        location: heading.location,
        metadata: heading.metadata,
    }
}

#[cfg(test)]
mod tests;
