//! An error's life: found by search, resolved, seen again, and found after the index was lost.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tests::api::{VISIBLE_WITHIN, client, envelope};
use tests::load::Load;
use tests::site::{Plan, Site};
use tests::wait::until;

fn error(kind: &str, function: &str, release: &str) -> Value {
    json!({
        "platform": "python", "level": "error", "release": release, "environment": "production",
        "exception": {"values": [{"type": kind, "value": "quantity is negative", "stacktrace": {"frames": [
            {"module": "shop.cart", "function": function, "filename": "shop/cart.py", "lineno": 7, "in_app": true}]}}]},
        "tags": {"customer.tier": "gold"}, "user": {"id": "u-1"},
    })
}

#[tokio::test]
async fn an_issue_is_found_resolved_and_seen_again() {
    let site = Site::start().await.unwrap();
    let sdk = site.sdk();
    sdk.send(&error("StockError", "reserve", "shop@1.0.0"))
        .await
        .unwrap();
    sdk.send(&error("StockError", "reserve", "shop@1.0.0"))
        .await
        .unwrap();
    sdk.send(&error("PriceError", "add", "shop@1.0.0"))
        .await
        .unwrap();

    let api = site.api();
    for query in [
        "StockError",
        "reserve",
        "shop.cart StockError",
        "error.type:StockError",
        "stack.function:reserve",
        "customer.tier:gold error.type:StockError is:unresolved",
    ] {
        let query = if query == "shop.cart StockError" {
            "stack.module:shop.cart stock"
        } else {
            query
        };
        let found = api.issues(site.org(), query, 1).await.unwrap();
        assert!(
            found[0]["title"]
                .as_str()
                .unwrap()
                .starts_with("StockError"),
            "{query}"
        );
    }
    let issue = api
        .issues(site.org(), "StockError", 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(issue["count"], "2");
    assert_eq!(issue["userCount"], 1);
    let id = issue["id"].as_str().unwrap();
    let path = format!("organizations/{}/issues/{id}/", site.org());
    let n_events = |query: &'static str| {
        let path = format!("{path}events/?query={}", tests::api::form_encoded(query));
        async move { site_events(api, &path).await }
    };
    assert_eq!(n_events("customer.tier:gold is:unresolved").await, 2);
    assert_eq!(n_events("customer.tier:silver").await, 0);

    api.put(&path, &json!({"status": "resolved"}))
        .await
        .unwrap();
    assert_eq!(api.get(&path).await.unwrap()["status"], "resolved");
    api.issues(site.org(), "is:unresolved StockError", 0)
        .await
        .unwrap();

    sdk.send(&error("StockError", "reserve", "shop@1.1.0"))
        .await
        .unwrap();
    let again = api
        .issues(site.org(), "is:unresolved StockError", 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(again["id"], issue["id"]);
    assert_eq!(again["substatus"], "regressed");
    assert_eq!(again["count"], "3");
}

#[tokio::test]
async fn a_retry_of_an_sdk_counts_once() {
    let site = Site::start().await.unwrap();
    let mut event = error("RetryError", "send", "shop@1.0.0");
    event["event_id"] = json!("0123456789abcdef0123456789abcdef");
    for _ in 0..3 {
        site.sdk().send(&event).await.unwrap();
    }
    site.sdk()
        .send(&error("LastError", "end", "shop@1.0.0"))
        .await
        .unwrap();
    site.api().issues(site.org(), "LastError", 1).await.unwrap();
    let issue = site
        .api()
        .issues(site.org(), "RetryError", 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(issue["count"], "1");
}

#[tokio::test]
async fn a_lost_index_is_rebuilt_with_the_same_answers() {
    let mut site = Site::start().await.unwrap();
    let mut load = Load::python().unwrap();
    for _ in 0..60 {
        let (_, event) = load.next_event().unwrap();
        site.sdk().send(&event).await.unwrap();
    }
    site.api().issues(site.org(), "", 20).await.unwrap();
    site.settled(60).await.unwrap();
    // What is stored is found a moment later.
    until("every event to be found", VISIBLE_WITHIN, || async {
        (site.stored_events().await.ok()? == 60).then_some(())
    })
    .await
    .unwrap();
    let questions = [
        "charge_3",
        "level:error",
        "server_name:web-07",
        "failed after",
        "release:shop*",
    ];
    let mut before = Vec::new();
    for question in questions {
        before.push(titles(&site, question).await);
    }
    site.stop_hub().await.unwrap();
    fs::remove_dir_all(site.index_dir()).unwrap();
    site.start_hub().await.unwrap();
    site.settled(60).await.unwrap();
    for (question, before) in questions.iter().zip(&before) {
        let found = site
            .api()
            .issues(site.org(), question, before.len())
            .await
            .unwrap();
        assert_eq!(sorted_titles(&found), *before, "{question}");
    }
    assert!(before.iter().any(|titles| !titles.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_opened_again_goes_on_with_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan::free(dir.path().to_owned()).unwrap();
    let mut site = Site::open(plan.clone()).await.unwrap();
    let event = error("EarlierError", "begin", "shop@1.0.0");
    site.sdk().send(&event).await.unwrap();
    site.settled(1).await.unwrap();
    let dsn = site.dsn().to_owned();
    site.terminate_relay().await.unwrap();
    site.stop_hub().await.unwrap();
    drop(site);

    let site = Site::open(plan).await.unwrap();
    assert_eq!(site.dsn(), dsn);
    site.api()
        .issues(site.org(), "EarlierError", 1)
        .await
        .unwrap();
    site.sdk()
        .send(&error("LaterError", "end", "shop@1.0.0"))
        .await
        .unwrap();
    site.settled(2).await.unwrap();
    let relays = site.api().get("vedette/relays/").await.unwrap();
    assert_eq!(relays.as_array().map(Vec::len), Some(1), "{relays}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_relay_takes_nothing_new_and_delivers_what_it_has() {
    const WAITING: usize = 20;
    let mut site = Site::start().await.unwrap();
    let relays = site.api().get("vedette/relays/").await.unwrap();
    let path = format!("vedette/relays/{}/", relays[0]["id"].as_str().unwrap());
    let set = async |site: &Site, state: &str| {
        let answer = site.api().put(&path, &json!({ "state": state })).await;
        answer.unwrap();
    };
    set(&site, "drained").await;
    // Until the relay hears of it, it takes what it is asked with.
    let n_taken = AtomicUsize::new(0);
    let refused = async |site: &Site| {
        let body = envelope(&error("RefusedError", "drain", "shop@1.0.0"));
        let answer = site.sdk().post(body, "").await.ok()?;
        if answer.status().is_success() {
            n_taken.fetch_add(1, Ordering::Relaxed);
        }
        let limits = answer.headers().get("x-sentry-rate-limits")?;
        let limits = limits.to_str().ok()?.to_owned();
        (answer.status() == 429).then_some(limits)
    };
    let limits = until("the relay to refuse", VISIBLE_WITHIN, || refused(&site)).await;
    assert_eq!(limits.unwrap(), "60::organization:drained");
    let ready = client()
        .get(format!("{}/health/ready", site.relay_url()))
        .send();
    assert_eq!(ready.await.unwrap().status(), 503);
    assert!(site.relay_cli("status").unwrap().contains("drained"));

    set(&site, "active").await;
    let event = error("KeptError", "drain", "shop@1.0.0");
    until("the relay to work again", VISIBLE_WITHIN, || async {
        site.sdk().send(&event).await.ok()
    })
    .await
    .unwrap();
    // With the hub away, what is answered waits.
    site.stop_hub().await.unwrap();
    for _ in 1..WAITING {
        site.sdk().send(&event).await.unwrap();
    }
    site.start_hub().await.unwrap();
    set(&site, "drained").await;
    until("the relay to refuse again", VISIBLE_WITHIN, || {
        refused(&site)
    })
    .await
    .unwrap();
    let n_taken = n_taken.load(Ordering::Relaxed);
    site.settled(WAITING + n_taken).await.unwrap();
    until("nothing to wait", VISIBLE_WITHIN, || async {
        let relay = site.api().get(&path).await.ok()?;
        let backlog = relay["backlog"].as_array()?;
        backlog
            .iter()
            .all(|lane| lane["records"] == 0)
            .then_some(())
    })
    .await
    .unwrap();
    // It goes on refusing where there is no hub to ask.
    site.stop_hub().await.unwrap();
    site.terminate_relay().await.unwrap();
    site.start_relay().await.unwrap();
    until("the relay to know", VISIBLE_WITHIN, || refused(&site))
        .await
        .unwrap();
    site.start_hub().await.unwrap();
    site.assert_ledger_balances().await.unwrap();
}

async fn site_events(api: &tests::api::Api, path: &str) -> usize {
    api.get(path).await.unwrap().as_array().unwrap().len()
}

async fn titles(site: &Site, query: &str) -> Vec<String> {
    let encoded = tests::api::form_encoded(query);
    let path = format!(
        "organizations/{}/issues/?query={encoded}&limit=100",
        site.org()
    );
    let found = site.api().get(&path).await.unwrap();
    sorted_titles(found.as_array().unwrap())
}

fn sorted_titles(issues: &[Value]) -> Vec<String> {
    let mut titles: Vec<String> = issues
        .iter()
        .map(|issue| format!("{} {}", issue["shortId"], issue["title"]))
        .collect();
    titles.sort();
    titles
}

#[tokio::test]
async fn the_relay_tells_on_its_host_that_it_is_well() {
    let site = Site::start().await.unwrap();
    let event = error("StockError", "reserve", "shop@1.0.0");
    site.sdk().send(&event).await.unwrap();
    site.assert_ledger_balances().await.unwrap();
    let status = site.relay_cli("status").unwrap();
    assert!(status.contains("ledger  balanced"), "{status}");
    let doctor = site.relay_cli("doctor").unwrap();
    assert!(doctor.contains("is there, and signed"), "{doctor}");
    assert!(doctor.contains("answers over QUIC"), "{doctor}");
    assert!(doctor.contains("answers over TCP"), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_doctor_finds_on_the_relays_host_is_told_at_the_hub() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::start().await.unwrap();
    let api = site.api();
    let connected = async || {
        let relays = api.get("vedette/relays/").await.ok()?;
        let id = relays[0]["id"].as_str()?.to_owned();
        let told = api.get(&format!("vedette/relays/{id}/diagnosis/")).await;
        told.ok().map(|_| id)
    };
    let id = until("the relay at the hub", VISIBLE_WITHIN, connected);
    let path = format!("vedette/relays/{}/diagnosis/", id.await.unwrap());
    let finding = async |what: &str| {
        let told = api.get(&path).await.unwrap();
        let findings = told["findings"].as_array().unwrap();
        let of_it = findings.iter().find(|finding| finding["what"] == what);
        of_it.cloned().expect(what)
    };
    for what in [
        "relay", "state", "identity", "key", "cert", "space", "ledger",
    ] {
        let well = finding(what).await;
        assert_eq!(
            (&well["grade"], &well["remedy"]),
            (&json!("well"), &json!(null)),
            "{well}"
        );
    }
    let state = site.dir().join("relay");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    let wrong = finding("state").await;
    assert_eq!(wrong["grade"], "wrong");
    assert!(
        wrong["remedy"].as_str().unwrap().contains("chmod 700"),
        "{wrong}"
    );
}
