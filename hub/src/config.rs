//! The configuration file: raw text to checked values.
//!
//! Each room declares its settings beside its code; this one puts them together, reads the file
//! and checks what no type can. Nothing checks again later. Every key takes effect at a restart.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::unit::{ByteSize, Span};
use serde::Deserialize;

use crate::{api, archive, dictionary, fleet, geo, notify, receive, retention};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// All settings of the hub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the hub keeps everything.
    pub data_dir: PathBuf,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter by room. `RUST_LOG` wins.
    pub log: String,
    /// How long requests that were begun may take when the hub is told to end.
    pub shutdown_grace: Span,
    /// Serving dashboard and API.
    pub http: Http,
    /// The addresses that clients see.
    pub site: api::Config,
    /// The link to relays.
    pub link: receive::Config,
    /// Who may join.
    pub fleet: fleet::Config,
    /// Event bodies.
    pub archive: Archive,
    /// What relays compress with.
    pub dictionaries: dictionary::Config,
    /// Where addresses are.
    pub geo: geo::Config,
    /// How long things are kept.
    pub retention: retention::Config,
    /// How and where to the hub may call out.
    pub notify: notify::Config,
}

/// Serving dashboard and API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where dashboard and API are served.
    pub listen: SocketAddr,
}

/// Event bodies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Archive {
    /// A pack is closed and the next begun when it has grown to this.
    pub pack_bytes: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("/var/lib/vedette-hub"),
            log: "info".to_owned(),
            shutdown_grace: Span(Duration::from_secs(5)),
            http: Http::default(),
            site: api::Config::default(),
            link: receive::Config::default(),
            fleet: fleet::Config::default(),
            archive: Archive::default(),
            dictionaries: dictionary::Config::default(),
            geo: geo::Config::default(),
            retention: retention::Config::default(),
            notify: notify::Config::default(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4800)),
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            pack_bytes: archive::PACK_BYTES,
        }
    }
}

/// Why a file is not a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("config file {} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is larger than any honest one.
    #[error("config file {} is larger than {FILE_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It is not TOML, names an unknown key or a value that cannot be; with line and caret.
    #[error("{}: {source}", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A value is out of range.
    #[error("{}: `{key}` {problem}", path.display())]
    Value {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: &'static str,
        /// What it must be.
        problem: &'static str,
    },
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`] names the file and what to change in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let owned = || path.to_owned();
        let read = |source| ConfigError::Read {
            path: owned(),
            source,
        };
        if std::fs::metadata(path).map_err(read)?.len() > FILE_BYTES_MAX {
            return Err(ConfigError::TooLarge { path: owned() });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let config: Self = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: owned(),
            source: Box::new(source),
        })?;
        match config.find_problem() {
            None => Ok(config),
            Some((key, problem)) => Err(ConfigError::Value {
                path: owned(),
                key,
                problem,
            }),
        }
    }

    /// The first key that is out of range, and what it must be.
    fn find_problem(&self) -> Option<(&'static str, &'static str)> {
        const MIB: u64 = 1 << 20;
        let is_url = |text: &str| {
            let host = text
                .strip_prefix("http://")
                .or_else(|| text.strip_prefix("https://"));
            host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        };
        let kept = &self.retention;
        let hour = Duration::from_hours(1);
        let checks = [
            (
                self.data_dir.is_absolute(),
                "data_dir",
                "must be an absolute path",
            ),
            (
                is_url(&self.site.public_url),
                "site.public_url",
                "must be an address that begins with http:// or https://",
            ),
            (
                is_url(&self.site.relay_url),
                "site.relay_url",
                "must be an address that begins with http:// or https://",
            ),
            (self.link.window > 0, "link.window", "must be at least 1"),
            (
                self.link.connections_max > 0,
                "link.connections_max",
                "must be at least 1",
            ),
            (
                self.link.bytes_max.0 >= 8 * MIB,
                "link.bytes_max",
                "must be at least 8 MiB",
            ),
            (
                self.archive.pack_bytes.0 >= MIB,
                "archive.pack_bytes",
                "must be at least 1 MiB",
            ),
            (
                self.dictionaries.every.0 >= hour,
                "dictionaries.every",
                "must be at least 1h",
            ),
            (
                kept.events.0 >= hour,
                "retention.events",
                "must be at least 1h",
            ),
            (
                kept.counts.0 >= hour,
                "retention.counts",
                "must be at least 1h",
            ),
            (
                kept.records.0 >= hour,
                "retention.records",
                "must be at least 1h",
            ),
            (
                // An upload waits at its relay for a day between its last part and its item.
                kept.parts.0 >= hour * 26,
                "retention.parts",
                "must be at least 26h",
            ),
            (
                kept.audit.0 >= hour * 24,
                "retention.audit",
                "must be at least 1d",
            ),
            (
                !kept.every.0.is_zero(),
                "retention.every",
                "must be more than 0s",
            ),
            (
                self.log.parse::<tracing_subscriber::EnvFilter>().is_ok(),
                "log",
                "must be a level such as \"info\", or a filter such as \"info,hub::receive=debug\"",
            ),
        ];
        let problem = checks.into_iter().find(|(is_right, ..)| !is_right);
        problem.map(|(_, key, problem)| (key, problem))
    }
}

#[cfg(test)]
mod tests;
