//! `vedette-hub import`: a relay's parcel, into the hub that runs or without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{self, Data};
use crate::config::Config;
use crate::import::{self, Imported};
use crate::{clock, digest};

#[derive(Debug, clap::Args)]
pub(super) struct Parcel {
    /// The file that `vedette-relay spool export` wrote.
    file: PathBuf,
    /// Where to write the receipt; `vedette-relay spool import` takes it and frees the room.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// How long a running hub may take.
    #[arg(long, value_name = "TIME", default_value = "10m")]
    timeout: protocol::unit::Span,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Imports a parcel and says what it brought.
pub(super) async fn run(config: &Config, parcel: &Parcel) -> anyhow::Result<String> {
    let dir = &config.data_dir;
    app::make_dir(dir)?;
    let is_free = app::lock(dir).is_ok();
    let imported = if is_free {
        alone(config, &parcel.file).await?
    } else {
        let inbox = app::inbox_of(dir);
        import::hand_in(&inbox, &parcel.file, parcel.timeout.0).await?
    };
    if let Some(path) = &parcel.receipt {
        let bytes = STANDARD.decode(&imported.receipt)?;
        fs::write(path, bytes)
            .with_context(|| format!("receipt {} cannot be written", path.display()))?;
    }
    if parcel.json {
        return Ok(serde_json::to_string_pretty(&imported)?);
    }
    Ok(text(&imported, parcel.receipt.as_deref()))
}

/// No hub runs: its digest is started for this parcel alone.
async fn alone(config: &Config, file: &Path) -> anyhow::Result<Imported> {
    const DRAIN: Duration = Duration::from_secs(20);
    let data = Data::open(config).await?;
    let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
    let parts = digest::Parts {
        store: data.store.clone(),
        archive: data.archive.clone(),
        index: data.index.clone(),
        clock: clock::now,
    };
    digest::catch_up(&parts, &data.index).await?;
    let digest = digest::start(parts, &tracker, cancel.clone());
    let imported = import::import(&data.fleet, &digest, file).await;
    cancel.cancel();
    tracker.close();
    let drained = tokio::time::timeout(DRAIN, tracker.wait()).await;
    data.index.close().await?;
    data.store.close().await;
    drained.context("the digest did not end")?;
    Ok(imported?)
}

fn text(imported: &Imported, receipt: Option<&Path>) -> String {
    let mut lines = vec![format!(
        "relay {}: {} records in {} blocks",
        imported.relay, imported.records, imported.blocks
    )];
    for lane in &imported.moved {
        let n = lane.now.0.saturating_sub(lane.was.0);
        let (name, now) = (lane.lane.name(), lane.now.0);
        lines.push(format!("{name}: {n} were new, up to {now}"));
    }
    if imported.moved.is_empty() {
        lines.push("nothing was new".to_owned());
    }
    if let Some(path) = receipt {
        lines.push(format!(
            "carry the receipt back: vedette-relay spool import {}",
            path.display()
        ));
    }
    lines.join("\n")
}
