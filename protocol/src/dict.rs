//! Dictionaries: what makes a block of one event nearly as small as one of many.
//!
//! A hub trains them and publishes them with the roster; a block's head names the one it was
//! compressed with, and nobody on its way compresses it again.
//!
//! What always holds: a dictionary's number is made from its content, so whoever has the bytes can
//! tell that they are what the number names, and two contents do not share one. That is why what is
//! known may be known to the whole process: a number means the same everywhere, for ever.
//! [`learn`] only ever adds, at most [`KNOWN_MAX`].
//!
//! What it never does: compress or decompress, which is the block's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zstd::zstd_safe::{CDict, DDict};

use crate::ids::Lane;
use crate::limits::DICT_BYTES_MAX;

/// How hard is compressed. Above this the time doubles and the bytes hardly shrink.
pub const LEVEL: i32 = 3;

/// Most dictionaries that a process knows beside the one built in.
pub const KNOWN_MAX: usize = 256;

/// What a zstd dictionary begins with.
const MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];
/// Where its number stands, behind [`MAGIC`].
const NUMBER_LEN: usize = 4;
/// Numbers below are zstd's own to give.
const NUMBER_MIN: u32 = 32_768;
/// Numbers from here on are, too.
const NUMBER_END: u32 = 1 << 31;

/// Trained on events of Sentry SDKs from which everything personal was removed.
const BASE: &[u8] = include_bytes!("dict/base.dict");

/// Names a dictionary: 0 is none, 1 is the one built in, others are published by a hub.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DictId(pub u32);

impl DictId {
    /// Compressed without a dictionary.
    pub const NONE: Self = Self(0);
    /// The dictionary that every program of this protocol version carries.
    pub const BUILT_IN: Self = Self(1);

    /// What a lane's blocks are compressed with that use nothing learnt. Lane 4 goes without: its
    /// bytes are rarely text.
    #[must_use]
    pub const fn unlearnt(lane: Lane) -> Self {
        match lane {
            Lane::Blobs => Self::NONE,
            Lane::Control
            | Lane::Errors
            | Lane::ControlBacklog
            | Lane::ErrorsBacklog
            | Lane::Logs
            | Lane::Traces => Self::BUILT_IN,
        }
    }
}

impl fmt::Display for DictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// What a dictionary is trained for: lanes whose records look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DictKind {
    /// Errors and their backlog.
    Errors,
    /// Logs and metrics.
    Logs,
    /// Transactions and spans.
    Traces,
}

impl DictKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Errors, Self::Logs, Self::Traces];

    /// The kind of a lane's blocks. Lane 0's are small and alike everywhere, so the dictionary
    /// that is built in serves them; lane 4's bytes are rarely text.
    #[must_use]
    pub const fn of(lane: Lane) -> Option<Self> {
        match lane {
            Lane::Errors | Lane::ErrorsBacklog => Some(Self::Errors),
            Lane::Logs => Some(Self::Logs),
            Lane::Traces => Some(Self::Traces),
            Lane::Control | Lane::ControlBacklog | Lane::Blobs => None,
        }
    }

    /// What people and programs read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Logs => "logs",
            Self::Traces => "traces",
        }
    }

    /// The kind of a name; `None` for those of later versions.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its place in [`DictKind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Why bytes are no dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DictError {
    /// More bytes than allowed.
    #[error("dictionary is {len} bytes, more than {DICT_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        len: usize,
    },
    /// Not what zstd's trainer makes.
    #[error("not a zstd dictionary, or damaged")]
    Malformed,
    /// The number is not the content's.
    #[error("dictionary says it is {said}, and its content is {is}'s")]
    Number {
        /// What stands in it.
        said: DictId,
        /// What its content makes.
        is: DictId,
    },
    /// Another content has the number: one of four thousand million.
    #[error("another dictionary has the number {0}")]
    Taken(DictId),
    /// The process knows as many as it may.
    #[error("{KNOWN_MAX} dictionaries are known, no more are taken")]
    TooMany,
}

/// A dictionary. Invariant: its number is its content's.
#[derive(Clone, PartialEq, Eq)]
pub struct Dictionary {
    id: DictId,
    bytes: Bytes,
}

impl Dictionary {
    /// From what a trainer made: gives it its number.
    ///
    /// # Errors
    /// [`DictError::TooLarge`], [`DictError::Malformed`].
    pub fn stamp(mut trained: Vec<u8>) -> Result<Self, DictError> {
        let id = number_of(&trained)?;
        let number = trained.get_mut(MAGIC.len()..MAGIC.len() + NUMBER_LEN);
        number
            .ok_or(DictError::Malformed)?
            .copy_from_slice(&id.0.to_le_bytes());
        Self::parse(trained.into())
    }

    /// From its bytes, as they are kept and sent.
    ///
    /// # Errors
    /// [`DictError`] says what is wrong with them.
    pub fn parse(bytes: Bytes) -> Result<Self, DictError> {
        let is = number_of(&bytes)?;
        let said = bytes.get(MAGIC.len()..MAGIC.len() + NUMBER_LEN);
        let said: [u8; NUMBER_LEN] = said
            .and_then(|said| said.try_into().ok())
            .ok_or(DictError::Malformed)?;
        let said = DictId(u32::from_le_bytes(said));
        if said == is {
            Ok(Self { id: is, bytes })
        } else {
            Err(DictError::Number { said, is })
        }
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> DictId {
        self.id
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// SHA-256 of its bytes.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

// What it holds stays out of logs.
impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary")
            .field("id", &self.id)
            .field("len", &self.bytes.len())
            .finish()
    }
}

/// The number that a dictionary's content makes; what stands in the number's place does not count.
fn number_of(bytes: &[u8]) -> Result<DictId, DictError> {
    if bytes.len() > DICT_BYTES_MAX {
        return Err(DictError::TooLarge { len: bytes.len() });
    }
    let content = bytes
        .strip_prefix(&MAGIC)
        .and_then(|rest| rest.get(NUMBER_LEN..))
        .ok_or(DictError::Malformed)?;
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(content));
    let number = u32::from_le_bytes([a, b, c, d]) % (NUMBER_END - NUMBER_MIN);
    Ok(DictId(NUMBER_MIN + number))
}

/// A dictionary made ready, each way when it is first needed.
pub(crate) struct Prepared {
    bytes: Bytes,
    encoder: OnceLock<Option<CDict<'static>>>,
    decoder: OnceLock<Option<DDict<'static>>>,
}

impl Prepared {
    const fn new(bytes: Bytes) -> Self {
        Self {
            bytes,
            encoder: OnceLock::new(),
            decoder: OnceLock::new(),
        }
    }

    /// `None` when there is no memory for it.
    pub(crate) fn encoder(&self) -> Option<&CDict<'static>> {
        let make = || CDict::try_create(&self.bytes, LEVEL);
        self.encoder.get_or_init(make).as_ref()
    }

    /// `None` when there is no memory for it.
    pub(crate) fn decoder(&self) -> Option<&DDict<'static>> {
        let make = || DDict::try_create(&self.bytes);
        self.decoder.get_or_init(make).as_ref()
    }
}

static KNOWN: RwLock<BTreeMap<DictId, Arc<Prepared>>> = RwLock::new(BTreeMap::new());

/// Makes a dictionary known to this process, so that blocks can be written and read with it.
///
/// # Errors
/// [`DictError::Malformed`] when zstd cannot use it, [`DictError::Taken`], [`DictError::TooMany`].
pub fn learn(dictionary: &Dictionary) -> Result<(), DictError> {
    if let Some(known) = find(dictionary.id) {
        let is_same = known.bytes == dictionary.bytes;
        return is_same.then_some(()).ok_or(DictError::Taken(dictionary.id));
    }
    let prepared = Prepared::new(dictionary.bytes.clone());
    if prepared.decoder().is_none() {
        return Err(DictError::Malformed);
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= KNOWN_MAX {
        return Err(DictError::TooMany);
    }
    known
        .entry(dictionary.id)
        .or_insert_with(|| Arc::new(prepared));
    Ok(())
}

/// Whether blocks can be written and read with a dictionary, or need none.
#[must_use]
pub fn is_known(id: DictId) -> bool {
    matches!(id, DictId::NONE | DictId::BUILT_IN) || find(id).is_some()
}

/// A dictionary that was learnt.
#[must_use]
pub fn learnt(id: DictId) -> Option<Dictionary> {
    let prepared = find(id)?;
    Some(Dictionary {
        id,
        bytes: prepared.bytes.clone(),
    })
}

/// A dictionary that was learnt, ready to work with.
pub(crate) fn find(id: DictId) -> Option<Arc<Prepared>> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.get(&id).cloned()
}

/// The one built in.
pub(crate) fn built_in() -> &'static Prepared {
    static PREPARED: Prepared = Prepared::new(Bytes::from_static(BASE));
    &PREPARED
}

#[cfg(test)]
mod tests;
