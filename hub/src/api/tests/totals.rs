//! Totals of transactions and spans, each for as many as it stands for.

use std::time::Duration;

use super::*;

/// Digests a transaction, of which relays kept this share.
async fn transaction(hub: &Hub, id: u128, name: &str, took_ms: i64, status: &str, share: f64) {
    let end = (hub.clock)().as_millis();
    let seconds = |ms: i64| json!(Duration::from_millis(ms.unsigned_abs()).as_secs_f64());
    let payload = json!({
        "type": "transaction", "transaction": name, "environment": "prod",
        "start_timestamp": seconds(end - took_ms), "timestamp": seconds(end),
        "contexts": {"trace": {"trace_id": "d1901c4e6b5d6d4cb962dc071d7b7f9e",
            "span_id": "a1b2c3d4e5f60718", "status": status}},
    });
    let header = match share < 1.0 {
        true => json!({ "server_sample_rate": share }),
        false => json!({}),
    };
    hub.digest_item(id, "transaction", &header, &payload.to_string())
        .await;
}

/// Ten that were all kept, and four of twenty.
async fn seed(hub: &Hub) {
    for (n, took) in (0..).zip([100, 200, 300, 400]) {
        let status = if took == 400 { "internal_error" } else { "ok" };
        transaction(hub, 100 + n, "/pay", took, status, 0.2).await;
    }
    for n in 0..10 {
        transaction(hub, 200 + n, "/list", 10, "cancelled", 1.0).await;
    }
}

async fn table(hub: &Hub, query: &str) -> Value {
    let answer = hub
        .get(&format!("organizations/acme/events/?{query}"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn what_a_rule_kept_counts_for_as_many_as_it_stands_for() {
    let hub = Hub::new().await;
    seed(&hub).await;
    let figures = "field=count()&field=failure_count()&field=failure_rate()&field=p50()&field=p95()\
                   &field=avg(transaction.duration)";
    let of = "dataset=transactions&statsPeriod=1h";
    let found = table(
        &hub,
        &format!("{of}&field=transaction&field=project&{figures}"),
    )
    .await;
    let pay = json!({"transaction": "/pay", "project": "shop", "count()": 20, "failure_count()": 5,
        "failure_rate()": 0.25, "p50()": 200.0, "p95()": 400.0, "avg(transaction.duration)": 250.0});
    let list = json!({"transaction": "/list", "project": "shop", "count()": 10,
        "failure_count()": 0, "failure_rate()": 0.0, "p50()": 10.0, "p95()": 10.0,
        "avg(transaction.duration)": 10.0});
    assert_eq!(found["data"], json!([pay, list]));
    assert_eq!(found["meta"]["dataScanned"], "full");
    assert_eq!(found["meta"]["fields"]["p50()"], "duration");
    let accuracy = &found["meta"]["accuracy"];
    assert_eq!(accuracy["sampleCount"][0]["count()"], 4);
    assert_eq!(accuracy["samplingRate"][0]["count()"], 0.2);
    assert_eq!(accuracy["samplingRate"][1]["p50()"], 1.0);

    // Half of what was sent took as long as the fastest of those that stand for five.
    let all = table(&hub, &format!("{of}&{figures}")).await;
    assert_eq!(all["data"][0]["count()"], 30);
    assert_eq!(all["data"][0]["p50()"], 100.0);
    let one = table(
        &hub,
        &format!("{of}&{figures}&query=transaction:/list&environment=prod"),
    )
    .await;
    assert_eq!(one["data"][0]["count()"], 10);
    let none = table(&hub, &format!("{of}&{figures}&environment=test")).await;
    assert_eq!(none["data"], json!([]));
    for sort in ["-p95()", "-p99()", "-epm()"] {
        let sorted = table(&hub, &format!("{of}&field=transaction&sort={sort}")).await;
        assert_eq!(sorted["data"][0]["transaction"], "/pay", "{sort}");
    }
    let check = async |query: &str, expected: &[&str]| {
        let query = query.replace(' ', "+");
        let query = query.replace('>', "%3E").replace('<', "%3C");
        let found = table(&hub, &format!("{of}&field=transaction&query={query}")).await;
        let rows = found["data"].as_array().unwrap().iter();
        let names: Vec<_> = rows.map(|row| row["transaction"].clone()).collect();
        assert_eq!(names, expected, "{query}");
    };
    check("count():>10", &["/pay"]).await;
    check("count():10", &["/list"]).await;
    check("p50(transaction.duration):<0.1s", &["/list"]).await;
    check("epm():>=0 failure_rate():>0", &["/pay"]).await;
    check("transaction:/list count():>10", &[]).await;

    let items = hub
        .get("projects/acme/shop/vedette/items/?name=/pay")
        .await
        .json();
    assert_eq!(items[0]["sampleRate"], 0.2);
}

#[tokio::test]
async fn it_is_said_beforehand_what_can_be_asked() {
    let hub = Hub::new().await;
    let verdict = async |rest: &str| {
        let path = "organizations/acme/events/validate/?dataset=transactions";
        hub.get(&format!("{path}{rest}")).await.json()
    };
    let right = verdict(
        "&field=transaction&field=p95(transaction.duration)&orderby=-p95()&query=transaction:/pay",
    )
    .await;
    assert_eq!(right["valid"], true, "{right}");
    assert_eq!(right["field"][0]["attrType"], "string");
    assert_eq!(right["field"][1]["attrType"], "number");
    let wrong = verdict("&field=color&orderby=count()&query=level:error").await;
    assert_eq!(wrong["dataset"][0]["valid"], true, "{wrong}");
    assert_eq!(wrong["field"][0]["valid"], false, "{wrong}");
    assert_eq!(wrong["orderby"][0]["valid"], false, "{wrong}");
    assert_eq!(wrong["query"]["valid"], false, "{wrong}");
}

#[tokio::test]
async fn totals_over_time_say_of_how_many_they_are_made() {
    let hub = Hub::new().await;
    seed(&hub).await;
    let path = "organizations/acme/events-timeseries/?dataset=transactions&statsPeriod=2h\
                &interval=1h&yAxis=count()&yAxis=failure_count()";
    let found = hub.get(path).await.json();
    assert_eq!(found["meta"]["dataset"], "transactions");
    assert_eq!(found["meta"]["dataScanned"], "full");
    let sum = |series: usize, name: &str| {
        let values = found["timeSeries"][series]["values"]
            .as_array()
            .unwrap()
            .iter();
        values
            .map(|point| point[name].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!(
        [sum(0, "value"), sum(0, "sampleCount"), sum(1, "value")],
        [30, 14, 5]
    );
}

#[tokio::test]
async fn spans_are_added_up_too_and_those_that_do_not_say_what_they_took() {
    let hub = Hub::new().await;
    let at = (hub.clock)().to_rfc3339();
    let header = json!({ "server_sample_rate": 0.25 });
    for (id, start) in [(1, Some(&at)), (2, None)] {
        let span = json!({"items": [{"name": "query", "trace_id": "d1901c4e6b5d6d4cb962dc071d7b7f9e",
            "span_id": "a1b2c3d4e5f60718", "status": "error", "end_timestamp": at,
            "start_timestamp": start}]});
        hub.digest_item(id, "span", &header, &span.to_string())
            .await;
    }
    let query = "dataset=spans&field=span.name&field=count(span.duration)&field=failure_count()\
                 &field=p50(span.duration)";
    let found = table(&hub, query).await;
    let expected = json!([{"span.name": "query", "count(span.duration)": 8, "failure_count()": 8,
        "p50(span.duration)": 0.0}]);
    assert_eq!(found["data"], expected);
}

#[tokio::test]
async fn what_there_are_no_totals_of_is_refused_by_name() {
    let hub = Hub::new().await;
    let check = async |path: &str, field: &str| {
        let answer = hub.get(&format!("organizations/acme/{path}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.json()["field"], field, "{path}");
    };
    let of = "dataset=transactions";
    check(&format!("events/?{of}&field=color"), "field").await;
    let either = format!("events/?{of}&field=count()&query=count():%3E1+OR+epm():%3E1");
    check(&either, "query").await;
    let over_time = format!("events-timeseries/?{of}&query=count():%3E1");
    check(&over_time, "query").await;
    let none = format!("events/?{of}&field=count()&query=count_unique(user):%3E1");
    check(&none, "query").await;
    check(&format!("events/?{of}&field=count()&sort=color"), "sort").await;
    check(
        &format!("events/?{of}&field=count()&query=level:error"),
        "query",
    )
    .await;
    check("events/?dataset=logs&field=count()", "dataset").await;
    check(&format!("events-timeseries/?{of}&yAxis=p50()"), "yAxis").await;
    let grouped = format!("events-timeseries/?{of}&groupBy=project&topEvents=2");
    check(&grouped, "groupBy").await;
}
