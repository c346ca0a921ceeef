//! From blocks to a dictionary that is worth having, or why there is none. Pure, and long.

use bytes::Bytes;
use protocol::block::{self, Items, Record};
use protocol::dict::{DictError, DictId, Dictionary, LEVEL};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::privacy::{Payload, Scrubber};
use protocol::roster::PrivacySettings;
use protocol::wire::encode_msgpack;
use sha2::{Digest as _, Sha256};

use super::common::{Sample, Vocabulary, common_parts};

/// Records that are needed at least.
const SAMPLES_MIN: usize = 100;
/// Most bytes of records that are worked on: about a hundred times a dictionary.
const SAMPLE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// A longer record is no sample: there would be too few others.
const RECORD_BYTES_MAX: usize = 256 * 1024;
/// Most records out of one block, so that many hosts and times are seen.
const OF_ONE_BLOCK: usize = 20;
/// Bytes of a dictionary.
const DICTIONARY_BYTES: usize = 64 * 1024;
/// One owner in so many is held out of the training, to judge by.
const HELD_OUT: u64 = 5;
/// What stands before a dictionary's content: the offsets that zstd tries first.
const BEFORE_CONTENT: [u8; 12] = [1, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0];
/// Within so many bytes.
const HEADER_BYTES_MAX: usize = 1024;

/// Why a dictionary is not put in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too little has come.
    #[error("{n} records are at hand, {SAMPLES_MIN} are needed")]
    TooFew {
        /// Records that can be trained on.
        n: usize,
    },
    /// Records have too little in common.
    #[error("records have too little in common: {0}")]
    NothingInCommon(String),
    /// Something private may be left in it.
    #[error("something in it may be private")]
    Private,
    /// It saves too little.
    #[error("it saves too little: {with} bytes where there are {before}")]
    NoGain {
        /// Bytes of held-out records, each alone, as they are.
        before: u64,
        /// And with it.
        with: u64,
    },
    /// It cannot be used.
    #[error(transparent)]
    Unusable(#[from] DictError),
}

/// What records are compressed with now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Current(pub(super) DictId);

/// A dictionary that is better than the current one.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) dictionary: Dictionary,
    /// Records it was trained on.
    pub(super) n_samples: usize,
    pub(super) before: u64,
    pub(super) with: u64,
}

/// Trains, looks through what came out, and judges it by what was held out.
pub(super) fn train(
    blocks: &[Bytes],
    current: Current,
    gain_percent: u64,
) -> Result<Candidate, Refused> {
    let (samples, held_out) = samples(blocks);
    let n_samples = samples.len();
    if n_samples < SAMPLES_MIN || held_out.is_empty() {
        return Err(Refused::TooFew { n: n_samples });
    }
    let (parts, vocabulary) = common_parts(samples);
    let trained = zstd::dict::from_samples(&parts, DICTIONARY_BYTES);
    let trained = trained.map_err(|error| Refused::NothingInCommon(error.to_string()))?;
    let filled = filled(&trained, parts);
    let mut best: Option<(Dictionary, u64, u64)> = None;
    for mut bytes in [trained, filled] {
        clean(&mut bytes, &vocabulary)?;
        let dictionary = Dictionary::stamp(bytes)?;
        let (before, with) = judge(&dictionary, current, &held_out)?;
        if best.as_ref().is_none_or(|(_, _, least)| with < *least) {
            best = Some((dictionary, before, with));
        }
    }
    let Some((dictionary, before, with)) = best else {
        return Err(Refused::TooFew { n: n_samples });
    };
    if with.saturating_mul(100) >= before.saturating_mul(100 - gain_percent.min(100)) {
        return Err(Refused::NoGain { before, with });
    }
    Ok(Candidate {
        dictionary,
        n_samples,
        before,
        with,
    })
}

/// A dictionary with whole samples behind what the trainer chose, as many as there is room for.
///
/// Where an application's records are all of a few shapes the trainer's pieces leave room, and a
/// whole record as a base saves the seams between them.
fn filled(trained: &[u8], mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    let mut bytes = trained.to_vec();
    let room = DICTIONARY_BYTES.saturating_sub(bytes.len());
    let mean = parts.iter().map(Vec::len).sum::<usize>() / parts.len().max(1);
    let n = (room / mean.max(1)).min(parts.len());
    // Records of one shape are about as long, so these are of different ones.
    parts.sort_by_key(Vec::len);
    let step = parts.len().checked_div(n).unwrap_or_default().max(1);
    for part in parts.iter().skip(step / 2).step_by(step).take(n) {
        let left = DICTIONARY_BYTES.saturating_sub(bytes.len());
        bytes.extend_from_slice(part.get(..left.min(part.len())).unwrap_or_default());
    }
    bytes
}

/// Records to train on, scrubbed; and records to judge by, as they came.
fn samples(blocks: &[Bytes]) -> (Vec<Sample>, Vec<Vec<u8>>) {
    let scrubber = Scrubber::new(&PrivacySettings::strictest());
    let (mut samples, mut held_out) = (Vec::new(), Vec::new());
    let mut left = SAMPLE_BYTES_MAX;
    for block in blocks {
        let Ok((_, records)) = block::open(block) else {
            continue;
        };
        for record in records.into_iter().take(OF_ONE_BLOCK) {
            let Record::Items(items) = record else {
                continue;
            };
            let Some((owner, raw)) = owned(&items) else {
                continue;
            };
            left = match left.checked_sub(raw.len()) {
                Some(left) => left,
                None => return (samples, held_out),
            };
            if owner % HELD_OUT == 0 {
                held_out.push(raw);
            } else if let Some(bytes) = scrubbed(items, &scrubber) {
                samples.push(Sample { bytes, owner });
            }
        }
    }
    (samples, held_out)
}

/// Whose a record is, and its bytes as they stand in a block.
fn owned(items: &Items) -> Option<(u64, Vec<u8>)> {
    let raw = encode_msgpack(&Record::Items(items.clone())).ok()?;
    if raw.len() > RECORD_BYTES_MAX {
        return None;
    }
    let user = items.items.iter().find_map(|item| user_of(&item.payload));
    let owner = match user {
        Some(user) => Sha256::digest(user),
        None => Sha256::digest(&raw),
    };
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(owner);
    Some((u64::from_le_bytes([a, b, c, d, e, f, g, h]), raw))
}

/// What names the user of an event; none when it does not.
fn user_of(payload: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Event {
        user: Option<serde_json::Map<String, serde_json::Value>>,
    }
    const NAMES: [&str; 4] = ["id", "email", "username", "ip_address"];
    let user = serde_json::from_slice::<Event>(payload).ok()?.user?;
    let named = NAMES.into_iter().find_map(|name| user.get(name))?;
    (!named.is_null()).then(|| named.to_string())
}

/// A record's bytes without what differs from one to the next, and without private data; none when
/// it cannot be scrubbed.
fn scrubbed(mut items: Items, scrubber: &Scrubber) -> Option<Vec<u8>> {
    items.event_id = items.event_id.map(|_| EventId::from_bytes([0; 16]));
    items.remote_addr = None;
    items.trace = None;
    items.user_agent = items
        .user_agent
        .map(|agent| scrubber.scrub_text(&agent).unwrap_or(agent));
    for item in &mut items.items {
        let kind = match ItemKind::from_name(&item.kind) {
            ItemKind::Event | ItemKind::Feedback | ItemKind::Security => Payload::Event,
            ItemKind::Transaction => Payload::Transaction,
            ItemKind::Log | ItemKind::TraceMetric | ItemKind::Span => Payload::Items,
            // Of others it is not known where private data may be.
            _ => return None,
        };
        item.payload = scrubber.scrub_json(&item.payload, kind).ok()?.payload;
        item.header = scrubber
            .scrub_json(&item.header, Payload::Header)
            .ok()?
            .payload;
    }
    encode_msgpack(&Record::Items(items)).ok()
}

/// Takes out of a dictionary what must not be in it; refuses it when it is not sure to be clean.
fn clean(trained: &mut [u8], vocabulary: &Vocabulary) -> Result<(), Refused> {
    let header = trained.get(..HEADER_BYTES_MAX.min(trained.len()));
    let header = header.unwrap_or_default();
    let start = memchr::memmem::find(header, &BEFORE_CONTENT).ok_or(DictError::Malformed)?;
    let content = trained.get_mut(start + BEFORE_CONTENT.len()..);
    let content = content.unwrap_or_default();
    vocabulary.blank_others(content);
    mask(content);
    let masked = content.to_vec();
    mask(content);
    if masked == content && vocabulary.allows_all(content) {
        Ok(())
    } else {
        Err(Refused::Private)
    }
}

/// Masks private data in a dictionary's content, text by text. As one text it would not do: a quote
/// or a key that stands alone would make a secret of everything behind it. What belongs to a
/// sensitive key was removed from the samples, where keys are known.
fn mask(content: &mut [u8]) {
    let scrubber = Scrubber::new(&PrivacySettings::strictest());
    for text in content.split_mut(|byte| *byte == b'"' || byte.is_ascii_control()) {
        let masked = scrubber.scrub_bytes_same_length(&Bytes::copy_from_slice(text));
        if masked.len() == text.len() {
            text.copy_from_slice(&masked);
        } else {
            text.fill(b'*');
        }
    }
}

/// Bytes of records, each alone: with what is in force, and with a dictionary.
fn judge(
    dictionary: &Dictionary,
    current: Current,
    held_out: &[Vec<u8>],
) -> Result<(u64, u64), DictError> {
    let compressor = zstd::bulk::Compressor::with_dictionary(LEVEL, dictionary.bytes());
    let mut compressor = compressor.map_err(|_| DictError::Malformed)?;
    let (mut before, mut with) = (0_u64, 0_u64);
    for raw in held_out {
        let now = block::compress(current.0, raw).map_err(|_| DictError::Malformed)?;
        let then = compressor.compress(raw).map_err(|_| DictError::Malformed)?;
        before += now.len() as u64;
        with += then.len() as u64;
    }
    Ok((before, with))
}
