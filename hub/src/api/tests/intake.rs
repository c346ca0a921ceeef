//! Filters, sampling, quotas, and the outcomes they show in.

use protocol::item::Category;
use protocol::outcome::Term;

use super::*;
use crate::store::ledger::LedgerRow;

#[tokio::test]
async fn filters_are_switched_and_listed_in_sentrys_words() {
    let hub = Hub::new().await;
    let at = "projects/acme/shop/filters/";
    let off = hub.get(at).await.json();
    let ids: Vec<_> = off
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["id"].clone())
        .collect();
    let expected = [
        "browser-extensions",
        "filtered-transaction",
        "legacy-browsers",
        "localhost",
        "web-crawlers",
    ];
    assert_eq!(ids, expected);
    assert!(
        off.as_array().unwrap().iter().all(|f| f["active"] == false),
        "{off}"
    );
    let put = async |id: &str, body: Value| hub.put(&format!("{at}{id}/"), body).await.status;
    assert_eq!(
        put("web-crawlers", json!({"active": true})).await,
        StatusCode::NO_CONTENT
    );
    let browsers = json!({"subfilters": ["safari_pre_6", "ie9"]});
    assert_eq!(
        put("legacy-browsers", browsers).await,
        StatusCode::NO_CONTENT
    );
    let usual = json!({"subfilters": ["ie11", "default"]});
    assert_eq!(put("legacy-browsers", usual).await, StatusCode::NO_CONTENT);
    let on = hub.get(at).await.json();
    assert_eq!(on[2]["active"], json!(["default", "ie11"]));
    let browsers = json!({"subfilters": ["safari_pre_6", "ie9"]});
    assert_eq!(
        put("legacy-browsers", browsers).await,
        StatusCode::NO_CONTENT
    );
    let unknown = json!({"subfilters": ["netscape"]});
    assert_eq!(
        put("legacy-browsers", unknown).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        put("web-crawlers", json!({})).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        put("telegraph", json!({"active": true})).await,
        StatusCode::NOT_FOUND
    );
    let on = hub.get(at).await.json();
    assert_eq!(on[2]["active"], json!(["ie9", "safari_pre_6"]));
    assert_eq!(on[4]["active"], true);

    let options = json!({"options": {
        "filters:releases": "1.*\n\n 2.0 ",
        "filters:blacklisted_ips": "10.0.0.0/8",
        "filters:chunk-load-error": true,
        "filters:log_messages": "GET /healthz*",
        "filters:trace_metric_names": ["debug.*", "Tmp.*"],
    }});
    let changed = hub.put("projects/acme/shop/", options).await.json();
    assert_eq!(changed["options"]["filters:releases"], "1.*\n2.0");
    assert_eq!(changed["options"]["filters:chunk-load-error"], true);
    assert_eq!(changed["options"]["filters:log_messages"], "GET /healthz*");
    let names = &changed["options"]["filters:trace_metric_names"];
    assert_eq!(names, "debug.*\nTmp.*");
    let wrong = json!({"options": {"filters:blacklisted_ips": "10.0.0"}});
    let wrong = hub.put("projects/acme/shop/", wrong).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.json()["field"], "filters:blacklisted_ips");
    let wrong = json!({"options": {"filters:nothing": "x"}});
    assert_eq!(
        hub.put("projects/acme/shop/", wrong).await.status,
        StatusCode::BAD_REQUEST
    );

    let roster = hub.state.fleet.roster().await.unwrap();
    let filters = &roster.projects[0].filters;
    assert!(filters.web_crawlers && !filters.localhost);
    assert_eq!(filters.releases, ["1.*", "2.0"]);
    assert_eq!(filters.client_ips, ["10.0.0.0/8"]);
    assert_eq!(filters.generic[0].id, "chunk-load-error");
    protocol::filter::Filters::compile(filters).unwrap();
}

#[tokio::test]
async fn conditions_quotas_and_spikes_are_set_checked_and_told() {
    let hub = Hub::new().await;
    let at = "vedette/projects/acme/shop/intake/";
    let health = r#"{"op":"glob","name":"event.transaction","value":["*health*"]}"#;
    let set = json!({
        "generic": [{"id": "no-canaries", "condition": r#"{"op":"eq","name":"event.tags.canary","value":"yes"}"#}],
        "samplingRules": [{"category": "transaction", "condition": health, "rate": 0.1}],
        "quotas": [{"categories": ["error"], "count": 100, "window": 3600, "burst": 10}],
        "spikeProtection": true,
    });
    let answer = hub.put(at, set).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let settings = answer.json();
    assert_eq!(settings["samplingRules"][0]["id"], 3001);
    assert_eq!(
        settings["spikeLimit"],
        Value::Null,
        "it is not known yet what is usual"
    );
    let own = json!({"quotas": [{"categories": [], "count": 5000, "window": 60}]});
    let answer = hub
        .put("vedette/organizations/acme/quotas/", own.clone())
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(
        hub.get("vedette/organizations/acme/quotas/").await.json(),
        own
    );

    let roster = hub.state.fleet.roster().await.unwrap();
    let project = &roster.projects[0];
    assert_eq!(project.sampling_rules[0].id, 3001);
    let quotas: Vec<_> = project
        .quotas
        .iter()
        .map(|q| (q.limit.count, q.reason.as_str()))
        .collect();
    assert_eq!(
        quotas,
        [(100, "project_quota"), (5000, "organization_quota")]
    );

    let wrong = json!({"generic": [{"id": "x", "condition": "{\"op\":\"eq\",\"name\":\"logs.body\",\"value\":1}"}]});
    let wrong = hub.put(at, wrong).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.json()["field"], "generic");
    assert!(wrong.text.contains("names begin with"), "{}", wrong.text);
    let wrong = json!({"quotas": [{"categories": ["error"], "count": 1, "window": 0}]});
    assert_eq!(hub.put(at, wrong).await.status, StatusCode::BAD_REQUEST);
    let kept = hub.get(at).await.json();
    assert_eq!(
        kept["generic"][0]["id"], "no-canaries",
        "what is refused changes nothing"
    );
}

/// A day of a project with an item for each way to end, several times.
async fn count(hub: &Hub, hour: i64) {
    let project = u64::try_from(hub.project).unwrap();
    let project = ProjectId::new(project).unwrap();
    let row = |category, term, reason: &str, hour, quantity| LedgerRow {
        relay: RELAY,
        project: Some(project),
        category,
        term,
        reason: reason.to_owned(),
        hour,
        quantity,
    };
    let error = |term, reason, hour, quantity| row(Category::Error, term, reason, hour, quantity);
    let rows = [
        error(Term::Received, "", hour, 100),
        error(Term::Accepted, "", hour, 80),
        error(Term::Refused, "rate_limited", hour, 11),
        error(Term::Refused, "spike_protection", hour, 1),
        error(Term::Refused, "auth", hour, 8),
        error(Term::Filtered, "web-crawlers", hour, 10),
        error(Term::Sampled, "Sampled:3001", hour, 5),
        error(Term::Applied, "", hour - 1, 60),
        error(Term::Invalid, "duplicate", hour, 3),
        error(Term::Expired, "", hour, 1),
        error(Term::Rejected, "poison", hour, 1),
        error(Term::ClientDiscard, "before_send", hour, 7),
        row(Category::Session, Term::Received, "", hour, 2),
        row(Category::Session, Term::Accepted, "", hour, 2),
        row(Category::Session, Term::Applied, "", hour, 2),
    ];
    let mut write = hub.state.store.begin().await.unwrap();
    write.add_ledger(&rows).await.unwrap();
    write.commit().await.unwrap();
}

#[tokio::test]
async fn outcomes_add_up_to_what_was_received() {
    let hub = Hub::new().await;
    count(&hub, clock::now().hour()).await;
    let all = hub
        .get("organizations/acme/stats_v2/?field=sum(quantity)&groupBy=outcome&groupBy=category&statsPeriod=24h")
        .await;
    assert_eq!(all.status, StatusCode::OK, "{}", all.text);
    let all = all.json();
    let total = |outcome: &str, category: &str| {
        let groups = all["groups"].as_array().unwrap().iter();
        let found =
            groups.filter(|g| g["by"]["outcome"] == outcome && g["by"]["category"] == category);
        found
            .map(|g| g["totals"]["sum(quantity)"].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!(total("accepted", "error"), 60);
    assert_eq!(total("filtered", "error"), 15);
    assert_eq!(total("rate_limited", "error"), 12);
    assert_eq!(total("invalid", "error"), 13);
    assert_eq!(total("client_discard", "error"), 7);
    let ends = ["accepted", "filtered", "rate_limited", "invalid"];
    for (category, received) in [("error", 100), ("session", 2)] {
        let sum: i64 = ends.iter().map(|outcome| total(outcome, category)).sum();
        assert_eq!(sum, received, "{category}");
    }
    let ledger = hub.get("vedette/ledger/").await.json();
    assert_eq!(ledger[0]["buffered"], 0, "the ledger agrees: {ledger}");
    let n_intervals = all["intervals"].as_array().unwrap().len();
    assert!((24..=25).contains(&n_intervals));
    for group in all["groups"].as_array().unwrap() {
        let series = group["series"]["sum(quantity)"].as_array().unwrap();
        assert_eq!(series.len(), n_intervals);
        let sum: i64 = series.iter().map(|n| n.as_i64().unwrap()).sum();
        assert_eq!(group["totals"]["sum(quantity)"], sum);
    }
    let reasons = hub
        .get("organizations/acme/stats_v2/?groupBy=reason&groupBy=relay&outcome=filtered&interval=1d&project=shop")
        .await
        .json();
    assert_eq!(reasons["groups"][0]["by"]["reason"], "web-crawlers");
    assert_eq!(reasons["groups"][1]["by"]["reason"], "Sampled:3001");
    assert_eq!(reasons["groups"][0]["by"]["relay"], "01".repeat(16));
    let expired = hub
        .get("organizations/acme/stats_v2/?groupBy=project&reason=expired")
        .await
        .json();
    assert_eq!(expired["groups"][0]["by"]["project"], hub.project);
    for wrong in [
        "groupBy=moon",
        "interval=5m",
        "field=max(x)",
        "outcome=lost",
        "statsPeriod=0h",
    ] {
        let answer = hub
            .get(&format!("organizations/acme/stats_v2/?{wrong}"))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn a_projects_stats_are_points_of_time_and_count() {
    let hub = Hub::new().await;
    count(&hub, clock::now().hour()).await;
    let sum = async |query: &str| {
        let points = hub
            .get(&format!("projects/acme/shop/stats/?{query}"))
            .await
            .json();
        let points = points.as_array().unwrap().clone();
        points
            .iter()
            .map(|point| point[1].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!(sum("").await, 100);
    assert_eq!(sum("stat=blacklisted").await, 15);
    assert_eq!(sum("stat=rejected&resolution=1d").await, 25);
    let wrong = hub.get("projects/acme/shop/stats/?stat=x").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_spike_is_known_from_the_ledger_and_told_to_relays() {
    let hub = Hub::new().await;
    let now = clock::now();
    for back in 1..=48 {
        count(&hub, now.hour() - back).await;
    }
    let on = json!({"spikeProtection": true});
    hub.put("vedette/projects/acme/shop/intake/", on).await;
    hub.state.fleet.measure(now).await.unwrap();
    let settings = hub.get("vedette/projects/acme/shop/intake/").await.json();
    assert_eq!(
        settings["spikeLimit"], 1024,
        "80 an hour are usual; fewer than 1000 are no spike"
    );
    let roster = hub.state.fleet.roster().await.unwrap();
    let spike = &roster.projects[0].quotas[0];
    assert_eq!((spike.limit.count, spike.limit.window_secs), (1024, 3600));
    assert_eq!(spike.reason, "spike_protection");
    let version = hub.state.store.roster_version().await.unwrap();
    hub.state.fleet.measure(now).await.unwrap();
    let again = hub.state.store.roster_version().await.unwrap();
    assert_eq!(again, version, "nothing has changed, so nothing is told");
}

#[tokio::test]
async fn a_spike_is_noted_and_told_when_it_begins_and_when_it_ends() {
    let hub = Hub::new().await;
    let rule = json!({"name": "people", "triggers": ["new_issue"],
        "actions": [{"type": "webhook", "url": "http://127.0.0.1:9/hook"}]});
    let made = hub.post("projects/acme/shop/rules/", rule).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let store = &hub.state.store;
    let now = clock::now();
    let look = async |minutes: i64| {
        let at = now.plus_millis(minutes * 60_000);
        crate::spike::look(store, "https://hub.example/", at)
            .await
            .unwrap()
    };
    assert_eq!(look(0).await, 0);
    count(&hub, now.hour()).await;
    assert_eq!(look(1).await, 1);
    assert_eq!(look(2).await, 0);
    let going_on = hub.get("vedette/organizations/acme/spikes/").await.json();
    assert_eq!(going_on[0]["projectSlug"], "shop");
    assert_eq!(going_on[0]["refused"], 1);
    assert_eq!(going_on[0]["dateEnded"], Value::Null);
    count(&hub, now.hour()).await;
    assert_eq!(look(9).await, 0);
    assert_eq!(look(18).await, 0);
    assert_eq!(look(19).await, 1);
    assert_eq!(look(40).await, 0);
    let over = hub.get("vedette/organizations/acme/spikes/").await.json();
    assert_eq!(over.as_array().unwrap().len(), 1);
    assert_eq!(over[0]["refused"], 2);
    assert!(over[0]["dateEnded"].is_string());
    let told = hub.get("projects/acme/shop/notifications/").await.json();
    let kinds: Vec<_> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["changeKind"].clone())
        .collect();
    assert_eq!(kinds, ["spike_protection", "spike_protection"]);
}
