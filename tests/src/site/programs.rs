//! The programs of a site: how they are started, watched, ended and killed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::plan::{hub_cli, last_word, write_configs};
use super::{Plan, SERVING_WITHIN, Site};
use crate::api::{Api, client};
use crate::process::{Process, Programs, run};
use crate::wait::{clock, until};

impl Site {
    /// Sets which programs are run from now on.
    pub fn set_programs(&mut self, programs: Programs) {
        self.plan.programs = programs;
    }

    /// Sets the environment of the relays started from now on.
    pub fn set_relay_environment(&mut self, environment: Vec<(String, String)>) {
        self.relay_environment = environment;
    }

    /// As [`Site::set_relay_environment`], for the hub.
    pub fn set_hub_environment(&mut self, environment: Vec<(String, String)>) {
        self.hub_environment = environment;
    }

    /// Sets the command that becomes the relays started from now on, as [`Process::start_under`]
    /// takes it.
    pub fn set_relay_by(&mut self, by: Vec<String>) {
        self.relay_by = by;
    }

    /// As [`Site::set_relay_by`], for the hub.
    pub fn set_hub_by(&mut self, by: Vec<String>) {
        self.hub_by = by;
    }

    /// Starts the hub and waits until it serves.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start_hub(&mut self) -> anyhow::Result<()> {
        // As its unit does.
        let mut environment = vec![("MIMALLOC_PURGE_DELAY".to_owned(), "0".to_owned())];
        environment.extend_from_slice(&self.hub_environment);
        let process = self.start_program("vedette-hub", "hub.toml", "hub.log", &environment)?;
        let process = self.hub.insert(process);
        ready(
            &format!("{}/health/ready", self.hub_url),
            process,
            &self.plan.dir.join("hub.log"),
        )
        .await
    }

    /// Ends the hub, makes a stand-in of what it holds, and lets the relay know both addresses.
    /// Neither hub runs then.
    ///
    /// # Errors
    /// When a program does not end or start, or the files cannot be copied.
    pub async fn prepare_stand_in(&mut self) -> anyhow::Result<()> {
        self.stop_hub().await?;
        let Plan { dir, .. } = &self.plan;
        let of_other = Plan::free(dir.join("other"))?;
        copy_dir(&dir.join("hub"), &of_other.dir.join("hub"))?;
        write_configs(&of_other)?;
        let relay = dir.join("relay.toml");
        let config = std::fs::read_to_string(&relay)?;
        let address = format!("127.0.0.1:{}", of_other.link_port);
        let config = format!("{config}[link]\nfallback_hubs = [\"{address}\"]\n");
        std::fs::write(&relay, config)?;
        self.stand_in = Some(of_other);
        self.terminate_relay().await?;
        self.start_relay().await
    }

    /// Starts the stand-in; the API is its own from now on.
    ///
    /// # Errors
    /// When there is none, or it does not serve.
    pub async fn start_stand_in(&mut self) -> anyhow::Result<()> {
        let plan = self.stand_in.take().context("a stand-in is prepared")?;
        let (config, log) = (plan.dir.join("hub.toml"), plan.dir.join("hub.log"));
        let config = config.to_str().context("paths are text")?;
        let args = ["run", "--config", config];
        let process =
            Process::start_in(&self.plan.programs.find("vedette-hub")?, &args, &log, &[])?;
        let process = self.hub.insert(process);
        self.hub_url = format!("http://127.0.0.1:{}", plan.http_port);
        self.api = Api::new(&self.hub_url, &self.access.api_token);
        ready(&format!("{}/health/ready", self.hub_url), process, &log).await
    }

    /// Starts the relay and waits until it takes envelopes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start_relay(&mut self) -> anyhow::Result<()> {
        let environment = &self.relay_environment;
        let process =
            self.start_program("vedette-relay", "relay.toml", "relay.log", environment)?;
        let process = self.relay.insert(process);
        // One that is drained is never ready.
        let url = format!("{}/health/live", self.relay_url);
        ready(&url, process, &self.plan.dir.join("relay.log")).await
    }

    /// Starts the relay on a listener that outlives it, and waits until it takes envelopes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start_relay_on(&mut self, listener: &TcpListener) -> anyhow::Result<()> {
        let config = self.plan.dir.join("relay.toml");
        let config = config.to_str().context("paths are text")?;
        let log = self.plan.dir.join("relay.log");
        let process = Process::start_with_listener(
            &self.plan.programs.find("vedette-relay")?,
            &["run", "--config", config],
            &log,
            listener,
        )?;
        let process = self.relay.insert(process);
        ready(&format!("{}/health/ready", self.relay_url), process, &log).await
    }

    fn start_program(
        &self,
        name: &str,
        config: &str,
        log: &str,
        environment: &[(String, String)],
    ) -> anyhow::Result<Process> {
        let config = self.plan.dir.join(config);
        let args = [
            "run",
            "--config",
            config.to_str().context("paths are text")?,
        ];
        let (program, log) = (self.plan.programs.find(name)?, self.plan.dir.join(log));
        match &self.plan.spool_filesystem {
            Some(size) if name == "vedette-relay" => {
                let spool = self.plan.dir.join("relay/spool");
                std::fs::create_dir_all(&spool)?;
                Process::start_with_filesystem(&program, &args, &log, &spool, size)
            }
            _ if name == "vedette-relay" => {
                Process::start_under(&self.relay_by, &program, &args, &log, environment)
            }
            _ => Process::start_under(&self.hub_by, &program, &args, &log, environment),
        }
    }

    /// The relay's spool as the relay sees it, also when it lies on a filesystem of its own.
    ///
    /// # Errors
    /// When the relay does not run.
    pub fn spool_of_running_relay(&self) -> anyhow::Result<PathBuf> {
        let relay = self.relay.as_ref().context("the relay runs")?;
        let spool = self.plan.dir.join("relay/spool");
        let root = PathBuf::from(format!("/proc/{}/root", relay.id()));
        Ok(root.join(spool.strip_prefix("/")?))
    }

    /// SIGKILL for the hub.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_hub(&mut self) -> anyhow::Result<()> {
        self.hub.take().context("the hub runs")?.kill()
    }

    /// SIGKILL for the relay.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_relay(&mut self) -> anyhow::Result<()> {
        self.relay.take().context("the relay runs")?.kill()
    }

    /// SIGTERM for the hub; it must end well.
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop_hub(&mut self) -> anyhow::Result<()> {
        let mut hub = self.hub.take().context("the hub runs")?;
        hub.terminate()?;
        let status = hub.ended(SERVING_WITHIN).await?;
        ensure!(status.success(), "the hub ended with {status}");
        Ok(())
    }

    /// SIGTERM for the relay; answers how long it took to end well.
    ///
    /// # Errors
    /// When it does not.
    pub async fn terminate_relay(&mut self) -> anyhow::Result<Duration> {
        let mut relay = self.relay.take().context("the relay runs")?;
        let begin = clock();
        relay.terminate()?;
        let status = relay.ended(SERVING_WITHIN).await?;
        ensure!(status.success(), "the relay ended with {status}");
        Ok(begin.elapsed())
    }

    /// The relay's resident memory in bytes.
    ///
    /// # Errors
    /// When it does not run.
    pub fn relay_resident_bytes(&self) -> anyhow::Result<u64> {
        self.relay
            .as_ref()
            .context("the relay runs")?
            .resident_bytes()
    }

    /// What the relay made of its memory itself, without its code, in bytes.
    ///
    /// # Errors
    /// When it does not run.
    pub fn relay_anonymous_bytes(&self) -> anyhow::Result<u64> {
        self.relay
            .as_ref()
            .context("the relay runs")?
            .anonymous_bytes()
    }

    pub(super) fn join(&self) -> anyhow::Result<()> {
        let state = self.plan.dir.join("relay");
        if state.join("identity.json").exists() {
            return Ok(());
        }
        let token = hub_cli(&self.plan, &["join-token", "create"], "")?;
        let token = last_word(&token, "vdj1.").context("a join token")?;
        let direct = format!("127.0.0.1:{}", self.plan.link_port);
        let bad = self.link.as_ref().map(|link| link.address().to_string());
        let hub = bad.unwrap_or(direct);
        let state = state.to_str().context("paths are text")?;
        run(
            &self.plan.programs.find("vedette-relay")?,
            &["join", &hub, "-", "--state-dir", state],
            &token,
        )?;
        Ok(())
    }

    /// Waits until the relay has its roster, so that keys are known.
    pub(super) async fn linked(&self) -> anyhow::Result<()> {
        until("the relay to be linked", SERVING_WITHIN, || async {
            let metrics = self.relay_metrics().await.ok()?;
            let is_linked = metrics.contains_key("vedette_relay_link_state{state=\"connected\"}");
            let has_roster = metrics
                .get("vedette_relay_roster_version")
                .is_some_and(|v| *v > 0.0);
            (is_linked && has_roster).then_some(())
        })
        .await
    }

    /// Whether both programs run.
    ///
    /// # Errors
    /// Names the one that does not.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        for process in [&mut self.hub, &mut self.relay].into_iter().flatten() {
            ensure!(
                process.runs(),
                "{} ended; its log is in {}",
                process.name(),
                self.plan.dir.display()
            );
        }
        Ok(())
    }
}

async fn ready(url: &str, process: &mut Process, log: &Path) -> anyhow::Result<()> {
    let client = client();
    let process = std::cell::RefCell::new(process);
    let answer = until(url, SERVING_WITHIN, || async {
        if !process.borrow_mut().runs() {
            return Some(false);
        }
        let answer = client.get(url).send().await.ok()?;
        answer.status().is_success().then_some(true)
    })
    .await;
    if answer.as_ref().is_ok_and(|serves| *serves) {
        return Ok(());
    }
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let tail: Vec<&str> = log.lines().rev().take(20).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    anyhow::bail!(
        "{url} does not serve; the log ends with:\n{}",
        tail.join("\n")
    )
}

/// Copies a directory with all that is in it.
fn copy_dir(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
