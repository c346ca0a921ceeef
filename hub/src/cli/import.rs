//! `vedette-hub import`: a relay's parcel, into the hub that runs or without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::limits::NEW_ISSUES_PER_HOUR_MAX;
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
        places: data.places.clone(),
        clock: clock::now,
        new_issues_max: NEW_ISSUES_PER_HOUR_MAX,
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use protocol::block::{self, LedgerDelta, Record};
    use protocol::ids::{Epoch, Lane, RelayId, Seq};
    use protocol::parcel::{Head, ParcelError, Receipt, Writer};
    use protocol::timestamp::Timestamp;
    use protocol::wire::Join;
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, SigningKey as _};

    use super::*;
    use crate::fleet::TokenRequest;

    /// A parcel with one record of a relay that joins for it.
    async fn parcel(config: &Config, file: &Path) -> RelayId {
        let data = Data::open(config).await.unwrap();
        let now = clock::now();
        let token = TokenRequest::default();
        let token = data.fleet.make_join_token(&token, now).await.unwrap();
        let token = token.to_string();
        let parts: Vec<_> = token.split('.').collect();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let csr = CertificateParams::default()
            .serialize_request(&key)
            .unwrap();
        let join = Join {
            token_id: parts[1].to_owned(),
            secret: parts[2].to_owned(),
            csr: csr.der().to_vec(),
            name: "shop-12".to_owned(),
            version: "0.1.0".to_owned(),
        };
        let joined = data
            .fleet
            .join(&join, Ipv4Addr::LOCALHOST.into(), now)
            .await;
        let joined = joined.unwrap();
        let record = Record::Ledger(LedgerDelta::default());
        let sealed = block::seal(Epoch(7), Lane::Control, Seq(1), &[record]).unwrap();
        let at = Timestamp::from_millis(0);
        let head = Head::new(joined.relay, Epoch(7), joined.certificate, at);
        let mut writer = Writer::new(Vec::new(), &head).unwrap();
        writer.block(&sealed.bytes).unwrap();
        let sign = |message: &[u8]| Ok::<_, ParcelError>(key.sign(message).unwrap());
        fs::write(file, writer.finish(sign).unwrap()).unwrap();
        data.index.close().await.unwrap();
        data.store.close().await;
        joined.relay
    }

    #[tokio::test]
    async fn a_parcel_is_imported_without_a_running_hub_and_its_receipt_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: dir.path().join("data"),
            ..Config::default()
        };
        let file = dir.path().join("parcel");
        let relay = parcel(&config, &file).await;
        let receipt = dir.path().join("receipt");
        let command = Parcel {
            file: file.clone(),
            receipt: Some(receipt.clone()),
            timeout: "10s".parse().unwrap(),
            json: false,
        };
        let text = run(&config, &command).await.unwrap();
        assert!(text.contains("control: 1 were new, up to 1"), "{text}");
        let (read, _) = Receipt::decode(&fs::read(&receipt).unwrap()).unwrap();
        assert_eq!((read.relay, read.epoch), (relay, Epoch(7)));
        assert_eq!(read.upto(Lane::Control), Some(Seq(1)));
        let again = run(&config, &command).await.unwrap();
        assert!(again.contains("nothing was new"), "{again}");

        fs::write(&file, b"something else").unwrap();
        let refused = run(&config, &command).await.unwrap_err().to_string();
        assert!(refused.contains("ends before its seal") || refused.contains("no parcel"));
    }
}
