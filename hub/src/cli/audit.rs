//! `vedette-hub audit`: the audit log, gone through and written out.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::AuditCommand;
use crate::audit::chain::Link;
use crate::store::Store;

/// Does what a command says.
pub(super) async fn run(store: &Store, command: &AuditCommand) -> anyhow::Result<String> {
    match command {
        AuditCommand::Verify { contains } => verify(store, contains.as_deref()).await,
        AuditCommand::Export => export(store).await,
    }
}

async fn verify(store: &Store, contains: Option<&str>) -> anyhow::Result<String> {
    let verified = store.verify_audit().await?;
    let verified = verified.context("the audit log was changed by other hands than the hub's")?;
    if let Some(place) = contains {
        let (id, hash) = place
            .split_once(':')
            .and_then(|(id, hash)| Some((id.parse::<i64>().ok()?, hash)))
            .with_context(|| format!("{place:?} is no entry: it is number:hash"))?;
        let link = store.audit_behind(id.saturating_sub(1)).await?;
        let link = link.into_iter().next().filter(|link| link.id == id);
        let is_there = link.is_some_and(|link| hex::encode(link.hash) == hash);
        anyhow::ensure!(
            is_there,
            "entry {id} is gone or not as it was: the end was cut off, or it is older than \
             retention.audit"
        );
    }
    let (id, hash) = (verified.last.id, hex::encode(verified.last.hash));
    Ok(format!(
        "{} entries are as they were written; the last is {id}:{hash}",
        verified.entries
    ))
}

async fn export(store: &Store) -> anyhow::Result<String> {
    let mut last = 0;
    let mut out = io::stdout().lock();
    loop {
        let links = store.audit_behind(last).await?;
        let Some(end) = links.last() else {
            return Ok(String::new());
        };
        last = end.id;
        for link in &links {
            writeln!(out, "{}", line(link))?;
        }
    }
}

fn line(link: &Link) -> Value {
    let entry = &link.entry;
    json!({
        "id": link.id,
        "at": entry.at.to_rfc3339(),
        "organization": entry.organization,
        "actor": { "id": entry.actor, "name": entry.actor_name },
        "token": { "id": entry.token, "name": entry.token_name },
        "address": entry.address,
        "event": entry.action,
        "target": {
            "kind": entry.target.kind,
            "id": entry.target.id,
            "name": entry.target.name,
        },
        "data": serde_json::from_str::<Value>(&entry.data).unwrap_or_default(),
        "hash": hex::encode(link.hash),
    })
}
