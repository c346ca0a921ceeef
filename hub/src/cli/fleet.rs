//! What the command line does with the fleet: tokens to join with, relays, the authority.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use protocol::timestamp::Timestamp;
use protocol::wire::{Frame, PAPER_BYTES_MAX, Paper};

use super::{AuthorityCommand, JoinToken, Relay};
use crate::app;
use crate::clock;
use crate::config::Config;
use crate::fleet::{self, Fleet, Labels, RelayState, TokenRequest};
use crate::store::Store;

async fn open(store: &Store, config: &Config) -> anyhow::Result<Fleet> {
    let authority = config.data_dir.join("authority");
    app::make_dir(&authority)?;
    Ok(Fleet::open(store.clone(), &authority, config.fleet.clone()).await?)
}

pub(super) async fn join_token(
    store: &Store,
    config: &Config,
    command: JoinToken,
) -> anyhow::Result<String> {
    let fleet = open(store, config).await?;
    match command {
        JoinToken::Create {
            uses,
            valid,
            from,
            label,
        } => {
            let request = TokenRequest {
                uses,
                lifetime: valid.map(|valid| valid.0),
                labels: labels(&label)?,
                from,
            };
            let token = fleet.make_join_token(&request, clock::now()).await?;
            Ok(token.to_string())
        }
        JoinToken::List => list_tokens(&fleet).await,
        JoinToken::Remove { id } => {
            let is_removed = fleet.remove_join_token(&id).await?;
            anyhow::ensure!(is_removed, "there is no join token {id}");
            Ok(format!("join token {id} has ended"))
        }
    }
}

async fn list_tokens(fleet: &Fleet) -> anyhow::Result<String> {
    let now = clock::now();
    let mut tokens = fleet.join_tokens().await?;
    tokens.retain(|token| token.expires_at > now);
    if tokens.is_empty() {
        return Ok("no join token can be used".to_owned());
    }
    let lines: Vec<String> = tokens
        .iter()
        .map(|token| {
            let from = token
                .from
                .map_or("anywhere".to_owned(), |from| from.to_string());
            let labels: Vec<String> = token
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!(
                "{}\tuntil {}\t{} uses left\tfrom {from}\t{} wrong secrets\t{}",
                token.id,
                token.expires_at.to_rfc3339(),
                token.uses_left,
                token.failures,
                labels.join(" ")
            )
        })
        .collect();
    Ok(lines.join("\n"))
}

pub(super) async fn relay(
    store: &Store,
    config: &Config,
    command: Relay,
) -> anyhow::Result<String> {
    let fleet = open(store, config).await?;
    match command {
        Relay::List => list_relays(&fleet).await,
        Relay::ClearClone { id } => {
            fleet.clear_clone(id).await?;
            Ok(format!("relay {id} is no longer marked"))
        }
        Relay::Revoke { id } => {
            let relays = fleet.relays().await?;
            let relay = relays.into_iter().find(|relay| relay.id == id);
            let relay = relay.with_context(|| format!("there is no relay {id}"))?;
            let revoked = RelayState::Revoked;
            fleet
                .update_relay(id, &relay.name, &relay.labels, revoked)
                .await?;
            Ok(format!("relay {id} is shut out"))
        }
    }
}

async fn list_relays(fleet: &Fleet) -> anyhow::Result<String> {
    let relays = fleet.relays().await?;
    if relays.is_empty() {
        return Ok("there is no relay yet: let one join with `join-token create`".to_owned());
    }
    let when = |at: Option<Timestamp>| at.map_or("never".to_owned(), Timestamp::to_rfc3339);
    let line = |relay: &fleet::Relay| {
        let clone = relay.second_holder.as_ref().map(|two| {
            let addresses = two.addresses.join(" and ");
            format!("\theld twice, {}, last {}", addresses, two.at.to_rfc3339())
        });
        format!(
            "{}\t{}\t{}\tseen {}\tcertificate until {}\tstarted {} times{}",
            relay.id,
            relay.name,
            relay.state.name(),
            when(relay.last_seen_at),
            when(relay.certificate.ends_at),
            relay.generation,
            clone.unwrap_or_default()
        )
    };
    let lines: Vec<String> = relays.iter().map(line).collect();
    Ok(lines.join("\n"))
}

pub(super) async fn sign(
    store: &Store,
    config: &Config,
    request: &Path,
    out: &Path,
    name: Option<String>,
    label: &[String],
) -> anyhow::Result<String> {
    let file = File::open(request)
        .with_context(|| format!("request {} cannot be read", request.display()))?;
    let mut text = String::new();
    file.take(PAPER_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)?;
    let frames = Paper::JoinRequest
        .read(&text)
        .with_context(|| format!("request {}", request.display()))?;
    let Some(Frame::Join(mut join)) = frames.into_iter().next() else {
        anyhow::bail!("request {} asks for nothing", request.display());
    };
    if let Some(name) = name {
        join.name = name;
    }
    // Before anything is registered.
    let labels = labels(label)?;
    let mut out_file = File::create_new(out)
        .with_context(|| format!("bundle {} cannot be written", out.display()))?;
    let fleet = open(store, config).await?;
    let hub = &config.site.link_address;
    let mut joined = fleet.vouch(&join, &labels, hub, clock::now()).await?;
    joined.alternatives.clone_from(&config.link.alternatives);
    let relay = joined.relay;
    let told = fleet.config().await.offer.stable;
    let frames = [Frame::Joined(joined), Frame::Config(told.config.clone())];
    out_file.write_all(Paper::JoinBundle.write(&frames)?.as_bytes())?;
    out_file.sync_all()?;
    Ok(format!(
        "relay {relay} is of the fleet; on its host: vedette-relay join --bundle {}",
        out.display()
    ))
}

pub(super) async fn rollout(store: &Store, config: &Config) -> anyhow::Result<String> {
    let view = open(store, config).await?.config().await;
    let stable = &view.offer.stable.bundle;
    let made = stable.issued_at.to_rfc3339();
    let mut lines = vec![format!("in force\tversion {}, of {made}", stable.version)];
    if let Some((tried, _)) = &view.offer.trial {
        let version = tried.bundle.version;
        lines.push(format!("tried\tversion {version}, by a few relays first"));
    }
    if let Some((version, reason)) = &view.failed {
        lines.push(format!("taken back\tversion {version}: {reason}"));
    }
    if let Some(problem) = &view.problem {
        lines.push(format!("cannot be sent\t{problem}"));
    }
    Ok(lines.join("\n"))
}

pub(super) async fn authority(
    store: &Store,
    config: &Config,
    command: &AuthorityCommand,
) -> anyhow::Result<String> {
    let fleet = open(store, config).await?;
    let now = clock::now();
    if matches!(command, AuthorityCommand::Rotate) {
        fleet.rotate_authority(now).await?;
    }
    let states = fleet.authority_states(now).await?;
    let lines = states.iter().map(|state| {
        let role = match (state.is_signing, state.is_trusted) {
            (true, _) => "signs, relays trust it",
            (false, true) => "former, relays that renew still trust it",
            (false, false) => "former",
        };
        let key = hex::encode(state.key_hash);
        format!("{key}\t{role}\tsigned for {} relays", state.relays)
    });
    let lines: Vec<String> = lines.collect();
    Ok(lines.join("\n"))
}

/// `KEY=VALUE`, several times.
pub(super) fn labels(texts: &[String]) -> anyhow::Result<Labels> {
    let mut labels = Labels::new();
    for text in texts {
        let (key, value) = text
            .split_once('=')
            .with_context(|| format!("label {text:?} is not KEY=VALUE"))?;
        labels.insert(key.to_owned(), value.to_owned());
    }
    Ok(labels)
}
