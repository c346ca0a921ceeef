//! The data directory: one hub at a time, and everything it opens there.
//!
//! `hub.db`, `packs/`, `index/`, `authority/`, `import/`, and `hub.lock`, which the running hub holds.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};

use crate::archive::Archive;
use crate::config::Config;
use crate::dictionary::Dictionaries;
use crate::fleet::Fleet;
use crate::geo::Places;
use crate::index::Index;
use crate::retention::Retention;
use crate::store::Store;

/// What a running hub has open.
#[derive(Clone, Debug)]
pub struct Data {
    /// Issues, people, projects.
    pub store: Store,
    /// Event bodies.
    pub archive: Archive,
    /// What is searchable.
    pub index: Index,
    /// Relays.
    pub fleet: Fleet,
    /// What relays compress with.
    pub dictionaries: Dictionaries,
    /// Where addresses are.
    pub places: Places,
    /// Held as long as the hub runs.
    _lock: Arc<File>,
}

impl Data {
    /// Opens everything, making what is missing.
    ///
    /// # Errors
    /// When another hub has it open, or it cannot be used.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let dir = config.data_dir.clone();
        make_dir(&dir)?;
        let lock = lock(&dir)?;
        let store = open_store(&dir).await?;
        let pack_bytes = config.archive.pack_bytes;
        let (packs, index) = (packs_of(&dir), index_of(&dir));
        let (archive, index) = tokio::task::spawn_blocking(move || {
            anyhow::Ok((Archive::open(&packs, pack_bytes)?, open_index(&index)?))
        })
        .await??;
        let geo = config.geo.clone();
        let places = tokio::task::spawn_blocking(move || Places::open(&geo)).await??;
        let dictionaries = Dictionaries::open(store.clone(), config.dictionaries).await?;
        let authority = dir.join("authority");
        make_dir(&authority)?;
        let fleet = Fleet::open(store.clone(), &authority, config.fleet.clone()).await?;
        Ok(Self {
            store,
            archive,
            index,
            fleet,
            dictionaries,
            places,
            _lock: Arc::new(lock),
        })
    }

    /// What removes the old.
    #[must_use]
    pub fn retention(&self, config: &Config) -> Retention {
        Retention::new(
            self.store.clone(),
            self.archive.clone(),
            self.index.clone(),
            config.retention,
        )
    }
}

/// Opens the index; one that cannot be opened is begun anew, since all of it can be made again.
///
/// # Errors
/// When the directory cannot be used at all.
pub fn open_index(dir: &Path) -> anyhow::Result<Index> {
    match Index::open(dir) {
        Ok(index) => Ok(index),
        Err(error) => {
            tracing::warn!(%error, "index cannot be opened and is made again");
            Index::wipe(dir)?;
            Ok(Index::open(dir)?)
        }
    }
}

/// Opens the database of a data directory.
pub(crate) async fn open_store(dir: &Path) -> anyhow::Result<Store> {
    Ok(Store::open(&dir.join("hub.db")).await?)
}

pub(crate) fn packs_of(dir: &Path) -> PathBuf {
    dir.join("packs")
}

pub(crate) fn index_of(dir: &Path) -> PathBuf {
    dir.join("index")
}

/// Where parcels are laid for the hub that runs.
pub(crate) fn inbox_of(dir: &Path) -> PathBuf {
    dir.join("import")
}

/// Makes a directory that only its owner can look into.
pub(crate) fn make_dir(dir: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("directory {} cannot be made", dir.display()))
}

/// Makes sure that no other hub works on the directory.
pub(crate) fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("hub.lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .with_context(|| format!("another hub runs on {}", dir.display()))?;
    Ok(file)
}
