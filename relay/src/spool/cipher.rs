//! Encryption of blocks at rest.
//!
//! ChaCha20-Poly1305. Each segment has a key of its own, derived by HKDF-SHA256 from the spool's
//! key and 32 random bytes in the segment's header; each block has a random nonce before it. A
//! counter would not do for nonces: a commit that is given up leaves its place, its numbers and
//! its counter to the next. A segment has far fewer blocks than random nonces allow, and a key
//! that lasts for one segment keeps it so however long the spool lives.
//!
//! Heads of frames and counts of items stay readable, so that lengths, numbers and losses are
//! known without the key; what is in a block, ledger records included, is not.
//!
//! On disk a block is `nonce 12 | ciphertext | tag 16`. What is authenticated with it: the epoch
//! and the lane; numbers are in the block itself.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::ids::{Epoch, Lane};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use serde::{Deserialize, Serialize};

use super::Config;

/// Bytes by which a block grows.
pub(super) const OVERHEAD: usize = NONCE_LEN + 16;
/// Bytes of a key.
const KEY_LEN: usize = 32;
/// Bytes of a key's name.
const ID_LEN: usize = 8;
/// A file beyond this holds no key, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// Why there is no key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("key file {} cannot be read: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::sync::Arc<io::Error>,
    },
    /// The file holds something else.
    #[error(
        "key file {} holds no key: it must be 32 bytes in hexadecimal or base64, as \
         `openssl rand -hex 32` writes them", .path.display()
    )]
    Malformed {
        /// Which.
        path: PathBuf,
    },
}

/// What a segment's header says of its encryption: which key, and what its own is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealing {
    pub(super) key: KeyId,
    salt: [u8; KEY_LEN],
}

/// The name of a key; says nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct KeyId([u8; ID_LEN]);

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The keys of a spool: the one that is written with, and one that may still be read.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    current: Option<Key>,
    old: Option<Key>,
}

/// A key, ready to make others.
#[derive(Clone)]
struct Key {
    id: KeyId,
    bytes: [u8; KEY_LEN],
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// What reads and writes the blocks of one segment.
#[derive(Debug)]
pub(super) struct SegmentKey(LessSafeKey);

/// Whether the blocks of a segment can be read.
#[derive(Debug)]
pub(super) enum Access {
    /// They are not encrypted.
    Plain,
    /// With this.
    Key(Box<SegmentKey>),
    /// Not by us.
    Missing,
}

impl Keys {
    /// Reads the keys that a configuration names.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load(config: &Config) -> Result<Self, KeyError> {
        let load = |path: &Option<PathBuf>| path.as_deref().map(Key::load).transpose();
        Ok(Self {
            current: load(&config.encryption_key_file)?,
            old: load(&config.encryption_key_file_old)?,
        })
    }

    /// The name of the key that is written with.
    pub(super) fn current(&self) -> Option<KeyId> {
        self.current.as_ref().map(|key| key.id)
    }

    /// How a new segment is encrypted, if it is.
    pub(super) fn begin(&self) -> io::Result<Option<Sealing>> {
        let Some(key) = &self.current else {
            return Ok(None);
        };
        let mut salt = [0; KEY_LEN];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        Ok(Some(Sealing { key: key.id, salt }))
    }

    /// What reads a segment.
    pub(super) fn access(&self, sealing: Option<&Sealing>) -> Access {
        let Some(sealing) = sealing else {
            return Access::Plain;
        };
        let keys = [&self.current, &self.old];
        let key = keys.into_iter().flatten().find(|key| key.id == sealing.key);
        key.and_then(|key| key.of_segment(sealing))
            .map_or(Access::Missing, |key| Access::Key(Box::new(key)))
    }
}

impl Key {
    fn load(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File {
            path: path.to_path_buf(),
            source: std::sync::Arc::new(source),
        };
        let malformed = || KeyError::Malformed {
            path: path.to_path_buf(),
        };
        if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
            return Err(malformed());
        }
        let text = fs::read(path).map_err(failed)?;
        let text = std::str::from_utf8(&text).map_err(|_| malformed())?.trim();
        let bytes = from_hex(text).or_else(|| STANDARD.decode(text).ok());
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        Ok(Self::new(bytes.ok_or_else(malformed)?))
    }

    fn new(bytes: [u8; KEY_LEN]) -> Self {
        let mut id = [0; ID_LEN];
        let name = expand(&bytes, b"", b"vedette spool key name", IdLen, &mut id);
        debug_assert!(name.is_some(), "eight bytes can always be made");
        Self {
            id: KeyId(id),
            bytes,
        }
    }

    fn of_segment(&self, sealing: &Sealing) -> Option<SegmentKey> {
        let mut bytes = [0; KEY_LEN];
        expand(
            &self.bytes,
            &sealing.salt,
            b"vedette spool segment",
            BytesLen,
            &mut bytes,
        )?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).ok()?;
        Some(SegmentKey(LessSafeKey::new(key)))
    }
}

struct IdLen;

impl KeyType for IdLen {
    fn len(&self) -> usize {
        ID_LEN
    }
}

struct BytesLen;

impl KeyType for BytesLen {
    fn len(&self) -> usize {
        KEY_LEN
    }
}

fn expand<L: KeyType>(
    key: &[u8; KEY_LEN],
    salt: &[u8],
    info: &[u8],
    len: L,
    out: &mut [u8],
) -> Option<()> {
    let prk: Prk = Salt::new(HKDF_SHA256, salt).extract(key);
    prk.expand(&[info], len).ok()?.fill(out).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<_> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if digits.len() != 2 * KEY_LEN {
        return None;
    }
    let bytes = pairs.map(|pair| pair.iter().fold(0, |sum: u8, digit| (sum << 4) | digit));
    Some(bytes.collect())
}

impl SegmentKey {
    /// Encrypts a block, for the disk.
    fn seal(&self, epoch: Epoch, lane: Lane, block: &[u8]) -> io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let mut out = Vec::with_capacity(block.len() + OVERHEAD);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(block);
        let (_, text) = out.split_at_mut(NONCE_LEN);
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place(epoch, lane)),
                text,
            )
            .map_err(|_| io::Error::other("block is too long to be encrypted"))?;
        out.extend_from_slice(tag.as_ref());
        Ok(out)
    }

    /// The block again; nothing, when it is not as it was written.
    fn open(&self, epoch: Epoch, lane: Lane, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let (nonce, text) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let len = self
            .0
            .open_in_place(nonce, Aad::from(place(epoch, lane)), text)
            .ok()?
            .len();
        bytes.drain(..NONCE_LEN);
        bytes.truncate(len);
        Some(bytes)
    }
}

impl Access {
    /// A block as it travels, from what lies on the disk; nothing, when that is not as written.
    /// What cannot be read by us is given as it lies.
    pub(super) fn open(&self, epoch: Epoch, lane: Lane, bytes: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Plain | Self::Missing => Some(bytes),
            Self::Key(key) => key.open(epoch, lane, bytes),
        }
    }

    /// Bytes by which a block grows.
    pub(super) const fn overhead(&self) -> usize {
        match self {
            Self::Key(_) => OVERHEAD,
            Self::Plain | Self::Missing => 0,
        }
    }

    /// A block as it lies on the disk.
    pub(super) fn seal<'a>(
        &self,
        epoch: Epoch,
        lane: Lane,
        block: &'a [u8],
    ) -> io::Result<Cow<'a, [u8]>> {
        match self {
            Self::Plain => Ok(Cow::Borrowed(block)),
            Self::Key(key) => key.seal(epoch, lane, block).map(Cow::Owned),
            Self::Missing => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Whether the blocks are encrypted with a key we do not have.
    pub(super) const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

fn place(epoch: Epoch, lane: Lane) -> [u8; 9] {
    let mut place = [0; 9];
    let (epoch_at, lane_at) = place.split_at_mut(8);
    epoch_at.copy_from_slice(&epoch.0.to_le_bytes());
    lane_at.copy_from_slice(&[lane.into()]);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: (Epoch, Lane) = (Epoch(7), Lane::Errors);

    fn keys(current: u8, old: Option<u8>) -> Keys {
        Keys {
            current: Some(Key::new([current; KEY_LEN])),
            old: old.map(|byte| Key::new([byte; KEY_LEN])),
        }
    }

    fn sealed(keys: &Keys) -> (Sealing, Vec<u8>) {
        let sealing = keys.begin().unwrap().unwrap();
        let Access::Key(key) = keys.access(Some(&sealing)) else {
            panic!("the key was just made");
        };
        (sealing, key.seal(PLACE.0, PLACE.1, b"a block").unwrap())
    }

    #[test]
    fn a_block_is_read_with_its_key_in_its_place_and_not_otherwise() {
        let keys = keys(1, None);
        let (sealing, bytes) = sealed(&keys);
        assert_eq!(bytes.len(), 7 + OVERHEAD);
        let access = keys.access(Some(&sealing));
        let open = |epoch, lane, bytes| access.open(epoch, lane, bytes);
        let whole = open(PLACE.0, PLACE.1, bytes.clone());
        assert_eq!(whole.as_deref(), Some(b"a block".as_slice()));
        assert_eq!(open(Epoch(8), PLACE.1, bytes.clone()), None);
        assert_eq!(open(PLACE.0, Lane::Logs, bytes.clone()), None);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(open(PLACE.0, PLACE.1, flipped), None, "byte {at}");
            assert_eq!(
                open(PLACE.0, PLACE.1, bytes[..at].to_vec()),
                None,
                "cut to {at}"
            );
        }
        // The same block looks different each time.
        let again = sealed(&keys);
        assert_ne!(again.1, bytes);
        assert!(
            keys.access(Some(&again.0))
                .open(PLACE.0, PLACE.1, bytes)
                .is_none()
        );
    }

    #[test]
    fn a_key_that_is_being_changed_still_reads() {
        let (sealing, bytes) = sealed(&keys(1, None));
        let both = keys(2, Some(1));
        let read = both.access(Some(&sealing)).open(PLACE.0, PLACE.1, bytes);
        assert_eq!(read.as_deref(), Some(b"a block".as_slice()));
        assert_ne!(both.current(), Some(sealing.key));
        assert!(keys(2, None).access(Some(&sealing)).is_missing());
        assert!(Keys::default().access(Some(&sealing)).is_missing());
    }

    #[test]
    fn keys_are_read_from_hexadecimal_and_base64_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let load = |text: &str| {
            fs::write(&path, text).unwrap();
            let config = Config {
                encryption_key_file: Some(path.clone()),
                ..Config::default()
            };
            Keys::load(&config).map(|keys| keys.current())
        };
        let expected = Some(Key::new([0xab; KEY_LEN]).id);
        assert_eq!(load(&format!("{}\n", "ab".repeat(32))).unwrap(), expected);
        assert_eq!(load(&"AB".repeat(32)).unwrap(), expected);
        assert_eq!(load(&STANDARD.encode([0xab; KEY_LEN])).unwrap(), expected);
        for bad in ["", "ab", &"ab".repeat(33), &"zz".repeat(32), "é"] {
            assert!(
                matches!(load(bad), Err(KeyError::Malformed { .. })),
                "{bad}"
            );
        }
        fs::remove_file(&path).unwrap();
        let config = Config {
            encryption_key_file: Some(path.clone()),
            ..Config::default()
        };
        assert!(matches!(Keys::load(&config), Err(KeyError::File { .. })));
    }
}
