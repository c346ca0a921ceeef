//! How each relay was over time: its reports, gathered into rows of five minutes.
//!
//! A row is written about once a minute and overwritten until its time is over, so a large fleet
//! costs the store little and a crash at most a minute. Items are sums since the spool was made:
//! what happened within a row is the difference to the row before.

use std::collections::HashMap;

use protocol::ids::RelayId;
use protocol::outcome::Term;
use protocol::timestamp::Timestamp;

use super::RelayReport;
use crate::store::relay_history::{HistoryRow, bucket};

/// Longest time a row is in memory alone.
const WRITE_EVERY_MILLIS: i64 = 60_000;

/// The rows that still change, one for each relay at most, and those that are over.
#[derive(Debug, Default)]
pub(super) struct History {
    open: HashMap<RelayId, Open>,
    over: Vec<HistoryRow>,
}

#[derive(Debug)]
struct Open {
    row: HistoryRow,
    n_reports: u64,
    rtt_sum: u64,
    loss_sum: u64,
    sent_sum: u64,
    written_at: Timestamp,
    is_changed: bool,
}

impl History {
    /// Adds a report to its row.
    pub(super) fn add(&mut self, relay: RelayId, report: &RelayReport) {
        let bucket = bucket(report.at);
        if self
            .open
            .get(&relay)
            .is_some_and(|open| open.row.bucket != bucket)
            && let Some(open) = self.open.remove(&relay)
        {
            self.over.push(open.row);
        }
        let open = self.open.entry(relay).or_insert_with(|| Open {
            row: HistoryRow::empty(relay, bucket),
            n_reports: 0,
            rtt_sum: 0,
            loss_sum: 0,
            sent_sum: 0,
            written_at: report.at,
            is_changed: false,
        });
        open.add(report);
    }

    /// What is to be written now.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<HistoryRow> {
        let mut due = std::mem::take(&mut self.over);
        for open in self.open.values_mut() {
            if open.is_changed && now.millis_since(open.written_at) >= WRITE_EVERY_MILLIS {
                open.written_at = now;
                open.is_changed = false;
                due.push(open.row.clone());
            }
        }
        // One whose relay is silent changes no more.
        let current = bucket(now);
        self.open
            .retain(|_, open| open.is_changed || open.row.bucket + 1 >= current);
        due
    }

    /// Takes back rows that could not be written.
    pub(super) fn put_back(&mut self, rows: Vec<HistoryRow>) {
        self.over.extend(rows);
    }
}

impl Open {
    fn add(&mut self, report: &RelayReport) {
        let records = report.lanes.iter().map(|lane| lane.records).sum::<u64>();
        let bytes = report.lanes.iter().map(|lane| lane.bytes).sum::<u64>();
        self.n_reports += 1;
        self.rtt_sum += u64::from(report.rtt_ms);
        self.sent_sum = self.sent_sum.saturating_add(report.sent_per_second);
        let n = self.n_reports;
        let row = &mut self.row;
        row.backlog_records = row.backlog_records.max(signed(records));
        row.backlog_bytes = row.backlog_bytes.max(signed(bytes));
        row.rtt_ms = signed(self.rtt_sum / n);
        row.sent_per_second = signed(self.sent_sum / n);
        if let Some(loss) = report.loss_ppm {
            self.loss_sum += u64::from(loss);
            row.loss_ppm = Some(signed(self.loss_sum / n));
        }
        if let Some(books) = &report.books {
            let is_drop = |term| matches!(term, Term::Expired | Term::Evicted | Term::Corrupt);
            let dropped = books.totals.iter().filter(|total| is_drop(total.term));
            row.delivered = signed(books.delivered.iter().map(|sum| sum.n).sum());
            row.dropped = signed(dropped.map(|total| total.n).sum());
        }
        self.is_changed = true;
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::{Lane, ProjectId};
    use protocol::item::Category;
    use protocol::wire::{Backlog, Books, Report, Sum};

    use crate::store::relay_history::BUCKET_MILLIS;

    const RELAY: RelayId = RelayId::from_bytes([1; 16]);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(BUCKET_MILLIS * 1000 + secs * 1000)
    }

    fn report(secs: i64, bytes: u64, rtt_ms: u32, delivered: u64) -> RelayReport {
        let report = Report {
            rtt_ms,
            loss_ppm: Some(rtt_ms * 10),
            lanes: vec![Backlog {
                lane: Lane::Errors,
                records: bytes / 10,
                bytes,
                oldest_received_at: None,
            }],
            books: Some(Books {
                delivered: vec![Sum {
                    project: ProjectId::new(1).unwrap(),
                    category: Category::Error,
                    n: delivered,
                }],
                ..Books::default()
            }),
            ..Report::default()
        };
        RelayReport::from_wire(&report, None, at(secs))
    }

    #[test]
    fn a_row_holds_the_worst_backlog_the_mean_of_the_link_and_the_last_sums() {
        let mut history = History::default();
        history.add(RELAY, &report(0, 100, 20, 5));
        history.add(RELAY, &report(5, 400, 40, 7));
        history.add(RELAY, &report(10, 200, 60, 9));
        history.add(RELAY, &report(300, 10, 1, 11));
        let rows = history.take_due(at(301));
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!(
            (row.bucket, row.backlog_bytes, row.backlog_records),
            (1000, 400, 40)
        );
        assert_eq!(
            (row.rtt_ms, row.loss_ppm, row.delivered),
            (40, Some(400), 9)
        );
        assert_eq!(history.take_due(at(302)), []);
    }

    #[test]
    fn an_open_row_is_written_once_a_minute_and_forgotten_when_its_relay_is_silent() {
        let mut history = History::default();
        history.add(RELAY, &report(0, 100, 20, 5));
        assert_eq!(history.take_due(at(59)), []);
        assert_eq!(history.take_due(at(60)).len(), 1);
        assert_eq!(history.take_due(at(120)), []);
        assert_eq!(history.take_due(at(700)), []);
        assert!(history.open.is_empty());
    }

    #[test]
    fn rows_that_could_not_be_written_are_written_later() {
        let mut history = History::default();
        history.add(RELAY, &report(0, 100, 20, 5));
        history.add(RELAY, &report(300, 100, 20, 5));
        let rows = history.take_due(at(300));
        history.put_back(rows.clone());
        assert_eq!(history.take_due(at(301)), rows);
    }
}
