//! Removes what is too old, and gives the space back.
//!
//! Events and other items go by the time they happened, in small transactions; with them go issues that have none
//! left, the index's parts, and packs once nothing in them is wanted. A pack of which little is
//! wanted is emptied into the newest, so that one late event does not hold 64 MiB. Counts of the
//! ledger are folded, never dropped: its sums stay exact.
//!
//! What it never does: read the clock. The app says when, and what time it is.

mod lag;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use protocol::unit::Span;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use crate::archive::{Archive, ArchiveError, Location};
use crate::index::{Index, IndexError};
use crate::issue;
use crate::store::items::Place;
use crate::store::relay_history::{BUCKETS_KEPT, bucket};
use crate::store::{Store, StoreError};

/// Events removed in one transaction.
const BATCH: u32 = 1000;
/// Entries of the audit log removed in one transaction; each time leaves an entry.
const AUDIT_BATCH: u32 = 10_000;
/// Bodies moved in one transaction.
const MOVED_MAX: usize = 200;
/// Bytes of bodies after which no further one is moved in the same transaction: less than a pack.
const MOVED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Packs emptied in one run.
const EMPTIED_MAX: usize = 8;
/// A pack is emptied when less than one in so many of its bodies is wanted.
const WANTED_SHARE: u64 = 4;

const DAY: Duration = Duration::from_hours(24);

/// How long parts of a relay that is behind wait for the item that they are of: longer than a relay
/// keeps anything.
const PARTS_WAIT_MAX: Duration = Duration::from_hours(31 * 24);

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Events, counted from when they happened; an issue goes with its last event.
    pub events: Span,
    /// Hourly counts of issues and of the ledger; older ones are kept as sums.
    pub counts: Span,
    /// Records that could not be digested, and notifications that were sent or failed.
    pub records: Span,
    /// Parts of files whose item does not come, of relays that have nothing older to send.
    pub parts: Span,
    /// Entries of the audit log.
    pub audit: Span,
    /// How often what is too old is removed.
    pub every: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            events: Span(DAY * 90),
            counts: Span(DAY * 400),
            records: Span(DAY * 30),
            parts: Span(DAY * 2),
            audit: Span(DAY * 730),
            every: Span(Duration::from_hours(1)),
        }
    }
}

/// Why a run did not finish. The next one goes on where it ended.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A pack cannot be read, written or removed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The index refused.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The thread of the archive ended.
    #[error("thread of the archive ended")]
    Ended,
}

/// What a run removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events.
    pub events: u64,
    /// Items that are no events.
    pub items: u64,
    /// Issues that had no event left.
    pub issues: u64,
    /// Parts of files whose item did not come.
    pub parts: u64,
    /// Packs.
    pub packs: u64,
    /// Bodies moved out of packs of which little was wanted.
    pub moved: u64,
}

/// What it works on.
#[derive(Clone, Debug)]
pub struct Retention {
    store: Store,
    archive: Archive,
    index: Index,
    config: Config,
    /// Held by who moves bodies or drops packs: a body that is moved has no row for a moment.
    turn: Arc<Mutex<()>>,
}

impl Retention {
    /// Puts the parts together.
    #[must_use]
    pub fn new(store: Store, archive: Archive, index: Index, config: Config) -> Self {
        Self {
            store,
            archive,
            index,
            config,
            turn: Arc::default(),
        }
    }

    /// Waits until no other clone moves bodies or drops packs; none does while this is held.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Removes everything that is too old at `now`.
    ///
    /// # Errors
    /// [`RetentionError`]; what was removed by then stays removed.
    pub async fn run(&self, now: Timestamp) -> Result<Report, RetentionError> {
        let _turn = self.turn().await;
        let mut report = Report::default();
        self.remove_events(now, &mut report).await?;
        self.remove_items(now, &mut report).await?;
        self.remove_lone_parts(now, &mut report).await?;
        self.remove_rows(now).await?;
        self.trim_audit(now).await?;
        self.drop_packs(&mut report).await?;
        self.empty_packs(&mut report).await?;
        self.store.give_back().await?;
        Ok(report)
    }

    async fn remove_events(
        &self,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RetentionError> {
        let before = earlier(now, self.config.events);
        loop {
            let mut write = self.store.begin().await?;
            let removed = write.remove_events(before, BATCH).await?;
            let issues: BTreeSet<i64> = removed.iter().map(|row| row.issue).collect();
            let issues: Vec<i64> = issues.into_iter().collect();
            report.issues += write.remove_empty_issues(&issues).await?;
            write.commit().await?;
            report.events += removed.len() as u64;
            if removed.len() < BATCH as usize {
                break;
            }
            // The digest waits for the same lock.
            tokio::task::yield_now().await;
        }
        if report.events > 0 {
            self.index.remove_before(before).await?;
            self.index.commit().await?;
        }
        Ok(())
    }

    async fn remove_items(
        &self,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RetentionError> {
        let before = earlier(now, self.config.events);
        loop {
            let mut write = self.store.begin().await?;
            let removed = write.remove_items(before, BATCH).await?;
            write.commit().await?;
            report.items += removed;
            if removed < u64::from(BATCH) {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    /// An item comes behind its parts, and after days where a relay is behind: those wait longer.
    async fn remove_lone_parts(
        &self,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RetentionError> {
        let any = earlier(now, Span(PARTS_WAIT_MAX));
        self.remove_parts_of(None, any, report).await?;
        let before = earlier(now, self.config.parts);
        for relay in self.store.relays().await? {
            if lag::is_abreast(&relay, self.config.parts, now)
                && let Ok(id) = relay.id.try_into()
            {
                let id = Some(RelayId::from_bytes(id));
                self.remove_parts_of(id, before, report).await?;
            }
        }
        Ok(())
    }

    async fn remove_parts_of(
        &self,
        of: Option<RelayId>,
        before: Timestamp,
        report: &mut Report,
    ) -> Result<(), RetentionError> {
        loop {
            let mut write = self.store.begin().await?;
            let removed = write.remove_lone_parts(of, before, BATCH).await?;
            write.commit().await?;
            report.parts += removed;
            if removed < u64::from(BATCH) {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    /// How many bodies of each pack are wanted.
    async fn wanted(&self) -> Result<BTreeMap<u64, u64>, RetentionError> {
        let mut wanted: BTreeMap<u64, u64> =
            self.store.events_by_pack().await?.into_iter().collect();
        let of_items = self.store.items_by_pack().await?;
        let of_parts = self.store.parts_by_pack().await?;
        for (pack, n) in of_items.into_iter().chain(of_parts) {
            *wanted.entry(pack).or_default() += n;
        }
        Ok(wanted)
    }

    /// Small rows, and the states that only time changes.
    async fn remove_rows(&self, now: Timestamp) -> Result<(), RetentionError> {
        let counts = earlier(now, self.config.counts);
        let records = earlier(now, self.config.records);
        let mut write = self.store.begin().await?;
        write.fold_ledger(counts.hour()).await?;
        write.remove_issue_hours(counts.hour()).await?;
        write.remove_poison(records).await?;
        write.remove_notifications(records).await?;
        write
            .remove_relay_history(bucket(now) - BUCKETS_KEPT)
            .await?;
        write.forget_removals(counts.hour().div_euclid(24)).await?;
        write.remove_ended(now).await?;
        write
            .age_issues(now.plus_millis(-issue::NEW_FOR_MILLIS), now)
            .await?;
        write.commit().await?;
        self.store.resolve_forgotten_issues(now).await?;
        Ok(())
    }

    /// Once for each day that is too old, since an entry tells of every time.
    async fn trim_audit(&self, now: Timestamp) -> Result<(), RetentionError> {
        let kept = earlier(now, self.config.audit);
        let oldest = self
            .store
            .audit_behind(0)
            .await?
            .first()
            .map(|link| link.entry.at);
        if oldest.is_none_or(|at| at >= earlier(kept, Span(DAY))) {
            return Ok(());
        }
        loop {
            let mut write = self.store.begin().await?;
            let removed = write.trim_audit(kept, now, AUDIT_BATCH).await?;
            write.commit().await?;
            if removed < u64::from(AUDIT_BATCH) {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    /// Drops packs that no event points into.
    async fn drop_packs(&self, report: &mut Report) -> Result<(), RetentionError> {
        let archive = self.archive.clone();
        // Asked before the rows are counted: a pack that is settled now gets no new rows.
        let Some(settled) = archive.settled_upto() else {
            return Ok(());
        };
        let wanted = self.wanted().await?;
        report.packs += blocking(move || {
            let mut n = 0;
            for pack in archive.packs()? {
                if pack.number <= settled && !wanted.contains_key(&pack.number) {
                    archive.drop_pack(pack.number)?;
                    n += 1;
                }
            }
            Ok(n)
        })
        .await?;
        Ok(())
    }

    /// Moves what is wanted out of packs of which little is. They are dropped by the next run, so
    /// that who has just looked a place up can still read there.
    async fn empty_packs(&self, report: &mut Report) -> Result<(), RetentionError> {
        let archive = self.archive.clone();
        let Some(settled) = archive.settled_upto() else {
            return Ok(());
        };
        let wanted = self.wanted().await?;
        let sparse: Vec<u64> = blocking(move || {
            let mut sparse = Vec::new();
            for pack in archive.packs()? {
                let n = wanted.get(&pack.number).copied().unwrap_or_default();
                let is_open = pack.number > settled || n == 0;
                if !is_open && n * WANTED_SHARE < archive.items_in(pack.number)? {
                    sparse.push(pack.number);
                }
            }
            Ok(sparse)
        })
        .await?;
        for pack in sparse.into_iter().take(EMPTIED_MAX) {
            report.moved += self.empty_pack(pack).await?.0;
        }
        Ok(())
    }

    /// Moves what is wanted out of a pack that nothing is appended to any more; says how many
    /// bodies were moved, and how many cannot be read and stay. To be called in one's turn.
    ///
    /// # Errors
    /// [`RetentionError`]; what was moved by then stays moved.
    pub async fn empty_pack(&self, pack: u64) -> Result<(u64, u64), RetentionError> {
        let rows = self.wanted_in(pack).await?;
        let (mut rest, mut n_moved) = (rows.as_slice(), 0);
        while !rest.is_empty() {
            let some = rest.get(..MOVED_MAX).unwrap_or(rest).to_vec();
            let (looked_at, moved) = self.move_bodies(some).await?;
            n_moved += moved;
            rest = rest.get(looked_at..).unwrap_or_default();
        }
        Ok((n_moved, rows.len() as u64 - n_moved))
    }

    /// Whether a row points into a pack.
    ///
    /// # Errors
    /// [`RetentionError`].
    pub async fn is_wanted(&self, pack: u64) -> Result<bool, RetentionError> {
        Ok(!self.wanted_in(pack).await?.is_empty())
    }

    async fn wanted_in(&self, pack: u64) -> Result<Vec<(Owner, Location)>, RetentionError> {
        let events = self.store.events_in_pack(pack).await?;
        let events = events.into_iter().map(|row| {
            let (pack, offset, item) = (row.pack, row.offset, row.item);
            (Owner::Event(row.row), Location { pack, offset, item })
        });
        let items = self.store.items_in_pack(pack).await?;
        let items = items.into_iter().map(|(id, at)| {
            let (pack, offset, item) = (at.pack, at.offset, at.item);
            (Owner::Item(id), Location { pack, offset, item })
        });
        let parts = self.store.parts_in_pack(pack).await?;
        let parts = parts.into_iter().map(|(row, at)| {
            let (pack, offset, item) = (at.pack, at.offset, at.item);
            (Owner::Part(row), Location { pack, offset, item })
        });
        Ok(events.chain(items).chain(parts).collect())
    }

    /// Moves the first of these; says how many it looked at and how many it moved.
    async fn move_bodies(
        &self,
        rows: Vec<(Owner, Location)>,
    ) -> Result<(usize, u64), RetentionError> {
        let archive = self.archive.clone();
        let (looked_at, moved) = blocking(move || {
            let (mut looked_at, mut bytes) = (0, 0);
            let mut owners = Vec::new();
            let mut bodies = Vec::new();
            for (owner, at) in rows {
                if bytes >= MOVED_BYTES_MAX {
                    break;
                }
                looked_at += 1;
                // A damaged body stays where it is, and its pack with it.
                if let Ok(body) = archive.read(at) {
                    bytes += body.payload.len();
                    owners.push(owner);
                    bodies.push(body);
                }
            }
            let locations = archive.append(&bodies)?;
            let moved: Vec<(Owner, Location)> = owners.into_iter().zip(locations).collect();
            Ok((looked_at, moved))
        })
        .await?;
        let mut write = self.store.begin().await?;
        for (owner, to) in &moved {
            match owner {
                Owner::Event(row) => write.move_event(*row, to.pack, to.offset, to.item).await?,
                Owner::Item(id) => {
                    let (pack, offset, item) = (to.pack, to.offset, to.item);
                    write.move_item(*id, Place { pack, offset, item }).await?;
                }
                Owner::Part(row) => {
                    let (pack, offset, item) = (to.pack, to.offset, to.item);
                    write.move_part(*row, Place { pack, offset, item }).await?;
                }
            }
        }
        write.commit().await?;
        Ok((looked_at, moved.len() as u64))
    }
}

/// Whose a body is.
#[derive(Clone, Copy)]
enum Owner {
    Event(i64),
    Item(i64),
    Part(i64),
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, RetentionError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| RetentionError::Ended)??)
}

fn earlier(now: Timestamp, by: Span) -> Timestamp {
    now.plus_millis(-i64::try_from(by.0.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
