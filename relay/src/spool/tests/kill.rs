//! What holds when the process is killed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use protocol::ids::Lane;
use tokio_util::task::TaskTracker;

use super::support::{config, drain, number, record, runtime};
use crate::ledger::Ledger;
use crate::spool::Spool;

/// Set for the child: the spool's directory and the first number to use.
const CHILD_ENV: &str = "SPOOL_TEST_CHILD";
const N_KILLS: u64 = 20;
const N_PER_LIFE: u64 = 1_000_000;
const N_CALLERS: u64 = 16;

/// In a child process this appends until it is killed; in any other it does nothing.
#[test]
fn appends_until_killed() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the way a test talks to its child"
    )]
    let Ok(task) = std::env::var(CHILD_ENV) else {
        return;
    };
    let (first, dir) = task.split_once(' ').unwrap();
    let (first, dir): (u64, PathBuf) = (first.parse().unwrap(), dir.into());
    runtime().block_on(async {
        let mut config = config(&dir);
        config.segment_bytes = "256 KiB".parse().unwrap();
        let spool = Spool::open(&config, Ledger::default()).unwrap();
        let callers = TaskTracker::new();
        for caller in 0..N_CALLERS {
            let spool = spool.clone();
            callers.spawn(async move {
                for n in (first + caller..).step_by(usize::try_from(N_CALLERS).unwrap()) {
                    spool
                        .append(vec![(Lane::Errors, record(n, 2000))])
                        .await
                        .unwrap();
                    writeln!(std::io::stdout().lock(), "\nkept {n}").unwrap();
                }
            });
        }
        callers.close();
        callers.wait().await;
    });
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_exactly_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = Vec::new();
    let mut chance = 12_345_u64;
    for life in 0..N_KILLS {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let n_lines = (chance >> 40) % 300;
        let task = format!("{} {}", life * N_PER_LIFE + 1, dir.path().display());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "spool::tests::kill::appends_until_killed",
                "--nocapture",
            ])
            .env(CHILD_ENV, task)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        // After the kill the pipe still holds what the child has said.
        while let Some(Ok(line)) = lines.next() {
            if let Some(n) = line
                .strip_prefix("kept ")
                .and_then(|n| n.parse::<u64>().ok())
            {
                kept.push(n);
                seen += 1;
            }
            if seen == n_lines {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
    }
    runtime().block_on(async {
        let spool = Spool::open(&config(dir.path()), Ledger::default()).unwrap();
        let mut times: BTreeMap<u64, usize> = BTreeMap::new();
        // What came when the lane had not moved for a while lies in its twin.
        for lane in [Lane::Errors, Lane::ErrorsBacklog] {
            let (records, gaps) = drain(&spool, lane, protocol::ids::Seq(1)).await;
            assert_eq!(gaps, []);
            for (_, record) in &records {
                *times.entry(number(record).unwrap()).or_default() += 1;
            }
        }
        assert!(kept.len() > 1000, "{} kept", kept.len());
        assert!(
            kept.iter().all(|n| times.contains_key(n)),
            "an acknowledged record is gone"
        );
        assert!(times.values().all(|n| *n == 1), "a record is there twice");
        assert_eq!(spool.status().quarantined, 0);
        spool.close().await.unwrap();
    });
}
