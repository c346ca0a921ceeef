//! Events over time.

use super::*;

const PATH: &str = "organizations/acme/events-timeseries/";

async fn ask(hub: &Hub, query: &str) -> Value {
    let answer = hub.get(&format!("{PATH}?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
    answer.json()
}

/// The sum of a series' values.
fn sum(series: &Value) -> f64 {
    let values = series["values"].as_array().unwrap().iter();
    values.map(|point| point["value"].as_f64().unwrap()).sum()
}

fn is_near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

#[tokio::test]
async fn counts_events_over_time() {
    let hub = Hub::new().await;
    hub.seed().await;
    let answer = ask(&hub, "statsPeriod=1h&interval=1m").await;
    let series = &answer["timeSeries"][0];
    assert_eq!(series["yAxis"], "count()");
    assert_eq!(series.get("groupBy"), None);
    assert!(is_near(sum(series), 5.0));
    let meta = json!({ "valueType": "integer", "valueUnit": null, "interval": 60_000 });
    assert_eq!(series["meta"], meta);
    let values = series["values"].as_array().unwrap();
    assert_eq!(values.len(), 61);
    assert_eq!(answer["meta"]["start"], values[0]["timestamp"]);
    assert_eq!(answer["meta"]["dataset"], "errors");
    let incomplete = values.iter().filter(|point| point["incomplete"] == true);
    assert_eq!(incomplete.count(), 1, "the last one");

    let users = "statsPeriod=1h&interval=1h&query=user.id:[ann,bob]\
                 &yAxis=count_unique(user)&yAxis=epm()&yAxis=eps()";
    let answer = ask(&hub, users).await;
    let names = [0, 1, 2].map(|n| answer["timeSeries"][n]["yAxis"].clone());
    assert_eq!(names, ["count_unique(user)", "epm()", "eps()"]);
    // Within one hour, or on both sides of a full one.
    assert!((2.0..=3.0).contains(&sum(&answer["timeSeries"][0])));
    assert!(is_near(sum(&answer["timeSeries"][1]), 4.0 / 60.0));
    assert_eq!(answer["timeSeries"][2]["meta"]["valueUnit"], "1/second");
}

#[tokio::test]
async fn groups_are_the_largest_and_what_is_left() {
    let hub = Hub::new().await;
    hub.seed().await;
    let check = async |query: &str, expected: &[(&str, f64, bool)]| {
        let answer = ask(&hub, &format!("statsPeriod=1h&{query}")).await;
        let series = answer["timeSeries"].as_array().unwrap();
        let found: Vec<_> = series
            .iter()
            .map(|series| {
                let value = series.pointer("/groupBy/0/value").and_then(Value::as_str);
                let is_other = series["meta"]["isOther"].as_bool().unwrap();
                (value.unwrap_or("").to_owned(), sum(series), is_other)
            })
            .collect();
        let expected = expected
            .iter()
            .map(|(value, n, is)| ((*value).to_owned(), *n, *is));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{query}");
    };
    check(
        "groupBy=issue&topEvents=1&sort=-count()",
        &[("SHOP-1", 3.0, false), ("", 2.0, true)],
    )
    .await;
    check(
        "groupBy=color&topEvents=2",
        &[("ann", 2.0, false), ("bob", 2.0, false), ("", 1.0, true)],
    )
    .await;
    check(
        "groupBy=color&topEvents=2&excludeOther=1&query=!color:ann",
        &[("bob", 2.0, false), ("cy", 1.0, false)],
    )
    .await;
    check("groupBy=project&topEvents=5", &[("shop", 5.0, false)]).await;
    check("groupBy=colour&topEvents=5", &[("", 5.0, true)]).await;
    check(
        "groupBy=title&topEvents=1",
        &[("Zero: Zero went wrong", 3.0, false), ("", 2.0, true)],
    )
    .await;
}

#[tokio::test]
async fn the_older_shape_names_figures_and_groups() {
    let hub = Hub::new().await;
    hub.seed().await;
    let stats = async |query: &str| {
        let path = format!("organizations/acme/events-stats/?statsPeriod=1h&interval=5m{query}");
        let answer = hub.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        answer.json()
    };
    let total = |stats: &Value| {
        let points = stats["data"].as_array().unwrap().iter();
        let counts = points.map(|point| point[1][0]["count"].as_f64().unwrap());
        counts.sum::<f64>()
    };
    let plain = stats("").await;
    assert!(is_near(total(&plain), 5.0));
    assert_eq!(plain["start"], plain["data"][0][0]);
    assert_eq!(plain["isMetricsData"], false);
    let several = stats("&yAxis=count()&yAxis=epm()").await;
    assert!(is_near(total(&several["count()"]), 5.0));
    assert_eq!(several["epm()"]["order"], 1);
    let groups = stats("&topEvents=1&field=title&field=count()&orderby=-count()").await;
    assert!(is_near(total(&groups["Zero: Zero went wrong"]), 3.0));
    assert!(is_near(total(&groups["Other"]), 2.0));
    let both = stats("&topEvents=1&field=issue&yAxis=count()&yAxis=count_unique(user)").await;
    assert!(is_near(total(&both["SHOP-1"]["count()"]), 3.0));
    let mut twin = error("Zero", "ann", 5);
    twin["exception"]["values"][0]["stacktrace"]["frames"][1]["function"] = json!("refund");
    hub.digest(6, &twin).await;
    let twins = stats("&topEvents=2&field=title").await;
    assert!(is_near(total(&twins["Zero: Zero went wrong"]), 3.0));
    assert!(is_near(total(&twins["Zero: Zero went wrong (2)"]), 1.0));
    let before = stats("&comparisonDelta=3600").await;
    assert_eq!(before["data"][0][1][0]["comparisonCount"], 0);

    let meta = |query: &str| format!("organizations/acme/events-meta/?statsPeriod=1h{query}");
    let count = hub.get(&meta("&query=color:bob")).await.json();
    assert_eq!(count, json!({ "count": 2 }));
    let none = hub.get(&meta("&query=issue:SHOP-99")).await.json();
    assert_eq!(none, json!({ "count": 0 }));
}

#[tokio::test]
async fn each_point_is_compared_with_what_was_before() {
    let hub = Hub::new().await;
    hub.digest(1, &error("Zero", "ann", 30)).await;
    hub.digest(2, &error("Zero", "ann", 7230)).await;
    hub.digest(3, &error("Zero", "ann", 7230)).await;
    let query = "statsPeriod=1h&interval=5m&comparisonDelta=7200";
    let answer = ask(&hub, query).await;
    let points = answer["timeSeries"][0]["values"].as_array().unwrap();
    let before = points
        .iter()
        .map(|point| point["comparisonValue"].as_i64().unwrap());
    assert_eq!(before.sum::<i64>(), 2);
    assert!(is_near(sum(&answer["timeSeries"][0]), 1.0));
}

#[tokio::test]
async fn says_what_cannot_be_asked() {
    let hub = Hub::new().await;
    for (query, field) in [
        ("dataset=logs", "dataset"),
        ("yAxis=p95(span.duration)", "yAxis"),
        ("topEvents=3", "topEvents"),
        ("groupBy=level", "groupBy"),
        ("groupBy=level&topEvents=11", "topEvents"),
        ("groupBy=level&groupBy=issue&topEvents=2", "groupBy"),
        ("groupBy=assigned&topEvents=2", "groupBy"),
        ("groupBy=message&topEvents=2", "groupBy"),
        ("groupBy=level&topEvents=2&sort=-last_seen()", "sort"),
        ("comparisonDelta=-1", "comparisonDelta"),
        (
            "start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
            "start",
        ),
        ("statsPeriod=1y", "statsPeriod"),
        ("query=is:unresolved+or+level:error", "query"),
    ] {
        let answer = hub.get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.json()["field"], field, "{query}");
    }
    let named = hub.get(&format!("{PATH}?statsPeriod=1y")).await.json();
    let detail = named["detail"].as_str().unwrap();
    assert!(detail.starts_with("statsPeriod: "), "{detail}");
    let foreign = hub.ask(&hub.stranger, Method::GET, PATH, None).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
}
