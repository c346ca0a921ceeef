//! The parts of the index: one directory per week of event time.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

use protocol::timestamp::Timestamp;
use tantivy::directory::MmapDirectory;
use tantivy::{Executor, IndexReader, IndexSettings, ReloadPolicy, Searcher};

use super::compare::Kinds;
use super::schema::{Fields, schema, tokenizers};
use super::{IndexError, Search};

/// Milliseconds of one part.
const PART_MS: i64 = 7 * 24 * 3_600_000;
/// Part of the directory's name: a changed schema begins anew and is filled from the store.
const FORMAT: &str = "v5";
/// Names the highest safe row.
const UPTO_FILE: &str = "upto";
/// Most threads that search: more would hold more memory than they save time.
const THREADS_MAX: usize = 4;

/// A part: which week, and the engine's index over it.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) week: i64,
    pub(super) index: tantivy::Index,
    reader: IndexReader,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part")
            .field("week", &self.week)
            .finish_non_exhaustive()
    }
}

impl Part {
    pub(super) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// A search as far as this part has to look at it: where the whole week lies within the time
    /// that is asked for, nothing compares times.
    pub(super) fn of_its_time(&self, search: &Search) -> Search {
        let begin = Timestamp::from_millis(self.week * PART_MS);
        let end = begin.plus_millis(PART_MS);
        Search {
            from: search.from.filter(|from| *from > begin),
            until: search.until.filter(|until| *until < end),
            ..search.clone()
        }
    }

    pub(super) fn reload(&self) -> Result<(), IndexError> {
        Ok(self.reader.reload()?)
    }
}

/// The threads that parts are searched on, beside each other.
pub(super) struct Threads(Executor);

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Threads").finish_non_exhaustive()
    }
}

impl Threads {
    pub(super) fn start() -> Result<Self, IndexError> {
        let n = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self(match n.min(THREADS_MAX) {
            1 => Executor::single_thread(),
            n => Executor::multi_thread(n, "search")?,
        }))
    }

    /// An answer for each, in their order.
    pub(super) fn each<A: Send, T: Send>(
        &self,
        of: Vec<A>,
        answer: impl Fn(A) -> Result<T, IndexError> + Sync,
    ) -> Result<Vec<T>, IndexError> {
        if of.len() < 2 {
            return of.into_iter().map(answer).collect();
        }
        let answers = self.0.map(|each| Ok(answer(each)), of.into_iter())?;
        answers.into_iter().collect()
    }
}

/// All parts of one index directory.
#[derive(Debug)]
pub(super) struct Parts {
    dir: PathBuf,
    pub(super) threads: Threads,
    pub(super) fields: Fields,
    pub(super) kinds: Arc<Kinds>,
    parts: RwLock<BTreeMap<i64, Arc<Part>>>,
    upto: AtomicI64,
}

/// The week a time lies in.
pub(super) const fn week_of(millis: i64) -> i64 {
    millis.div_euclid(PART_MS)
}

impl Parts {
    pub(super) fn open(root: &Path) -> Result<Self, IndexError> {
        let dir = root.join(FORMAT);
        let at = |source| IndexError::Directory {
            path: dir.clone(),
            source,
        };
        fs::create_dir_all(&dir).map_err(at)?;
        remove_other_formats(root).map_err(at)?;
        let (_, fields) = schema();
        let mut parts = BTreeMap::new();
        for entry in fs::read_dir(&dir).map_err(at)? {
            let name = entry.map_err(at)?.file_name();
            if let Some(week) = name.to_str().and_then(|name| name.parse().ok()) {
                parts.insert(week, Arc::new(open_part(&dir, week)?));
            }
        }
        let upto = fs::read_to_string(dir.join(UPTO_FILE)).ok();
        let upto = upto.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok(Self {
            dir,
            threads: Threads::start()?,
            fields,
            kinds: Arc::default(),
            parts: RwLock::new(parts),
            upto: AtomicI64::new(upto),
        })
    }

    pub(super) fn wipe(root: &Path) -> Result<(), IndexError> {
        match fs::remove_dir_all(root) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(IndexError::Directory {
                    path: root.to_owned(),
                    source,
                })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn upto(&self) -> i64 {
        self.upto.load(Ordering::Acquire)
    }

    /// Notes durably that all rows up to `row` are committed.
    pub(super) fn set_upto(&self, row: i64) -> Result<(), IndexError> {
        let fresh = self.dir.join("upto.new");
        fs::write(&fresh, row.to_string())?;
        fs::rename(&fresh, self.dir.join(UPTO_FILE))?;
        self.upto.store(row, Ordering::Release);
        Ok(())
    }

    pub(super) fn part(&self, week: i64) -> Result<Arc<Part>, IndexError> {
        if let Some(part) = self.all().into_iter().find(|part| part.week == week) {
            return Ok(part);
        }
        let part = Arc::new(open_part(&self.dir, week)?);
        let mut parts = self
            .parts
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        parts.insert(week, Arc::clone(&part));
        Ok(part)
    }

    pub(super) fn all(&self) -> Vec<Arc<Part>> {
        let parts = self
            .parts
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        parts.values().map(Arc::clone).collect()
    }

    /// The parts that a question touches.
    pub(super) fn touched(&self, search: &Search) -> Vec<Arc<Part>> {
        let first = search
            .from
            .map_or(i64::MIN, |from| week_of(from.as_millis()));
        let last = search
            .until
            .map_or(i64::MAX, |until| week_of(until.as_millis()));
        let mut parts = self.all();
        parts.retain(|part| (first..=last).contains(&part.week));
        parts
    }

    /// Forgets a part and removes its files.
    pub(super) fn drop_part(&self, week: i64) -> Result<(), IndexError> {
        let mut parts = self
            .parts
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        parts.remove(&week);
        drop(parts);
        Self::wipe(&self.dir.join(week.to_string()))
    }
}

/// Nothing reads what another schema wrote, and it is as large as what takes its place.
fn remove_other_formats(root: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let version = name.to_str().and_then(|name| name.strip_prefix('v'));
        let is_format = version.is_some_and(|version| version.parse::<u32>().is_ok());
        if is_format && name != FORMAT {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn open_part(dir: &Path, week: i64) -> Result<Part, IndexError> {
    let path = dir.join(week.to_string());
    let at = |source| IndexError::Directory {
        path: path.clone(),
        source,
    };
    fs::create_dir_all(&path).map_err(at)?;
    let (schema, _) = schema();
    let directory = MmapDirectory::open(&path).map_err(tantivy::TantivyError::from)?;
    let index = tantivy::Index::builder()
        .schema(schema)
        .settings(IndexSettings::default())
        .tokenizers(tokenizers())
        .open_or_create(directory)?;
    let reader = index
        .reader_builder()
        .reload_policy(ReloadPolicy::Manual)
        .try_into()?;
    Ok(Part {
        week,
        index,
        reader,
    })
}
