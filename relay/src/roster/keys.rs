//! Which key rosters must be signed with: a file, pinned at the join, replaced when a roster that
//! the pinned key signed names another.

use std::fs;
use std::io;
use std::path::Path;

use protocol::roster::{ConfigKey, SIGNING_CONTEXT};
use protocol::wire::Config;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::RosterError;
use super::file::write_whole;

/// The file: the key in force, then the one before it, each a line of hexadecimal digits.
const NAME: &str = "config.key";
/// A file beyond this is not one of ours, in bytes.
const FILE_BYTES_MAX: u64 = 1024;

/// The keys that are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// What comes over the link is signed with it.
    pub(super) current: ConfigKey,
    /// What lies on the disk may still be signed with it.
    pub(super) previous: Option<ConfigKey>,
}

impl Keys {
    /// Whether rosters signed with a key are of the hub this relay belongs to.
    pub(super) fn trusts(&self, key: &ConfigKey) -> bool {
        self.current == *key || self.previous == Some(*key)
    }
}

/// `None` when nothing was pinned yet, or the file is damaged: then no roster is believed.
pub(super) fn read(dir: &Path) -> Result<Option<Keys>, RosterError> {
    let path = dir.join(NAME);
    let file = |source| RosterError::File {
        path: path.clone(),
        source,
    };
    let text = match fs::metadata(&path) {
        Ok(found) if found.len() <= FILE_BYTES_MAX => fs::read_to_string(&path).map_err(file)?,
        Ok(_) => String::new(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(file(source)),
    };
    let mut lines = text.lines();
    let Some(current) = lines.next().and_then(parse) else {
        let error = RosterError::Damaged { path };
        tracing::warn!(%error, "no roster is believed until the relay joins again");
        return Ok(None);
    };
    Ok(Some(Keys {
        current,
        previous: lines.next().and_then(parse),
    }))
}

pub(super) fn write(dir: &Path, keys: &Keys) -> Result<(), RosterError> {
    let mut text = hex(&keys.current);
    if let Some(previous) = &keys.previous {
        text.push_str(&hex(previous));
    }
    write_whole(&dir.join(NAME), text.as_bytes())
}

fn hex(key: &ConfigKey) -> String {
    let mut text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    text
}

fn parse(line: &str) -> Option<ConfigKey> {
    let mut key = ConfigKey::default();
    if line.len() != key.len() * 2 {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        let digits = line.get(at * 2..at * 2 + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(key)
}

/// Whether one of these keys signed the bytes; which.
pub(super) fn verify(config: &Config, believed: &[ConfigKey]) -> Result<ConfigKey, RosterError> {
    let mut signed = Vec::with_capacity(SIGNING_CONTEXT.len() + config.bytes.len());
    signed.extend_from_slice(SIGNING_CONTEXT);
    signed.extend_from_slice(&config.bytes);
    let mut is_known = false;
    for signature in &config.signatures {
        if !believed.contains(&signature.key) {
            continue;
        }
        is_known = true;
        let key = UnparsedPublicKey::new(&ED25519, &signature.key);
        if key.verify(&signed, &signature.signature).is_ok() {
            return Ok(signature.key);
        }
    }
    Err(match (config.signatures.is_empty(), is_known) {
        (true, _) => RosterError::Unsigned,
        (false, false) => RosterError::OtherKey,
        (false, true) => RosterError::Signature,
    })
}
