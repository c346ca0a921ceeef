//! A site: a hub and a joined relay as real programs in one directory.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use protocol::block::Record;
use protocol::ids::{Lane, Seq};
use relay::spool::ReadOutcome;
use serde_json::Value;

use crate::api::{Api, Sdk, VISIBLE_WITHIN, client};
use crate::impair::Link;
use crate::process::{Process, Programs, run};
use crate::wait::{clock, until};

/// How long a program may take to serve. Generous: the machine may be busy.
const SERVING_WITHIN: Duration = Duration::from_secs(60);
/// The administrator of every site.
pub const ADMIN_EMAIL: &str = "admin@example.com";
/// The organisation of every site.
pub const ORGANIZATION: &str = "acme";
/// The first project of every site.
pub const PROJECT: &str = "shop";

/// How a site is set up.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is run.
    pub programs: Programs,
    /// Where everything lies.
    pub dir: PathBuf,
    /// The hub's dashboard and API.
    pub http_port: u16,
    /// The hub's link.
    pub link_port: u16,
    /// The relay's ingest.
    pub relay_port: u16,
    /// The spool's quota; `None` is the default.
    pub spool_max: Option<String>,
    /// Lines of the relay's `[http]` beside its port.
    pub http_settings: String,
    /// Lines of the relay's `[spool]` beside its room.
    pub spool_settings: String,
    /// After how many errors of a minute the relay tells those that are alike together; 0 is never,
    /// `None` the default.
    pub fold_after: Option<u32>,
    /// The spool lies on a filesystem of this size that only the relay sees; it ends with it.
    pub spool_filesystem: Option<String>,
    /// A key that the project has beside its own.
    pub public_key: Option<String>,
    /// The mail server, as the hub's configuration has it; empty is none.
    pub smtp: String,
    /// Lines of the hub's `[notify]` beside the mail server.
    pub notify_settings: String,
    /// Puts a link that can be made bad between relay and hub, with this seed.
    pub link_seed: Option<u64>,
}

impl Plan {
    /// On the ports that are documented.
    #[must_use]
    pub fn documented(dir: PathBuf) -> Self {
        Self {
            programs: Programs::default(),
            dir,
            http_port: 4800,
            link_port: 4801,
            relay_port: 4900,
            spool_max: None,
            http_settings: String::new(),
            spool_settings: String::new(),
            fold_after: None,
            spool_filesystem: None,
            public_key: None,
            smtp: String::new(),
            notify_settings: String::new(),
            link_seed: None,
        }
    }

    /// On free ports.
    ///
    /// # Errors
    /// When there are none.
    pub fn free(dir: PathBuf) -> anyhow::Result<Self> {
        let http = TcpListener::bind("127.0.0.1:0")?;
        let relay = TcpListener::bind("127.0.0.1:0")?;
        // The link takes datagrams and streams on one port.
        let (link, _streams) = (0..20)
            .find_map(|_| {
                let streams = TcpListener::bind("127.0.0.1:0").ok()?;
                let link = UdpSocket::bind(streams.local_addr().ok()?).ok()?;
                Some((link, streams))
            })
            .context("no port is free for UDP and TCP")?;
        Ok(Self {
            http_port: http.local_addr()?.port(),
            link_port: link.local_addr()?.port(),
            relay_port: relay.local_addr()?.port(),
            ..Self::documented(dir)
        })
    }
}

/// What a person or an SDK needs to use the site.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Access {
    /// The project's number.
    pub project_id: String,
    /// The DSN, which names the relay.
    pub dsn: String,
    /// The administrator's password.
    pub admin_password: String,
    /// A token with every scope.
    pub api_token: String,
}

/// A running site; its programs end with it.
#[derive(Debug)]
pub struct Site {
    plan: Plan,
    access: Access,
    hub_url: String,
    relay_url: String,
    api: Api,
    sdk: Sdk,
    hub: Option<Process>,
    relay: Option<Process>,
    /// Variables in the environment of the relays started from now on.
    relay_environment: Vec<(String, String)>,
    /// The same of the hubs.
    hub_environment: Vec<(String, String)>,
    /// The commands that become the relays and the hubs started from now on.
    relay_by: Vec<String>,
    hub_by: Vec<String>,
    link: Option<Link>,
    /// A hub that is ready to stand in for the first.
    stand_in: Option<Plan>,
    /// Removed at the end, unless someone else owns the directory.
    _temporary: Option<tempfile::TempDir>,
}

impl Site {
    /// A site of its own on free ports.
    ///
    /// # Errors
    /// When a program does not serve.
    pub async fn start() -> anyhow::Result<Self> {
        Self::temporary(|_| ()).await
    }

    /// A site whose relay may keep this much.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn start_with_spool(bytes_max: &str) -> anyhow::Result<Self> {
        Self::temporary(|plan| plan.spool_max = Some(bytes_max.to_owned())).await
    }

    /// A site whose relay has its spool on a filesystem of this size, which nobody else sees. A
    /// full one refuses what comes instead of giving up what it has.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn start_with_spool_filesystem(size: &str) -> anyhow::Result<Self> {
        Self::temporary(|plan| plan.spool_filesystem = Some(size.to_owned())).await
    }

    /// A site whose project also has the key with this public half.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn start_with_key(public_key: &str) -> anyhow::Result<Self> {
        Self::temporary(|plan| plan.public_key = Some(public_key.to_owned())).await
    }

    /// A site whose hub sends mail through this server and may call webhooks on loopback.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn start_with_mail(smtp: &str) -> anyhow::Result<Self> {
        Self::temporary(|plan| smtp.clone_into(&mut plan.smtp)).await
    }

    /// A site whose relay reaches the hub over a link that can be made bad; it is perfect at first.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn start_with_link(seed: u64) -> anyhow::Result<Self> {
        Self::temporary(|plan| plan.link_seed = Some(seed)).await
    }

    /// A site that differs from the usual one in its plan.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn temporary(change: impl FnOnce(&mut Plan)) -> anyhow::Result<Self> {
        let temporary = tempfile::tempdir()?;
        let mut plan = Plan::free(temporary.path().to_owned())?;
        change(&mut plan);
        let mut site = Self::open(plan).await?;
        site._temporary = Some(temporary);
        Ok(site)
    }

    /// Starts hub and relay in a directory, which keeps what it has from before.
    ///
    /// # Errors
    /// When a program does not serve, with the end of its log.
    pub async fn open(plan: Plan) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&plan.dir)?;
        let hub_url = format!("http://127.0.0.1:{}", plan.http_port);
        let relay_url = format!("http://127.0.0.1:{}", plan.relay_port);
        write_configs(&plan)?;
        let access_file = plan.dir.join("access.json");
        let access = match std::fs::read_to_string(&access_file) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => {
                let access = set_up(&plan)?;
                std::fs::write(&access_file, serde_json::to_string_pretty(&access)?)?;
                access
            }
        };
        let hub = SocketAddr::from((Ipv4Addr::LOCALHOST, plan.link_port));
        let link = plan.link_seed.map(|seed| Link::start(seed, hub));
        let mut site = Self {
            link: link.transpose()?,
            stand_in: None,
            relay_environment: Vec::new(),
            hub_environment: Vec::new(),
            relay_by: Vec::new(),
            hub_by: Vec::new(),
            api: Api::new(&hub_url, &access.api_token),
            sdk: Sdk::new(&relay_url, &access.dsn)?,
            hub_url,
            relay_url,
            access,
            plan,
            hub: None,
            relay: None,
            _temporary: None,
        };
        site.start_hub().await?;
        site.join()?;
        site.start_relay().await?;
        site.linked().await?;
        Ok(site)
    }

    /// The organisation's slug.
    #[must_use]
    pub const fn org(&self) -> &'static str {
        ORGANIZATION
    }

    /// The project's slug.
    #[must_use]
    pub const fn project(&self) -> &'static str {
        PROJECT
    }

    /// The API with every scope.
    #[must_use]
    pub const fn api(&self) -> &Api {
        &self.api
    }

    /// An SDK of the project.
    #[must_use]
    pub const fn sdk(&self) -> &Sdk {
        &self.sdk
    }

    /// The project's DSN.
    #[must_use]
    pub fn dsn(&self) -> &str {
        &self.access.dsn
    }

    /// What a person or an SDK needs.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// The hub's address.
    #[must_use]
    pub fn hub_url(&self) -> &str {
        &self.hub_url
    }

    /// Where relays reach the hub.
    #[must_use]
    pub fn link_address(&self) -> String {
        format!("127.0.0.1:{}", self.plan.link_port)
    }

    /// The relay's address.
    #[must_use]
    pub fn relay_url(&self) -> &str {
        &self.relay_url
    }

    /// Where everything lies.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.plan.dir
    }

    /// Where the index lies.
    #[must_use]
    pub fn index_dir(&self) -> PathBuf {
        self.plan.dir.join("hub/index")
    }

    /// The hub, while it runs.
    #[must_use]
    pub const fn hub(&self) -> Option<&Process> {
        self.hub.as_ref()
    }

    /// The relay, while it runs.
    #[must_use]
    pub const fn relay(&self) -> Option<&Process> {
        self.relay.as_ref()
    }

    /// Asks the relay's program something with the relay's configuration, and gives its answer.
    ///
    /// # Errors
    /// With what it says, when it does not end well.
    pub fn relay_cli(&self, command: &str) -> anyhow::Result<String> {
        let config = self.plan.dir.join("relay.toml");
        let config = config.to_str().context("paths are text")?;
        run(
            &self.plan.programs.find("vedette-relay")?,
            &[command, "--config", config],
            "",
        )
    }

    /// Asks the relay's program something about its spool, which may be in use.
    ///
    /// # Errors
    /// With what it says, when it does not end well.
    pub fn spool_cli(&self, command: &str) -> anyhow::Result<String> {
        let config = self.plan.dir.join("relay.toml");
        let config = config.to_str().context("paths are text")?;
        let args = ["spool", command, "--config", config];
        run(&self.plan.programs.find("vedette-relay")?, &args, "")
    }

    /// Asks the hub's program something beside the hub that runs, and gives its answer.
    ///
    /// # Errors
    /// With what it says, when it does not end well.
    pub fn hub_cli(&self, args: &[&str]) -> anyhow::Result<String> {
        hub_cli(&self.plan, args, "")
    }

    /// Waits until the relay compresses new blocks of a kind with a dictionary of the hub; gives its
    /// number.
    ///
    /// # Errors
    /// When it does not within the deadline.
    pub async fn relay_uses_dictionary(&self, kind: &str) -> anyhow::Result<String> {
        let what = format!("the relay to use a dictionary for {kind}");
        until(&what, VISIBLE_WITHIN, || async {
            let line = self.relay_cli("status").ok()?;
            let (_, rest) = line.split_once("compressed with ")?;
            let (_, id) = rest.split_once(&format!("{kind} "))?;
            id.split([',', '\n']).next().map(str::to_owned)
        })
        .await
    }

    /// The link between relay and hub, when the site was started with one.
    ///
    /// # Errors
    /// When it was not.
    pub fn link(&self) -> anyhow::Result<&Link> {
        self.link.as_ref().context("the site has a link of its own")
    }

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

    fn join(&self) -> anyhow::Result<()> {
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
    async fn linked(&self) -> anyhow::Result<()> {
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

    /// The relay's metrics by name and labels, as written.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn relay_metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        metrics(&format!("{}/metrics", self.relay_url)).await
    }

    /// The hub's metrics by name and labels, as written.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn hub_metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        metrics(&format!("{}/metrics", self.hub_url)).await
    }

    /// Waits until exactly `n` events are stored.
    ///
    /// # Errors
    /// When there are not within the deadline.
    pub async fn settled(&self, n: usize) -> anyhow::Result<()> {
        until(&format!("{n} stored events"), VISIBLE_WITHIN, || async {
            let stored = self.stored_event_ids().await.ok()?;
            (stored.len() == n).then_some(())
        })
        .await
    }

    /// Waits until at least `n` events are stored and the relay's spool is empty.
    ///
    /// # Errors
    /// When that is not so within the deadline.
    pub async fn settled_at_least(&self, n: usize) -> anyhow::Result<()> {
        self.settled_within(n, VISIBLE_WITHIN).await
    }

    /// As [`Site::settled_at_least`], for a link that takes its time. How long all of it takes
    /// depends on how much there is; what has a deadline is that it goes on.
    ///
    /// # Errors
    /// When nothing is sent and nothing stored for this long, and that is not all.
    pub async fn settled_within(&self, n: usize, within: Duration) -> anyhow::Result<()> {
        let what = format!("{n} stored events and an empty spool");
        let (mut least, mut most) = (u64::MAX, 0);
        loop {
            let went_on = until(&what, within, || async {
                let waiting = self.waiting_records().await.ok()?;
                let stored = self.stored_events().await.ok()?;
                if waiting == 0 && self.stored_event_ids().await.ok()?.len() >= n {
                    return Some(None);
                }
                (waiting < least || stored > most).then_some(Some((waiting, stored)))
            });
            let Some((waiting, stored)) = went_on.await? else {
                return Ok(());
            };
            (least, most) = (least.min(waiting), most.max(stored));
        }
    }

    /// How many events are stored and can be found.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub async fn stored_events(&self) -> anyhow::Result<usize> {
        let metrics = self.hub_metrics().await?;
        let row = metrics
            .get("vedette_hub_index_row")
            .context("the index tells its last row")?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a row"
        )]
        Ok(*row as usize)
    }

    /// Bytes of the blocks that wait in the relay's spool.
    ///
    /// # Errors
    /// When the relay does not answer.
    pub async fn waiting_bytes(&self) -> anyhow::Result<f64> {
        Ok(sum(
            &self.relay_metrics().await?,
            "vedette_relay_lane_bytes",
        ))
    }

    /// Records that wait in the relay's spool.
    ///
    /// # Errors
    /// When the relay does not answer.
    pub async fn waiting_records(&self) -> anyhow::Result<u64> {
        let waiting = sum(&self.relay_metrics().await?, "vedette_relay_lane_records");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        Ok(waiting as u64)
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

    /// Checks the equation of every relay; what waits must be nothing, and relay and hub must agree
    /// on every project and category.
    ///
    /// # Errors
    /// With the terms, when it does not add up within the deadline: reports come every few seconds.
    pub async fn assert_ledger_balances(&self) -> anyhow::Result<()> {
        let last = std::cell::RefCell::new(String::new());
        let answer = until("the ledger to add up", VISIBLE_WITHIN, || async {
            let ledger = self.api.get("vedette/ledger/").await.ok()?;
            let relays = ledger.as_array().cloned().unwrap_or_default();
            *last.borrow_mut() = ledger.to_string();
            if relays.is_empty() || !relays.iter().all(balances) {
                return None;
            }
            for relay in &relays {
                let id = relay.get("relayId")?.as_str()?;
                let path = format!("vedette/relays/{id}/ledger/");
                let books = self.api.get(&path).await.ok()?;
                if books.get("isBalanced") != Some(&Value::Bool(true)) {
                    *last.borrow_mut() = books.to_string();
                    return None;
                }
            }
            Some(())
        })
        .await;
        answer.with_context(|| last.borrow().clone())
    }

    /// Ends the relay and reads what waits in its spool: every item as it was kept.
    ///
    /// # Errors
    /// When the relay does not end well or the spool cannot be read.
    pub async fn end_and_read_spool(&mut self) -> anyhow::Result<Vec<u8>> {
        self.terminate_relay().await?;
        read_spool(self.plan.dir.join("relay/spool")).await
    }

    /// Every stored event's id, in the order in which the hub digested them.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub async fn stored_event_ids(&self) -> anyhow::Result<Vec<String>> {
        let stored = self.stored().await?;
        Ok(stored.into_iter().map(|event| event.id).collect())
    }

    /// Every stored event, in the order in which the hub digested them.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub async fn stored(&self) -> anyhow::Result<Vec<Stored>> {
        let first = format!("projects/{ORGANIZATION}/{PROJECT}/events/?per_page=100");
        let mut stored = Vec::new();
        let mut path = first.clone();
        loop {
            let response = self.api.call(reqwest::Method::GET, &path, None).await?;
            ensure!(
                response.status().is_success(),
                "{path} answered {}",
                response.status()
            );
            let next = next_cursor(response.headers());
            let page: Vec<Value> = serde_json::from_str(&response.text().await?)?;
            stored.extend(page.iter().filter_map(Stored::read));
            let Some(cursor) = next else { break };
            path = format!("{first}&cursor={cursor}");
        }
        // The API tells the latest first.
        stored.reverse();
        Ok(stored)
    }
}

/// An event as a list of the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its id, without dashes.
    pub id: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Stored {
    fn read(event: &Value) -> Option<Self> {
        let tags = event["tags"].as_array().map(Vec::as_slice);
        let tag = |tag: &Value| {
            let (key, value) = (tag["key"].as_str()?, tag["value"].as_str()?);
            Some((key.to_owned(), value.to_owned()))
        };
        Some(Self {
            id: event["eventID"].as_str()?.to_owned(),
            tags: tags.unwrap_or_default().iter().filter_map(tag).collect(),
        })
    }
}

/// received = accepted + refused, and accepted is all accounted for.
fn balances(relay: &Value) -> bool {
    let terms = relay["terms"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let total = |names: &[&str]| -> i64 {
        let counted = terms
            .iter()
            .filter(|term| names.iter().any(|name| term["term"] == *name));
        counted.filter_map(|term| term["quantity"].as_i64()).sum()
    };
    let ends = [
        "applied", "filtered", "sampled", "invalid", "expired", "evicted", "corrupt", "rejected",
    ];
    let accepted = total(&["accepted"]);
    accepted > 0
        && total(&["received"]) == accepted + total(&["refused"])
        && accepted == total(&ends)
}

/// The values of a metric over all its labels.
fn sum(metrics: &BTreeMap<String, f64>, name: &str) -> f64 {
    metrics
        .iter()
        .filter(|(key, _)| key.split('{').next() == Some(name))
        .map(|(_, v)| v)
        .sum()
}

/// The items of every record that waits in a spool: headers and payloads, as they were kept.
async fn read_spool(dir: PathBuf) -> anyhow::Result<Vec<u8>> {
    let config = relay::spool::Config {
        dir,
        ..relay::spool::Config::default()
    };
    let spool = relay::spool::Spool::open(&config, relay::ledger::Ledger::default())?;
    let mut kept = Vec::new();
    for lane in Lane::ALL {
        let mut from = Seq(1);
        loop {
            match spool.read(lane, from).await? {
                ReadOutcome::Block { head, bytes } => {
                    from = head.last_seq().next();
                    for record in protocol::block::open(&bytes)?.1 {
                        let text = format!("{record:?}");
                        kept.extend_from_slice(text.as_bytes());
                        if let Record::Part(part) = &record {
                            kept.extend_from_slice(&part.bytes);
                        }
                        for item in record.items().iter().flat_map(|items| &items.items) {
                            kept.extend_from_slice(&item.header);
                            kept.extend_from_slice(&item.payload);
                        }
                    }
                }
                ReadOutcome::Gap(gap) => from = gap.to.next(),
                ReadOutcome::Empty => break,
            }
        }
    }
    spool.close().await?;
    Ok(kept)
}

/// The cursor of the page after this one.
fn next_cursor(headers: &http::HeaderMap) -> Option<String> {
    let link = headers.get("link")?.to_str().ok()?;
    let next = link
        .split(", <")
        .find(|part| part.contains("rel=\"next\""))?;
    if !next.contains("results=\"true\"") {
        return None;
    }
    let (_, cursor) = next.split_once("cursor=\"")?;
    cursor.split('"').next().map(str::to_owned)
}

async fn metrics(url: &str) -> anyhow::Result<BTreeMap<String, f64>> {
    let text = client().get(url).send().await?.text().await?;
    let line = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Ok(text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(line)
        .collect())
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

/// The last word that begins with `prefix`.
fn last_word(text: &str, prefix: &str) -> Option<String> {
    text.split_whitespace()
        .rev()
        .find(|word| word.starts_with(prefix))
        .map(str::to_owned)
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

/// Writes both configuration files: ports, directories, and what a test asks for.
fn write_configs(plan: &Plan) -> anyhow::Result<()> {
    let dir = plan.dir.to_str().context("paths are text")?;
    let Plan {
        http_port,
        link_port,
        relay_port,
        smtp,
        notify_settings,
        ..
    } = plan;
    let hub = format!(
        "data_dir = \"{dir}/hub\"\n\
         [http]\nlisten = \"127.0.0.1:{http_port}\"\n\
         [site]\npublic_url = \"http://127.0.0.1:{http_port}\"\n\
         relay_url = \"http://127.0.0.1:{relay_port}\"\n\
         [link]\nlisten = \"127.0.0.1:{link_port}\"\n\
         [notify]\nsmtp = \"{smtp}\"\nallow_networks = [\"127.0.0.0/8\"]\n\
         {notify_settings}"
    );
    // Hosts of tests and demos may have little room; what is free of it is not ours to judge.
    let mut spool = format!("[spool]\nfree_min = \"0 B\"\n{}", plan.spool_settings);
    if plan.spool_filesystem.is_some() {
        // The filesystem is the limit, and everything that was answered 200 stays.
        spool.push_str(
            "bytes_max = \"1 GiB\"\nsegment_bytes = \"1 MiB\"\nballast_bytes = \"1 MiB\"\n\
             [spool.when_full]\nerrors = \"refuse\"\n",
        );
    } else if let Some(max) = &plan.spool_max {
        spool.push_str(&format!(
            "bytes_max = \"{max}\"\nballast_bytes = \"64 KiB\"\n"
        ));
    }
    let fold = plan.fold_after.map(|n| format!("\n[fold]\nafter = {n}\n"));
    let relay = format!(
        "state_dir = \"{dir}/relay\"\n[http]\nlisten = \"127.0.0.1:{relay_port}\"\n{}{spool}{}",
        plan.http_settings,
        fold.unwrap_or_default()
    );
    std::fs::write(plan.dir.join("hub.toml"), hub)?;
    std::fs::write(plan.dir.join("relay.toml"), relay)?;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(plan.dir.join("relay"))?;
    Ok(())
}

/// Makes organisation, administrator, project and token by the hub's command line.
fn set_up(plan: &Plan) -> anyhow::Result<Access> {
    let password = uuid::Uuid::new_v4().simple().to_string();
    let organization = ["--organization", ORGANIZATION];
    hub_cli(
        plan,
        &["organization", "create", "Acme", "--slug", ORGANIZATION],
        "",
    )?;
    let admin = [
        "admin",
        "create",
        "--email",
        ADMIN_EMAIL,
        "--name",
        "Admin",
        "--password-stdin",
    ];
    hub_cli(plan, &admin, &password)?;
    let project = [
        "project",
        "create",
        "Shop",
        "--slug",
        PROJECT,
        "--platform",
        "python",
    ];
    let project = hub_cli(plan, &[&project[..], &organization[..]].concat(), "")?;
    if let Some(key) = &plan.public_key {
        let key = [
            "project",
            "add-key",
            "--project",
            PROJECT,
            "--public-key",
            key,
        ];
        hub_cli(plan, &[&key[..], &organization[..]].concat(), "")?;
    }
    let token = hub_cli(plan, &["api-token", "create", "--user", ADMIN_EMAIL], "")?;
    let dsn = last_word(&project, "http://").context("a DSN")?;
    let api_token = last_word(&token, "sntryu_").context("a token")?;
    let project_id = dsn.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Access {
        project_id,
        dsn,
        admin_password: password,
        api_token,
    })
}

fn hub_cli(plan: &Plan, args: &[&str], input: &str) -> anyhow::Result<String> {
    let config = plan.dir.join("hub.toml");
    let mut all = vec!["--config", config.to_str().context("paths are text")?];
    all.extend_from_slice(args);
    run(&plan.programs.find("vedette-hub")?, &all, input)
}
