//! Metrics in Prometheus' text form.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::time::Duration;

use protocol::ids::Lane;

use super::{Status, state_name};
use crate::clock;
use crate::forward::Trouble;
use crate::pipeline::LATENCY_BOUNDS;
use crate::site::SiteStatus;

/// Category, outcome and reason.
pub(super) type ItemLabels = (&'static str, &'static str, String);

/// The ledger without its projects.
pub(super) fn items(status: &Status) -> BTreeMap<ItemLabels, u64> {
    let mut items = BTreeMap::new();
    for (account, n) in status.ledger.totals() {
        let labels = (
            account.category.name(),
            account.term.name(),
            account.reason.into_owned(),
        );
        *items.entry(labels).or_default() += n;
    }
    items
}

pub(super) fn text(status: &Status) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    requests(&mut page, status);
    page.head(
        "vedette_relay_items_total",
        "counter",
        "Items by what became of them.",
    );
    for ((category, outcome, reason), n) in items(status) {
        let labels = [
            ("category", category),
            ("outcome", outcome),
            ("reason", &reason),
        ];
        page.line("vedette_relay_items_total", &labels, n);
    }
    page.head(
        "vedette_relay_scrubbed_total",
        "counter",
        "Pieces of private data removed, by rule.",
    );
    for (rule, n) in status.meter.by_rule() {
        page.line("vedette_relay_scrubbed_total", &[("rule", rule.id())], n);
    }
    spool(&mut page, status);
    lanes(&mut page, status);
    link(&mut page, status);
    troubles(&mut page, status);
    if let Some(site) = &status.site {
        passing(&mut page, site.status());
    }
    let uptime = clock::monotonic().saturating_sub(status.started);
    page.single(
        "vedette_relay_uptime_seconds",
        "gauge",
        "Time since the start.",
        secs(uptime),
    );
    page.head("vedette_relay_build_info", "gauge", "Always 1.");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.line("vedette_relay_build_info", &version, 1);
    page.0
}

fn requests(page: &mut Page, status: &Status) {
    page.head(
        "vedette_relay_requests_total",
        "counter",
        "Ingest requests by status.",
    );
    for (code, n) in status.meter.by_status() {
        page.line(
            "vedette_relay_requests_total",
            &[("status", &code.to_string())],
            n,
        );
    }
    let name = "vedette_relay_ack_seconds";
    page.head(
        name,
        "histogram",
        "Time from a request's headers to its answer.",
    );
    let (buckets, n, sum) = status.meter.latency();
    let bucket = "vedette_relay_ack_seconds_bucket";
    for (bound, n) in LATENCY_BOUNDS.iter().zip(buckets) {
        let bound = secs(Duration::from_micros(*bound));
        page.line(bucket, &[("le", &bound)], n);
    }
    page.line(bucket, &[("le", "+Inf")], n);
    page.line("vedette_relay_ack_seconds_sum", &[], secs(sum));
    page.line("vedette_relay_ack_seconds_count", &[], n);
}

fn spool(page: &mut Page, status: &Status) {
    let spool = status.spool.status();
    let rows: [(&str, &str, &str, u64); 7] = [
        (
            "bytes",
            "gauge",
            "Bytes of segments on disk.",
            spool.bytes_used,
        ),
        (
            "bytes_max",
            "gauge",
            "Bytes the spool may take now.",
            spool.bytes_max,
        ),
        (
            "commits_total",
            "counter",
            "Commits since the start.",
            spool.commits,
        ),
        (
            "records_total",
            "counter",
            "Records committed since the start.",
            spool.records,
        ),
        (
            "quarantined",
            "gauge",
            "Damaged segments kept aside.",
            spool.quarantined,
        ),
        (
            "repaired_total",
            "counter",
            "Damages that cost nothing.",
            spool.repaired,
        ),
        (
            "torn_total",
            "counter",
            "Unfinished writes found at the start.",
            spool.torn,
        ),
    ];
    for (name, kind, help, n) in rows {
        page.single(&format!("vedette_relay_spool_{name}"), kind, help, n);
    }
    if !spool.dictionaries.is_empty() {
        let name = "vedette_relay_spool_dictionary";
        page.head(name, "gauge", "1 for what new blocks are compressed with.");
        for (kind, id) in &spool.dictionaries {
            let labels = [("kind", kind.name()), ("id", &id.to_string())];
            page.line(name, &labels, 1);
        }
    }
    for (name, kind, help, time) in [
        (
            "sync_last_seconds",
            "gauge",
            "How long the last sync took.",
            spool.sync_last,
        ),
        (
            "sync_max_seconds",
            "gauge",
            "The longest sync since the start.",
            spool.sync_max,
        ),
        (
            "sync_seconds_total",
            "counter",
            "All syncs together.",
            spool.sync_total,
        ),
    ] {
        page.single(
            &format!("vedette_relay_spool_{name}"),
            kind,
            help,
            secs(time),
        );
    }
}

fn lanes(page: &mut Page, status: &Status) {
    let states = status.spool.lanes();
    let now = clock::now();
    let by_lane = |page: &mut Page, name: &str, help: &str, value: &dyn Fn(usize) -> u64| {
        page.head(name, "gauge", help);
        for lane in Lane::ALL {
            page.line(name, &[("lane", &lane.to_string())], value(lane.index()));
        }
    };
    let state = |lane: usize| states.get(lane).copied().unwrap_or_default();
    let name = "vedette_relay_lane_records";
    by_lane(page, name, "Records not delivered.", &|lane| {
        state(lane).records
    });
    let name = "vedette_relay_lane_bytes";
    by_lane(page, name, "Bytes not delivered.", &|lane| {
        state(lane).bytes
    });
    let name = "vedette_relay_lane_held_back";
    let help = "1 while clients are told to send no more for the lane.";
    by_lane(page, name, help, &|lane| {
        let lane = Lane::ALL.get(lane);
        u64::from(lane.is_some_and(|lane| status.spool.is_held_back(*lane)))
    });
    let name = "vedette_relay_lane_oldest_seconds";
    by_lane(
        page,
        name,
        "Age of the oldest record not delivered.",
        &|lane| {
            let oldest = state(lane).oldest_received_at;
            let age = oldest.map_or(0, |oldest| now.millis_since(oldest) / 1000);
            u64::try_from(age).unwrap_or(0)
        },
    );
}

fn link(page: &mut Page, status: &Status) {
    let link = status.link.status();
    let name = "vedette_relay_link_state";
    page.head(name, "gauge", "1 for the state the link is in.");
    page.line(name, &[("state", state_name(&link.state))], 1);
    if let Some(rtt_ms) = link.rtt_ms {
        let rtt = secs(Duration::from_millis(u64::from(rtt_ms)));
        page.single(
            "vedette_relay_link_rtt_seconds",
            "gauge",
            "Round trip to the hub.",
            rtt,
        );
    }
    if let Some(carrier) = link.carrier {
        let name = "vedette_relay_link_carrier";
        page.head(name, "gauge", "1 for what carries the link.");
        page.line(name, &[("carrier", carrier.name())], 1);
    }
    let rows = [
        (
            "connections_total",
            "Times the hub welcomed the relay.",
            link.connections,
        ),
        (
            "blocks_total",
            "Blocks sent, repeated ones included.",
            link.blocks_sent,
        ),
        ("bytes_total", "Their bytes.", link.bytes_sent),
    ];
    for (name, help, n) in rows {
        page.single(&format!("vedette_relay_link_{name}"), "counter", help, n);
    }
    if let Some(at) = link.last_ack_at {
        let age = clock::now().millis_since(at).max(0) / 1000;
        let help = "Time since the hub acknowledged something.";
        page.single("vedette_relay_link_last_ack_seconds", "gauge", help, age);
    }
    let audit = status.link.audit();
    let name = "vedette_relay_ledger_divergence";
    let help = "Items by which the hub's books differ from what was delivered.";
    page.single(name, "gauge", help, audit.divergence());
    let name = "vedette_relay_ledger_comparisons_total";
    let help = "Times the hub's books were compared with what was delivered.";
    page.single(name, "counter", help, audit.comparisons());
    let help = "Version of the roster in force; 0 is none.";
    let version = status.roster.version();
    page.single("vedette_relay_roster_version", "gauge", help, version);
}

/// Every kind is there all the time, so that an alert can be written before the first one comes.
fn troubles(page: &mut Page, status: &Status) {
    let name = "vedette_relay_trouble";
    page.head(
        name,
        "gauge",
        "1 for what is wrong and needs a person, by kind.",
    );
    let link = status.link.status().trouble;
    for trouble in Trouble::ALL {
        let is_so = u8::from(link == Some(trouble));
        page.line(name, &[("kind", trouble.name())], is_so);
    }
    let disk = u8::from(status.trouble().is_some());
    page.line(name, &[("kind", "disk")], disk);
}

fn passing(page: &mut Page, passed: SiteStatus) {
    let name = "vedette_relay_site_flows";
    page.head(name, "gauge", "Relays that pass through this one.");
    page.line(name, &[("carrier", "quic")], passed.udp_flows);
    page.line(name, &[("carrier", "tcp")], passed.tcp_flows);
    let name = "vedette_relay_site_bytes_total";
    page.head(name, "counter", "Bytes that passed.");
    page.line(name, &[("direction", "up")], passed.bytes_up);
    page.line(name, &[("direction", "down")], passed.bytes_down);
    let help = "Flows not let through: too many, or no way to the hub.";
    let name = "vedette_relay_site_refused_total";
    page.single(name, "counter", help, passed.refused);
}

fn secs(time: Duration) -> String {
    format!("{}", time.as_secs_f64())
}

/// The text as it grows.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (n, (label, text)) in labels.iter().enumerate() {
            let text = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let open = if n == 0 { '{' } else { ',' };
            self.push(format_args!("{open}{label}=\"{text}\""));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        self.push(format_args!("{close} {value}\n"));
    }

    /// Writing to a string cannot fail.
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        let written = self.0.write_fmt(text);
        debug_assert!(written.is_ok());
    }
}
