//! What the matchers hand back, and how overlapping finds become one.

use std::ops::Range;

use super::json;
use super::rules::Rule;

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its bytes.
    pub(super) range: Range<usize>,
    /// The rule that found it.
    pub(super) rule: Rule,
    /// Put around the label: quotes where the text would lose its form without them.
    pub(super) quote: &'static str,
}

impl Found {
    pub(super) fn new(range: Range<usize>, rule: Rule) -> Self {
        Self {
            range,
            rule,
            quote: "",
        }
    }
}

/// The byte at `at`, zero past the end.
#[inline]
pub(super) fn at(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// The byte `back` before `at`, zero before the start.
#[inline]
pub(super) fn before(text: &[u8], at: usize, back: usize) -> u8 {
    at.checked_sub(back)
        .and_then(|at| text.get(at))
        .copied()
        .unwrap_or(0)
}

/// Sorts and makes one of those that touch the same bytes, so that no part of either stays.
pub(super) fn settle(found: &mut Vec<Found>) {
    if found.len() < 2 {
        return;
    }
    found.sort_by_key(|found| (found.range.start, found.rule));
    let mut settled: Vec<Found> = Vec::with_capacity(found.len());
    for next in found.drain(..) {
        match settled.last_mut() {
            Some(last) if next.range.start < last.range.end => {
                // `//bob:pass@db.example.com`: what looks like an address is the password and the host, which stays.
                let is_host = last.rule == Rule::UrlAuth && next.rule == Rule::Email;
                if !is_host {
                    last.range.end = last.range.end.max(next.range.end);
                    if next.rule < last.rule {
                        last.rule = next.rule;
                        last.quote = next.quote;
                    }
                }
            }
            _ => settled.push(next),
        }
    }
    *found = settled;
}

/// Puts labels in the place of secrets; the finds must be settled. Also says where the labels stand, in characters.
pub(super) fn replace(text: &[u8], found: &[Found]) -> (Vec<u8>, Vec<Label>) {
    let mut out = Vec::with_capacity(text.len() + found.len() * 16);
    let mut labels = Vec::with_capacity(found.len());
    let (mut from, mut chars) = (0, 0);
    for secret in found {
        let kept = text.get(from..secret.range.start).unwrap_or_default();
        let label = secret.rule.label();
        out.extend_from_slice(kept);
        out.extend_from_slice(secret.quote.as_bytes());
        out.extend_from_slice(label.as_bytes());
        out.extend_from_slice(secret.quote.as_bytes());
        let start = chars + json::chars(kept) + secret.quote.len();
        labels.push(Label {
            rule: secret.rule,
            range: start..start + label.len(),
        });
        chars = start + label.len() + secret.quote.len();
        from = secret.range.end;
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    (out, labels)
}

/// A label in a new text, its range in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) rule: Rule,
    pub(super) range: Range<usize>,
}

impl Label {
    /// Where labels of an earlier round stand after another one; those it swallowed are gone.
    pub(super) fn carry(
        earlier: Vec<Self>,
        text: &[u8],
        found: &[Found],
        later: Vec<Self>,
    ) -> Vec<Self> {
        let mut all = Vec::with_capacity(earlier.len() + later.len());
        'labels: for label in earlier {
            let (mut start, mut end) = (label.range.start, label.range.end);
            for (secret, new) in found.iter().zip(&later) {
                let from = json::chars(text.get(..secret.range.start).unwrap_or_default());
                let to = json::chars(text.get(..secret.range.end).unwrap_or_default());
                if from < label.range.end && label.range.start < to {
                    continue 'labels;
                }
                if to <= label.range.start {
                    let grown = new.range.len() + 2 * secret.quote.len();
                    start = (start + grown).saturating_sub(to - from);
                    end = (end + grown).saturating_sub(to - from);
                }
            }
            all.push(Self {
                rule: label.rule,
                range: start..end,
            });
        }
        all.extend(later);
        all.sort_by_key(|label| label.range.start);
        all
    }
}
