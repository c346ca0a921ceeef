//! The command line.

mod doctor;
mod explain;
mod local;
mod spool;
mod status;

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;

use crate::app;
use crate::config::Config;
use crate::forward::{self, CarrierChoice, JoinRequest, Proxy};
use crate::policy::Policy;

/// Longest join token read from standard input, in bytes.
const TOKEN_BYTES_MAX: u64 = 4096;

/// Takes errors and traces from applications, keeps them safe and forwards them to a hub.
#[derive(Debug, Parser)]
#[command(name = "vedette-relay", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run until SIGTERM.
    ///
    /// The configuration says where requests are taken (`[http]`), how much is kept (`[spool]`),
    /// how the hub is reached (`[link]`), what this host demands (`[policy]`), whether other relays
    /// may pass (`[site]`), and which logs are followed for stack traces of programs that have no
    /// SDK (`[tail]`, off unless it names a project). relay.example.toml shows every key.
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE", default_value = "/etc/vedette/relay.toml")]
        config: PathBuf,
    },
    /// Say whether a configuration file and the policy it names are right, without starting.
    CheckConfig {
        /// The configuration file.
        file: PathBuf,
    },
    /// Print what is left of an event after scrubbing, and which rule removed what.
    ExplainScrub {
        /// The event, JSON; `-` reads it from standard input.
        file: PathBuf,
        /// The project whose rules are used, by its number; without it, the strictest.
        #[arg(long)]
        project: Option<u64>,
        /// The configuration file.
        #[arg(long, value_name = "FILE", default_value = "/etc/vedette/relay.toml")]
        config: PathBuf,
    },
    /// Make this relay known to a hub: with a token over the network, or by two files that are
    /// carried by hand, a request to `vedette-hub sign` and the bundle it makes.
    Join {
        /// The hub's address for relays, host:port.
        #[arg(required_unless_present_any = ["request", "bundle"])]
        hub: Option<String>,
        /// The join token the hub made; `-` reads it from standard input.
        #[arg(required_unless_present_any = ["request", "bundle"])]
        token: Option<String>,
        /// Make a key and write a request for `vedette-hub sign`; no network is needed.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["hub", "bundle"])]
        request: Option<PathBuf>,
        /// Complete the request with the bundle that `vedette-hub sign` made.
        #[arg(long, value_name = "FILE", conflicts_with = "hub")]
        bundle: Option<PathBuf>,
        /// Where the relay keeps its identity.
        #[arg(long, value_name = "DIR", default_value = "/var/lib/vedette-relay")]
        state_dir: PathBuf,
        /// What the relay is called; the host's name when not given.
        #[arg(long)]
        name: Option<String>,
        /// Give up the identity the relay has for another, as for a relay whose state directory is a
        /// copy. What it buffers is delivered under the new one.
        #[arg(long)]
        force: bool,
        /// What carries the link: auto, quic or tcp.
        #[arg(long, default_value = "auto")]
        carrier: CarrierChoice,
        /// An HTTP proxy on the way, http://host:port; it carries TCP alone.
        #[arg(long, value_name = "URL")]
        proxy: Option<Proxy>,
        /// A file with user:password for the proxy.
        #[arg(long, value_name = "FILE", requires = "proxy")]
        proxy_auth_file: Option<PathBuf>,
    },
    /// Say how the running relay is: link, backlog, disk, accounts.
    Status {
        /// The configuration file.
        #[arg(long, value_name = "FILE", default_value = "/etc/vedette/relay.toml")]
        config: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look for what is wrong on this host and say the remedy; fails when something is.
    Doctor {
        /// The configuration file.
        #[arg(long, value_name = "FILE", default_value = "/etc/vedette/relay.toml")]
        config: PathBuf,
    },
    /// Look into the spool, verify and repair it, carry what it holds to the hub by hand.
    Spool {
        #[command(flatten)]
        place: spool::Place,
        #[command(subcommand)]
        command: spool::Command,
    },
    /// Say where every item went that was ever received; exit code 1 when one is unaccounted for.
    Audit {
        #[command(flatten)]
        place: spool::Place,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Print what a shell needs to complete this command line.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages, one for each command.
    Man {
        /// The directory, such as /usr/share/man/man1; made when it is missing.
        dir: PathBuf,
    },
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever keeps it from being done, for a person to read.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run { config } => {
                let config = Config::load(&config)?;
                log(&config.log)?;
                app::run(config)
            }
            Command::CheckConfig { file } => {
                let config = Config::load(&file)?;
                Policy::load(&config.policy)?;
                say(&format!("{} is right", file.display()))
            }
            Command::ExplainScrub {
                file,
                project,
                config,
            } => {
                let config = Config::load(&config)?;
                say(&explain::explain(&config, &file, project)?)
            }
            Command::Join {
                hub,
                token,
                request,
                bundle,
                state_dir,
                name,
                force,
                carrier,
                proxy,
                proxy_auth_file,
            } => {
                std::fs::create_dir_all(&state_dir).with_context(|| {
                    format!("state directory {} cannot be made", state_dir.display())
                })?;
                let name = name.unwrap_or_else(host_name);
                match (request, bundle) {
                    (Some(file), _) => write_request(&file, &state_dir, &name, force),
                    (None, Some(file)) => read_bundle(&file, &state_dir, force),
                    (None, None) => join(JoinRequest {
                        hub: hub.unwrap_or_default(),
                        token: token.unwrap_or_default(),
                        dir: state_dir,
                        name,
                        force,
                        way: forward::Config {
                            carrier,
                            proxy,
                            proxy_auth_file,
                            ..forward::Config::default()
                        },
                    }),
                }
            }
            Command::Spool { place, command } => spool::run(&place, command),
            Command::Audit { place, json } => spool::audit(&place, json),
            Command::Status { config, json } => status::run(&config, json),
            Command::Doctor { config } => doctor::run(&config),
            Command::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "vedette-relay", &mut text);
                io::stdout().write_all(&text)?;
                Ok(())
            }
            Command::Man { dir } => write_manual(&dir),
        }
    }
}

fn join(mut request: JoinRequest) -> anyhow::Result<()> {
    if request.token == "-" {
        let mut text = String::new();
        io::stdin()
            .take(TOKEN_BYTES_MAX)
            .read_to_string(&mut text)?;
        text.trim().clone_into(&mut request.token);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    let joined = runtime.block_on(forward::join(&request))?;
    say(&format!("joined {} as relay {}", joined.hub, joined.relay))
}

fn write_request(file: &Path, dir: &Path, name: &str, force: bool) -> anyhow::Result<()> {
    let text = forward::request_by_hand(dir, name, force)?;
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    say(&format!(
        "the key stays here; take {0} to the hub: vedette-hub sign {0} --out BUNDLE",
        file.display()
    ))
}

fn read_bundle(file: &Path, dir: &Path, force: bool) -> anyhow::Result<()> {
    let unreadable = || format!("{} cannot be read", file.display());
    let mut text = String::new();
    std::fs::File::open(file)
        .with_context(unreadable)?
        .take(forward::BUNDLE_BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(unreadable)?;
    let joined = forward::join_by_hand(dir, &text, force)?;
    say(&format!(
        "joined {} as relay {}; restart the relay to use what the bundle says of projects",
        joined.hub, joined.relay
    ))
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "relay".to_owned(),
        name => name.to_owned(),
    }
}

fn write_manual(dir: &Path) -> anyhow::Result<()> {
    let written = std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), dir));
    written.with_context(|| format!("manual pages cannot be written to {}", dir.display()))
}

/// Text on a terminal, JSON where a program reads it.
fn log(default: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().or_else(|_| default.parse::<EnvFilter>())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}
