//! The key that rosters are signed with: Ed25519, in a file that only the hub reads.
//!
//! It is not the authority's: who can sign certificates cannot change what relays remove, and the
//! other way round. When it is replaced, rosters are signed with both keys, so that a relay which
//! was away follows as soon as it is back; the key before that is forgotten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use protocol::limits::ROSTER_BYTES_MAX;
use protocol::roster::{ConfigKey, Excess, RosterBundle, SIGNING_CONTEXT};
use protocol::wire::{Config, ConfigSignature, WireError, encode_roster};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::authority::{AuthorityError, write_whole};

const CURRENT: &str = "config.key";
const NEXT: &str = "config.next.key";
const PREVIOUS: &str = "config.previous.key";

/// Why rosters cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigKeyError {
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} is not what was written there", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// A key cannot be kept.
    #[error(transparent)]
    Keep(#[from] AuthorityError),
    /// No key can be made.
    #[error("key for rosters cannot be made")]
    Make,
    /// The roster cannot be written down.
    #[error("roster cannot be encoded")]
    Encode(#[from] WireError),
    /// The roster has more of something than relays take.
    #[error("{0}: relays do not take it")]
    Excess(#[from] Excess),
    /// The roster is larger than relays take.
    #[error(
        "roster is {len} bytes, relays take {ROSTER_BYTES_MAX}: shorten its privacy rules and filters, or remove projects or keys"
    )]
    TooLarge {
        /// Its length.
        len: usize,
    },
}

/// The keys, ready to sign.
pub(super) struct ConfigKeys {
    dir: PathBuf,
    current: Ed25519KeyPair,
    previous: Option<Ed25519KeyPair>,
}

impl ConfigKeys {
    /// Reads the keys from `dir`, or makes one there.
    pub(super) fn open(dir: &Path) -> Result<Self, ConfigKeyError> {
        let path = dir.join(CURRENT);
        let current = match read(&path)? {
            Some(key) => key,
            // An exchange that was cut short goes on.
            None => match read(&dir.join(NEXT))? {
                Some(key) => {
                    rename(&dir.join(NEXT), &path)?;
                    key
                }
                None => make(&path)?,
            },
        };
        Ok(Self {
            dir: dir.to_owned(),
            current,
            previous: read(&dir.join(PREVIOUS))?,
        })
    }

    /// What relays pin.
    pub(super) fn public(&self) -> ConfigKey {
        public(&self.current)
    }

    /// Makes a new key the one in use; the one before goes on signing too.
    pub(super) fn replace(&mut self) -> Result<(), ConfigKeyError> {
        let next = make(&self.dir.join(NEXT))?;
        rename(&self.dir.join(CURRENT), &self.dir.join(PREVIOUS))?;
        rename(&self.dir.join(NEXT), &self.dir.join(CURRENT))?;
        self.previous = Some(std::mem::replace(&mut self.current, next));
        Ok(())
    }

    /// Signs a roster.
    pub(super) fn sign(&self, bundle: &RosterBundle) -> Result<Config, ConfigKeyError> {
        let bytes = encode(bundle)?;
        let signed = [SIGNING_CONTEXT, &bytes].concat();
        let keys = [&self.current].into_iter().chain(&self.previous);
        let signatures = keys.map(|key| {
            let mut signature = [0; 64];
            signature.copy_from_slice(key.sign(&signed).as_ref());
            ConfigSignature {
                key: public(key),
                signature,
            }
        });
        let signatures = signatures.collect();
        Ok(Config { bytes, signatures })
    }
}

/// Writes down a roster that relays would take.
pub(super) fn encode(bundle: &RosterBundle) -> Result<Vec<u8>, ConfigKeyError> {
    bundle.check_bounds()?;
    let bytes = encode_roster(bundle)?;
    if bytes.len() > ROSTER_BYTES_MAX {
        return Err(ConfigKeyError::TooLarge { len: bytes.len() });
    }
    Ok(bytes)
}

fn public(key: &Ed25519KeyPair) -> ConfigKey {
    let mut public = ConfigKey::default();
    public.copy_from_slice(key.public_key().as_ref());
    public
}

fn read(path: &Path) -> Result<Option<Ed25519KeyPair>, ConfigKeyError> {
    let path = path.to_owned();
    match fs::read(&path) {
        Ok(pkcs8) => match Ed25519KeyPair::from_pkcs8(&pkcs8) {
            Ok(key) => Ok(Some(key)),
            Err(_) => Err(ConfigKeyError::Damaged { path }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigKeyError::File { path, source }),
    }
}

fn make(path: &Path) -> Result<Ed25519KeyPair, ConfigKeyError> {
    let random = SystemRandom::new();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| ConfigKeyError::Make)?;
    let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| ConfigKeyError::Make)?;
    write_whole(path, pkcs8.as_ref(), 0o600)?;
    Ok(key)
}

fn rename(from: &Path, to: &Path) -> Result<(), ConfigKeyError> {
    let file = |source| ConfigKeyError::File {
        path: to.to_owned(),
        source,
    };
    fs::rename(from, to).map_err(file)?;
    match to.parent() {
        Some(dir) => fs::File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(file),
        None => Ok(()),
    }
}
