//! What issues have in common: the calls of their stacks, and the words of their messages.
//!
//! An issue keeps a few features of its first event. Issues that share many are similar, and the
//! first thing that differs says why they are not one.

use sha2::{Digest as _, Sha256};

use super::explain::{Component, Variant};

/// Most features of an event.
pub const FEATURES_MAX: usize = 32;
/// Most of them that are words.
const WORDS_MAX: usize = 12;

/// A call, a type or a word, as the first eight bytes of its hash.
pub type Feature = i64;

/// The features of an event: types, the calls nearest the crash, words.
pub(super) fn features(variants: &[Variant]) -> Vec<Feature> {
    // All frames tell more than the application's own, which they include.
    let telling = variants
        .iter()
        .rev()
        .find(|variant| variant.contributes)
        .map(|variant| &variant.component);
    let mut found = Vec::new();
    if let Some(component) = telling {
        let mut parts = Vec::new();
        leaves(component, &mut parts);
        for text in parts {
            let feature = feature(&text);
            if found.len() < FEATURES_MAX && !found.contains(&feature) {
                found.push(feature);
            }
        }
    }
    found
}

/// Types and words first, then calls from the crash on.
fn leaves(component: &Component, out: &mut Vec<String>) {
    let mut calls = Vec::new();
    walk(component, out, &mut calls);
    calls.reverse();
    out.append(&mut calls);
}

fn walk(component: &Component, words: &mut Vec<String>, calls: &mut Vec<String>) {
    match component.id {
        "frame" if component.contributes => calls.push(call(component)),
        "type" => words.extend(component.text().map(|text| format!("type {text}"))),
        "value" | "message" => {
            let text = component.text().unwrap_or_default().to_lowercase();
            let own = text
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|word| word.chars().count() > 2);
            words.extend(own.take(WORDS_MAX).map(|word| format!("word {word}")));
        }
        _ => component.parts().for_each(|part| walk(part, words, calls)),
    }
}

/// A frame without its line.
fn call(frame: &Component) -> String {
    let mut text = "call".to_owned();
    for part in frame.parts().filter(|part| part.contributes) {
        if part.id != "context_line" {
            text.push(' ');
            text.push_str(part.text().unwrap_or_default());
        }
    }
    text
}

fn feature(text: &str) -> Feature {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    i64::from_le_bytes(bytes)
}

/// What keeps two events apart: the first of the hashed texts that differs, with the names of its
/// parts and the other's text; `None` where all are the same.
#[must_use]
pub fn first_difference(
    own: &[(String, String)],
    other: &[(String, String)],
) -> Option<(String, Option<String>, Option<String>)> {
    let longest = own.len().max(other.len());
    (0..longest).find_map(|at| {
        let (own, other) = (own.get(at), other.get(at));
        if own == other {
            return None;
        }
        let path = own.or(other).map(|(path, _)| path.clone())?;
        let text = |one: Option<&(String, String)>| one.map(|(_, text)| text.clone());
        Some((path, text(own), text(other)))
    })
}
