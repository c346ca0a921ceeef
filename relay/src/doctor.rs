//! What is wrong with this relay and its host, and what to do about it: for `vedette-relay doctor`,
//! and for the hub when it asks.
//!
//! Every check says what it found; one that is not well says the remedy. What is found are figures,
//! settings, paths and names of this host's own, never what users sent.
//!
//! What it never does: change anything.

mod held;
mod host;
mod shown;
pub mod text;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::forward::{self, IdentityError, Known};
use crate::policy::Policy;
use crate::status::{Status, Summary};
use crate::{clock, roster};

pub use host::try_disk;

/// How long the hub's question may wait for the checks: they read some files of the host.
const PATIENCE: Duration = Duration::from_millis(400);
/// Longest text of a finding that the hub is told, in bytes.
const TEXT_BYTES_MAX: usize = 500;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Well,
    /// Works, but somebody should know.
    Note,
    /// Does not work.
    Wrong,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word.
    pub what: &'static str,
    /// How it is.
    pub grade: Grade,
    /// What was found.
    pub found: String,
    /// What to do, unless it is well.
    pub remedy: Option<String>,
}

/// Something that is as it should be.
#[must_use]
pub fn well(what: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        what,
        grade: Grade::Well,
        found: found.into(),
        remedy: None,
    }
}

/// Something that somebody should know.
#[must_use]
pub fn note(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        what,
        grade: Grade::Note,
        found: found.into(),
        remedy: Some(remedy.into()),
    }
}

/// Something that does not work.
#[must_use]
pub fn wrong(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        grade: Grade::Wrong,
        ..note(what, found, remedy)
    }
}

/// What the relay is to the hub, as its files say.
pub type Identity = Result<Known, IdentityError>;

/// Checks what can be checked without asking anybody: the files of the host, and what the relay
/// that runs, if one does, shows of itself. It reads files: call it where that is allowed.
#[must_use]
pub fn check(config: &Config, identity: &Identity, running: Option<&Summary>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(running.map(shown::program));
    findings.extend(host::directory(&config.state_dir));
    findings.push(name(identity));
    findings.extend(held::key(&forward::identity_file(&config.link.dir)));
    if let Ok(known) = identity {
        let offset = running.and_then(|one| one.link.clock_offset_ms);
        findings.push(held::certificate(known.validity, clock::now(), offset));
    }
    findings.extend(told(config));
    if let Some(summary) = running {
        findings.push(shown::link(summary));
        findings.extend(shown::clock(summary));
        findings.push(shown::backlog(summary));
        findings.push(shown::space(summary));
        findings.extend(shown::disk(summary));
        findings.push(shown::ledger(summary));
    }
    findings
}

/// Answers the hub's questions for how the relay is, with what `/status` shows and what is found;
/// until `cancel`.
pub async fn answer_hub(config: Arc<Config>, status: Status, cancel: CancellationToken) {
    let answer = async {
        loop {
            let question = status.link.question().await;
            let summary = status.summary();
            let findings = timeout(PATIENCE, find(&config, &summary)).await.ok();
            let told = Told {
                findings: findings.flatten(),
                summary,
            };
            // Plain data always becomes JSON; who asked may have gone.
            let _gone = question.send(serde_json::to_vec(&told).unwrap_or_default());
        }
    };
    cancel.run_until_cancelled(answer).await;
}

/// What the hub is told.
#[derive(Serialize)]
struct Told {
    /// Nothing, when the host did not give its files in time.
    findings: Option<Vec<Finding>>,
    #[serde(flatten)]
    summary: Summary,
}

async fn find(config: &Arc<Config>, summary: &Summary) -> Option<Vec<Finding>> {
    let identity = forward::known(&config.link.dir).await;
    let (config, summary) = (Arc::clone(config), summary.clone());
    let checking = tokio::task::spawn_blocking(move || {
        let mut findings = check(&config, &identity, Some(&summary));
        // No trial of its own: the last commit was one.
        let last = Duration::from_micros(summary.spool.disk.sync_last_us);
        findings.push(host::sync_took(last));
        findings
    });
    let findings = checking.await.ok()?.into_iter().map(cut);
    Some(findings.collect())
}

/// A finding with texts of bounded length.
fn cut(finding: Finding) -> Finding {
    let cut = |text: String| match text.len() > TEXT_BYTES_MAX {
        true => {
            let end = text.floor_char_boundary(TEXT_BYTES_MAX);
            format!("{}…", text.get(..end).unwrap_or_default())
        }
        false => text,
    };
    Finding {
        found: cut(finding.found),
        remedy: finding.remedy.map(cut),
        ..finding
    }
}

fn name(identity: &Identity) -> Finding {
    const WHAT: &str = "identity";
    match identity {
        Ok(known) => {
            let region = known.region.as_ref();
            let pin = region.map_or_else(String::new, |one| format!(", pinned to region {one}"));
            well(
                WHAT,
                format!("relay {} of hub {}{pin}", known.relay, known.hub),
            )
        }
        Err(error @ IdentityError::NotJoined) => {
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
        Ok(Some(version)) => match roster::reverted_on_disk(&config.state_dir) {
            Some(given_up) if given_up > version => note(
                WHAT,
                format!("version {version} is in force: with {given_up} the relay did not hold"),
                "the hub's fleet page says why; a later version is tried again by itself",
            ),
            _ => well(WHAT, format!("version {version} is there, and signed")),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_hub_is_told_is_bounded() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        let cut = cut(wrong("policy", long.clone(), long));
        for text in [cut.found, cut.remedy.unwrap()] {
            assert!(text.ends_with("é…"), "{text}");
            assert!(text.len() <= TEXT_BYTES_MAX + "…".len(), "{}", text.len());
        }
        let short = note("clock", "+6000 ms", "synchronise");
        assert_eq!(super::cut(short.clone()), short);
    }

    #[test]
    fn a_relay_that_never_joined_is_told_what_is_missing_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            state_dir: dir.path().join("none"),
            ..Config::default()
        };
        config.link.dir = config.state_dir.clone();
        config.policy.file = dir.path().join("policy.toml");
        std::fs::write(&config.policy.file, "").unwrap();
        let found = check(&config, &Err(IdentityError::NotJoined), None);
        let wrong: Vec<_> = found
            .iter()
            .filter(|one| one.grade == Grade::Wrong)
            .collect();
        let names: Vec<_> = wrong.iter().map(|one| one.what).collect();
        assert_eq!(names, ["state", "identity"], "{found:?}");
        assert!(wrong.iter().all(|one| one.remedy.is_some()));
    }
}
