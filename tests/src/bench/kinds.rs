//! What each kind of item costs the relay: as it is, with rules that people wrote, and with filters.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{Figures, SENDERS, float, fresh, post_all, relay};
use crate::api::VISIBLE_WITHIN;
use crate::load::{Load, Recorded};
use crate::scale;
use crate::site::Site;
use crate::wait::until;

/// Rules of people; as many fields are named by each.
const RULES: usize = 20;
/// Envelopes made before the relay is measured with them.
const PREPARED: usize = 1_000;

/// What the project sets.
#[derive(Clone, Copy)]
enum Setting {
    Plain,
    Rules,
    Filters,
}

impl Setting {
    const ALL: [Self; 3] = [Self::Plain, Self::Rules, Self::Filters];

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Rules => "rules",
            Self::Filters => "filters",
        }
    }
}

/// Where envelopes of a kind come from.
enum Source {
    Varied(Load),
    Recorded(Recorded),
}

impl Source {
    /// The next envelope, compressed.
    fn next(&mut self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Varied(load) => Ok(load.next_gzip()?.1),
            Self::Recorded(recorded) => recorded.next_gzip(),
        }
    }
}

fn sources() -> anyhow::Result<Vec<(&'static str, Source)>> {
    let recorded = |name| anyhow::Ok(Source::Recorded(Recorded::of(name)?));
    Ok(vec![
        ("errors", Source::Varied(Load::python()?)),
        ("transactions", Source::Varied(Load::transactions()?)),
        ("log_containers", recorded("0071-sentry-python-logs")?),
        (
            "sessions",
            recorded("0059-sentry-python-session-application")?,
        ),
        (
            "replay_segments",
            recorded("0239-sentry-browser-replay-session")?,
        ),
    ])
}

/// Measures every kind under every setting, the hub being away.
pub(super) async fn measure(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    for setting in Setting::ALL {
        let mut site = Site::open(super::plan_in(fresh(dir, "kinds")?)?).await?;
        set(&site, setting).await?;
        site.stop_hub().await?;
        for (kind, mut source) in sources()? {
            let used = cost(&site, &mut source).await?;
            let name = format!("relay.cpu_s_per_10k_{kind}_{}", setting.name());
            figures.note(&name, used, "s")?;
        }
    }
    Ok(())
}

/// Seconds of the relay's CPU for ten thousand envelopes.
async fn cost(site: &Site, source: &mut Source) -> anyhow::Result<f64> {
    let n = scale::bench_envelopes();
    let (mut used, mut left) = (0.0, n);
    while left > 0 {
        let batch = left.min(PREPARED);
        left -= batch;
        let mut shares: Vec<Vec<Vec<u8>>> = vec![Vec::new(); SENDERS];
        for nth in 0..batch {
            let body = source.next()?;
            if let Some(share) = shares.get_mut(nth % SENDERS) {
                share.push(body);
            }
        }
        let before = relay(site)?.cpu_seconds()?;
        let mut senders = tokio::task::JoinSet::new();
        for share in shares {
            senders.spawn(post_all(site.sdk().clone(), share));
        }
        while let Some(sent) = senders.join_next().await {
            sent??;
        }
        used += relay(site)?.cpu_seconds()? - before;
    }
    Ok(used * 10_000.0 / float(n))
}

/// Makes the setting, and waits until the relay has it.
async fn set(site: &Site, setting: Setting) -> anyhow::Result<()> {
    let project = format!("projects/{}/{}/", site.org(), site.project());
    let before = config_version(site).await?;
    match setting {
        Setting::Plain => return Ok(()),
        Setting::Rules => {
            let rules = rules().to_string();
            site.api()
                .put(&project, &json!({"relayPiiConfig": rules}))
                .await?;
        }
        Setting::Filters => {
            for filter in [
                "browser-extensions",
                "web-crawlers",
                "localhost",
                "filtered-transaction",
            ] {
                let path = format!("{project}filters/{filter}/");
                site.api().put(&path, &json!({"active": true})).await?;
            }
            let path = format!("{project}filters/legacy-browsers/");
            let browsers = json!({"subfilters": ["ie9", "safari_pre_6"]});
            site.api().put(&path, &browsers).await?;
            let options = json!({"filters:error_messages": "*of no interest*\nTimeoutError*",
                "filters:releases": "0.0.*\nold@*", "filters:blacklisted_ips": "192.0.2.0/24"});
            site.api()
                .put(&project, &json!({"options": options}))
                .await?;
        }
    }
    until("the relay to have the setting", VISIBLE_WITHIN, || async {
        (config_version(site).await.ok()? > before).then_some(())
    })
    .await
}

async fn config_version(site: &Site) -> anyhow::Result<f64> {
    let metrics = site.relay_metrics().await?;
    let version = metrics.get("vedette_relay_roster_version").copied();
    version.context("the relay tells the version of its configuration")
}

/// Patterns of numbers and of names, each for texts everywhere and for a field of its own.
fn rules() -> Value {
    let name = |n: usize| format!("rule{n}");
    let rule = |n: usize| {
        let pattern = format!("\\bcustomer-{n:02}[0-9]{{4,8}}\\b");
        json!({"type": "pattern", "pattern": pattern,
            "redaction": {"method": "replace", "text": "[customer]"}})
    };
    let rules: Map<String, Value> = (0..RULES).map(|n| (name(n), rule(n))).collect();
    let own = (0..RULES).map(|n| (format!("extra.field{n}"), json!([name(n)])));
    let all: Vec<String> = (0..RULES).map(name).collect();
    let everywhere = ("$string".to_owned(), json!(all));
    let applications: Map<String, Value> = own.chain([everywhere]).collect();
    json!({"rules": rules, "applications": applications})
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_kind_has_its_recordings_and_no_two_envelopes_are_alike() {
        for (kind, mut source) in super::sources().unwrap() {
            let (one, other) = (source.next().unwrap(), source.next().unwrap());
            assert_ne!(one, other, "{kind}");
        }
    }
}
