//! `vedette-relay spool`: what lies in the spool, beside a running relay or without one.
//!
//! Looking changes nothing. What changes something needs the relay stopped, and says so.

mod cat;
mod show;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use protocol::ids::Lane;

use crate::config::Config;
use crate::forward;
use crate::ledger::Ledger;
use crate::spool::inspect::Inspector;
use crate::spool::{self, Keys, Spool, SpoolError};

/// Where the spool is.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The configuration file that says where the spool is.
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        default_value = "/etc/vedette/relay.toml"
    )]
    config: PathBuf,
    /// The spool's directory, for one without a configuration: another host's disk, a copy. The
    /// relay's identity is looked for beside it.
    #[arg(long, value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// A file with the key of an encrypted spool; as configured when left out.
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the segments: lane, numbers, records, bytes, age, state.
    Ls {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Read every byte and name each damage; exit code 1 when there is any that is not set aside.
    Verify {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Print records as JSON lines.
    Cat {
        /// Only this lane with its backlog, such as errors or L1; may be given several times.
        #[arg(long, value_name = "LANE")]
        lane: Vec<Lane>,
        /// Print no more records than this.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        /// Print what the hub has, too, where it is not deleted yet.
        #[arg(long)]
        all: bool,
    },
    /// Print what waits in each lane and where every item went.
    Stats {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Write what the hub does not have into a file, to be carried to it; `vedette-hub import`
    /// takes it. It may be sent over the link as well: the hub applies each record once.
    Export {
        /// Only this lane with its backlog, such as errors or L1; may be given several times.
        #[arg(long, value_name = "LANE")]
        lane: Vec<Lane>,
        /// For programs.
        #[arg(long)]
        json: bool,
        /// The file to write.
        file: PathBuf,
    },
    /// Take the receipt that `vedette-hub import` wrote: what the hub has is deleted here.
    Import {
        /// The receipt.
        file: PathBuf,
    },
    /// Set damage aside, count what is lost by it and make the index anew. The relay must not run.
    Repair {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
}

impl Place {
    /// The spool's settings.
    fn spool(&self) -> anyhow::Result<spool::Config> {
        Ok(self.config()?.spool)
    }

    fn config(&self) -> anyhow::Result<Config> {
        let mut config = self.located()?;
        if let Some(file) = &self.key_file {
            config.spool.encryption_key_file = Some(file.clone());
        }
        Ok(config)
    }

    fn located(&self) -> anyhow::Result<Config> {
        let Some(dir) = &self.dir else {
            return Config::load(&self.config)
                .context("--dir DIR looks at a spool without a configuration");
        };
        let mut config = if self.config.exists() {
            Config::load(&self.config)?
        } else {
            Config::default()
        };
        config.spool.dir = std::path::absolute(dir)?;
        if let Some(state_dir) = config.spool.dir.parent() {
            config.link.dir = state_dir.to_path_buf();
        }
        Ok(config)
    }
}

/// Does what the command line says.
pub(super) fn run(place: &Place, command: Command) -> anyhow::Result<()> {
    let whole = place.config()?;
    let config = &whole.spool;
    match command {
        Command::Ls { json } => {
            let listing = inspect(config)?.list()?;
            print(json, &listing, |out| show::listing(out, &listing))
        }
        Command::Verify { json } => verify(config, json),
        Command::Cat { lane, limit, all } => {
            let lanes = with_backlog(&lane);
            let inspector = inspect(config)?;
            let mut out = BufWriter::new(io::stdout().lock());
            cat::print(&inspector, &lanes, limit, all, &mut out)?;
            Ok(out.flush()?)
        }
        Command::Stats { json } => {
            let inspector = inspect(config)?;
            let stats = show::Stats {
                listing: inspector.list()?,
                accounts: inspector.accounts()?,
            };
            print(json, &stats, |out| show::stats(out, &stats))
        }
        Command::Repair { json } => repair(config, json),
        Command::Export { lane, json, file } => export(&whole, &with_backlog(&lane), &file, json),
        Command::Import { file } => import(&whole, &file),
    }
}

/// Looks with the keys that are at hand. A key that only the relay may read is no mistake: what
/// needs it says so.
fn inspect(config: &spool::Config) -> anyhow::Result<Inspector> {
    let keys = Keys::load(config).unwrap_or_default();
    Ok(Inspector::open(&config.dir, keys)?)
}

/// Prints the equation; an error when it does not hold.
pub(super) fn audit(place: &Place, json: bool) -> anyhow::Result<()> {
    let accounts = inspect(&place.spool()?)?.accounts()?;
    print(json, &accounts, |out| show::accounts(out, &accounts))?;
    anyhow::ensure!(
        accounts.is_balanced(),
        "the accounts do not balance: {} items without an end, {} records not counted",
        accounts
            .sum
            .missing
            .saturating_add(accounts.sum.delivered.min(0)),
        accounts.uncounted
    );
    Ok(())
}

fn verify(config: &spool::Config, json: bool) -> anyhow::Result<()> {
    let verified = inspect(config)?.verify()?;
    print(json, &verified, |out| show::verified(out, &verified))?;
    anyhow::ensure!(
        !verified.has_damage(),
        "the spool is damaged: `vedette-relay spool repair` sets the damage aside, \
         and so does the relay when it meets it"
    );
    Ok(())
}

fn repair(config: &spool::Config, json: bool) -> anyhow::Result<()> {
    check_owner(&config.dir)?;
    let repairing = spool::repair(config);
    let repaired = runtime()?.block_on(repairing).map_err(stop_first)?;
    print(json, &repaired, |out| show::repaired(out, &repaired))
}

fn export(config: &Config, lanes: &[Lane], file: &Path, json: bool) -> anyhow::Result<()> {
    let inspector = inspect(&config.spool)?;
    let exporting = forward::export(&config.link.dir, &inspector, lanes, file);
    let exported = runtime()?.block_on(exporting)?;
    print(json, &exported, |out| show::exported(out, &exported))
}

/// Hands a receipt to the relay that runs, or acknowledges in its stead.
fn import(config: &Config, file: &Path) -> anyhow::Result<()> {
    check_owner(&config.spool.dir)?;
    let moved = runtime()?.block_on(async {
        let receipt = forward::read_receipt(&config.link.dir, file).await?;
        match Spool::open(&config.spool, Ledger::default()) {
            Ok(spool) => {
                let moved = forward::acknowledge(&spool, &receipt).await;
                spool.close().await?;
                moved
            }
            Err(SpoolError::InUse { .. }) => forward::hand_in(&config.spool.dir, file).await,
            Err(error) => Err(error.into()),
        }
    })?;
    print(false, &moved, |out| show::moved(out, &moved))
}

/// The lanes that were asked for, each with its twin; all when none was.
fn with_backlog(asked: &[Lane]) -> Vec<Lane> {
    let is_asked =
        |lane: &Lane| asked.is_empty() || asked.contains(lane) || asked.contains(&lane.live());
    Lane::ALL.into_iter().filter(is_asked).collect()
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")
}

/// Says what to do about a relay that runs.
fn stop_first(error: spool::RepairError) -> anyhow::Error {
    let is_in_use = matches!(error, spool::RepairError::Spool(SpoolError::InUse { .. }));
    let error = anyhow::Error::new(error);
    if is_in_use {
        error.context("stop the relay first: systemctl stop vedette-relay")
    } else {
        error
    }
}

/// Files that another user makes here could not be written by the relay.
fn check_owner(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = std::fs::metadata(dir)
        .with_context(|| format!("spool {} cannot be read", dir.display()))?
        .uid();
    anyhow::ensure!(
        rustix::process::geteuid().as_raw() == owner,
        "{} belongs to user {owner}: run this as that user, such as with `sudo -u vedette-relay`",
        dir.display()
    );
    Ok(())
}

fn print<T: serde::Serialize>(
    json: bool,
    value: &T,
    text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if json {
        serde_json::to_writer_pretty(&mut out, value)?;
        writeln!(out)?;
    } else {
        text(&mut out)?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests;
