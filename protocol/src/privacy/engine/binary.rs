//! Redacts attachments in place: the length and all offsets stay, so that what reads them still can.
//!
//! Text is looked for as UTF-8 and as UTF-16LE. Of a minidump only the parts are touched that hold what the process held
//! (`dump`): its structure stays. A file that says to be one, and whose parts are not known in full, is scrubbed whole.

mod dump;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;

use super::super::language::builtin::Redaction;
use super::super::language::kinds::Kind;
use super::super::language::program::{Program, Step};
use super::super::language::selector::{Types, types};
use super::super::wide;
use super::bits::Bits;
use super::plan::Plans;
use super::redact::{PseudonymKey, find, substitute};
use super::schema::Reach;

/// Fills what a replacement is too short for.
const PADDING: u8 = b'x';

/// Applies the rules to an attachment; also tells how often one applied.
pub(super) fn scrub(
    program: &Program,
    key: Option<&PseudonymKey>,
    name: &str,
    bytes: &Bytes,
    is_minidump: bool,
) -> (Bytes, u32) {
    let mut work = work(program, name, bytes, is_minidump);
    work.retain(|work| !work.steps.is_empty());
    if work.is_empty() {
        return (bytes.clone(), 0);
    }
    let mut redacted = bytes.to_vec();
    let mut n_redactions = 0;
    for Work { range, kept, steps } in work {
        let Some(region) = redacted.get_mut(range) else {
            continue;
        };
        for step in steps.iter().filter_map(|n| program.steps.get(*n)) {
            n_redactions += count(apply(step, key, region).into_iter());
        }
        if let (Some(new), Some(old)) = (redacted.get_mut(kept.clone()), bytes.get(kept)) {
            new.copy_from_slice(old);
        }
    }
    kept_if_same(bytes, redacted, n_redactions)
}

/// Bytes of a file, and the steps that apply to them.
struct Work {
    range: Range<usize>,
    /// What of them steps see and never change.
    kept: Range<usize>,
    steps: Rc<[usize]>,
}

fn work(program: &Program, name: &str, bytes: &[u8], is_minidump: bool) -> Vec<Work> {
    let mut plans = Plans::default();
    let regions = is_minidump.then(|| dump::regions(bytes)).flatten();
    let Some(regions) = regions else {
        let mut steps = steps_at(program, &mut plans, file_of(program, name, types::BINARY));
        if is_minidump {
            // What may be any part of a dump gets what is for any of them.
            let in_dump = steps_in_dump(program, &mut plans, name, &dump::KINDS);
            merge(&mut steps, in_dump);
        }
        return vec![Work {
            range: 0..bytes.len(),
            kept: 0..0,
            steps: steps.into(),
        }];
    };
    let steps = dump::KINDS.map(|kind| {
        let steps: Rc<[usize]> = steps_in_dump(program, &mut plans, name, &[kind]).into();
        (kind, steps)
    });
    let steps = HashMap::from(steps);
    let regions = regions.into_iter().filter_map(|region| {
        Some(Work {
            kept: region.range.end.saturating_sub(region.n_kept)..region.range.end,
            range: region.range,
            steps: Rc::clone(steps.get(&region.kind)?),
        })
    });
    regions.collect()
}

/// The steps that apply to a crash dump, and to parts of these kinds in it.
fn steps_in_dump(
    program: &Program,
    plans: &mut Plans,
    name: &str,
    kinds: &[(&[u8], Types)],
) -> Vec<usize> {
    let dump = file_of(program, name, types::BINARY | types::MINIDUMP);
    let mut steps = steps_at(program, plans, dump);
    for (key, kind) in kinds {
        let place = program.matcher.step(dump, key, kind | types::BINARY);
        merge(&mut steps, steps_at(program, plans, place));
    }
    steps
}

fn merge(steps: &mut Vec<usize>, more: Vec<usize>) {
    for step in more {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
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
        let in_dump = steps_in_dump(program, &mut plans, name, &dump::KINDS);
        let touch_dumps = !(steps.is_empty() && in_dump.is_empty());
        Self { steps, touch_dumps }
    }

    /// Applies them to a piece within what lies around it; also tells how often one applied to the
    /// piece. `None` when a match that begins before `until` does not end where the bytes do: nobody
    /// knows how far it goes.
    pub(in super::super) fn apply(
        &self,
        program: &Program,
        key: Option<&PseudonymKey>,
        bytes: &Bytes,
        piece: Range<usize>,
        until: usize,
    ) -> Option<(Bytes, u32)> {
        if self.steps.is_empty() {
            return Some((bytes.clone(), 0));
        }
        let mut redacted = bytes.to_vec();
        let mut n_redactions = 0;
        for step in self.steps.iter().filter_map(|n| program.steps.get(*n)) {
            let found = apply(step, key, &mut redacted);
            // Of the last character of a text in UTF-16 only one byte may be here.
            let is_open = |(range, width): &Place| {
                let end = bytes.len() + 1 - width.bytes();
                range.start < until && range.end >= end
            };
            // What takes all of a piece takes what follows it too.
            let is_all = matches!(step.kind, Kind::Anything);
            if !is_all && found.iter().any(is_open) {
                return None;
            }
            let here = found
                .iter()
                .filter(|(range, _)| piece.contains(&range.start));
            n_redactions += count(here);
        }
        Some(kept_if_same(bytes, redacted, n_redactions))
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

fn kept_if_same(bytes: &Bytes, redacted: Vec<u8>, n_redactions: u32) -> (Bytes, u32) {
    if redacted == bytes.as_ref() {
        (bytes.clone(), 0)
    } else {
        (Bytes::from(redacted), n_redactions)
    }
}

/// Where something was redacted, and how wide its characters are.
type Place = (Range<usize>, Width);

fn count<T>(places: impl Iterator<Item = T>) -> u32 {
    u32::try_from(places.count()).unwrap_or(u32::MAX)
}

/// Applies one step to the bytes of a region; tells where it found something.
fn apply(step: &Step, key: Option<&PseudonymKey>, region: &mut [u8]) -> Vec<Place> {
    let patterns = match &step.kind {
        Kind::Anything => {
            let all = 0..region.len();
            fill(step, key, region, &(all.clone(), Width::Bytes));
            return vec![(all, Width::Bytes)];
        }
        Kind::Patterns(patterns) => patterns,
        Kind::Pair { values, .. } => values,
    };
    let mut places = Vec::new();
    for pattern in patterns {
        let mut found = Vec::new();
        let mut start = 0;
        for chunk in region.utf8_chunks() {
            let ranges = find(pattern, chunk.valid()).into_iter();
            found.extend(ranges.map(|at| (start + at.start..start + at.end, Width::Bytes)));
            start += chunk.valid().len() + chunk.invalid().len();
        }
        for place in &found {
            fill(step, key, region, place);
        }
        places.append(&mut found);
        for wide in wide::texts(region) {
            let ranges = wide.places(find(pattern, &wide.text));
            found.extend(ranges.map(|range| (range, Width::Units)));
        }
        for place in &found {
            fill(step, key, region, place);
        }
        places.append(&mut found);
    }
    places
}

/// How wide a character of the redaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Bytes,
    Units,
}

impl Width {
    const fn bytes(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Units => 2,
        }
    }
}

/// Writes the redaction over a place, cut or padded to its length.
fn fill(step: &Step, key: Option<&PseudonymKey>, region: &mut [u8], (range, width): &Place) {
    let Some(place) = region.get_mut(range.clone()) else {
        return;
    };
    let new = match &step.redaction {
        Redaction::Mask => vec![b'*'; place.len()],
        Redaction::Remove | Redaction::Drop => Vec::new(),
        Redaction::Replace(_) | Redaction::Hash => substitute(step, &text_of(place, *width), key)
            .0
            .into_bytes(),
    };
    // A text that does not fit in whole characters is no text.
    let new = if new.is_ascii() { new } else { Vec::new() };
    let mut new = new.into_iter().chain(std::iter::repeat(PADDING));
    for bytes in place.chunks_mut(width.bytes()) {
        let mut character = new.next();
        for byte in bytes {
            *byte = character.take().unwrap_or(0);
        }
    }
}

fn text_of(bytes: &[u8], width: Width) -> String {
    match width {
        Width::Bytes => String::from_utf8_lossy(bytes).into_owned(),
        Width::Units => {
            let units = bytes.as_chunks::<2>().0.iter();
            let units: Vec<u16> = units.map(|unit| u16::from_le_bytes(*unit)).collect();
            String::from_utf16_lossy(&units)
        }
    }
}
