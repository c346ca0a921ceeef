//! Redacts attachments in place: the length and all offsets stay, so that what reads them still can.
//!
//! Text is looked for as UTF-8 and as UTF-16LE. Of a minidump only the parts are touched that hold what the process held
//! (`dump`): its structure stays.

mod dump;
#[cfg(test)]
mod tests;

use std::ops::Range;

use bytes::Bytes;

use super::super::language::builtin::Redaction;
use super::super::language::kinds::Kind;
use super::super::language::program::{Program, Step};
use super::super::language::selector::{Types, types};
use super::bits::Bits;
use super::plan::Plans;
use super::redact::{PseudonymKey, find, substitute};
use super::schema::Reach;

/// Shortest text in UTF-16 that is looked at, in characters.
const WIDE_CHARS_MIN: usize = 5;
/// Fills what a replacement is too short for.
const PADDING: u8 = b'x';

/// Applies the rules to an attachment.
pub(super) fn scrub(
    program: &Program,
    key: Option<&PseudonymKey>,
    name: &str,
    bytes: &Bytes,
    is_minidump: bool,
) -> Bytes {
    let mut plans = Plans::default();
    let own = types::BINARY | if is_minidump { types::MINIDUMP } else { 0 };
    let file = file_of(program, name, own);
    let of_file = steps_at(program, &mut plans, file);
    let mut work: Vec<(Range<usize>, Vec<usize>)> = Vec::new();
    if is_minidump {
        for (range, kind) in dump::regions(bytes) {
            let bits = program.matcher.step(file, b"", kind | types::BINARY);
            let mut steps = of_file.clone();
            steps.extend(steps_at(program, &mut plans, bits));
            work.push((range, steps));
        }
    } else {
        work.push((0..bytes.len(), of_file));
    }
    work.retain(|(_, steps)| !steps.is_empty());
    if work.is_empty() {
        return bytes.clone();
    }
    let mut redacted = bytes.to_vec();
    for (range, steps) in work {
        let Some(region) = redacted.get_mut(range) else {
            continue;
        };
        for step in steps.iter().filter_map(|n| program.steps.get(*n)) {
            apply(step, key, region, 0);
        }
    }
    kept_if_same(bytes, redacted)
}

/// What the rules do to a file that is looked at in pieces; nothing by default.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct FileRules {
    steps: Vec<usize>,
    /// They look into crash dumps, which takes the whole dump.
    pub(in super::super) touch_dumps: bool,
}

impl FileRules {
    /// What the rules do to a file of this name; of one that is a crash dump only whether they do
    /// anything.
    pub(in super::super) fn of(program: &Program, name: &str) -> Self {
        let mut plans = Plans::default();
        let steps = steps_at(program, &mut plans, file_of(program, name, types::BINARY));
        let dump = file_of(program, name, types::BINARY | types::MINIDUMP);
        let inside = [types::STACK_MEMORY, types::HEAP_MEMORY, types::STRING].into_iter();
        let inside = inside.map(|kind| program.matcher.step(dump, b"", kind | types::BINARY));
        let mut places = std::iter::once(dump).chain(inside);
        let touch_dumps = places.any(|bits| !steps_at(program, &mut plans, bits).is_empty());
        Self { steps, touch_dumps }
    }

    /// Applies them to a piece with what lies around it. `None` when a match that begins before
    /// `until` does not end where the bytes do: nobody knows how far it goes.
    pub(in super::super) fn apply(
        &self,
        program: &Program,
        key: Option<&PseudonymKey>,
        bytes: &Bytes,
        until: usize,
    ) -> Option<Bytes> {
        if self.steps.is_empty() {
            return Some(bytes.clone());
        }
        let mut redacted = bytes.to_vec();
        for step in self.steps.iter().filter_map(|n| program.steps.get(*n)) {
            if apply(step, key, &mut redacted, until) {
                return None;
            }
        }
        Some(kept_if_same(bytes, redacted))
    }
}

fn file_of(program: &Program, name: &str, own: Types) -> Bits {
    let root = program.matcher.root(types::ATTACHMENTS);
    program.matcher.step(root, name.as_bytes(), own)
}

/// The steps that apply at a place.
fn steps_at(program: &Program, plans: &mut Plans, place: Bits) -> Vec<usize> {
    let plan = plans.find(program, place, Reach::Open);
    plans
        .get(plan)
        .map_or_else(Vec::new, |plan| plan.steps.clone())
}

fn kept_if_same(bytes: &Bytes, redacted: Vec<u8>) -> Bytes {
    if redacted == bytes.as_ref() {
        bytes.clone()
    } else {
        Bytes::from(redacted)
    }
}

/// Applies one step to the bytes of a region. Tells whether a match began before `until` and
/// reaches the region's end.
fn apply(step: &Step, key: Option<&PseudonymKey>, region: &mut [u8], until: usize) -> bool {
    let mut is_open = false;
    let end = region.len();
    let patterns = match &step.kind {
        Kind::Anything => {
            fill(step, key, region, 0..region.len(), Width::Bytes);
            return false;
        }
        Kind::Patterns(patterns) => patterns,
        Kind::Pair { values, .. } => values,
    };
    for pattern in patterns {
        let mut found = Vec::new();
        let mut start = 0;
        for chunk in region.utf8_chunks() {
            let ranges = find(pattern, chunk.valid()).into_iter();
            found.extend(ranges.map(|range| start + range.start..start + range.end));
            start += chunk.valid().len() + chunk.invalid().len();
        }
        for range in found {
            is_open |= range.start < until && range.end == end;
            fill(step, key, region, range, Width::Bytes);
        }
        for wide in wide_texts(region) {
            for range in find(pattern, &wide.text) {
                let units = wide.units(&range);
                // Of the last character only one byte may be here.
                is_open |= units.start < until && units.end + 1 >= end;
                fill(step, key, region, units, Width::Units);
            }
        }
    }
    is_open
}

/// How wide a character of the redaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Bytes,
    Units,
}

/// Writes the redaction over a range, cut or padded to its length.
fn fill(
    step: &Step,
    key: Option<&PseudonymKey>,
    region: &mut [u8],
    range: Range<usize>,
    width: Width,
) {
    let Some(place) = region.get_mut(range) else {
        return;
    };
    let new = match &step.redaction {
        Redaction::Mask => vec![b'*'; place.len()],
        Redaction::Remove | Redaction::Drop => Vec::new(),
        Redaction::Replace(_) | Redaction::Hash => {
            let taken = String::from_utf8_lossy(place);
            substitute(step, &taken, key).0.into_bytes()
        }
    };
    // A text that does not fit in whole characters is no text.
    let new = if new.is_ascii() { new } else { Vec::new() };
    let mut new = new.into_iter().chain(std::iter::repeat(PADDING));
    let unit = match width {
        Width::Bytes => 1,
        Width::Units => 2,
    };
    for bytes in place.chunks_mut(unit) {
        let mut character = new.next();
        for byte in bytes {
            *byte = character.take().unwrap_or(0);
        }
    }
}

/// A text in UTF-16LE.
struct Wide {
    start: usize,
    text: String,
}

impl Wide {
    /// The bytes in the region of a range of the text.
    fn units(&self, range: &Range<usize>) -> Range<usize> {
        let n_units = |to: usize| {
            let head = self.text.get(..to).unwrap_or_default();
            2 * head.encode_utf16().count()
        };
        self.start + n_units(range.start)..self.start + n_units(range.end)
    }
}

/// Runs of characters that people write, at even and odd places.
fn wide_texts(region: &[u8]) -> Vec<Wide> {
    let mut texts = Vec::new();
    for shift in 0..2 {
        let mut wide = Wide {
            start: shift,
            text: String::new(),
        };
        let units = region.get(shift..).unwrap_or_default().chunks_exact(2);
        for (n, unit) in units.enumerate() {
            let unit = unit
                .iter()
                .rev()
                .fold(0, |unit, byte| unit << 8 | u32::from(*byte));
            match char::from_u32(unit).filter(|c| is_written(*c)) {
                Some(c) => wide.text.push(c),
                None => {
                    let next = shift + 2 * (n + 1);
                    let done = std::mem::replace(
                        &mut wide,
                        Wide {
                            start: next,
                            text: String::new(),
                        },
                    );
                    texts.push(done);
                }
            }
        }
        texts.push(wide);
    }
    texts.retain(|wide| wide.text.chars().nth(WIDE_CHARS_MIN - 1).is_some());
    texts
}

fn is_written(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{A0}'..='\u{2FFF}')
}
