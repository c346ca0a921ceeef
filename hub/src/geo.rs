//! Where an address is: a local file in MaxMind's format, that the hub's owner provides.
//!
//! Nothing is asked of anyone: without a file no address has a place, and that is the default.
//! The file is read once, at the start; it is believed no more than any other input, so what it
//! says is bounded, and an entry that cannot be read is no place.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;

use crate::archive::Place;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 200;
/// The language of names.
const LANGUAGE: &str = "en";

/// Where addresses are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A file in MaxMind's format with countries or cities; without one nothing is looked up.
    pub database: Option<PathBuf>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// It cannot be read.
    #[error("file of places {} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is larger than any such file.
    #[error("file of places {} is larger than {FILE_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It has another format.
    #[error("file of places {} is not in MaxMind's format", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: MaxMindDbError,
    },
}

/// The places of addresses. Clones share the file; by default there is none.
#[derive(Clone, Default)]
pub struct Places {
    reader: Option<Arc<Reader<Vec<u8>>>>,
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places")
            .field("has_file", &self.reader.is_some())
            .finish()
    }
}

/// What is read of an entry.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    city: Named<'a>,
    #[serde(borrow, default)]
    country: Named<'a>,
    #[serde(borrow, default)]
    subdivisions: Vec<Named<'a>>,
}

/// A part of the world.
#[derive(Default, Deserialize)]
struct Named<'a> {
    iso_code: Option<&'a str>,
    #[serde(borrow, default)]
    names: HashMap<&'a str, &'a str>,
}

impl Named<'_> {
    fn name(&self) -> Option<String> {
        self.names.get(LANGUAGE).copied().and_then(bounded)
    }
}

impl Places {
    /// Reads the configured file, if there is one.
    ///
    /// # Errors
    /// [`GeoError`] names the file and what is wrong with it.
    pub fn open(config: &Config) -> Result<Self, GeoError> {
        let reader = config.database.as_deref().map(read).transpose()?;
        Ok(Self {
            reader: reader.map(Arc::new),
        })
    }

    /// The place of an address; none where the file knows none.
    #[must_use]
    pub fn find(&self, address: &str) -> Option<Place> {
        let reader = self.reader.as_ref()?;
        let address: IpAddr = address.parse().ok()?;
        let entry: Entry<'_> = reader.lookup(address).ok()?.decode().ok()??;
        let place = Place {
            country_code: entry.country.iso_code.and_then(bounded),
            region: entry.country.name(),
            subdivision: entry.subdivisions.first().and_then(Named::name),
            city: entry.city.name(),
        };
        (place != Place::default()).then_some(place)
    }
}

fn read(path: &Path) -> Result<Reader<Vec<u8>>, GeoError> {
    let path = || path.to_owned();
    let unread = |source| GeoError::Read {
        path: path(),
        source,
    };
    if std::fs::metadata(path()).map_err(unread)?.len() > FILE_BYTES_MAX {
        return Err(GeoError::TooLarge { path: path() });
    }
    let bytes = std::fs::read(path()).map_err(unread)?;
    Reader::from_source(bytes).map_err(|source| GeoError::Format {
        path: path(),
        source,
    })
}

fn bounded(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(NAME_CHARS_MAX).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
