//! What the relay says of itself, and the comparison of its accounts with the hub's.
//!
//! A report goes every few seconds, and at once when the two sides turn out to disagree. Accounts
//! travel only when they have changed since the report before on the same connection.

use std::time::Duration;

use protocol::block::ItemCount;
use protocol::ids::{Lane, Seq};
use protocol::wire::{Ack, Backlog, Books, Cursor, DiskReport, Report, Sum, Total};
use tokio::time::{Instant, timeout};

use super::Link;
use super::channel::Carrier;
use super::outbox::ByLane;
use super::process;
use crate::clock;
use crate::ledger::{Booked, Verdict, sums};
use crate::spool::{Balance, SpoolStatus};

/// How long the spool may take to draw up its accounts.
const BALANCE_TIMEOUT: Duration = Duration::from_millis(500);
/// What a 200 promises.
const DURABILITY: &str = "fsync";

/// How the connection is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) rtt: Duration,
    /// What carries the link.
    pub(super) carrier: Carrier,
    /// Packets lost, in millionths of those sent.
    pub(super) loss_ppm: Option<u32>,
}

/// What one connection's reports remember.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    books: Option<Books>,
    /// When the last report went, and how many bytes had been sent by then.
    last: Option<(Instant, u64)>,
}

impl Reporter {
    /// The next report.
    pub(super) async fn make(&mut self, link: &Link, path: &Path) -> Report {
        // A spool that waits for its disk does not keep the link waiting.
        let balance = timeout(BALANCE_TIMEOUT, link.spool.balance()).await;
        let balance = balance.ok().and_then(Result::ok);
        let status = link.spool.status();
        let now = Instant::now();
        let (sent, bandwidth_max, is_quiet) = {
            let state = link.shared.lock();
            (state.bytes_sent, state.bandwidth_max, state.is_quiet)
        };
        let sent_per_second = self.last.map_or(0, |(at, before)| {
            per_second(sent.saturating_sub(before), now.duration_since(at))
        });
        self.last = Some((now, sent));
        let disk = disk(&status, balance.as_deref());
        let books = balance.map(|balance| books(&status, &balance));
        let is_same = books == self.books;
        if !is_same && books.is_some() {
            self.books.clone_from(&books);
        }
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            wall: clock::now(),
            roster_version: link.roster.version(),
            spool_bytes: status.bytes_used,
            spool_bytes_max: status.bytes_max,
            lanes: backlog(&status),
            rtt_ms: u32::try_from(path.rtt.as_millis()).unwrap_or(u32::MAX),
            carrier: Some(path.carrier.name().to_owned()),
            loss_ppm: path.loss_ppm,
            sent_per_second,
            durability: DURABILITY.to_owned(),
            disk,
            books: books.filter(|_| !is_same),
            asks_sums: link.audit.asks(),
            differences: link.audit.differences(),
            process: process::usage(),
            bandwidth_max,
            is_quiet,
        }
    }
}

fn per_second(bytes: u64, over: Duration) -> u64 {
    let millis = u64::try_from(over.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1000) / millis
}

fn backlog(status: &SpoolStatus) -> Vec<Backlog> {
    let lanes = Lane::ALL.into_iter().zip(status.lanes);
    lanes
        .map(|(lane, state)| Backlog {
            lane,
            records: state.records,
            bytes: state.bytes,
            oldest_received_at: state.oldest_received_at,
        })
        .collect()
}

fn disk(status: &SpoolStatus, balance: Option<&Balance>) -> DiskReport {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    DiskReport {
        total_bytes: balance.map_or(0, |balance| balance.disk_bytes),
        free_bytes: balance.map_or(0, |balance| balance.disk_free),
        sync_last_us: micros(status.sync_last),
        sync_max_us: micros(status.sync_max),
        last_error: status
            .last_error
            .as_ref()
            .map(|error| error.message.clone()),
        last_error_at: status.last_error.as_ref().map(|error| error.at),
    }
}

fn books(status: &SpoolStatus, balance: &Balance) -> Books {
    let most = Report::TOTALS_MAX;
    let is_whole = balance.is_whole
        && [
            balance.totals.len(),
            balance.delivered.len(),
            balance.waiting.len(),
        ]
        .into_iter()
        .all(|n| n <= most);
    let totals = balance.totals.iter().take(most);
    Books {
        epoch: status.epoch,
        totals: totals
            .map(|(account, n)| Total {
                project: account.project,
                category: account.category,
                term: account.term,
                reason: account.reason.clone().into_owned(),
                n: *n,
            })
            .collect(),
        delivered: balance.delivered.iter().take(most).map(sum).collect(),
        waiting: balance.waiting.iter().take(most).map(sum).collect(),
        is_whole,
    }
}

const fn sum(count: &ItemCount) -> Sum {
    Sum {
        project: count.project,
        category: count.category,
        n: count.n,
    }
}

/// Takes what the hub says with its welcome; says whether a difference showed. What of each lane
/// went to the hub under another identity, up to `floors`, it does not know.
pub(super) fn welcomed(link: &Link, cursors: &[Cursor], floors: &ByLane<Seq>) -> bool {
    for (lane, floor) in Lane::ALL.into_iter().zip(floors) {
        link.audit.leave_out(lane, floor.0 > 0);
    }
    let mut differs = false;
    for cursor in cursors {
        if let Some(digest) = cursor.digest {
            let booked = Booked {
                upto: cursor.upto,
                digest,
                sums: None,
            };
            link.audit.hub_says(cursor.lane, booked);
            differs |= compare(link, cursor.lane);
        }
    }
    differs
}

/// Takes what the hub says with an acknowledgement; says whether the hub is to be told.
pub(super) fn acked(link: &Link, ack: &Ack) -> bool {
    let Some(digest) = ack.digest else {
        return false;
    };
    let booked = Booked {
        upto: ack.upto,
        digest,
        sums: (!ack.sums.is_empty()).then(|| sums(ack.sums.iter().copied())),
    };
    link.audit.hub_says(ack.lane, booked);
    compare(link, ack.lane)
}

/// Compares every lane; says whether the hub is to be told.
pub(super) fn compare_all(link: &Link) -> bool {
    let told = Lane::ALL.map(|lane| compare(link, lane));
    told.contains(&true)
}

/// Compares a lane at the cursor its spool has written.
fn compare(link: &Link, lane: Lane) -> bool {
    let Some(delivered) = link.spool.delivered(lane) else {
        return false;
    };
    let before = link.audit.divergence();
    let relay = Booked {
        upto: delivered.upto,
        digest: delivered.digest,
        sums: Some(sums(delivered.sums.iter().map(sum))),
    };
    let verdict = link.audit.compare(lane, &relay);
    matches!(verdict, Verdict::Differs | Verdict::Named) && link.audit.divergence() != before
}
