//! The command line.
//!
//! `run` serves; the other commands work on the data directory, beside a running hub or without
//! one. A running hub notices what they change within a second or two.

mod audit;
mod dictionary;
mod fleet;
mod import;
mod make;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use protocol::limits::NEW_ISSUES_PER_HOUR_MAX;
use protocol::pattern::Network;
use tracing_subscriber::EnvFilter;

use crate::archive::Archive;
use crate::audit::{self as deed, Actor};
use crate::config::Config;
use crate::index::Index;
use crate::store::Store;
use crate::{app, clock, digest};

/// Where the configuration is when nothing else is said.
const CONFIG: &str = "/etc/vedette/hub.toml";
/// Longest password read from a file or standard input, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4096;
/// Records listed at once.
const POISON_MAX: u32 = 1000;

/// Takes blocks from relays, groups events into issues, tells people, serves the dashboard.
#[derive(Debug, Parser)]
#[command(name = "vedette-hub", version, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, value_name = "FILE", global = true, default_value = CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run until SIGTERM.
    Run,
    /// Say whether a configuration file is right, without starting.
    CheckConfig {
        /// The configuration file.
        file: PathBuf,
    },
    /// People who may do everything.
    #[command(subcommand)]
    Admin(Admin),
    /// Organizations.
    #[command(subcommand)]
    Organization(Organization),
    /// Projects and their keys.
    #[command(subcommand)]
    Project(Project),
    /// Tokens that let relays join.
    #[command(subcommand)]
    JoinToken(JoinToken),
    /// Relays.
    #[command(subcommand)]
    Relay(Relay),
    /// Show what relays are told: the version in force, what is tried, and why something was taken
    /// back. To try it again, see the dashboard's fleet page.
    Rollout,
    /// Take a relay into the fleet that cannot reach the hub: answers the request that
    /// `vedette-relay join --request FILE` wrote with a bundle for `vedette-relay join --bundle`.
    Sign {
        /// The request's file.
        request: PathBuf,
        /// Where the bundle is written.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// What the relay is called; as it asks for when left out.
        #[arg(long)]
        name: Option<String>,
        /// What it is labelled with, such as site=harbour; may be given several times.
        #[arg(long, value_name = "KEY=VALUE")]
        label: Vec<String>,
    },
    /// The authority that signs for relays and hub.
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// Tokens for the API.
    #[command(subcommand)]
    ApiToken(ApiToken),
    /// Who changed what.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The search index.
    #[command(subcommand)]
    Index(IndexCommand),
    /// What relays compress with.
    #[command(subcommand)]
    Dictionary(DictionaryCommand),
    /// Take what a relay could not send, from a file that was carried here. Importing it again, or
    /// sending it as well, has no further effect.
    Import(import::Parcel),
    /// Records that could not be digested.
    #[command(subcommand)]
    Poison(Poison),
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

#[derive(Debug, Subcommand)]
enum Admin {
    /// Add a person, as owner of an organization or of all there are.
    Create(NewAdmin),
}

#[derive(Debug, clap::Args)]
struct NewAdmin {
    /// The e-mail address to log in with.
    #[arg(long)]
    email: String,
    /// The name; the address when left out.
    #[arg(long)]
    name: Option<String>,
    /// The slug of the only organization to be owner of.
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    #[command(flatten)]
    password: Password,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Password {
    /// A file that holds the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Subcommand)]
enum Organization {
    /// Make an organization. Who owns every other becomes its owner too.
    Create {
        /// Its name.
        name: String,
        /// Its name in addresses; made from the name when left out.
        #[arg(long)]
        slug: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Project {
    /// Make a project with its first key; prints the DSN.
    Create {
        /// Its name.
        name: String,
        /// The slug of its organization; may be left out when there is one only.
        #[arg(long, value_name = "SLUG")]
        organization: Option<String>,
        /// Its name in addresses; made from the name when left out.
        #[arg(long)]
        slug: Option<String>,
        /// What it is written in, such as python or javascript.
        #[arg(long, default_value = "other")]
        platform: String,
    },
    /// Make another key; prints the DSN.
    AddKey {
        /// The slug of its organization; may be left out when there is one only.
        #[arg(long, value_name = "SLUG")]
        organization: Option<String>,
        /// The project's slug.
        #[arg(long, value_name = "SLUG")]
        project: String,
        /// What the key is for.
        #[arg(long, default_value = "Key")]
        label: String,
        /// The public half, 32 hexadecimal digits; made up when left out.
        #[arg(long, value_name = "KEY")]
        public_key: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum JoinToken {
    /// Make a token; prints it once.
    Create {
        /// How many relays may use it.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it is valid, such as 30m or 7d; as configured when left out.
        #[arg(long, alias = "ttl", value_name = "TIME")]
        valid: Option<protocol::unit::Span>,
        /// Where its relays come from, such as 10.20.0.0/16; anywhere when left out.
        #[arg(long, value_name = "ADDRESSES")]
        from: Option<Network>,
        /// What its relays are labelled with, such as site=harbour; may be given several times.
        #[arg(long, value_name = "KEY=VALUE")]
        label: Vec<String>,
    },
    /// List the tokens that can still be used.
    List,
    /// End a token.
    Remove {
        /// Its id, the second part of its text.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum Relay {
    /// List the relays with their certificates, and whether an identity has a second holder.
    List,
    /// Take the mark of a second holder off. The second holder stays kept out: it needs an
    /// identity of its own, by `vedette-relay join HUB TOKEN --force` on its host.
    ClearClone {
        /// The relay's id.
        id: protocol::ids::RelayId,
    },
    /// Shut a relay out, within two seconds and for ever. What it buffers stays with it.
    Revoke {
        /// The relay's id.
        id: protocol::ids::RelayId,
    },
}

#[derive(Debug, Subcommand)]
enum AuthorityCommand {
    /// Show the authority and those before it, and how many relays each signed for.
    Show,
    /// Put another authority in its place. Relays learn of it as they renew their certificates,
    /// and those that are away meanwhile still know the hub.
    Rotate,
}

#[derive(Debug, Subcommand)]
enum ApiToken {
    /// Make a token; prints it once.
    Create {
        /// The e-mail address of its owner.
        #[arg(long, value_name = "EMAIL")]
        user: String,
        /// What it is for.
        #[arg(long, default_value = "command line")]
        name: String,
        /// What it may do, such as project:read; may be given several times. Everything its owner
        /// may when left out.
        #[arg(long)]
        scope: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Go through the audit log; say the first entry that is not as it was written, or the number
    /// and the hash of the last one. Kept elsewhere, that shows later whether the end was cut off.
    Verify {
        /// A last entry as it was said before, number:hash; it has to be there still.
        #[arg(long, value_name = "ENTRY")]
        contains: Option<String>,
    },
    /// Write the audit log to standard output, a JSON object a line, the oldest entry first.
    Export,
}

#[derive(Debug, Subcommand)]
enum IndexCommand {
    /// Make the index again from database and packs. The hub must not run.
    Rebuild,
}

#[derive(Debug, Subcommand)]
enum DictionaryCommand {
    /// List the dictionaries: those in force, and those that blocks of relays may still need.
    Ls,
    /// Let the running hub train dictionaries now on what it has received since its start, and put
    /// in force what makes records smaller.
    Train,
    /// Take a dictionary from the `dictionaries` directory of a relay's spool, for records that were
    /// carried here and could not be read without it: `poison replay` tries those again.
    Add {
        /// The dictionary's file.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Poison {
    /// List the records that are set aside.
    List,
    /// Try a record again; a running hub does so within two seconds, another one when it starts.
    Replay {
        /// The record's number.
        id: i64,
    },
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever keeps it from being done, for a person to read.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run => {
                let config = Config::load(&self.config)?;
                log(&config.log)?;
                app::run(config)
            }
            Command::CheckConfig { file } => {
                Config::load(&file)?;
                say(&format!("{} is right", file.display()))
            }
            Command::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "vedette-hub", &mut text);
                io::stdout().write_all(&text)?;
                Ok(())
            }
            Command::Man { dir } => write_manual(&dir),
            command => {
                let config = Config::load(&self.config)?;
                log("warn")?;
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .enable_all()
                    .worker_threads(2)
                    .build()
                    .context("the runtime does not start")?;
                runtime.block_on(on_data(&config, command))
            }
        }
    }
}

/// Commands that work on the data directory.
async fn on_data(config: &Config, command: Command) -> anyhow::Result<()> {
    if let Command::Import(parcel) = &command {
        return say(&import::run(config, parcel).await?);
    }
    let dir = &config.data_dir;
    app::make_dir(dir)?;
    let store = app::open_store(dir).await?;
    let text = match deed_of(&command) {
        Some(name) => {
            let actor = Actor {
                name: "command line".to_owned(),
                ..Actor::default()
            };
            let doing = on_store(config, &store, command);
            deed::during(clock::now(), actor, name, doing).await.0?
        }
        None => on_store(config, &store, command).await?,
    };
    store.close().await;
    say(&text)
}

/// What the audit log calls a command that changes something.
const fn deed_of(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Admin(Admin::Create(_)) => "user.create",
        Command::Organization(Organization::Create { .. }) => "org.create",
        Command::Project(Project::Create { .. }) => "project.create",
        Command::Project(Project::AddKey { .. }) => "projectkey.create",
        Command::JoinToken(JoinToken::Create { .. }) => "join-token.create",
        Command::JoinToken(JoinToken::Remove { .. }) => "join-token.remove",
        Command::Relay(Relay::ClearClone { .. }) => "relay.edit",
        Command::Relay(Relay::Revoke { .. }) => "relay.revoke",
        Command::Sign { .. } => "relay.sign",
        Command::Authority(AuthorityCommand::Rotate) => "fleet.rotate-authority",
        Command::ApiToken(ApiToken::Create { .. }) => "api-token.create",
        Command::Poison(Poison::Replay { .. }) => "fleet.replay-record",
        Command::Dictionary(DictionaryCommand::Train) => "dictionary.train",
        Command::Dictionary(DictionaryCommand::Add { .. }) => "dictionary.add",
        _ => return None,
    })
}

async fn on_store(config: &Config, store: &Store, command: Command) -> anyhow::Result<String> {
    Ok(match command {
        Command::Run
        | Command::CheckConfig { .. }
        | Command::Import(_)
        | Command::Completions { .. }
        | Command::Man { .. } => String::new(),
        Command::Admin(Admin::Create(new)) => {
            let password = read_password(&new.password)?;
            make::admin(store, &new, &password).await?
        }
        Command::Organization(Organization::Create { name, slug }) => {
            make::organization(store, &name, slug).await?
        }
        Command::Project(project) => make::project(store, config, project).await?,
        Command::JoinToken(command) => fleet::join_token(store, config, command).await?,
        Command::Relay(command) => fleet::relay(store, config, command).await?,
        Command::Rollout => fleet::rollout(store, config).await?,
        Command::Sign {
            request,
            out,
            name,
            label,
        } => fleet::sign(store, config, &request, &out, name, &label).await?,
        Command::Authority(command) => fleet::authority(store, config, &command).await?,
        Command::ApiToken(ApiToken::Create { user, name, scope }) => {
            make::api_token(store, &user, &name, &scope).await?
        }
        Command::Audit(command) => audit::run(store, &command).await?,
        Command::Index(IndexCommand::Rebuild) => rebuild(store, &config.data_dir).await?,
        Command::Dictionary(command) => dictionary::run(store, command).await?,
        Command::Poison(Poison::List) => list_poison(store).await?,
        Command::Poison(Poison::Replay { id }) => {
            let mut write = store.begin().await?;
            let is_there = write.request_replay(id).await?;
            anyhow::ensure!(is_there, "no record {id} is set aside");
            write.commit().await?;
            format!("record {id} is tried again by the hub")
        }
    })
}

async fn rebuild(store: &Store, dir: &Path) -> anyhow::Result<String> {
    // Held until the end.
    let _lock: File = app::lock(dir)?;
    let path = app::index_of(dir);
    Index::wipe(&path)?;
    let index = app::open_index(&path)?;
    let parts = digest::Parts {
        store: store.clone(),
        archive: Archive::open_read_only(&app::packs_of(dir)),
        index: index.clone(),
        places: crate::geo::Places::default(),
        clock: clock::now,
        new_issues_max: NEW_ISSUES_PER_HOUR_MAX,
    };
    let n = digest::catch_up(&parts, &index).await?;
    index.close().await?;
    Ok(format!("{n} events are in the index"))
}

async fn list_poison(store: &Store) -> anyhow::Result<String> {
    let poison = store.poison(POISON_MAX).await?;
    if poison.is_empty() {
        return Ok("no record is set aside".to_owned());
    }
    let lines: Vec<String> = poison
        .iter()
        .map(|one| {
            format!(
                "{}\t{}\trelay {}\t{}/{}\t{} bytes\t{}",
                one.id,
                one.created_at.to_rfc3339(),
                one.relay,
                one.lane,
                one.seq.0,
                one.record.len(),
                one.reason
            )
        })
        .collect();
    Ok(lines.join("\n"))
}

fn read_password(source: &Password) -> anyhow::Result<String> {
    let mut text = String::new();
    match &source.password_file {
        Some(path) => {
            let file = File::open(path)
                .with_context(|| format!("password file {} cannot be read", path.display()))?;
            file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text)?
        }
        None => io::stdin()
            .take(PASSWORD_BYTES_MAX)
            .read_to_string(&mut text)?,
    };
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
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

#[cfg(test)]
mod tests;
