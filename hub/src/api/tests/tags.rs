//! Tags under a filter, and of more issues than one looks at.

use super::*;

/// An event whose tag `color` is `value`, of an environment.
fn colored(ty: &str, value: &str, environment: &str, seconds_ago: i64) -> Value {
    let mut event = error(ty, "ann", seconds_ago);
    event["tags"]["color"] = json!(value);
    event["environment"] = json!(environment);
    event
}

/// The values of a tag and their counts.
fn counted(values: &Value) -> Vec<(String, i64)> {
    let values = values.as_array().unwrap().iter();
    let counted = values.map(|value| {
        let name = value["value"].as_str().unwrap();
        (name.to_owned(), value["count"].as_i64().unwrap())
    });
    counted.collect()
}

#[tokio::test]
async fn tags_of_an_issue_are_those_of_the_environment_and_the_time() {
    let hub = Hub::new().await;
    for (id, value, environment, ago) in [
        (1, "Red", "production", 7200),
        (2, "Red", "production", 50),
        (3, "blue", "production", 40),
        (4, "green", "staging", 30),
    ] {
        hub.digest(id, &colored("Zero", value, environment, ago))
            .await;
    }
    hub.digest(5, &colored("One", "black", "production", 20))
        .await;
    let color = async |query: &str| {
        let path = format!("organizations/acme/issues/SHOP-1/tags/color/?{query}");
        hub.get(&path).await.json()
    };
    assert_eq!(color("").await["totalValues"], 4);
    let tag = color("environment=production").await;
    assert_eq!(
        (&tag["totalValues"], &tag["uniqueValues"]),
        (&json!(3), &json!(2))
    );
    let expected = [("Red".to_owned(), 2), ("blue".to_owned(), 1)];
    assert_eq!(counted(&tag["topValues"]), expected);
    let [first, last] = ["firstSeen", "lastSeen"].map(|seen| tag["topValues"][0][seen].clone());
    assert!(first.as_str() < last.as_str(), "{first} {last}");
    let tag = color("environment=production&statsPeriod=1h").await;
    assert_eq!(tag["totalValues"], 2);
    let tag = color("query=color:green").await;
    assert_eq!(counted(&tag["topValues"]), [("green".to_owned(), 1)]);

    let of = "organizations/acme/issues/SHOP-1/tags";
    let tags = hub.get(&format!("{of}/?environment=staging")).await.json();
    let tags = tags.as_array().unwrap();
    let color = tags.iter().find(|tag| tag["key"] == "color").unwrap();
    assert_eq!(counted(&color["topValues"]), [("green".to_owned(), 1)]);
    let keys: Vec<_> = tags
        .iter()
        .map(|tag| tag["key"].as_str().unwrap())
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");

    let values = format!("{of}/color/values/?environment=production&limit=1");
    let page = hub.get(&values).await;
    assert_eq!(counted(&page.json()), [("Red".to_owned(), 2)]);
    let next = page.cursor("next").unwrap();
    let page = hub.get(&format!("{values}&cursor={next}")).await;
    assert_eq!(counted(&page.json()), [("blue".to_owned(), 1)]);
    assert_eq!(page.cursor("next"), None);
    let none = hub.get(&format!("{of}/color/?environment=none")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tags_of_an_organization_are_of_all_its_issues() {
    const ISSUES: u32 = 510;
    let hub = Hub::new().await;
    let of = |n: u32| {
        let value = if n == 0 { "rare" } else { "usual" };
        let event = colored(&format!("E{n}"), value, "production", i64::from(ISSUES - n));
        hub.record(u128::from(n + 1), "event", &json!({}), &event.to_string())
    };
    let records: Vec<Record> = (0..ISSUES).map(of).collect();
    hub.deliver(&records).await;
    hub.state.index.commit().await.unwrap();
    let keys = hub.get("organizations/acme/tags/").await.json();
    let keys = keys.as_array().unwrap();
    let color = keys.iter().find(|tag| tag["key"] == "color").unwrap();
    assert_eq!(color["totalValues"], ISSUES);
    assert_eq!(color["uniqueValues"], 2);
    let values = "projects/acme/shop/tags/color/values/";
    let found = hub.get(values).await.json();
    let expected = [
        ("usual".to_owned(), i64::from(ISSUES) - 1),
        ("rare".to_owned(), 1),
    ];
    assert_eq!(counted(&found), expected);
    let found = hub.get(&format!("{values}?query=RAR")).await.json();
    assert_eq!(counted(&found), [("rare".to_owned(), 1)]);
    let none = hub.get("organizations/acme/tags/?environment=none").await;
    assert_eq!(none.text, "[]");
}
