//! How a site is set up: where it lies, its ports and configuration files, and its first people.

use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use anyhow::Context;

use super::{ADMIN_EMAIL, ORGANIZATION, PROJECT};
use crate::impair::sockets;
use crate::process::{Programs, run};

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
        let (link, _streams) = sockets()?;
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

/// Writes both configuration files: ports, directories, and what a test asks for.
pub(super) fn write_configs(plan: &Plan) -> anyhow::Result<()> {
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
pub(super) fn set_up(plan: &Plan) -> anyhow::Result<Access> {
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

pub(super) fn hub_cli(plan: &Plan, args: &[&str], input: &str) -> anyhow::Result<String> {
    let config = plan.dir.join("hub.toml");
    let mut all = vec!["--config", config.to_str().context("paths are text")?];
    all.extend_from_slice(args);
    run(&plan.programs.find("vedette-hub")?, &all, input)
}

/// The last word that begins with `prefix`.
pub(super) fn last_word(text: &str, prefix: &str) -> Option<String> {
    text.split_whitespace()
        .rev()
        .find(|word| word.starts_with(prefix))
        .map(str::to_owned)
}
