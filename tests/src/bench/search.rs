//! Questions over many events of ninety days: lists, searches, counts over time and what may be
//! searched for; and the hub's memory meanwhile.
//!
//! Events are small and made here: what is asked is how much there is to look through, not how
//! large each is. They are of a few thousand issues, with tags of few values and of many.

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use tokio::task::JoinSet;

use super::{DRAINED_WITHIN, Figures, SENDERS, float, hub, is_large, mib, percentile};
use crate::api::{envelope, form_encoded};
use crate::chance::Chance;
use crate::scale::bench_events;
use crate::site::{ORGANIZATION, PROJECT, Site};
use crate::wait::{clock, until};

/// Times that each kind of question is asked.
const ASKED: usize = 200;
/// Days over which the events happened: the longest that the hub takes.
const DAYS: u64 = 89;
/// Issues that they are of.
const ISSUES: u64 = 3000;
/// People who met them.
const USERS: u64 = 50_000;
/// Words that messages are made of.
const WORDS: [&str; 24] = [
    "amount", "basket", "card", "charge", "cursor", "delayed", "expired", "gateway", "header",
    "index", "invoice", "kettle", "ledger", "missing", "order", "packet", "payment", "quota",
    "refused", "retry", "stock", "timeout", "user", "voucher",
];

/// Measures all of it in a directory.
pub(super) async fn measure(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let site = Site::open(super::plan_in(dir.to_owned())?).await?;
    let wanted = bench_events(if is_large() { 1_000_000 } else { 100_000 });
    feed(&site, wanted).await?;
    figures.note("search.events", float(site.stored_events().await?), "")?;
    figures.note(
        "search.rss_before_mib",
        mib(hub(&site)?.resident_bytes()?),
        "MiB",
    )?;
    let (mut peak, mut own_peak) = (0, 0);
    for (name, paths) in questions(&site).await? {
        let mut took = Vec::new();
        for path in paths.iter().cycle().take(ASKED) {
            let begin = clock();
            let answer = site.api().call(Method::GET, path, None).await?;
            let status = answer.status();
            answer.bytes().await?;
            anyhow::ensure!(status.is_success(), "{path} answered {status}");
            took.push(begin.elapsed());
            peak = peak.max(hub(&site)?.resident_bytes()?);
            own_peak = own_peak.max(hub(&site)?.anonymous_bytes()?);
        }
        for (share, what) in [(0.5, "p50"), (0.99, "p99")] {
            let millis = percentile(&mut took, share).as_secs_f64() * 1e3;
            figures.note(&format!("search.{name}_{what}_ms"), millis, "ms")?;
        }
    }
    figures.note("search.rss_peak_mib", mib(peak), "MiB")?;
    // Without what it maps of its files, which the system takes back when it is wanted.
    figures.note("search.rss_own_peak_mib", mib(own_peak), "MiB")
}

/// Sends the events, and waits until they can be asked about.
async fn feed(site: &Site, wanted: usize) -> anyhow::Result<()> {
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS * 4 {
        let sdk = site.sdk().clone();
        senders.spawn(async move {
            let mut chance = Chance::new(sender as u64);
            for n in (sender..wanted).step_by(SENDERS * 4) {
                // In the order in which they happened, as they come where nobody was away.
                let left = u64::try_from(wanted - n)? * DAYS * 86_400 / u64::try_from(wanted)?;
                let body = envelope(&event(&mut chance, left));
                // A relay that holds back is asked again until it does not.
                until("the relay to take an event", DRAINED_WITHIN, || async {
                    let answer = sdk.post(body.clone(), "").await.ok()?;
                    answer.status().is_success().then_some(())
                })
                .await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    until("all events to be digested", DRAINED_WITHIN, || async {
        (site.stored_events().await.ok()? >= wanted).then_some(())
    })
    .await?;
    // What was digested last is searchable a moment later.
    let last = format!("organizations/{ORGANIZATION}/vedette/suggestions/?key=level");
    until("all events to be searchable", DRAINED_WITHIN, || async {
        let found = site.api().get(&last).await.ok()?;
        let counts = found.get("suggestions")?.as_array()?.iter();
        let n: u64 = counts.filter_map(|each| each.get("count")?.as_u64()).sum();
        (usize::try_from(n).ok()? >= wanted).then_some(())
    })
    .await
}

fn event(chance: &mut Chance, seconds_ago: u64) -> Value {
    let issue = skewed(chance, ISSUES);
    let at = hub::clock::now().plus_millis(-i64::try_from(seconds_ago * 1000).unwrap_or_default());
    let word = |chance: &mut Chance| one_of(chance, &WORDS);
    let environment = match issue % 49 {
        0 => "canary",
        n if n % 7 == 0 => "staging",
        _ => "production",
    };
    let message = format!(
        "{} {} of {} {}",
        word(chance),
        word(chance),
        word(chance),
        chance.below(100_000)
    );
    json!({
        "timestamp": at.to_rfc3339(),
        "platform": "python",
        "level": "error",
        "environment": environment,
        "release": format!("shop@1.{}.0", 40 - seconds_ago * 40 / (DAYS * 86_400)),
        "transaction": format!("/checkout/{}", issue % 40),
        "server_name": format!("web-{:03}", chance.below(200)),
        "user": { "id": format!("u-{:05}", chance.below(USERS)) },
        "tags": {
            "browser": one_of(chance, &["Firefox", "Chrome", "Safari", "Edge"]),
            "customer.tier": one_of(chance, &["gold", "gold", "gold", "silver", "tin"]),
        },
        "fingerprint": [format!("issue-{issue}")],
        "exception": { "values": [{
            "type": format!("{}Error", word(chance)),
            "value": message,
            "stacktrace": { "frames": [
                { "module": "shop.main", "function": "run", "filename": "shop/main.py", "in_app": true },
                {
                    "module": "shop.billing", "function": format!("charge_{issue}"),
                    "filename": "shop/billing.py", "in_app": true,
                },
            ] },
        }] },
    })
}

fn one_of(chance: &mut Chance, words: &[&'static str]) -> &'static str {
    let place = chance.place(words.len());
    words.get(place).copied().unwrap_or_default()
}

/// A number below a bound, small ones more often: a few issues have most events.
fn skewed(chance: &mut Chance, below: u64) -> u64 {
    let bound = 1 + chance.below(below);
    chance.below(bound)
}

/// A time as addresses have it.
fn days_ago(days: i64) -> String {
    let at = hub::clock::now().plus_millis(-days * 86_400_000);
    form_encoded(&at.to_rfc3339())
}

/// Each kind of question by its name: the addresses that ask it.
async fn questions(site: &Site) -> anyhow::Result<Vec<(&'static str, Vec<String>)>> {
    let issues = format!("organizations/{ORGANIZATION}/issues/");
    let list = format!("{issues}?query=is:unresolved&statsPeriod=14d");
    let (start, end) = (days_ago(60), days_ago(30));
    let within = format!("{issues}?query=is:unresolved&start={start}&end={end}");
    let first = site.api().get(&list).await?;
    let id = first.pointer("/0/id").and_then(Value::as_str);
    let issue = format!("{issues}{}/", id.context("an issue")?);
    let search = |queries: &[&str]| -> Vec<String> {
        let queries = queries.iter();
        queries
            .map(|query| format!("{issues}?query={}", form_encoded(query)))
            .collect()
    };
    let suggest = format!("organizations/{ORGANIZATION}/vedette/suggestions/");
    let events = format!("organizations/{ORGANIZATION}/events/?dataset=errors");
    Ok(vec![
        (
            "list",
            ["date", "freq", "trends", "inbox", "recommended"]
                .iter()
                .map(|sort| format!("{list}&sort={sort}"))
                .collect(),
        ),
        (
            "list_environment",
            vec![
                format!("{issues}?query=is:unresolved&environment=staging"),
                format!("{list}&environment=production"),
                format!("{issues}?query=is:unresolved&environment=production&sort=user"),
            ],
        ),
        (
            "list_freq",
            ["freq", "user"]
                .iter()
                .flat_map(|sort| {
                    [
                        format!("{list}&sort={sort}"),
                        format!("{within}&sort={sort}"),
                    ]
                })
                .collect(),
        ),
        (
            "detail",
            vec![issue.clone(), format!("{issue}events/latest/")],
        ),
        (
            "tag",
            search(&[
                "server_name:web-003",
                "user.id:u-00042",
                "customer.tier:tin",
            ]),
        ),
        ("text", search(&["kettle", "\"payment refused\"", "vouch*"])),
        (
            "combined",
            search(&[
                "kettle browser:Firefox environment:staging",
                "(server_name:web-003 OR server_name:web-004) !customer.tier:gold timeout",
                "release:>=1.35 is:unresolved quota",
            ]),
        ),
        (
            "facets",
            vec![
                format!("{issue}tags/"),
                format!("projects/{ORGANIZATION}/{PROJECT}/tags/browser/values/"),
            ],
        ),
        (
            "histogram",
            vec![
                format!("{issues}?query=browser:Firefox&groupStatsPeriod=14d"),
                format!("{events}&field=issue&field=count()&sort=-count()&query=browser:Firefox"),
            ],
        ),
        (
            "autocomplete",
            vec![
                suggest.clone(),
                format!("{suggest}?key=browser"),
                format!("{suggest}?key=server_name&part=web-1"),
                format!("{suggest}?key=user.id&part=u-0"),
                format!("{suggest}?key=user.id"),
            ],
        ),
    ])
}
