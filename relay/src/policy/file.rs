//! Reads the policy, if nobody else could have written it.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Config, DEFAULT_FILE, Policy};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Permission bits that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why there is no policy to go by.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read.
    #[error("policy {} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is larger than any honest one.
    #[error("policy {} is larger than {FILE_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else owns it.
    #[error(
        "policy {} belongs to user {owner}: it must belong to root or to the relay's user (chown root {})",
        path.display(), path.display()
    )]
    Owner {
        /// Which.
        path: PathBuf,
        /// Whose.
        owner: u32,
    },
    /// Others may write it.
    #[error(
        "policy {} can be written by others (mode {mode:04o}): run chmod go-w {}",
        path.display(), path.display()
    )]
    Writable {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
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
    /// The privacy rules are wrong.
    #[error("{}: `privacy_rules` cannot be used", path.display())]
    Rules {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: protocol::privacy::RuleError,
    },
}

impl Policy {
    /// Reads and checks the policy.
    ///
    /// # Errors
    /// [`PolicyError`] names the file and the remedy. The relay must not start then.
    pub fn load(config: &Config) -> Result<Self, PolicyError> {
        let path = &config.file;
        let read = |source| PolicyError::Read {
            path: path.clone(),
            source,
        };
        // Opened first and looked at then, so that what was checked is what is read.
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && path == Path::new(DEFAULT_FILE) =>
            {
                return Ok(Self::default());
            }
            Err(source) => return Err(read(source)),
        };
        check_owner(path, &file.metadata().map_err(read)?)?;
        let mut text = String::new();
        let n_bytes = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        if n_bytes.map_err(read)? as u64 > FILE_BYTES_MAX {
            return Err(PolicyError::TooLarge { path: path.clone() });
        }
        let policy: Self = toml::from_str(&text).map_err(|source| PolicyError::Parse {
            path: path.clone(),
            source: Box::new(source),
        })?;
        policy.check_rules().map_err(|source| PolicyError::Rules {
            path: path.clone(),
            source,
        })?;
        match policy.find_problem() {
            None => Ok(policy),
            Some((key, problem)) => Err(PolicyError::Value {
                path: path.clone(),
                key,
                problem,
            }),
        }
    }
}

fn check_owner(path: &Path, file: &Metadata) -> Result<(), PolicyError> {
    let owner = file.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(PolicyError::Owner {
            path: path.to_owned(),
            owner,
        });
    }
    let mode = file.mode() & 0o7777;
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(PolicyError::Writable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}
