//! Which projects and keys exist, as last told by the hub; the last good copy is a file.
//!
//! What always holds: readers see one whole version, the old or the next; the file on disk is
//! whole too (written aside, synced, renamed, directory synced), and the version before it stays
//! beside it, for the day the newest cannot be read. A relay starts and works from the file for
//! as long as it must.
//!
//! Without any roster, [`Lookup::NotYet`] tells the pipeline to accept and hold.

mod file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use protocol::ids::{ProjectId, PublicKey};
use protocol::privacy::Scrubber;
use protocol::roster::{PrivacySettings, RateLimit, RosterBundle, RosterProject};

/// A handle on the roster in force.
#[derive(Clone, Debug)]
pub struct Roster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// Held while a version is written and put in force.
    applying: Mutex<()>,
    table: RwLock<Option<Arc<Table>>>,
}

#[derive(Debug)]
struct Table {
    version: u64,
    keys: HashMap<PublicKey, Entry>,
}

#[derive(Debug)]
struct Entry {
    project: Arc<Project>,
    active: bool,
    rate_limit: Option<RateLimit>,
}

/// A project as the pipeline needs it.
#[derive(Debug)]
pub struct Project {
    /// Its number.
    pub id: ProjectId,
    /// Its short name, for logs and metrics.
    pub slug: String,
    /// Origins browsers may send from; empty means any.
    pub allowed_domains: Vec<String>,
    /// What is removed.
    pub privacy: PrivacySettings,
    /// The same, compiled.
    pub scrubber: Scrubber,
}

/// What is known about a key.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// It may send to this project, within this limit.
    Known(Arc<Project>, Option<RateLimit>),
    /// It is switched off.
    Disabled,
    /// There is no such key.
    Unknown,
    /// No hub has told yet.
    NotYet,
}

/// Why a roster is not in force.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// It is older than the one in force.
    #[error("roster {version} is older than roster {in_force}")]
    Older {
        /// The one that came.
        version: u64,
        /// The one there is.
        in_force: u64,
    },
    /// One key in two places.
    #[error("roster {version} names a key twice")]
    KeyTwice {
        /// The one that came.
        version: u64,
    },
    /// The file could not be written or read.
    #[error("roster file {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was written.
    #[error("roster file {} is damaged", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}

impl Roster {
    /// Reads the last good roster from the state directory; there may be none.
    ///
    /// A damaged file is reported in the log and the version before it is used.
    ///
    /// # Errors
    /// [`RosterError::File`] when the directory cannot be read.
    pub fn open(dir: &Path) -> Result<Self, RosterError> {
        let table = file::read(dir)?.map(Table::build).transpose();
        let table = table.unwrap_or_else(|error| {
            tracing::warn!(%error, "the roster on disk is of no use, waiting for the hub");
            None
        });
        Ok(Self(Arc::new(Inner {
            dir: dir.to_owned(),
            applying: Mutex::new(()),
            table: RwLock::new(table.map(Arc::new)),
        })))
    }

    /// What is known about a key.
    #[must_use]
    pub fn lookup(&self, key: &PublicKey) -> Lookup {
        let Some(table) = self.table() else {
            return Lookup::NotYet;
        };
        match table.keys.get(key) {
            None => Lookup::Unknown,
            Some(entry) if !entry.active => Lookup::Disabled,
            Some(entry) => Lookup::Known(Arc::clone(&entry.project), entry.rate_limit),
        }
    }

    /// The version in force; 0 is none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.table().map_or(0, |table| table.version)
    }

    /// How many keys are known.
    #[must_use]
    pub fn n_keys(&self) -> usize {
        self.table().map_or(0, |table| table.keys.len())
    }

    /// Writes a roster to disk and puts it in force; the same version again does nothing.
    ///
    /// It waits for the disk: call it where that is allowed.
    ///
    /// # Errors
    /// [`RosterError`]; then the one before stays in force.
    pub fn apply(&self, bundle: RosterBundle) -> Result<(), RosterError> {
        let inner = &*self.0;
        let _one_at_a_time = inner
            .applying
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let in_force = self.version();
        if bundle.version == in_force && in_force != 0 {
            return Ok(());
        }
        if bundle.version < in_force {
            return Err(RosterError::Older {
                version: bundle.version,
                in_force,
            });
        }
        let text = file::encode(&bundle);
        let table = Table::build(bundle)?;
        file::write(&inner.dir, &text)?;
        let version = table.version;
        let mut place = inner.table.write().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Arc::new(table));
        drop(place);
        tracing::info!(
            roster.version = version,
            keys = self.n_keys(),
            "roster in force"
        );
        Ok(())
    }

    fn table(&self) -> Option<Arc<Table>> {
        let table = self.0.table.read().unwrap_or_else(PoisonError::into_inner);
        table.clone()
    }
}

impl Table {
    fn build(bundle: RosterBundle) -> Result<Self, RosterError> {
        let mut scrubbers = Scrubbers::default();
        let mut keys = HashMap::new();
        let version = bundle.version;
        for project in bundle.projects {
            let project_keys = project.keys.clone();
            let project = Arc::new(scrubbers.compile(project));
            for key in project_keys {
                let entry = Entry {
                    project: Arc::clone(&project),
                    active: key.active,
                    rate_limit: key.rate_limit,
                };
                if keys.insert(key.public_key, entry).is_some() {
                    return Err(RosterError::KeyTwice { version });
                }
            }
        }
        Ok(Self { version, keys })
    }
}

/// Most projects share their settings, so they share what is compiled from them.
#[derive(Default)]
struct Scrubbers(Vec<(PrivacySettings, Scrubber)>);

impl Scrubbers {
    fn compile(&mut self, project: RosterProject) -> Project {
        let known = self.0.iter().find(|(s, _)| *s == project.privacy);
        let scrubber = match known {
            Some((_, scrubber)) => scrubber.clone(),
            None => {
                let scrubber = Scrubber::new(&project.privacy);
                self.0.push((project.privacy.clone(), scrubber.clone()));
                scrubber
            }
        };
        Project {
            id: project.id,
            slug: project.slug,
            allowed_domains: project.allowed_domains,
            privacy: project.privacy,
            scrubber,
        }
    }
}

#[cfg(test)]
mod tests;
