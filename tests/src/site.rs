//! A site: a hub and a joined relay as real programs in one directory.

mod books;
mod plan;
mod programs;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

pub use books::Stored;
pub use plan::{Access, Plan};

use crate::api::{Api, Sdk, VISIBLE_WITHIN};
use crate::impair::Link;
use crate::process::{Process, run};
use crate::wait::until;
use plan::{hub_cli, set_up, write_configs};

/// How long a program may take to serve. Generous: the machine may be busy.
const SERVING_WITHIN: Duration = Duration::from_secs(60);
/// The administrator of every site.
pub const ADMIN_EMAIL: &str = "admin@example.com";
/// The organisation of every site.
pub const ORGANIZATION: &str = "acme";
/// The first project of every site.
pub const PROJECT: &str = "shop";

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
}
