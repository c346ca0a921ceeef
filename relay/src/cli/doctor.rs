//! `vedette-relay doctor`: what is wrong on this host, and what to do about it.
//!
//! It changes nothing but a file of its own in the state directory, which it removes again.

use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::local::{self, AskError};
use super::say;
use crate::config::Config;
use crate::doctor::{self, Finding, Grade, note, text, well, wrong};
use crate::forward::{self, Known};

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
    if let Err(error) = &running {
        findings.push(absent(error));
        findings.push(port(config));
    }
    let known = runtime.block_on(forward::known(&config.link.dir));
    findings.extend(doctor::check(config, &known, running.as_ref().ok()));
    findings.push(doctor::try_disk(&config.state_dir));
    if let Ok(known) = &known {
        findings.extend(ways(&runtime, config, known));
    }
    Ok(findings)
}

fn absent(error: &AskError) -> Finding {
    let remedy = "start it, or set `http.listen` right";
    wrong("relay", error.to_string(), remedy)
}

/// Tries both ways to every address of the hub.
fn ways(runtime: &tokio::runtime::Runtime, config: &Config, known: &Known) -> Vec<Finding> {
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
    let each = tried.iter();
    each.flat_map(|(hub, udp, tcp)| reached(hub, udp, tcp, is_cut))
        .collect()
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
