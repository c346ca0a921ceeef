//! What is found in a spool, for people.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::clock;
use crate::forward::{Exported, Moved};
use crate::spool::Repaired;
use crate::spool::inspect::{Accounts, Finding, LaneRow, Line, Listing, Verified};

/// What waits, and where everything went.
#[derive(Serialize)]
pub(super) struct Stats {
    #[serde(flatten)]
    pub(super) listing: Listing,
    pub(super) accounts: Accounts,
}

pub(super) fn listing(out: &mut dyn Write, listing: &Listing) -> io::Result<()> {
    head(out, listing)?;
    let mut table = Table::new(&[
        "LANE", "FIRST", "LAST", "RECORDS", "BYTES", "AGE", "STATE", "KEY", "FILE",
    ]);
    for row in &listing.segments {
        let last = if row.records > 0 {
            row.next.0.saturating_sub(1).to_string()
        } else {
            "-".to_owned()
        };
        table.row([
            row.lane.name().to_owned(),
            row.first.0.to_string(),
            last,
            row.records.to_string(),
            bytes(row.bytes),
            age(row.age_ms),
            row.state.name().to_owned(),
            row.key.clone().unwrap_or_else(|| "-".to_owned()),
            row.file.display().to_string(),
        ]);
    }
    table.print(out)
}

fn head(out: &mut dyn Write, listing: &Listing) -> io::Result<()> {
    let running = if listing.is_running {
        "a relay has it open"
    } else {
        "no relay has it open"
    };
    let total = listing.segments.iter().map(|row| row.bytes).sum();
    writeln!(
        out,
        "spool {}, epoch {:016x}, {} in {} segments, {running}",
        listing.dir.display(),
        listing.epoch.0,
        bytes(total),
        listing.segments.len(),
    )?;
    if listing.quarantined > 0 {
        writeln!(
            out,
            "{} damaged segments are kept in {}, {}",
            listing.quarantined,
            listing.dir.join("quarantine").display(),
            bytes(listing.quarantined_bytes)
        )?;
    }
    Ok(())
}

pub(super) fn stats(out: &mut dyn Write, stats: &Stats) -> io::Result<()> {
    head(out, &stats.listing)?;
    writeln!(out)?;
    let mut table = Table::new(&["LANE", "WAITING", "BYTES", "OLDEST", "ACKED", "NEXT"]);
    for row in &stats.listing.lanes {
        table.row(lane(row));
    }
    table.print(out)?;
    writeln!(out)?;
    accounts(out, &stats.accounts)
}

fn lane(row: &LaneRow) -> [String; 6] {
    let now = clock::now();
    let oldest = row.oldest_received_at.map_or_else(
        || "-".to_owned(),
        |at| age(u64::try_from(now.millis_since(at)).unwrap_or_default()),
    );
    [
        row.lane.name().to_owned(),
        row.waiting.to_string(),
        bytes(row.bytes),
        oldest,
        row.acked.0.to_string(),
        row.next.0.to_string(),
    ]
}

/// The equation, and whether it holds.
pub(super) fn accounts(out: &mut dyn Write, accounts: &Accounts) -> io::Result<()> {
    let mut table = Table::new(&[
        "ITEMS",
        "RECEIVED",
        "REFUSED",
        "ACCEPTED",
        "DELIVERED",
        "WAITING",
        "FILTERED",
        "SAMPLED",
        "INVALID",
        "EXPIRED",
        "EVICTED",
        "CORRUPT",
        "REJECTED",
    ]);
    for line in &accounts.lines {
        table.row(terms(&line.category, line));
    }
    table.row(terms("all", &accounts.sum));
    table.print(out)?;
    if accounts.uncounted > 0 {
        writeln!(
            out,
            "{} records are missing and not counted yet: the relay counts them when it meets them, \
             `vedette-relay spool repair` does so now",
            accounts.uncounted
        )?;
    }
    if accounts.is_balanced() {
        writeln!(
            out,
            "balanced: received = accepted + refused; accepted = delivered + waiting + the rest"
        )
    } else {
        writeln!(
            out,
            "not balanced: received - accepted - refused = {}, delivered = {}",
            accounts.sum.missing, accounts.sum.delivered
        )
    }
}

fn terms(name: &str, line: &Line) -> [String; 13] {
    [
        name.to_owned(),
        line.received.to_string(),
        line.refused.to_string(),
        line.accepted.to_string(),
        line.delivered.to_string(),
        line.waiting.to_string(),
        line.filtered.to_string(),
        line.sampled.to_string(),
        line.invalid.to_string(),
        line.expired.to_string(),
        line.evicted.to_string(),
        line.corrupt.to_string(),
        line.rejected.to_string(),
    ]
}

pub(super) fn verified(out: &mut dyn Write, verified: &Verified) -> io::Result<()> {
    for finding in &verified.findings {
        writeln!(out, "{}", sentence(finding))?;
    }
    writeln!(
        out,
        "read {} segments, {}: {} blocks with {} records are as written, {} damages",
        verified.segments,
        bytes(verified.bytes),
        verified.blocks,
        verified.records,
        verified.findings.len()
    )?;
    if verified.unopened > 0 {
        writeln!(
            out,
            "{} blocks were not opened: they are encrypted, and --key-file FILE names the key, or \
             only a later version can",
            verified.unopened
        )?;
    }
    for id in &verified.dictionaries_missing {
        writeln!(
            out,
            "dictionary {id} is missing: blocks that need it were not opened and can be sent; the \
             hub has it, and sends it to a relay whose roster names it"
        )?;
    }
    Ok(())
}

fn sentence(finding: &Finding) -> String {
    let (file, offset) = (finding.file.display(), finding.offset);
    let mut text = format!("{file} at byte {offset}: {}", finding.what.text());
    if let (Some(lane), Some(first), Some(last)) = (finding.lane, finding.first, finding.last) {
        let (lane, first, last) = (lane.name(), first.0, last.0);
        text.push_str(&format!("; {lane} {first} to {last} are lost"));
    }
    if finding.is_known {
        text.push_str(" (set aside and counted)");
    }
    text
}

pub(super) fn repaired(out: &mut dyn Write, repaired: &Repaired) -> io::Result<()> {
    for finding in &repaired.found {
        writeln!(out, "found {}", sentence(finding))?;
    }
    for finding in &repaired.left {
        writeln!(out, "left {}", sentence(finding))?;
    }
    writeln!(
        out,
        "{} damages found; {} records lost and counted, {} segments newly set aside, \
         {} unfinished writes cut away, {} second copies used; the index is made anew",
        repaired.found.len(),
        repaired.lost,
        repaired.set_aside,
        repaired.torn,
        repaired.second_copies
    )
}

pub(super) fn exported(out: &mut dyn Write, exported: &Exported) -> io::Result<()> {
    writeln!(
        out,
        "{}: {} records in {} blocks of relay {}, {}; {} numbers without records",
        exported.file.display(),
        exported.records,
        exported.blocks,
        exported.relay,
        bytes(exported.bytes),
        exported.lost
    )?;
    writeln!(
        out,
        "carry it to the hub: vedette-hub import {0} --receipt {0}.receipt",
        exported.file.display()
    )
}

pub(super) fn moved(out: &mut dyn Write, moved: &[Moved]) -> io::Result<()> {
    for Moved { lane, was, now } in moved {
        let n = now.0 - was.0;
        writeln!(
            out,
            "{}: {n} more are at the hub, up to {}",
            lane.name(),
            now.0
        )?;
    }
    if moved.is_empty() {
        writeln!(out, "nothing new: the receipt tells what was known")?;
    }
    Ok(())
}

/// Columns as wide as their widest word; numbers to the right.
struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    fn new(head: &[&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned)],
        }
    }

    fn row(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, word) in widths.iter_mut().zip(row) {
                *width = word.len().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (word, width) in row.iter().zip(widths) {
                let is_number = word.starts_with(|first: char| first.is_ascii_digit());
                line.push_str(&if is_number {
                    format!("{word:>width$}  ")
                } else {
                    format!("{word:<width$}  ")
                });
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Bytes in the largest unit that leaves a number before the point.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut unit = "B";
    let (mut whole, mut tenths) = (n, 0);
    for next in UNITS {
        if whole < 1024 {
            break;
        }
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit = next;
    }
    if unit == "B" {
        format!("{whole} B")
    } else {
        format!("{whole}.{tenths} {unit}")
    }
}

/// The two largest units of a time.
fn age(millis: u64) -> String {
    let secs = Duration::from_millis(millis).as_secs();
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs}s"),
        (0, 0, _) => format!("{minutes}m {}s", secs % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_short() {
        let sizes = [0, 1023, 1024, 1536, 5 << 20, 3 << 30].map(bytes);
        assert_eq!(
            sizes,
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.0 GiB"]
        );
        let ages = [0, 59_999, 61_000, 3_700_000, 90_000_000].map(age);
        assert_eq!(ages, ["0s", "59s", "1m 1s", "1h 1m", "1d 1h"]);
    }
}
