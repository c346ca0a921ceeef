//! `vedette-relay status`: how the running relay is, in a few lines.

use std::fmt::Write as _;
use std::path::Path;

use super::{local, say};
use crate::config::Config;
use crate::doctor::text;
use crate::status::{CategorySummary, LedgerSummary, LinkSummary, SpoolSummary, Summary};

/// Asks the relay and prints what it says.
pub(super) fn run(config: &Path, json: bool) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let summary = local::ask(config.http.listen)?;
    if json {
        return say(&serde_json::to_string_pretty(&summary)?);
    }
    say(show(&summary).trim_end())
}

/// The summary for a person.
fn show(summary: &Summary) -> String {
    let accepting = match (summary.is_drained, summary.ready) {
        (true, _) => "drained: it delivers what it has and takes nothing new",
        (false, true) => "accepting",
        (false, false) => "refusing: the disk failed a moment ago",
    };
    let mut page = Page(String::new());
    let up = text::span(summary.uptime_secs);
    page.line(
        "relay",
        &format!("{}, up {up}, {accepting}", summary.version),
    );
    page.line("link", &link(&summary.link));
    if let Some(limits) = limits(&summary.link) {
        page.line("", &limits);
    }
    if let Some(at) = &summary.link.certificate_ends_at {
        page.line("", &format!("its certificate ends at {at}"));
    }
    page.line("config", &config(summary));
    spool(&mut page, &summary.spool);
    ledger(&mut page, &summary.ledger);
    if let Some(error) = &summary.link.last_error {
        page.line("error", &format!("link: {error}"));
    }
    if let Some(remedy) = &summary.link.remedy {
        page.line("", &format!("-> {remedy}"));
    }
    if let Some(error) = &summary.spool.last_error {
        let at = summary.spool.last_error_at.as_deref().unwrap_or("unknown");
        page.line("error", &format!("disk, at {at}: {error}"));
    }
    page.0
}

fn link(link: &LinkSummary) -> String {
    let hub = link.hub.as_deref().unwrap_or("no hub");
    let mut line = match link.state.as_str() {
        "connected" => format!("connected to {hub}"),
        "connecting" => format!("connecting to {hub}"),
        "away" => format!("{hub} is away, buffering"),
        "not_joined" => "not joined to a hub, buffering".to_owned(),
        other => other.to_owned(),
    };
    if !link.since.is_empty() {
        let _written = write!(line, " since {}", link.since);
    }
    if let Some(carrier) = &link.carrier {
        let _written = write!(line, " over {}", carrier.to_uppercase());
    }
    if let Some(rtt) = link.rtt_ms {
        let _written = write!(line, "; round trip {rtt} ms");
    }
    if let Some(lost) = link.loss_permille.filter(|lost| *lost > 0) {
        let _written = write!(line, "; {}.{} % lost", lost / 10, lost % 10);
    }
    if let Some(offset) = link.clock_offset_ms {
        let _written = write!(line, "; clock {offset:+} ms");
    }
    if link.in_flight > 0 {
        let _written = write!(line, "; {} blocks under way", link.in_flight);
    }
    line
}

/// How fast the link is, and what holds it back.
fn limits(link: &LinkSummary) -> Option<String> {
    let rate = link
        .rate
        .map(|rate| format!("carried {}/s when full", text::bytes(rate)));
    let most = link.bandwidth_max;
    let most = most.map(|most| format!("at most {}/s", text::bytes(most)));
    let quiet = "quiet hours: only control and errors travel";
    let thin = "traces and files wait: the link is very thin";
    let parts = [
        rate,
        most,
        link.is_quiet.then(|| quiet.to_owned()),
        link.is_bulk_paused.then(|| thin.to_owned()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn config(summary: &Summary) -> String {
    match summary.roster_version {
        0 => "none from the hub yet: everything is accepted and held".to_owned(),
        version => format!("version {version}, {} keys", summary.keys),
    }
}

fn spool(page: &mut Page, spool: &SpoolSummary) {
    let disk = &spool.disk;
    let mut line = format!(
        "{} of {}",
        text::bytes(spool.bytes_used),
        text::bytes(spool.bytes_max)
    );
    if disk.total_bytes > 0 {
        let free = text::bytes(disk.free_bytes);
        let _written = write!(
            line,
            "; disk {free} of {} free",
            text::bytes(disk.total_bytes)
        );
    }
    let (last, longest) = (
        text::micros(disk.sync_last_us),
        text::micros(disk.sync_max_us),
    );
    let _written = write!(line, "; last sync {last}, longest {longest}");
    if spool.quarantined > 0 {
        let _written = write!(line, "; {} damaged segments kept aside", spool.quarantined);
    }
    page.line("spool", &line);
    if !spool.dictionaries.is_empty() {
        let named = spool.dictionaries.iter();
        let named: Vec<_> = named.map(|(kind, id)| format!("{kind} {id}")).collect();
        page.line("", &format!("compressed with {}", named.join(", ")));
    }
    for lane in &spool.lanes {
        let mut line = match lane.oldest_age_secs.filter(|_| lane.records > 0) {
            None => format!("{:<4}empty", lane.lane),
            Some(age) => format!(
                "{:<4}{} records, {}, the oldest for {}",
                lane.lane,
                lane.records,
                text::bytes(lane.bytes),
                text::span(age)
            ),
        };
        if lane.is_held_back {
            line.push_str("; nearly full, clients are held back");
        }
        page.line("", &line);
    }
}

fn ledger(page: &mut Page, ledger: &LedgerSummary) {
    let CategorySummary {
        received,
        refused,
        accepted,
        dropped,
        delivered,
        waiting,
        deficit,
        ..
    } = &ledger.all;
    let verdict = match (deficit, ledger.is_whole) {
        _ if ledger.date.is_none() => "not drawn up yet".to_owned(),
        (0, true) => "balanced".to_owned(),
        (0, false) => "balanced, as far as it is known".to_owned(),
        (n, _) => format!("OFF BY {n} ITEMS"),
    };
    page.line("ledger", &verdict);
    let sums = [
        format!("received {received} = accepted {accepted} + refused {refused}"),
        format!(
            "accepted {accepted} = delivered {delivered} + dropped {dropped} + waiting {waiting}"
        ),
    ];
    for line in sums {
        page.line("", &line);
    }
    for line in ledger.categories.iter().filter(|line| line.deficit > 0) {
        page.line("", &format!("{}: off by {}", line.category, line.deficit));
    }
    let compared = ledger.comparisons;
    let hub = match (compared, ledger.divergence) {
        (0, _) => "not compared with the hub yet".to_owned(),
        (_, 0) => format!("the hub has the same, compared {compared} times"),
        (_, n) => format!("THE HUB DIFFERS BY {n} ITEMS: its fleet page names them"),
    };
    page.line("", &hub);
}

/// Lines with their names in a column.
struct Page(String);

impl Page {
    fn line(&mut self, name: &str, line: &str) {
        // Writing to a string cannot fail.
        let _written = writeln!(self.0, "{name:<8}{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{DiskSummary, LaneSummary};

    fn summary() -> Summary {
        Summary {
            version: "0.1.0".to_owned(),
            uptime_secs: 7330,
            ready: true,
            roster_version: 14,
            keys: 3,
            is_drained: false,
            link: LinkSummary {
                state: "connected".to_owned(),
                hub: Some("hub.example:4801".to_owned()),
                since: "2026-01-01T00:00:00.000Z".to_owned(),
                carrier: Some("quic".to_owned()),
                rtt_ms: Some(23),
                loss_permille: Some(4),
                rate: Some(3 << 20),
                bandwidth_max: Some(1 << 20),
                clock_offset_ms: Some(-12),
                ..LinkSummary::default()
            },
            spool: SpoolSummary {
                bytes_used: 3 << 20,
                bytes_max: 2 << 30,
                lanes: vec![
                    LaneSummary {
                        lane: "L0".to_owned(),
                        ..LaneSummary::default()
                    },
                    LaneSummary {
                        lane: "L1".to_owned(),
                        records: 1204,
                        bytes: 3 << 20,
                        oldest_received_at: None,
                        oldest_age_secs: Some(7440),
                        is_held_back: false,
                    },
                ],
                disk: DiskSummary {
                    total_bytes: 32 << 30,
                    free_bytes: 14 << 30,
                    sync_last_us: 900,
                    sync_max_us: 48_200,
                },
                ..SpoolSummary::default()
            },
            ledger: LedgerSummary {
                date: Some("2026-01-01T00:00:00.000Z".to_owned()),
                is_whole: true,
                all: CategorySummary {
                    received: 10,
                    refused: 2,
                    accepted: 8,
                    dropped: 1,
                    delivered: 5,
                    waiting: 2,
                    ..CategorySummary::default()
                },
                comparisons: 7,
                ..LedgerSummary::default()
            },
            items: Vec::new(),
        }
    }

    #[test]
    fn a_relay_that_is_well_says_so_in_a_few_lines() {
        insta::assert_snapshot!(show(&summary()));
    }

    #[test]
    fn what_is_wrong_is_not_to_be_missed() {
        let mut summary = summary();
        summary.ready = false;
        summary.link.state = "away".to_owned();
        summary.link.last_error = Some("10.0.0.1:4801 does not answer".to_owned());
        summary.spool.last_error = Some("commit not durable: no space left".to_owned());
        for lane in &mut summary.spool.lanes {
            lane.is_held_back = true;
        }
        summary.ledger.divergence = 1;
        summary.ledger.all.deficit = 2;
        summary.roster_version = 0;
        summary.link.is_quiet = true;
        insta::assert_snapshot!(show(&summary));
    }
}
