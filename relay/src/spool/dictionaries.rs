//! The dictionaries that blocks of the spool need, kept beside them.
//!
//! A block is read wherever the spool is: after a restart without the hub, by the tools, on another
//! host. So a dictionary is on the disk before the first block that needs it, and goes when no
//! block can need it any more.
//!
//! A file that is not what its name says is passed over and written anew when the hub sends it
//! again: blocks that need it still travel, since nobody opens them on the way.

use std::io;
use std::path::{Path, PathBuf};

use protocol::dict::{self, DictId, DictKind, Dictionary};
use protocol::ids::{Lane, Seq};
use protocol::limits::DICT_BYTES_MAX;

use super::disk::{Disk, read_small};
use super::lanes::ByLane;
use super::shared::Shared;

/// Most that are kept; 4 MiB at their largest. While there are so many, no further one is taken.
const KEPT_MAX: usize = 32;
/// What their files' names end with.
const SUFFIX: &str = ".zdict";
/// What a file is called while it is written.
const UNFINISHED: &str = "unfinished";

/// Which dictionaries there are, and what new blocks use.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By [`DictKind::index`]; none is the one built in.
    in_use: [Option<DictId>; DictKind::ALL.len()],
    kept: Vec<Kept>,
    /// Whether blocks are being written, with what was in use when that began.
    is_committing: bool,
}

#[derive(Debug)]
struct Kept {
    id: DictId,
    /// For one that is not in use: records below these numbers may need it.
    needed_below: Option<ByLane<Seq>>,
    /// It went out of use while blocks were written that may need it.
    is_in_doubt: bool,
}

impl Shelf {
    pub(super) fn new(ids: Vec<DictId>) -> Self {
        let kept = ids.into_iter().map(|id| Kept {
            id,
            needed_below: None,
            is_in_doubt: false,
        });
        Self {
            kept: kept.collect(),
            ..Self::default()
        }
    }

    /// Blocks are going to be written.
    pub(super) const fn begin_commit(&mut self) {
        self.is_committing = true;
    }

    /// They are, or are not; these are the numbers behind them.
    pub(super) fn end_commit(&mut self, next: &ByLane<Seq>) {
        self.is_committing = false;
        let in_doubt = self.kept.iter_mut().filter(|kept| kept.is_in_doubt);
        for kept in in_doubt {
            kept.is_in_doubt = false;
            kept.needed_below = Some(*next);
        }
    }

    /// What a lane's next block is compressed with.
    pub(super) fn of(&self, lane: Lane) -> DictId {
        let learnt = DictKind::of(lane).and_then(|kind| self.in_use(kind));
        learnt.unwrap_or(DictId::unlearnt(lane))
    }

    pub(super) fn in_use(&self, kind: DictKind) -> Option<DictId> {
        self.in_use.get(kind.index()).copied().flatten()
    }

    /// All that are kept.
    pub(super) fn ids(&self) -> Vec<DictId> {
        self.kept.iter().map(|kept| kept.id).collect()
    }

    fn has(&self, id: DictId) -> bool {
        self.kept.iter().any(|kept| kept.id == id)
    }

    /// Takes from now on what is chosen and there; notes since when the others have no new blocks.
    fn choose(&mut self, chosen: &[(DictKind, DictId)], next: &ByLane<Seq>) {
        for kind in DictKind::ALL {
            let wanted = chosen.iter().find(|(of, _)| *of == kind);
            let wanted = wanted.map(|(_, id)| *id).filter(|id| self.has(*id));
            if let Some(place) = self.in_use.get_mut(kind.index()) {
                *place = wanted;
            }
        }
        for kept in &mut self.kept {
            let is_wanted = chosen.iter().any(|(_, id)| *id == kept.id);
            match &mut kept.needed_below {
                below if is_wanted => {
                    *below = None;
                    kept.is_in_doubt = false;
                }
                Some(_) => {}
                below @ None => {
                    *below = Some(*next);
                    kept.is_in_doubt = self.is_committing;
                }
            }
        }
    }

    /// Takes out those that no record can need, by each lane's oldest number on the disk.
    fn take_needless(&mut self, oldest: &ByLane<Seq>) -> Vec<DictId> {
        if self.is_committing {
            return Vec::new();
        }
        let is_needless = |kept: &Kept| {
            let below = kept.needed_below.as_ref();
            below.is_some_and(|below| {
                let mut lanes = Lane::ALL.into_iter();
                lanes.all(|lane| oldest.get(lane) >= below.get(lane))
            })
        };
        let gone = self.kept.iter().filter(|kept| is_needless(kept));
        let gone = gone.map(|kept| kept.id).collect();
        self.kept.retain(|kept| !is_needless(kept));
        gone
    }
}

/// Learns what lies in a spool's directory; gives what is there.
pub(super) fn load(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<DictId>> {
    let mut found = Vec::new();
    for entry in disk.list(&dir_of(dir))? {
        if !entry.name.ends_with(SUFFIX) || found.len() >= KEPT_MAX {
            continue;
        }
        let path = dir_of(dir).join(&entry.name);
        match read(disk, &path) {
            Some(dictionary) if dict::learn(&dictionary).is_ok() => found.push(dictionary.id()),
            _ => tracing::warn!(
                "spool: {} is no dictionary, or damaged; the hub is asked for it again",
                path.display()
            ),
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn read(disk: &dyn Disk, path: &Path) -> Option<Dictionary> {
    let bytes = read_small(disk, path, DICT_BYTES_MAX).ok()??;
    let dictionary = Dictionary::parse(bytes.into()).ok()?;
    (*path.file_name()? == *name_of(dictionary.id())).then_some(dictionary)
}

/// Makes a dictionary durable and known. `false` when there is no room for it.
pub(super) fn keep(shared: &Shared, dictionary: &Dictionary) -> io::Result<bool> {
    let id = dictionary.id();
    let (has, is_full) = {
        let shelf = shared.shelf();
        (shelf.has(id), shelf.kept.len() >= KEPT_MAX)
    };
    if has || is_full {
        return Ok(has);
    }
    write(&*shared.disk, &shared.dir, dictionary)?;
    dict::learn(dictionary).map_err(io::Error::other)?;
    let mut shelf = shared.shelf();
    if !shelf.has(id) {
        shelf.kept.push(Kept {
            id,
            needed_below: None,
            is_in_doubt: false,
        });
    }
    Ok(true)
}

fn write(disk: &dyn Disk, dir: &Path, dictionary: &Dictionary) -> io::Result<()> {
    let own = dir_of(dir);
    disk.make_dir(&own)?;
    disk.sync_dir(dir)?;
    let (path, unfinished) = (path_of(dir, dictionary.id()), own.join(UNFINISHED));
    // A crash may have left it as a second name of a file that is kept: writing to it would
    // change that one.
    if_there(disk.remove(&unfinished))?;
    let file = disk.create(&unfinished)?;
    file.write_at(dictionary.bytes(), 0)?;
    file.sync()?;
    // What has the name already is damaged, or it would be known.
    if_there(disk.remove(&path))?;
    disk.link(&unfinished, &path)?;
    disk.remove(&unfinished)?;
    disk.sync_dir(&own)
}

/// Chooses what new blocks are compressed with; the files of those that nothing can need go.
pub(super) fn choose(shared: &Shared, chosen: &[(DictKind, DictId)]) -> io::Result<()> {
    let (next, oldest) = {
        let catalog = shared.catalog();
        (
            ByLane::from_fn(|lane| catalog.lanes.get(lane).next),
            ByLane::from_fn(|lane| {
                let book = catalog.lanes.get(lane);
                let first = book.segments.iter().find(|segment| !segment.is_empty());
                first.map_or(book.next, |segment| segment.first)
            }),
        )
    };
    let gone = {
        let mut shelf = shared.shelf();
        shelf.choose(chosen, &next);
        shelf.take_needless(&oldest)
    };
    for id in gone {
        if_there(shared.disk.remove(&path_of(&shared.dir, id)))?;
    }
    Ok(())
}

fn if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn dir_of(dir: &Path) -> PathBuf {
    dir.join("dictionaries")
}

fn name_of(id: DictId) -> String {
    format!("{id}{SUFFIX}")
}

fn path_of(dir: &Path, id: DictId) -> PathBuf {
    dir_of(dir).join(name_of(id))
}
