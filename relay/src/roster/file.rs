//! The roster's file: eight hexadecimal digits of CRC-32C, a newline, JSON.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use protocol::roster::RosterBundle;

use super::RosterError;

const NAME: &str = "roster.json";
const PREVIOUS: &str = "roster.previous.json";
const ASIDE: &str = "roster.tmp";

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(super) fn encode(bundle: &RosterBundle) -> Vec<u8> {
    // Writing to memory values that are all plain data cannot fail; an empty text is refused
    // when it is read.
    let json = serde_json::to_vec(bundle).unwrap_or_default();
    let mut text = format!("{:08x}\n", crc32c::crc32c(&json)).into_bytes();
    text.extend_from_slice(&json);
    text
}

/// `None` when the bytes are not what [`encode`] made.
fn decode(text: &[u8]) -> Option<RosterBundle> {
    let (sum, json) = text.split_at_checked(8)?;
    let json = json.strip_prefix(b"\n")?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    if crc32c::crc32c(json) != sum {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// The newest copy that can be read.
pub(super) fn read(dir: &Path) -> Result<Option<RosterBundle>, RosterError> {
    for name in [NAME, PREVIOUS] {
        let path = dir.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(RosterError::File { path, source }),
        };
        let mut text = Vec::new();
        let read = file.take(FILE_BYTES_MAX).read_to_end(&mut text);
        match read.ok().and_then(|_| decode(&text)) {
            Some(bundle) => return Ok(Some(bundle)),
            None => {
                let error = RosterError::Damaged { path };
                tracing::warn!(%error, "trying the copy before it");
            }
        }
    }
    Ok(None)
}

/// Writes aside, syncs, keeps the copy before it, renames, syncs the directory.
pub(super) fn write(dir: &Path, text: &[u8]) -> Result<(), RosterError> {
    let write = || -> io::Result<()> {
        let aside = dir.join(ASIDE);
        let mut file = File::create(&aside)?;
        file.write_all(text)?;
        file.sync_all()?;
        let (path, previous) = (dir.join(NAME), dir.join(PREVIOUS));
        match fs::remove_file(&previous) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A second name, so that at no time the newest copy is missing.
        match fs::hard_link(&path, &previous) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&aside, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|source| RosterError::File {
        path: dir.join(NAME),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_noticed() {
        let bundle = RosterBundle {
            version: 3,
            projects: Vec::new(),
        };
        let text = encode(&bundle);
        assert_eq!(decode(&text), Some(bundle));
        for at in 0..text.len() {
            let mut damaged = text.clone();
            damaged[at] ^= 4;
            assert_eq!(decode(&damaged), None, "byte {at}");
        }
        assert_eq!(decode(b""), None);
    }
}
