//! Privacy rules that people write, trials of them, and the report of what was removed.

use protocol::roster::RosterBundle;

use super::*;

const ORDERS: &str = r#"{"rules": {"order": {"type": "pattern", "pattern": "A-[0-9]{4}", "redaction": {"method": "mask"}}}, "applications": {"$string": ["order"]}}"#;

#[tokio::test]
async fn rules_that_relays_could_not_be_told_are_refused_and_not_kept() {
    let hub = Hub::new().await;
    let made = hub
        .post("organizations/acme/projects/", json!({"name": "cart"}))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    // Compiled for a project alone and with another's, it is more than a relay holds.
    let large = |text: &str| {
        let text = json!({"method": "replace", "text": text.repeat(45_000)});
        let rule = json!({"type": "email", "redaction": text});
        let rules = json!({"rules": {"r": rule}, "applications": {"$string": ["r"]}});
        json!({ "relayPiiConfig": rules.to_string() })
    };
    let set = hub.put("projects/acme/shop/", large("y")).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.status);
    let told = hub.state.fleet.config().await.offer.stable;
    let refused = hub.put("organizations/acme/", large("z")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text.contains("bytes of"), "{}", refused.text);
    let kept = hub.get("organizations/acme/").await.json();
    assert_eq!(kept["relayPiiConfig"], Value::Null);
    let now = hub.state.fleet.config().await;
    assert_eq!((now.offer.stable, now.problem), (told, None));
}

#[tokio::test]
async fn rules_of_organization_and_project_are_checked_kept_and_told() {
    let hub = Hub::new().await;
    let own = json!({"relayPiiConfig": ORDERS});
    let set = hub.put("projects/acme/shop/", own.clone()).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    assert_eq!(set.json()["relayPiiConfig"], ORDERS);
    let all = r#"{"applications": {"$user.username": ["@anything:hash"]}}"#;
    let set = hub
        .put("organizations/acme/", json!({"relayPiiConfig": all}))
        .await;
    assert_eq!(set.json()["relayPiiConfig"], all, "{}", set.text);
    let told = hub.state.fleet.roster().await.unwrap();
    let rules = |bundle: &RosterBundle| {
        let rules = bundle.projects[0].privacy.rules.iter();
        rules.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(rules(&told), [all, ORDERS]);

    let wrong = r#"{"applications": {"$string": ["ordr"]}}"#;
    for path in ["projects/acme/shop/", "organizations/acme/"] {
        let refused = hub.put(path, json!({"relayPiiConfig": wrong})).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(refused.json()["field"], "relayPiiConfig");
        assert!(refused.text.contains("ordr"), "{}", refused.text);
    }
    let kept = hub.get("projects/acme/shop/").await.json();
    assert_eq!(kept["relayPiiConfig"], ORDERS);
    for path in ["projects/acme/shop/", "organizations/acme/"] {
        hub.put(path, json!({"relayPiiConfig": " "})).await;
    }
    let told = hub.state.fleet.roster().await.unwrap();
    assert_eq!(rules(&told), [""; 0]);
    let refused = hub
        .ask(
            &hub.member,
            Method::PUT,
            "organizations/acme/",
            Some(json!({"relayPiiConfig": all})),
        )
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn settings_are_shown_as_the_rules_that_they_stand_for() {
    let hub = Hub::new().await;
    let of_all = json!({"scrubEmails": true, "sensitiveFields": ["kunde"]});
    let set = hub.put("organizations/acme/", of_all).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    let own = json!({"sensitiveFields": ["iban"], "safeFields": ["order"]});
    let set = hub.put("projects/acme/shop/", own).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    for (path, pattern, is_order_safe) in [
        ("organizations/acme", "(?i)kunde", false),
        ("projects/acme/shop", "(?i)kunde|iban", true),
    ] {
        let shown = hub.get(&format!("vedette/{path}/privacy/rules/")).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
        let shown = shown.json();
        let text = shown["rules"].as_str().unwrap();
        let document: Value = serde_json::from_str(text).unwrap();
        let fields = &document["rules"]["sensitive-fields"]["keyPattern"];
        assert_eq!(fields, pattern);
        assert_eq!(text.contains("'order'"), is_order_safe);
        assert!(text.contains("@email:replace") && !text.contains("@ip:replace"));
        let tried = hub.put("projects/acme/shop/", json!({"relayPiiConfig": text}));
        assert_eq!(tried.await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn rules_are_tried_on_what_is_here_and_change_nothing() {
    let hub = Hub::new().await;
    let at = "vedette/projects/acme/shop/privacy";
    let rules = json!({"rules": ORDERS});
    let none = hub.post(&format!("{at}/preview/"), rules.clone()).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    for n in 1..=3_u128 {
        let message = format!("order A-100{n} of A-2000 failed");
        hub.digest(n, &json!({"message": message, "extra": {"n": n}}))
            .await;
    }
    hub.digest(4, &json!({"message": "nothing here"})).await;
    let id = "00000000000000000000000000000002";
    let one = json!({"rules": ORDERS, "eventId": id});
    let shown = hub.post(&format!("{at}/preview/"), one).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    let shown = shown.json();
    assert_eq!(shown["eventId"], id);
    assert_eq!(shown["before"]["message"], "order A-1002 of A-2000 failed");
    assert_eq!(shown["after"]["message"], "order ****** of ****** failed");
    let expected = json!([{"field": "message", "rule": "order", "count": 2, "events": 1}]);
    assert_eq!(shown["removals"], expected);

    let run = hub.post(&format!("{at}/dry-run/"), rules).await.json();
    assert_eq!((&run["events"], &run["touched"]), (&json!(4), &json!(3)));
    let expected = json!([{"field": "message", "rule": "order", "count": 6, "events": 3}]);
    assert_eq!(run["removals"], expected);
    let wrong = hub
        .post(&format!("{at}/dry-run/"), json!({"rules": "{"}))
        .await;
    assert_eq!(wrong.json()["field"], "rules");
    let event = hub
        .get(&format!("projects/acme/shop/events/{id}/"))
        .await
        .json();
    assert_eq!(event["message"], "order A-1002 of A-2000 failed");
}

#[tokio::test]
async fn what_was_removed_is_reported_by_rule_and_field() {
    let hub = Hub::new().await;
    let noted = |rule: &str| {
        json!({
            "message": "[creditcard]",
            "_meta": {"message": {"": {"rem": [[rule, "s", 0, 12]]}}},
        })
    };
    hub.digest(1, &noted("@creditcard")).await;
    hub.digest(2, &noted("@creditcard")).await;
    hub.digest(3, &noted("=cmd()\"")).await;
    hub.digest(4, &noted("!limit")).await;
    let at = "vedette/organizations/acme/removals/";
    let report = hub.get(at).await;
    assert_eq!(report.status, StatusCode::OK, "{}", report.text);
    let rows = report.json()["rows"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
    let first = &rows[0];
    assert_eq!(
        (
            &first["project"],
            &first["rule"],
            &first["field"],
            &first["count"]
        ),
        (
            &json!("shop"),
            &json!("@creditcard"),
            &json!("message"),
            &json!(2)
        )
    );
    let file = hub.get(&format!("{at}?format=csv&statsPeriod=24h")).await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert!(
        file.text
            .contains("\"shop\",\"event\",\"'@creditcard\",\"message\",2,")
    );
    assert!(file.text.contains("\"'=cmd()\"\"\""), "{}", file.text);
    let foreign = hub.ask(&hub.stranger, Method::GET, at, None).await;
    assert_ne!(foreign.status, StatusCode::OK);
}

#[tokio::test]
async fn fields_beyond_those_told_apart_are_counted_together() {
    let hub = Hub::new().await;
    for n in 1..=3_u128 {
        let fields: serde_json::Map<String, Value> = (0..150)
            .map(|field| {
                let note = json!({"": {"rem": [["@ip", "s", 0, 4]]}});
                (format!("k{n}-{field}"), note)
            })
            .collect();
        hub.digest(n, &json!({"message": "m", "_meta": {"extra": fields}}))
            .await;
    }
    let report = hub.get("vedette/organizations/acme/removals/").await.json();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 301);
    assert_eq!(rows[0]["count"], 150, "the largest is the rest");
    let counts = rows.iter().map(|row| row["count"].as_i64().unwrap());
    assert_eq!(counts.sum::<i64>(), 450);
}

#[tokio::test]
async fn an_organizations_settings_hold_for_its_projects() {
    let hub = Hub::new().await;
    let path = "organizations/acme/";
    let none = hub.get(path).await.json();
    assert_eq!(none["dataScrubber"], json!(true));
    assert_eq!(none["sensitiveFields"], json!([]));
    let change = json!({"scrubIPAddresses": true, "sensitiveFields": ["kunde"],
        "safeFields": ["token_id"], "relayPiiConfig": ORDERS});
    let set = hub.put(path, change).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    // What is left out stays.
    let set = hub.put(path, json!({"scrubEmails": true})).await.json();
    assert_eq!(set["scrubIPAddresses"], json!(true));
    assert_eq!(
        (&set["scrubEmails"], &set["relayPiiConfig"]),
        (&json!(true), &json!(ORDERS))
    );
    let own = json!({"sensitiveFields": ["iban"], "safeFields": ["kunden_art", "extra.order"]});
    hub.put("projects/acme/shop/", own).await;
    let wrong = hub.put(path, json!({"safeFields": ["**"]})).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.json()["field"], "safeFields");

    let roster = hub.state.fleet.roster().await.unwrap();
    let privacy = &roster.projects[0].privacy;
    assert!(privacy.scrub_ip_addresses && privacy.scrub_emails);
    assert_eq!(privacy.sensitive_fields, ["kunde", "iban"]);
    assert_eq!(privacy.safe_fields, ["token_id"]);
    assert_eq!(privacy.rules.first().map(|rules| &**rules), Some(ORDERS));
}
