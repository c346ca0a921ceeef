//! `vedette-relay doctor`: what is wrong on this host, and what to do about it.
//!
//! Every check says what it found; one that is not well says the remedy. It changes nothing but a
//! file of its own in the state directory, which it removes again.

mod held;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::local::{self, AskError};
use super::{say, text};
use crate::clock;
use crate::config::Config;
use crate::policy::Policy;
use crate::status::Summary;
use crate::{forward, roster};

/// A sync slower than this delays every answer.
const SYNC_SLOW: Duration = Duration::from_millis(500);
/// One slower than this means 503: an append waits no longer.
const SYNC_DEAD: Duration = Duration::from_secs(2);
/// Bytes written to try the disk.
const TRIAL_BYTES: usize = 4096;
/// A clock that is off by more makes times on the dashboard hard to believe, in milliseconds.
const CLOCK_OFF: i64 = 5_000;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Well,
    /// Works, but somebody should know.
    Note,
    Wrong,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    grade: Grade,
    found: String,
    remedy: Option<String>,
}

fn well(what: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        what,
        grade: Grade::Well,
        found: found.into(),
        remedy: None,
    }
}

fn note(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        what,
        grade: Grade::Note,
        found: found.into(),
        remedy: Some(remedy.into()),
    }
}

fn wrong(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        grade: Grade::Wrong,
        ..note(what, found, remedy)
    }
}

/// Checks everything and prints it; an error when something is wrong.
pub(super) fn run(path: &Path) -> anyhow::Result<()> {
    let findings = match Config::load(path) {
        Err(error) => {
            let remedy = format!(
                "correct it, then run `vedette-relay check-config {}`",
                path.display()
            );
            vec![wrong("config", error.to_string(), remedy)]
        }
        Ok(config) => check(path, &config)?,
    };
    say(show(&findings).trim_end())?;
    let n = findings
        .iter()
        .filter(|one| one.grade == Grade::Wrong)
        .count();
    match n {
        0 => Ok(()),
        1 => anyhow::bail!("one thing is wrong"),
        n => anyhow::bail!("{n} things are wrong"),
    }
}

fn check(path: &Path, config: &Config) -> anyhow::Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    let mut findings = vec![well("config", format!("{} is right", path.display()))];
    let running = local::ask(config.http.listen);
    findings.push(program(&running));
    if running.is_err() {
        findings.push(port(config));
    }
    findings.extend(directory(&config.state_dir));
    findings.push(disk(&config.state_dir));
    let known = runtime.block_on(forward::known(&config.link.dir));
    findings.push(identity(&known));
    findings.extend(held::key(&forward::identity_file(&config.link.dir)));
    if let Ok(known) = &known {
        let offset = running
            .as_ref()
            .ok()
            .and_then(|one| one.link.clock_offset_ms);
        findings.push(held::certificate(known.validity, clock::now(), offset));
        let tried = forward::addresses(&config.link, known).into_iter();
        let tried: Vec<_> = tried
            .map(|hub| {
                let udp = runtime.block_on(forward::reach_by_udp(&config.link.dir, &hub));
                let tcp = runtime.block_on(forward::reach_by_tcp(&config.link, &hub));
                (hub, udp, tcp)
            })
            .collect();
        // A stand-in may be down as long as the hub is not.
        let is_cut = tried
            .iter()
            .all(|(_, udp, tcp)| udp.is_err() && tcp.is_err());
        for (hub, udp, tcp) in &tried {
            findings.extend(reached(hub, udp, tcp, is_cut));
        }
    }
    findings.extend(told(config));
    if let Ok(summary) = &running {
        findings.extend(clock(summary));
        findings.push(space(summary));
        findings.push(ledger(summary));
    }
    Ok(findings)
}

fn program(running: &Result<Summary, AskError>) -> Finding {
    match running {
        Ok(summary) if summary.ready => {
            let up = text::span(summary.uptime_secs);
            well("relay", format!("{} runs, for {up}", summary.version))
        }
        Ok(summary) => {
            let error = summary.spool.last_error.clone().unwrap_or_default();
            let remedy = "look at the disk: see `journalctl -u vedette-relay`";
            wrong("relay", format!("it refuses requests: {error}"), remedy)
        }
        Err(error) => wrong(
            "relay",
            error.to_string(),
            "start it, or set `http.listen` right",
        ),
    }
}

/// Whether the port could be had.
fn port(config: &Config) -> Finding {
    let listen = config.http.listen;
    match TcpListener::bind(listen) {
        Ok(_) => well("port", format!("{listen} is free")),
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    format!(
                        "see who has it with `ss -ltnp 'sport = :{}'`",
                        listen.port()
                    )
                }
                io::ErrorKind::PermissionDenied => "choose a port from 1024 on".to_owned(),
                _ => "set `http.listen` to an address of this host".to_owned(),
            };
            wrong("port", format!("{listen}: {error}"), remedy)
        }
    }
}

/// Whether the state directory is there and private.
fn directory(dir: &Path) -> Vec<Finding> {
    const WHAT: &str = "state";
    let shown = dir.display();
    let meta = match fs::metadata(dir) {
        Ok(meta) => meta,
        Err(error) => {
            let remedy = format!("make it: `install -d -m 700 -o vedette-relay {shown}`");
            return vec![wrong(WHAT, format!("{shown}: {error}"), remedy)];
        }
    };
    if !meta.is_dir() {
        return vec![wrong(
            WHAT,
            format!("{shown} is no directory"),
            "set `state_dir` to one",
        )];
    }
    let mut findings = Vec::new();
    let mode = meta.mode() & 0o777;
    if mode & 0o077 != 0 {
        let found = format!("{shown} can be read by others (mode {mode:o})");
        findings.push(wrong(WHAT, found, format!("`chmod 700 {shown}`")));
    }
    if let Some(stranger) = stranger(dir, meta.uid()) {
        let found = format!(
            "{} belongs to another user than {shown}",
            stranger.display()
        );
        findings.push(wrong(
            WHAT,
            found,
            format!("`chown -R --reference={shown} {shown}`"),
        ));
    }
    if findings.is_empty() {
        findings.push(well(WHAT, format!("{shown} is there and private")));
    }
    findings
}

/// A file of the relay's that is not its user's: a command that was run as root left it.
fn stranger(dir: &Path, owner: u32) -> Option<std::path::PathBuf> {
    let names = [
        "identity.json",
        "roster.signed",
        "spool",
        "spool/state.0",
        "spool/lock",
    ];
    names
        .iter()
        .map(|name| dir.join(name))
        .find(|path| fs::metadata(path).is_ok_and(|meta| meta.uid() != owner))
}

/// Writes a little and syncs it, as every commit does.
fn disk(dir: &Path) -> Finding {
    const WHAT: &str = "disk";
    let path = dir.join("doctor.tmp");
    let tried = || -> io::Result<Duration> {
        let mut file = fs::File::create(&path)?;
        io::Write::write_all(&mut file, &[0; TRIAL_BYTES])?;
        let began = clock::monotonic();
        file.sync_data()?;
        Ok(clock::monotonic().saturating_sub(began))
    };
    let tried = tried();
    let removed = fs::remove_file(&path);
    match tried.and_then(|took| removed.map(|()| took)) {
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::StorageFull => "free some space, or set `spool.bytes_max` lower",
                io::ErrorKind::PermissionDenied => {
                    "run it as the relay's user: `sudo -u vedette-relay vedette-relay doctor`"
                }
                _ => "check the disk: `dmesg`, `smartctl -a`",
            };
            wrong(WHAT, format!("{}: {error}", dir.display()), remedy)
        }
        Ok(took) => sync_took(took),
    }
}

fn sync_took(took: Duration) -> Finding {
    const WHAT: &str = "disk";
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let found = format!("a sync takes {}", text::micros(micros));
    if took >= SYNC_DEAD {
        wrong(
            WHAT,
            found,
            "requests are answered 503: move `spool.dir` to a faster disk",
        )
    } else if took >= SYNC_SLOW {
        note(
            WHAT,
            found,
            "every request waits that long: move `spool.dir` to a faster disk",
        )
    } else {
        well(WHAT, found)
    }
}

fn identity(known: &Result<forward::Known, forward::IdentityError>) -> Finding {
    const WHAT: &str = "identity";
    match known {
        Ok(known) => {
            let region = known.region.as_ref();
            let pin = region.map_or_else(String::new, |one| format!(", pinned to region {one}"));
            well(
                WHAT,
                format!("relay {} of hub {}{pin}", known.relay, known.hub),
            )
        }
        Err(error @ forward::IdentityError::NotJoined) => {
            let remedy = "make a token on the hub's fleet page and run `vedette-relay join`";
            wrong(WHAT, error.to_string(), remedy)
        }
        Err(error) => wrong(
            WHAT,
            error.to_string(),
            "run this as root, or join again with --force",
        ),
    }
}

/// The two ways to an address of the hub. One of them is enough, at one of the addresses; where
/// there is none, the relay is cut off.
fn reached(
    hub: &str,
    udp: &Result<Duration, String>,
    tcp: &Result<Duration, String>,
    is_cut: bool,
) -> Vec<Finding> {
    let shown = |took: &Duration| text::micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    let finding = |what, way: &str, result: &Result<Duration, String>, remedy: String| match result
    {
        Ok(took) => well(
            what,
            format!("{hub} answers over {way} after {}", shown(took)),
        ),
        Err(error) if is_cut => wrong(what, format!("{hub} over {way}: {error}"), remedy),
        Err(error) => note(what, format!("{hub} over {way}: {error}"), remedy),
    };
    let open = |way: &str| format!("let {way} to {hub} out of this network, and into the hub's");
    vec![
        finding("hub udp", "QUIC", udp, open("UDP")),
        finding("hub tcp", "TCP", tcp, open("TCP")),
    ]
}

/// What this host's owner demands, and what the hub tells the relay.
fn told(config: &Config) -> Vec<Finding> {
    match Policy::load(&config.policy) {
        Ok(policy) => vec![
            held::policy(&config.policy.file, &policy),
            roster(config, &policy),
        ],
        Err(error) => {
            let remedy = "correct it: the relay does not start with it";
            vec![wrong(
                "policy",
                format!("{:#}", anyhow::Error::new(error)),
                remedy,
            )]
        }
    }
}

fn roster(config: &Config, policy: &Policy) -> Finding {
    const WHAT: &str = "roster";
    match roster::version_on_disk(&config.state_dir, &config.link.dir, policy) {
        Ok(Some(version)) => well(WHAT, format!("version {version} is there, and signed")),
        Ok(None) => note(
            WHAT,
            "the hub has not told of projects and keys yet: everything is accepted and held",
            "it comes with the first connection to the hub",
        ),
        Err(error) => wrong(
            WHAT,
            error.to_string(),
            "run this as root; if it says the same, remove the file: the hub sends it again",
        ),
    }
}

fn clock(summary: &Summary) -> Option<Finding> {
    const WHAT: &str = "clock";
    let offset = summary.link.clock_offset_ms?;
    let found = format!("{offset:+} ms against the hub");
    Some(if offset.abs() > CLOCK_OFF {
        note(
            WHAT,
            found,
            "switch time synchronisation on: `timedatectl set-ntp true`",
        )
    } else {
        well(WHAT, found)
    })
}

fn space(summary: &Summary) -> Finding {
    const WHAT: &str = "space";
    let spool = &summary.spool;
    let found = format!(
        "the spool has {} of {}",
        text::bytes(spool.bytes_used),
        text::bytes(spool.bytes_max)
    );
    // Nine tenths: what comes next pushes something out.
    if spool.bytes_used / 9 >= spool.bytes_max / 10 {
        let remedy = "see why the hub does not take it (above), or set `spool.bytes_max` higher";
        wrong(WHAT, found, remedy)
    } else {
        well(WHAT, found)
    }
}

fn ledger(summary: &Summary) -> Finding {
    const WHAT: &str = "ledger";
    let ledger = &summary.ledger;
    let remedy = "see the relay's page on the hub, and report it: this is never expected";
    match (ledger.all.deficit, ledger.divergence) {
        (0, 0) => well(WHAT, "every item is accounted for"),
        (0, n) => wrong(WHAT, format!("the hub's books differ by {n} items"), remedy),
        (n, _) => wrong(WHAT, format!("{n} items are not accounted for"), remedy),
    }
}

fn show(findings: &[Finding]) -> String {
    let mut page = String::new();
    for finding in findings {
        let grade = match finding.grade {
            Grade::Well => "ok",
            Grade::Note => "note",
            Grade::Wrong => "WRONG",
        };
        // Writing to a string cannot fail.
        let _written = writeln!(page, "{grade:<6}{:<9}{}", finding.what, finding.found);
        if let Some(remedy) = &finding.remedy {
            let _written = writeln!(page, "{:<15}-> {remedy}", "");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_way_to_the_hub_is_enough() {
        let (well, cut) = (Ok(Duration::from_millis(23)), Err("no answer".to_owned()));
        let grades = |udp: &Result<_, _>, tcp: &Result<_, _>| {
            let is_cut = udp.is_err() && tcp.is_err();
            let found = reached("hub:4801", udp, tcp, is_cut);
            found.iter().map(|one| one.grade).collect::<Vec<_>>()
        };
        assert_eq!(grades(&well, &well), [Grade::Well, Grade::Well]);
        assert_eq!(grades(&cut, &well), [Grade::Note, Grade::Well]);
        assert_eq!(grades(&well, &cut), [Grade::Well, Grade::Note]);
        assert_eq!(grades(&cut, &cut), [Grade::Wrong, Grade::Wrong]);
        // Where another address answers it is no more than a note.
        let stand_in = reached("stand-in:4801", &cut, &cut, false);
        assert!(stand_in.iter().all(|one| one.grade == Grade::Note));
    }

    #[test]
    fn a_state_directory_that_others_can_read_is_wrong_and_so_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |mode| {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            directory(dir.path())
        };
        assert_eq!(mode(0o700)[0].grade, Grade::Well);
        let open = mode(0o755);
        assert_eq!(open[0].grade, Grade::Wrong);
        assert!(open[0].remedy.as_deref().unwrap().contains("chmod 700"));
        let none = directory(&dir.path().join("none"));
        assert!(none[0].remedy.as_deref().unwrap().contains("install -d"));
        assert_eq!(disk(dir.path()).grade, Grade::Well);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_slow_disk_is_told_and_a_dead_one_is_wrong() {
        let grade = |millis| sync_took(Duration::from_millis(millis)).grade;
        assert_eq!(grade(3), Grade::Well);
        assert_eq!(grade(500), Grade::Note);
        assert_eq!(grade(2000), Grade::Wrong);
    }

    #[test]
    fn a_full_spool_and_a_ledger_that_is_off_are_wrong() {
        let mut summary = Summary::default();
        summary.spool.bytes_max = 1000;
        summary.spool.bytes_used = 890;
        assert_eq!(space(&summary).grade, Grade::Well);
        summary.spool.bytes_used = 900;
        assert_eq!(space(&summary).grade, Grade::Wrong);
        assert_eq!(ledger(&summary).grade, Grade::Well);
        summary.ledger.divergence = 1;
        assert_eq!(ledger(&summary).grade, Grade::Wrong);
        summary.link.clock_offset_ms = Some(-5001);
        assert_eq!(clock(&summary).unwrap().grade, Grade::Note);
    }

    #[test]
    fn each_finding_is_a_line_and_its_remedy_another() {
        let findings = [
            well("config", "relay.toml is right"),
            wrong("port", "127.0.0.1:4900 is taken", "stop the other program"),
        ];
        let text = "ok    config   relay.toml is right\n\
                    WRONG port     127.0.0.1:4900 is taken\n               \
                    -> stop the other program\n";
        assert_eq!(show(&findings), text);
    }
}
