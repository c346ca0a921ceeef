//! Relays, join tokens, the ledger and what was set aside.

use super::*;
use crate::store::relays::RelayRow;

#[tokio::test]
async fn shows_relays_and_changes_them() {
    let hub = Hub::new().await;
    assert_shape!("relays", hub.get("vedette/relays/").await);
    let path = format!("vedette/relays/{RELAY}/");
    let change = json!({ "name": "edge-berlin", "labels": { "region": "eu" }, "state": "drained" });
    let relay = hub.put(&path, change).await.json();
    assert_eq!(relay["name"], "edge-berlin");
    assert_eq!(relay["state"], "drained");
    assert_eq!(relay["labels"]["region"], "eu");
    assert_eq!(hub.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(&path).await.json()["state"], "revoked");
    let back = hub.put(&path, json!({ "state": "active" })).await;
    assert_eq!(back.status, StatusCode::CONFLICT);
    let missing = format!("vedette/relays/{}/", RelayId::from_bytes([9; 16]));
    assert_eq!(hub.get(&missing).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn makes_join_tokens() {
    let hub = Hub::new().await;
    let wish = json!({
        "uses": 3, "validForSeconds": 600, "labels": { "site": "hh" },
        "addressRange": "10.20.0.0/16",
    });
    let made = hub.post("vedette/join-tokens/", wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert!(
        made.json()["command"]
            .as_str()
            .unwrap()
            .starts_with("vedette-relay join ")
    );
    assert_shape!("join_token", made);
    for wrong in [
        json!({ "uses": 0 }),
        json!({ "validForSeconds": 0 }),
        json!({ "addressRange": "10.20" }),
    ] {
        let answer = hub.post("vedette/join-tokens/", wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn open_join_tokens_are_listed_without_their_secret_and_ended() {
    let hub = Hub::new().await;
    let path = "vedette/join-tokens/";
    let wish = json!({ "uses": 3, "labels": { "site": "hh" }, "addressRange": "10.20.0.0/16" });
    let made = hub.post(path, wish).await.json()["token"].clone();
    let listed = hub.get(path).await;
    let secret = made.as_str().unwrap().split('.').nth(2).unwrap().to_owned();
    assert!(!listed.text.contains(&secret), "{}", listed.text);
    let open = listed.json()[0].clone();
    assert_eq!(open["usesLeft"], 3);
    assert_eq!(open["labels"], json!({ "site": "hh" }));
    assert_eq!(open["addressRange"], "10.20.0.0/16");
    let id = open["id"].as_str().unwrap();
    let member = hub.ask(&hub.member, Method::GET, path, None).await;
    assert_eq!(member.status, StatusCode::FORBIDDEN);
    let one = format!("{path}{id}/");
    assert_eq!(hub.delete(&one).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.delete(&one).await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.get(path).await.text, "[]");
}

#[tokio::test]
async fn a_relay_is_in_the_region_that_its_label_says() {
    let hub = Hub::new().await;
    let path = format!("vedette/relays/{RELAY}/");
    assert_eq!(hub.get(&path).await.json()["region"], Value::Null);
    let change = json!({ "labels": { "region": "eu" } });
    assert_eq!(hub.put(&path, change).await.json()["region"], "eu");
}

#[tokio::test]
async fn adds_the_ledger_up() {
    let hub = Hub::new().await;
    hub.seed().await;
    let ledger = hub.get("vedette/ledger/").await.json();
    let relay = ledger
        .as_array()
        .unwrap()
        .iter()
        .find(|relay| relay["relayName"] == "edge-1");
    let terms = relay.unwrap()["terms"].as_array().unwrap().clone();
    let applied = terms.iter().find(|term| term["term"] == "applied").unwrap();
    assert_eq!(applied["quantity"], 5);
    assert_eq!(applied["category"], "error");
    let foreign = hub
        .ask(&hub.stranger, Method::GET, "vedette/ledger/", None)
        .await
        .json();
    assert_eq!(
        foreign[0]["terms"],
        json!([]),
        "other organizations' items are not theirs"
    );
}

#[tokio::test]
async fn shows_what_was_set_aside_and_tries_it_again() {
    let hub = Hub::new().await;
    assert_eq!(hub.get("vedette/poison/").await.text, "[]");
    hub.digest(1, &json!([1, 2])).await;
    let poison = hub.get("vedette/poison/").await.json();
    assert_eq!(poison[0]["relayName"], "edge-1");
    let id = poison[0]["id"].as_str().unwrap().to_owned();
    let again = hub
        .post(&format!("vedette/poison/{id}/replay/"), json!({}))
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    let missing = hub.post("vedette/poison/999/replay/", json!({})).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_shape!("status", hub.get("vedette/status/").await);
}

/// What a relay tells: of each of so many projects `accepted` errors, of which `delivered` are
/// delivered and the rest wait.
fn told(projects: u64, accepted: u64, delivered: u64, waiting: u64) -> protocol::wire::Report {
    use protocol::item::Category;
    use protocol::outcome::Term;
    use protocol::wire::{Books, Report, Sum, Total};
    let ids = || (1..=projects).filter_map(|id| ProjectId::new(id).ok());
    let sums = |n| {
        let sum = move |project| Sum {
            project,
            category: Category::Error,
            n,
        };
        ids().map(sum).collect::<Vec<_>>()
    };
    let total = |project, term| Total {
        project: Some(project),
        category: Category::Error,
        term,
        reason: String::new(),
        n: accepted,
    };
    let totals = ids().flat_map(|id| [total(id, Term::Received), total(id, Term::Accepted)]);
    Report {
        durability: "fsync".to_owned(),
        books: Some(Books {
            totals: totals.collect(),
            delivered: sums(delivered),
            waiting: sums(waiting),
            is_whole: true,
            ..Books::default()
        }),
        ..Report::default()
    }
}

impl Hub {
    /// Notes what a relay tells.
    fn hear(&self, relay: RelayId, report: &protocol::wire::Report) {
        let address = "127.0.0.1:9".parse().unwrap();
        let fleet = &self.state.fleet;
        fleet.note_seen(relay, address, "0.1.0", 0, Some(report), clock::now());
    }

    /// Registers so many more relays.
    async fn add_relays(&self, n: u32) -> Vec<RelayId> {
        let mut write = self.state.store.begin().await.unwrap();
        let mut relays = Vec::new();
        for i in 1..=n {
            let id = format!("{i:016}").into_bytes();
            relays.push(RelayId::from_bytes(id.clone().try_into().unwrap()));
            let row = RelayRow {
                id,
                name: format!("shop-{i}"),
                labels: json!({ "region": format!("r{}", i % 5) }).to_string(),
                state: "active".to_owned(),
                certificate_serial: Some(vec![0x4a, 1]),
                certificate_issued_at: Some(0),
                certificate_ends_at: Some(600_000),
                authority: Some(self.state.fleet.pin().to_vec()),
                ..RelayRow::default()
            };
            write.add_relay(&row).await.unwrap();
        }
        write.commit().await.unwrap();
        relays
    }
}

#[tokio::test]
async fn adds_up_the_equations_of_the_fleet_and_names_the_relays_that_are_off() {
    let hub = Hub::new().await;
    let relays = hub.add_relays(3).await;
    let accounting = async || {
        hub.state.fleet.refresh().await.unwrap();
        hub.get("vedette/accounting/").await.json()
    };
    hub.hear(relays[0], &told(1, 10, 7, 3));
    hub.hear(relays[1], &told(1, 5, 5, 0));
    let sound = accounting().await;
    assert_eq!(sound["isBalanced"], true, "{sound}");
    assert_eq!(
        (&sound["relays"], &sound["relaysSilent"]),
        (&json!(2), &json!(2))
    );
    let line = &sound["lines"][0];
    assert_eq!(line["received"], 15);
    assert_eq!(line["delivered"], 12);
    assert_eq!(line["waiting"], 3);
    assert_eq!(line["project"], "shop");

    // One lacks two, another has one too many: neither makes up for the other.
    hub.hear(relays[0], &told(1, 10, 5, 3));
    hub.hear(relays[1], &told(1, 5, 6, 0));
    let off = accounting().await;
    assert_eq!(off["isBalanced"], false);
    assert_eq!(off["deficit"], 3);
    assert_eq!(off["relaysOff"], 2);
    let named: Vec<_> = off["off"].as_array().unwrap().iter().collect();
    assert_eq!(named[0]["name"], "shop-1");
    assert_eq!(named[0]["deficit"], 2);
    assert_eq!(named[1]["deficit"], 1);
    let ask = hub.ask(&hub.stranger, Method::GET, "vedette/accounting/", None);
    assert_eq!(
        ask.await.json()["lines"],
        json!([]),
        "others' projects are not theirs"
    );
}

/// Prints how long the list takes and how large it is; nothing is asserted of the time.
#[tokio::test]
async fn shows_a_thousand_relays_with_their_accounts() {
    let hub = Hub::new().await;
    let report = told(8, 100_000, 99_000, 1000);
    for relay in hub.add_relays(1000).await {
        hub.hear(relay, &report);
    }
    hub.state.fleet.refresh().await.unwrap();
    let (mut took, mut len) = (Vec::new(), 0);
    for path in ["vedette/relays/", "vedette/accounting/"] {
        for _ in 0..20 {
            let began = clock::now();
            let answer = hub.get(path).await;
            took.push(clock::now().millis_since(began));
            assert_eq!(answer.status, StatusCode::OK);
            len = answer.text.len();
        }
        took.sort();
        let (p50, p95, kib) = (took[10], took[18], len / 1024);
        println!("{path}: p50 {p50} ms, p95 {p95} ms, {kib} KiB");
        took.clear();
    }
    let relays = hub.get("vedette/relays/").await.json();
    assert_eq!(relays.as_array().unwrap().len(), 1001);
    let accounting = hub.get("vedette/accounting/").await.json();
    assert_eq!(accounting["relays"], 1000);
    assert_eq!(accounting["lines"][0]["received"], 100_000_000);
}

#[tokio::test]
async fn shows_the_certificate_in_use_and_who_signed_it() {
    let hub = Hub::new().await;
    let authorities = hub.get("vedette/authorities/").await.json();
    assert_eq!(authorities[0]["isSigning"], true);
    let relays = hub.add_relays(1).await;
    let certificate = async |relay: RelayId| {
        let shown = hub.get(&format!("vedette/relays/{relay}/")).await;
        shown.json()["certificate"].clone()
    };
    assert_eq!(certificate(RELAY).await["state"], "unknown");
    let known = certificate(relays[0]).await;
    assert_eq!(known["state"], "ended");
    assert_eq!(known["serial"], "4a01");
    assert_eq!(known["endsAt"], "1970-01-01T00:10:00.000Z");
    assert_eq!(known["authority"], authorities[0]["key"]);
    assert_eq!(known["isAuthorityCurrent"], true);
}

#[tokio::test]
async fn asks_relays_to_erase_and_keeps_no_names() {
    let hub = Hub::new().await;
    let path = "projects/acme/shop/erasures/";
    for wrong in [
        json!({}),
        json!({ "people": [{ "email": " " }] }),
        json!({ "eventIds": ["none"] }),
    ] {
        assert_eq!(hub.post(path, wrong).await.status, StatusCode::BAD_REQUEST);
    }
    let event = "11".repeat(16);
    let wish = json!({ "people": [{ "email": "Ada@Example.org" }], "eventIds": [event] });
    let made = hub.post(path, wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert!(!made.text.to_lowercase().contains("ada@"), "{}", made.text);
    let erasure = hub.state.fleet.roster().await.unwrap().erasures.remove(0);
    use protocol::roster::{Subject, SubjectKind};
    let ada = Subject::of(SubjectKind::Email, "ada@example.org");
    assert_eq!(erasure.subjects, [ada]);

    let told = |records, left| protocol::wire::Erased {
        id: erasure.id,
        records,
        items: 3,
        left,
    };
    hub.state.fleet.note_erased(RELAY, told(2, 1));
    hub.state.fleet.refresh().await.unwrap();
    let shown = hub.get(path).await.json();
    assert_eq!(shown[0]["relaysDone"], 0);
    assert_eq!(shown[0]["receipts"][0]["records"], 2);
    // With a new spool a relay counts from nothing.
    hub.state.fleet.note_erased(RELAY, told(0, 0));
    let unknown = protocol::wire::Erased {
        id: 99,
        ..told(1, 0)
    };
    hub.state.fleet.note_erased(RELAY, unknown);
    hub.state.fleet.refresh().await.unwrap();
    let shown = hub.get(path).await.json();
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!(shown[0]["relaysDone"], 1);
    assert_eq!(shown[0]["receipts"][0]["records"], 2);
    let strange = hub.ask(&hub.stranger, Method::GET, path, None).await;
    assert_eq!(strange.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn shows_what_a_relay_says_of_itself_while_it_is_connected() {
    let hub = Hub::new().await;
    let path = format!("vedette/relays/{RELAY}/diagnosis/");
    assert_eq!(hub.get(&path).await.status, StatusCode::CONFLICT);
    let answers = [
        (r#"{"version":"0.1.0"}"#, StatusCode::OK),
        ("[1]", StatusCode::CONFLICT),
    ];
    for (json, status) in answers {
        let mut questions = hub.state.fleet.hear_questions(RELAY);
        let relay = async {
            let question = questions.recv().await.unwrap();
            let json = json.as_bytes().to_vec();
            question
                .send(protocol::wire::Diag { nonce: 1, json })
                .unwrap();
        };
        let (shown, ()) = tokio::join!(hub.get(&path), relay);
        assert_eq!(shown.status, status, "{}", shown.text);
    }
}
