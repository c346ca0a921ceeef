//! What the spool's tests share.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use protocol::block::{self, Item, Items, Record};
use protocol::ids::{EventId, Lane, ProjectId, PublicKey, Seq};
use protocol::item::Category;
use protocol::outcome::{Counts, Term};
use protocol::timestamp::Timestamp;
use protocol::unit::ByteSize;

use super::oracle::Oracle;
use crate::spool::owner::Time;
use crate::spool::{Config, Gap, ReadOutcome, Spool};

/// Bytes of a record that is looked for on the disk.
pub(crate) const LEN: usize = 300;

pub(crate) fn config(dir: &Path) -> Config {
    Config {
        dir: dir.to_path_buf(),
        bytes_max: Some(ByteSize(64 << 20)),
        free_min: Some(ByteSize(0)),
        ballast_bytes: ByteSize(0),
        append_timeout: "60s".parse().unwrap(),
        retain_acked_bytes: ByteSize(0),
        ..Config::default()
    }
}

/// A record that can be told from all others by `n`.
pub(crate) fn record(n: u64, payload_len: usize) -> Record {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    id[15] = 1;
    // Bytes that do not compress, so that sizes are what they seem.
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let payload: Vec<u8> = std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.to_le_bytes()[0]
    })
    .take(payload_len)
    .collect();
    Record::Items(Items {
        project: ProjectId::new(1 + n % 3).unwrap(),
        key: PublicKey::from_bytes([7; 16]),
        received_at: Timestamp::from_millis(1_000_000 + i64::try_from(n).unwrap()),
        sent_at: None,
        event_id: Some(EventId::from_bytes(id)),
        client: None,
        remote_addr: None,
        user_agent: None,
        trace: None,
        items: vec![Item {
            kind: "event".to_owned(),
            header: Bytes::from_static(b"{}"),
            payload: Bytes::from(payload),
        }],
    })
}

/// Where the bytes of an error with [`LEN`] bytes lie on the disk: what does not compress is there
/// as it was.
pub(crate) fn places(oracle: &Oracle, n: u64) -> Vec<(PathBuf, usize)> {
    let Record::Items(items) = record(n, LEN) else {
        unreachable!("it has items")
    };
    let needle = &items.items[0].payload[..100];
    let files = oracle.files().into_iter();
    let place = |(path, bytes): (PathBuf, Vec<u8>)| {
        let mut windows = bytes.windows(needle.len());
        windows
            .position(|window| window == needle)
            .map(|at| (path, at))
    };
    files.filter_map(place).collect()
}

/// Clocks of a test: the wall clock is ten years off, to either side in turn.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    /// In milliseconds.
    pub(crate) monotonic: AtomicU64,
    /// Steps the wall clock takes by itself, so that nothing can rely on it.
    jumps: Mutex<i64>,
}

impl Time for Hands {
    fn now(&self) -> Timestamp {
        let mut jumps = self.jumps.lock().unwrap();
        *jumps = -*jumps - 1;
        let ten_years = 315_576_000_000;
        Timestamp::from_millis(*jumps * ten_years)
    }

    fn monotonic(&self) -> Duration {
        // It goes on with each look, so that whoever waits for it gets somewhere.
        Duration::from_millis(self.monotonic.fetch_add(25, Ordering::SeqCst))
    }
}

/// The `n` of a record.
pub(crate) fn number(record: &Record) -> Option<u64> {
    let id = *record.items()?.event_id.unwrap().as_bytes();
    Some(u64::from_be_bytes(id[..8].try_into().unwrap()))
}

/// What stands at a number. A disk that fails for a few calls gives it later.
async fn read(spool: &Spool, lane: Lane, at: Seq) -> ReadOutcome {
    let mut read = spool.read(lane, at).await;
    for _ in 0..20 {
        if read.is_ok() {
            break;
        }
        read = spool.read(lane, at).await;
    }
    read.unwrap()
}

/// Everything from `from` on: records with their numbers, and gaps.
pub(crate) async fn drain(spool: &Spool, lane: Lane, from: Seq) -> (Vec<(Seq, Record)>, Vec<Gap>) {
    drain_upto(spool, lane, from, Seq(u64::MAX)).await
}

/// The same as far as the block that holds `upto`.
pub(crate) async fn drain_upto(
    spool: &Spool,
    lane: Lane,
    from: Seq,
    upto: Seq,
) -> (Vec<(Seq, Record)>, Vec<Gap>) {
    let (mut records, mut gaps) = (Vec::new(), Vec::new());
    let mut at = from;
    while at <= upto {
        match read(spool, lane, at).await {
            ReadOutcome::Empty => return (records, gaps),
            ReadOutcome::Gap(gap) => {
                assert!(gap.from == at && gap.to >= at, "{gap:?} at {at:?}");
                at = gap.to.next();
                gaps.push(gap);
            }
            ReadOutcome::Block { head, bytes } => {
                let (opened, of_block) = block::open(&bytes).unwrap();
                assert_eq!(opened, head);
                for (seq, record) in (head.first_seq.0..).zip(of_block) {
                    if seq >= at.0 {
                        records.push((Seq(seq), record));
                    }
                }
                at = head.last_seq().next();
            }
        }
    }
    (records, gaps)
}

/// The numbers `n` of all records of a lane that were not delivered.
pub(crate) async fn waiting(spool: &Spool, lane: Lane) -> Vec<u64> {
    let from = spool.lanes()[lane.index()].acked.next();
    let (records, _) = drain(spool, lane, from).await;
    records
        .iter()
        .filter_map(|(_, record)| number(record))
        .collect()
}

/// Sums by term, over all projects and categories but those of unknown kind.
pub(crate) fn by_term(counts: &Counts) -> BTreeMap<Term, u64> {
    let mut sums = BTreeMap::new();
    for (account, n) in counts {
        if account.category != Category::Unknown {
            *sums.entry(account.term).or_default() += n;
        }
    }
    sums
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Threads for each processor: a check and its spool's own thread wait for one another.
const THREADS_PER_PROCESSOR: usize = 2;

/// Does `check` with each of `works`, on all processors, and sums up what it answers.
///
/// # Panics
/// As the first check that panicked.
pub(crate) fn sum_of_all<T: Sync>(works: &[T], check: impl Fn(&T) -> usize + Sync) -> usize {
    let n_processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let go_on = || {
        let mut sum = 0;
        while let Some(work) = works.get(next.fetch_add(1, Ordering::Relaxed)) {
            sum += check(work);
        }
        sum
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_processors * THREADS_PER_PROCESSOR)
            .map(|_| scope.spawn(go_on))
            .collect();
        let sums = threads.into_iter().map(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        sums.sum()
    })
}
