//! What a site knows of what it was given: what is stored, what waits, and whether it adds up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use protocol::block::Record;
use protocol::ids::{Lane, Seq};
use relay::spool::ReadOutcome;
use serde_json::Value;

use super::{ORGANIZATION, PROJECT, Site};
use crate::api::{VISIBLE_WITHIN, client};
use crate::wait::until;

impl Site {
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
