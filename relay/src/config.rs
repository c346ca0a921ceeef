//! The configuration file: raw text to checked values.
//!
//! Each room declares its settings beside its code; this one puts them together, reads the file
//! and checks what no type can. Nothing checks again later. Every key takes effect at a restart.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::unit::Span;
use serde::{Deserialize, Serialize};

use crate::{accept, fold, forward, policy, site, spool, tail};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// All settings of the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the relay keeps its identity, its roster and, unless told otherwise, its spool.
    pub state_dir: PathBuf,
    /// How long requests that were begun may take when the relay is told to end.
    pub shutdown_grace: Span,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter by room. `RUST_LOG` wins.
    pub log: String,
    /// Whether items of kinds that are not known are kept, cleaned as attachments are, or counted
    /// and dropped.
    pub keep_unknown_items: bool,
    /// Taking requests.
    pub http: accept::Config,
    /// Keeping what was taken.
    pub spool: spool::Config,
    /// Telling errors of a storm together.
    pub fold: fold::Config,
    /// Forwarding it to the hub.
    pub link: forward::Config,
    /// What this host demands whatever the hub says.
    pub policy: policy::Config,
    /// Letting other relays through to the hub.
    pub site: site::Config,
    /// Making errors of the stack traces in logs.
    pub tail: tail::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: PathBuf::from("/var/lib/vedette-relay"),
            shutdown_grace: Span(Duration::from_secs(1)),
            log: "info".to_owned(),
            keep_unknown_items: false,
            http: accept::Config::default(),
            spool: spool::Config::default(),
            fold: fold::Config::default(),
            link: forward::Config::default(),
            policy: policy::Config::default(),
            site: site::Config::default(),
            tail: tail::Config::default(),
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
        let config = Self::parse(&text).map_err(|source| ConfigError::Parse {
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

    /// Reads a text without checking ranges.
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let mut config: Self = toml::from_str(text)?;
        let table: toml::Table = toml::from_str(text)?;
        let names_dir = |room: &str| {
            let room = table.get(room).and_then(toml::Value::as_table);
            room.is_some_and(|room| room.contains_key("dir"))
        };
        if !names_dir("spool") {
            config.spool.dir = config.state_dir.join("spool");
        }
        if !names_dir("link") {
            config.link.dir.clone_from(&config.state_dir);
        }
        Ok(config)
    }

    /// The first key that is out of range, and what it must be.
    fn find_problem(&self) -> Option<(&'static str, &'static str)> {
        let http = &self.http;
        let checks = [
            (
                self.state_dir.is_absolute(),
                "state_dir",
                "must be an absolute path",
            ),
            (
                self.spool.dir.is_absolute(),
                "spool.dir",
                "must be an absolute path",
            ),
            (
                [
                    &self.spool.encryption_key_file,
                    &self.spool.encryption_key_file_old,
                ]
                .into_iter()
                .flatten()
                .all(|path| path.is_absolute()),
                "spool.encryption_key_file",
                "must be an absolute path, and so must `spool.encryption_key_file_old`",
            ),
            (
                self.link.dir.is_absolute(),
                "link.dir",
                "must be an absolute path",
            ),
            (
                self.policy.file.is_absolute(),
                "policy.file",
                "must be an absolute path",
            ),
            (
                http.connections_max > 0,
                "http.connections_max",
                "must be at least 1",
            ),
            (
                http.in_flight_bytes_max.0 >= MIB,
                "http.in_flight_bytes_max",
                "must be at least 1 MiB",
            ),
            (
                http.body_bytes_max.0 > 0,
                "http.body_bytes_max",
                "must be more than 0 B",
            ),
            (
                http.body_bytes_max <= http.in_flight_bytes_max,
                "http.body_bytes_max",
                "must not be more than `http.in_flight_bytes_max`",
            ),
            (
                http.decompressed_bytes_max <= http.in_flight_bytes_max,
                "http.decompressed_bytes_max",
                "must not be more than `http.in_flight_bytes_max`",
            ),
            (
                !http.header_timeout.0.is_zero(),
                "http.header_timeout",
                "must be more than 0s",
            ),
            (
                !http.body_timeout.0.is_zero(),
                "http.body_timeout",
                "must be more than 0s",
            ),
            (
                !http.body_pause_timeout.0.is_zero(),
                "http.body_pause_timeout",
                "must be more than 0s",
            ),
            (
                !http.idle_timeout.0.is_zero(),
                "http.idle_timeout",
                "must be more than 0s",
            ),
            (
                self.site.flows_max > 0,
                "site.flows_max",
                "must be at least 1",
            ),
            (
                !self.site.idle_timeout.0.is_zero(),
                "site.idle_timeout",
                "must be more than 0s",
            ),
            (
                self.tail.dsn.is_none() || self.tail.read_dsn().is_some(),
                "tail.dsn",
                "must be a DSN such as \"http://KEY@127.0.0.1:4900/1\", as the project's settings show it",
            ),
            (
                self.tail.dsn.is_some()
                    || (self.tail.files.is_empty() && self.tail.journal_units.is_empty()),
                "tail.dsn",
                "must name the project that the logs belong to",
            ),
            (
                self.tail.files.iter().all(|file| file.is_absolute())
                    && self.tail.files.len() <= tail::SOURCES_MAX,
                "tail.files",
                "must be at most 64 absolute paths",
            ),
            (
                self.tail.journal_units.len() <= tail::SOURCES_MAX,
                "tail.journal_units",
                "must be at most 64 units",
            ),
            (
                !self.tail.poll_interval.0.is_zero(),
                "tail.poll_interval",
                "must be more than 0s",
            ),
            (
                (256..=MIB).contains(&self.tail.line_bytes_max.0),
                "tail.line_bytes_max",
                "must be at least 256 B and at most 1 MiB",
            ),
            (
                self.log.parse::<tracing_subscriber::EnvFilter>().is_ok(),
                "log",
                "must be a level such as \"info\", or a filter such as \"info,relay::forward=debug\"",
            ),
        ];
        let problem = checks.into_iter().find(|(is_right, ..)| !is_right);
        problem.map(|(_, key, problem)| (key, problem))
    }
}

const MIB: u64 = 1 << 20;

#[cfg(test)]
mod tests;
