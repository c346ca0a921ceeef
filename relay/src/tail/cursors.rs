//! How far logs are read, in a file of the state directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest file of cursors, in bytes.
const BYTES_MAX: u64 = 1024 * 1024;

/// Places by the name of their log.
#[derive(Debug)]
pub(super) struct Cursors<T> {
    path: PathBuf,
    pub(super) places: BTreeMap<String, T>,
}

impl<T: Serialize + DeserializeOwned> Cursors<T> {
    /// Reads them. A file that cannot be read is told, and is none: logs are read from their ends
    /// then.
    pub(super) fn open(path: PathBuf) -> Self {
        let places = match read(&path) {
            Ok(places) => places,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "how far logs were read is not known");
                BTreeMap::new()
            }
        };
        Self { path, places }
    }

    /// Writes them; the file is there whole or as it was.
    pub(super) fn save(&self) {
        if let Err(error) = self.write() {
            tracing::warn!(%error, file = %self.path.display(), "how far logs are read cannot be kept");
        }
    }

    fn write(&self) -> io::Result<()> {
        let aside = self.path.with_extension("tmp");
        let mut file = File::create(&aside)?;
        file.write_all(&serde_json::to_vec(&self.places)?)?;
        file.sync_all()?;
        fs::rename(&aside, &self.path)?;
        match self.path.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<BTreeMap<String, T>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}
