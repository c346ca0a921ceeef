//! Remembers what the spool has promised, and holds it to that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::ids::{Lane, Seq};
use protocol::outcome::Term;

use super::memory::MemoryDisk;
use super::support::{Hands, by_term, drain, drain_upto, number, record};
use crate::ledger::Ledger;
use crate::spool::index::Index;
use crate::spool::{Config, Gap, Spool, SpoolError};

/// The lanes that records are meant for.
pub(crate) const LIVE: [Lane; 5] = [
    Lane::Control,
    Lane::Errors,
    Lane::Logs,
    Lane::Traces,
    Lane::Blobs,
];

/// A spool on a disk in memory, and what it owes.
pub(crate) struct Oracle {
    pub(crate) disk: MemoryDisk,
    pub(crate) config: Config,
    pub(crate) ledger: Ledger,
    pub(crate) time: Arc<Hands>,
    spool: Option<Spool>,
    next: u64,
    /// Records that were answered `Ok`, by the lane they were meant for.
    kept: BTreeMap<Lane, Vec<u64>>,
    /// All that were ever handed over.
    tried: BTreeSet<u64>,
    /// What a reader saw under a number.
    seen: BTreeMap<(Lane, Seq), Option<u64>>,
    /// What the hub has, by lane.
    acked: BTreeMap<Lane, Seq>,
}

impl Oracle {
    pub(crate) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = super::support::config(Path::new("/spool"));
        config.segment_bytes = "2 KiB".parse().unwrap();
        change(&mut config);
        Self {
            disk: MemoryDisk::default(),
            config,
            ledger: Ledger::default(),
            time: Arc::default(),
            spool: None,
            next: 0,
            kept: BTreeMap::new(),
            tried: BTreeSet::new(),
            seen: BTreeMap::new(),
            acked: BTreeMap::new(),
        }
    }

    /// The same debts on a copy of the disk.
    pub(crate) fn fork(&self, disk: MemoryDisk) -> Self {
        Self {
            disk,
            config: self.config.clone(),
            ledger: Ledger::default(),
            time: Arc::default(),
            spool: None,
            next: self.next,
            kept: self.kept.clone(),
            tried: self.tried.clone(),
            seen: self.seen.clone(),
            acked: self.acked.clone(),
        }
    }

    pub(crate) fn open(&mut self) -> Result<(), SpoolError> {
        self.ledger = Ledger::default();
        self.time = Arc::default();
        let disk = Arc::new(self.disk.clone());
        let spool = Spool::open_with(
            &self.config,
            self.ledger.clone(),
            disk,
            Arc::clone(&self.time) as _,
            |_, _| Index::none(),
        )?;
        self.spool = Some(spool);
        Ok(())
    }

    pub(crate) fn spool(&self) -> &Spool {
        self.spool.as_ref().unwrap()
    }

    pub(crate) async fn close(&mut self) -> Result<(), SpoolError> {
        match self.spool.take() {
            Some(spool) => spool.close().await,
            None => Ok(()),
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, millis: u64) {
        self.time.monotonic.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) async fn append(&mut self, lanes: &[Lane], len: usize) -> Result<(), SpoolError> {
        let mut records = Vec::new();
        for lane in lanes {
            self.next += 1;
            records.push((*lane, record(self.next, len)));
        }
        let numbers: Vec<_> = records
            .iter()
            .map(|(lane, record)| (*lane, number(record).unwrap()))
            .collect();
        self.tried.extend(numbers.iter().map(|(_, n)| *n));
        self.spool().append(records).await?;
        for (lane, n) in numbers {
            self.kept.entry(lane).or_default().push(n);
        }
        Ok(())
    }

    /// Acknowledges about `part` of 256 of what a reader has seen of a lane.
    pub(crate) async fn ack(&mut self, lane: Lane, part: u8) -> Result<(), SpoolError> {
        let state = self.spool().lanes()[lane.index()];
        let waiting = state.next.0 - 1 - state.acked.0;
        let upto = Seq(state.acked.0 + waiting * u64::from(part) / 255);
        self.look_upto(lane, upto).await;
        self.spool().ack(lane, upto).await?;
        let acked = self.acked.entry(lane).or_default();
        *acked = upto.max(*acked);
        Ok(())
    }

    /// Reads all that was not delivered, and checks that no number ever means something else.
    pub(crate) async fn look(&mut self, lane: Lane) -> (Vec<u64>, Vec<Gap>) {
        self.look_upto(lane, Seq(u64::MAX)).await
    }

    async fn look_upto(&mut self, lane: Lane, upto: Seq) -> (Vec<u64>, Vec<Gap>) {
        let from = self.spool().lanes()[lane.index()].acked.next();
        self.look_back(lane, from).await;
        let (records, gaps) = drain_upto(self.spool(), lane, from, upto).await;
        for (seq, record) in &records {
            let before = self.seen.insert((lane, *seq), number(record));
            assert!(
                before.is_none_or(|before| before == number(record)),
                "{lane} {seq:?} was {before:?}, is {record:?}"
            );
        }
        (
            records
                .iter()
                .filter_map(|(_, record)| number(record))
                .collect(),
            gaps,
        )
    }

    /// What is still there of what was delivered is what it was.
    async fn look_back(&self, lane: Lane, from: Seq) {
        if self.config.retain_acked_bytes.0 == 0 {
            return;
        }
        let (kept, _) = drain(self.spool(), lane, Seq(1)).await;
        for (seq, record) in kept.iter().filter(|(seq, _)| *seq < from) {
            if let Some(before) = self.seen.get(&(lane, *seq)) {
                assert_eq!(*before, number(record), "{lane} {seq:?}");
            }
        }
    }

    /// What was meant for a lane, kept and not delivered, neither by it nor by its twin.
    fn owed(&self, lane: Lane) -> Vec<u64> {
        let lanes = self.spool().lanes();
        let delivered: BTreeSet<_> = self
            .seen
            .iter()
            .filter(|((of, seq), _)| of.live() == lane && *seq <= lanes[of.index()].acked)
            .filter_map(|(_, n)| *n)
            .collect();
        let kept = self.kept.get(&lane).cloned().unwrap_or_default();
        kept.into_iter()
            .filter(|n| !delivered.contains(n))
            .collect()
    }

    /// What a lane and its twin hold that was not delivered, each in order.
    async fn look_at_pair(&mut self, lane: Lane) -> (Vec<u64>, Vec<Gap>) {
        let (mut found, mut gaps) = (Vec::new(), Vec::new());
        for lane in [Some(lane), lane.backlog()].into_iter().flatten() {
            let (of_lane, of_gaps) = self.look(lane).await;
            assert!(of_lane.is_sorted(), "{lane}: {of_lane:?}");
            found.extend(of_lane);
            gaps.extend(of_gaps);
        }
        found.sort_unstable();
        (found, gaps)
    }

    /// Everything kept is there, once, in order; what is there besides was at least tried; there
    /// are no gaps; the sums are those of what was accepted.
    pub(crate) async fn check(&mut self) {
        for lane in LIVE {
            let (found, gaps) = self.look_at_pair(lane).await;
            assert_eq!(gaps, [], "{lane}");
            let owed = self.owed(lane);
            let unexpected: Vec<_> = found.iter().filter(|n| !self.tried.contains(n)).collect();
            assert!(
                unexpected.is_empty(),
                "{lane}: {unexpected:?} never handed over"
            );
            let once: BTreeSet<_> = found.iter().copied().collect();
            assert_eq!(once.len(), found.len(), "{lane}: {found:?} has doubles");
            let of_owed: Vec<_> = found.iter().copied().filter(|n| owed.contains(n)).collect();
            assert_eq!(of_owed, owed, "{lane}");
        }
        for lane in Lane::ALL {
            let acked = self.acked.get(&lane).copied().unwrap_or_default();
            assert!(
                self.spool().lanes()[lane.index()].acked >= acked,
                "{lane}: cursor went back"
            );
        }
        let n_kept = self.kept.values().map(Vec::len).sum::<usize>() as u64;
        let accepted = by_term(&self.ledger.totals())
            .get(&Term::Accepted)
            .copied()
            .unwrap_or_default();
        assert!(
            (n_kept..=self.tried.len() as u64).contains(&accepted),
            "{accepted} accepted, {n_kept} kept"
        );
    }

    /// What is missing of what was kept, over all lanes, and what the readers were told.
    pub(crate) async fn missing(&mut self) -> (Vec<(Lane, u64)>, Vec<Gap>) {
        let (mut missing, mut all_gaps) = (Vec::new(), Vec::new());
        for lane in LIVE {
            let (found, gaps) = self.look_at_pair(lane).await;
            let found: BTreeSet<_> = found.into_iter().collect();
            let owed = self.owed(lane);
            missing.extend(
                owed.iter()
                    .filter(|n| !found.contains(n))
                    .map(|n| (lane, *n)),
            );
            all_gaps.extend(gaps);
        }
        (missing, all_gaps)
    }

    /// Whether a file is the one that lane 1 goes on with.
    pub(crate) fn is_active(&self, path: &Path) -> bool {
        let files = self.files().into_iter().map(|(path, _)| path);
        let of_lane = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "L1");
        files.filter(of_lane).max().as_deref() == Some(path)
    }

    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.disk.files()
    }
}
