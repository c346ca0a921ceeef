//! Lists of issues within a time and of environments: what is in them, in which order, and how
//! often it happened there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use protocol::block::{Alike, Folded};

use super::model::Chance;
use super::*;

const LIST: &str = "organizations/acme/issues/";
const HOUR_S: i64 = 3600;

/// An error of so many hours ago, in an environment or in none.
fn error_in(environment: Option<&str>, ty: &str, user: &str, hours_ago: i64) -> Value {
    let mut event = error(ty, user, hours_ago * HOUR_S);
    let fields = event.as_object_mut().unwrap();
    match environment {
        Some(name) => fields.insert("environment".to_owned(), json!(name)),
        None => fields.remove("environment"),
    };
    event
}

fn hours_ago(hours: i64) -> String {
    let at = clock::now().plus_millis(-hours * HOUR_S * 1000);
    at.to_rfc3339()
}

/// A hub with `Both` of two environments, `Prod` of one, `Bare` of none, and `Loud`, which was so
/// before yesterday.
async fn seeded() -> Hub {
    let hub = Hub::new().await;
    let events = [
        (Some("production"), "Both", "ann", 50),
        (Some("staging"), "Both", "bob", 1),
        (Some("production"), "Prod", "bob", 30),
        (Some("production"), "Prod", "ann", 3),
        (Some("production"), "Prod", "bob", 2),
        (None, "Bare", "ann", 5),
        (Some("production"), "Loud", "ann", 40),
        (Some("production"), "Loud", "bob", 40),
        (Some("production"), "Loud", "cy", 40),
        (Some("production"), "Loud", "ann", 4),
    ];
    for (id, (environment, ty, user, hours_ago)) in (1..).zip(events) {
        let event = error_in(environment, ty, user, hours_ago);
        hub.digest(id, &event).await;
    }
    hub
}

impl Hub {
    /// The issue of an error type as a list shows it.
    async fn listed(&self, query: &str, ty: &str) -> Value {
        let answer = self.get(&format!("{LIST}?{query}")).await;
        let issues = answer.json();
        let mut issues = issues.as_array().unwrap().iter();
        let found = issues.find(|issue| issue["metadata"]["type"] == ty);
        found.unwrap_or_else(|| panic!("{}", answer.text)).clone()
    }
}

fn points(stats: &Value) -> i64 {
    let points = stats["14d"].as_array().unwrap().iter();
    points.map(|point| point[1].as_i64().unwrap()).sum()
}

#[tokio::test]
async fn an_issue_is_in_a_list_by_one_event_of_its_time_and_environment() {
    let hub = seeded().await;
    let between = format!("start={}&end={}", hours_ago(31), hours_ago(29));
    let before = format!("end={}", hours_ago(45));
    let check = async |query: &str, expected: &[&str]| {
        let answer = hub.get(&format!("{LIST}?{query}")).await;
        assert_eq!(hub.titles(&format!("?{query}")).await, expected, "{query}");
        let hits = expected.len().to_string();
        assert_eq!(answer.headers["x-hits"], hits.as_str(), "{query}");
    };
    check("statsPeriod=24h", &["Both", "Prod", "Loud", "Bare"]).await;
    check("statsPeriod=24h&environment=production", &["Prod", "Loud"]).await;
    check("statsPeriod=24h&environment=staging", &["Both"]).await;
    check("statsPeriod=24h&environment=", &["Bare"]).await;
    check("environment=&environment=staging", &["Both", "Bare"]).await;
    check(&between, &["Prod"]).await;
    check(&format!("{between}&environment=staging"), &[]).await;
    check(&before, &["Both"]).await;
    // One event is meant, by the search as well.
    check("environment=staging&query=user.id:ann", &[]).await;
    check("environment=staging&query=user.id:bob", &["Both"]).await;
    check("environment=staging&query=!user.id:ann", &["Both"]).await;
    let either = "environment=production&statsPeriod=24h&query=is:resolved+or+user.id:bob";
    check(either, &["Prod"]).await;
    let neither = "environment=staging&query=NOT+(is:resolved+user.id:bob)";
    check(neither, &["Both"]).await;
}

#[tokio::test]
async fn numbers_are_of_the_time_and_the_environments() {
    let hub = seeded().await;
    let numbers = |issue: &Value| {
        let n = issue["count"].as_str().unwrap().parse::<i64>().unwrap();
        (n, issue["userCount"].as_i64().unwrap())
    };
    let check = async |query: &str, ty: &str, expected: (i64, i64), life: (i64, i64)| {
        let issue = hub.listed(query, ty).await;
        assert_eq!(numbers(&issue), expected, "{query} {ty}");
        assert_eq!(numbers(&issue["lifetime"]), life, "{query} {ty}");
    };
    check("", "Loud", (4, 3), (4, 3)).await;
    check("statsPeriod=24h", "Loud", (1, 1), (4, 3)).await;
    check("statsPeriod=24h", "Prod", (2, 2), (3, 2)).await;
    check("statsPeriod=24h", "Bare", (1, 1), (1, 1)).await;
    check("environment=staging", "Both", (1, 1), (2, 2)).await;
    let all = "environment=staging&environment=production";
    check(all, "Both", (2, 2), (2, 2)).await;
    let ended = format!("end={}", hours_ago(10));
    check(&ended, "Loud", (3, 3), (4, 3)).await;
    // What the search means is beside them.
    let issue = hub
        .listed("statsPeriod=24h&query=user.id:bob", "Prod")
        .await;
    assert_eq!(numbers(&issue), (2, 2));
    assert_eq!(numbers(&issue["filtered"]), (1, 1));

    let stats = "groupStatsPeriod=14d";
    let everywhere = hub.listed(stats, "Both").await;
    assert_eq!(everywhere["lifetime"]["stats"], Value::Null);
    let query = format!("environment=production&{stats}");
    let issue = hub.listed(&query, "Both").await;
    assert_eq!(points(&issue["stats"]), 1);
    assert_eq!(issue["lifetime"]["stats"], everywhere["stats"]);
    assert_eq!(issue["lastSeen"], everywhere["firstSeen"]);
    assert_eq!(issue["lifetime"]["lastSeen"], everywhere["lastSeen"]);
    // In the environment, but not in the time, it was seen first.
    let query = "environment=production&statsPeriod=24h";
    let issue = hub.listed(query, "Loud").await;
    assert_eq!(issue["firstSeen"], issue["lifetime"]["firstSeen"]);
}

#[tokio::test]
async fn orders_go_by_the_numbers_that_are_shown() {
    let hub = seeded().await;
    let check = async |query: &str, expected: &[&str]| {
        assert_eq!(hub.titles(&format!("?{query}")).await, expected, "{query}");
    };
    check("sort=freq", &["Loud", "Prod", "Both", "Bare"]).await;
    let within = "sort=freq&statsPeriod=24h";
    check(within, &["Prod", "Loud", "Bare", "Both"]).await;
    check("sort=user", &["Loud", "Prod", "Both", "Bare"]).await;
    let within = "sort=user&statsPeriod=24h";
    check(within, &["Prod", "Loud", "Bare", "Both"]).await;
    check("sort=freq&query=user.id:bob", &["Prod", "Loud", "Both"]).await;
    check(
        "sort=date&environment=production",
        &["Prod", "Loud", "Both"],
    )
    .await;
    let ended = format!("sort=date&end={}", hours_ago(10));
    check(&ended, &["Prod", "Loud", "Both"]).await;
    check("sort=new", &["Bare", "Prod", "Loud", "Both"]).await;
    // When it was first seen there, whatever the time that is looked at.
    hub.digest(11, &error_in(Some("staging"), "Prod", "ann", 7))
        .await;
    check("sort=new&environment=staging", &["Both", "Prod"]).await;
    let within = "sort=new&environment=production&statsPeriod=24h";
    check(within, &["Prod", "Loud"]).await;
    let searched = "sort=new&environment=staging&query=is:unresolved+!user.id:cy";
    check(searched, &["Both", "Prod"]).await;
    let first = hub
        .get(&format!("{LIST}?sort=new&environment=staging&limit=1"))
        .await;
    let next = first.cursor("next").unwrap();
    check(
        &format!("sort=new&environment=staging&limit=1&cursor={next}"),
        &["Prod"],
    )
    .await;
}

#[tokio::test]
async fn pages_in_the_order_of_numbers_go_on_where_they_ended_and_back() {
    let hub = seeded().await;
    let list = format!("{LIST}?sort=freq&statsPeriod=24h&limit=3");
    let titles = |answer: &Answer| -> Vec<Value> {
        let issues = answer.json();
        let issues = issues.as_array().unwrap().iter();
        issues
            .map(|issue| issue["metadata"]["type"].clone())
            .collect()
    };
    let first = hub.get(&list).await;
    assert_eq!(titles(&first), ["Prod", "Loud", "Bare"]);
    assert_eq!(first.headers["x-hits"], "4");
    assert_eq!(first.cursor("previous"), None);
    let next = first.cursor("next").unwrap();
    let second = hub.get(&format!("{list}&cursor={next}")).await;
    assert_eq!(titles(&second), ["Both"]);
    assert_eq!(second.headers["x-hits"], "4");
    assert_eq!(second.cursor("next"), None);
    let back = second.cursor("previous").unwrap();
    let again = hub.get(&format!("{list}&cursor={back}")).await;
    assert_eq!(titles(&again), ["Prod", "Loud", "Bare"]);
}

#[tokio::test]
async fn pages_of_many_issues_of_an_environment_miss_and_repeat_none() {
    const ISSUES: i64 = 1100;
    let hub = Hub::new().await;
    let record = |n: i64| {
        let event = error_in(Some("staging"), &format!("E{n}"), "ann", 0);
        let mut event = event.clone();
        event["timestamp"] = json!(clock::now().plus_millis(-n * 60_000).to_rfc3339());
        let id = u128::try_from(n + 1).unwrap();
        hub.record(id, "event", &json!({}), &event.to_string())
    };
    let records: Vec<Record> = (0..ISSUES).map(record).collect();
    hub.deliver(&records).await;
    hub.state.index.commit().await.unwrap();
    // One in three is not listed.
    let resolve = "UPDATE issues SET status = 1 WHERE id % 3 = 0";
    hub.state.store.execute(resolve).await;
    let list = format!("{LIST}?query=is:unresolved&environment=staging&sort=date&limit=100");
    let (mut seen, mut cursor) = (Vec::new(), None);
    let mut pages = Vec::new();
    loop {
        let at = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let page = hub.get(&format!("{list}{at}")).await;
        assert_eq!(page.headers["x-hits"], "734");
        let ids = page.json();
        let ids = ids.as_array().unwrap().iter();
        let ids: Vec<i64> = ids
            .map(|issue| issue["id"].as_str().unwrap().parse().unwrap())
            .collect();
        seen.extend(ids.iter().copied());
        pages.push(ids);
        cursor = page.cursor("next");
        if cursor.is_none() {
            let back = page.cursor("previous").unwrap();
            let back = hub.get(&format!("{list}&cursor={back}")).await;
            let first = back.json()[0]["id"].as_str().unwrap().parse().unwrap();
            assert_eq!(pages[pages.len() - 2].first(), Some(&first));
            break;
        }
    }
    // The first that was digested happened last.
    let expected: Vec<i64> = (1..=ISSUES).filter(|id| id % 3 != 0).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn searches_for_numbers_mean_those_of_the_time_and_the_environments() {
    let hub = seeded().await;
    let check = async |query: &str, expected: &[&str]| {
        let encoded = query.replace('>', "%3E");
        assert_eq!(
            hub.titles(&format!("?{encoded}")).await,
            expected,
            "{query}"
        );
    };
    check("query=timesSeen:>2", &["Prod", "Loud"]).await;
    check("statsPeriod=24h&query=timesSeen:>2", &[]).await;
    check("statsPeriod=24h&query=timesSeen:>1", &["Prod"]).await;
    check("statsPeriod=24h&query=times_seen:2", &["Prod"]).await;
    let few = "statsPeriod=24h&query=!timesSeen:>1";
    check(few, &["Both", "Loud", "Bare"]).await;
    check("query=userCount:>1", &["Both", "Prod", "Loud"]).await;
    check("statsPeriod=24h&query=userCount:>1", &["Prod"]).await;
    check("environment=staging&query=userCount:>1", &[]).await;
}

#[tokio::test]
async fn an_issue_shows_the_numbers_of_the_environments_that_are_asked_for() {
    let hub = seeded().await;
    let path = format!("issues/{}/", hub.issue("Both").await);
    let whole = hub.get(&path).await.json();
    assert_eq!(
        (&whole["count"], &whole["userCount"]),
        (&json!("2"), &json!(2))
    );
    let staging = hub.get(&format!("{path}?environment=staging")).await.json();
    assert_eq!(
        (&staging["count"], &staging["userCount"]),
        (&json!("1"), &json!(1))
    );
    assert_eq!(staging["lifetime"]["count"], "2");
    assert_eq!(staging["firstSeen"], whole["lastSeen"]);
    let month = |issue: &Value| -> i64 {
        let points = issue["stats"]["30d"].as_array().unwrap().iter();
        points.map(|point| point[1].as_i64().unwrap()).sum()
    };
    assert_eq!((month(&whole), month(&staging)), (2, 1));
    let none = hub.get(&format!("{path}?environment=nowhere")).await.json();
    assert_eq!(
        (&none["count"], &none["userCount"]),
        (&json!("0"), &json!(0))
    );
    assert_eq!(month(&none), 0);
}

#[tokio::test]
async fn events_that_were_told_with_another_count_in_their_time() {
    let hub = Hub::new().await;
    let alike = |user: &str, n: u32| {
        let at = clock::now();
        Alike {
            user: Some(Bytes::from(json!({ "id": user }).to_string())),
            remote_addr: None,
            first: at,
            last: at,
            minutes: vec![(at.as_millis() / 60_000, n)],
        }
    };
    let storm = |id: u128, ty: &str, alike: Vec<Alike>| {
        let payload = error(ty, "ann", 0).to_string();
        let Record::Items(items) = hub.record(id, "event", &json!({}), &payload) else {
            panic!("it is a record of items");
        };
        Record::Folded(Folded { items, alike })
    };
    hub.digest(1, &error("Storm", "zoe", 3 * HOUR_S)).await;
    for id in 2..5 {
        hub.digest(id, &error("Drops", "ann", 3 * HOUR_S)).await;
        hub.digest(id + 10, &error("Drops", "ann", 0)).await;
    }
    let of_two = vec![alike("ann", 40), alike("bob", 9)];
    hub.deliver(&[storm(20, "Storm", of_two)]).await;
    hub.state.index.commit().await.unwrap();
    let list = "statsPeriod=1h&sort=freq";
    let issue = hub.listed(list, "Storm").await;
    assert_eq!(
        (&issue["count"], &issue["userCount"]),
        (&json!("50"), &json!(2))
    );
    assert_eq!(issue["lifetime"]["count"], "51");
    assert_eq!(hub.titles(&format!("?{list}")).await, ["Storm", "Drops"]);
    let found = hub.titles("?statsPeriod=1h&query=timesSeen:50").await;
    assert_eq!(found, ["Storm"]);
}

#[tokio::test]
async fn what_was_just_digested_counts_before_it_can_be_searched() {
    let hub = Hub::new().await;
    hub.digest(1, &error("Late", "ann", 3 * HOUR_S)).await;
    let event = error("Late", "ann", 0).to_string();
    hub.digest_item(2, "event", &json!({}), &event).await;
    let issue = hub.listed("statsPeriod=1h", "Late").await;
    assert_eq!(
        (&issue["count"], &issue["lifetime"]["count"]),
        (&json!("1"), &json!("2"))
    );
}

const TYPES: [&str; 9] = [
    "Ant", "Bee", "Cat", "Dog", "Eel", "Fox", "Gnu", "Hen", "Ibis",
];

/// An event as the model has it.
struct Happened {
    ty: usize,
    environment: usize,
    user: u64,
    at: Timestamp,
}

/// What a list has to show of an issue: type, events, people, and when the last of them happened.
type Shown = (usize, i64, i64, Timestamp);

#[tokio::test]
async fn lists_are_those_of_a_model_that_looks_at_every_event() {
    const ENVIRONMENTS: [&str; 4] = ["production", "staging", "canary", ""];
    let hub = Hub::new().await;
    let mut chance = Chance(7);
    let mut all = Vec::new();
    let mut records = Vec::new();
    let now = clock::now();
    let place = |chance: &mut Chance, n: u64| usize::try_from(chance.next(n)).unwrap();
    for id in 1..=120 {
        let happened = Happened {
            ty: place(&mut chance, TYPES.len() as u64),
            environment: place(&mut chance, 4),
            user: chance.next(5),
            at: now.plus_millis(-i64::try_from(chance.next(20 * 86_400_000)).unwrap()),
        };
        let environment = ENVIRONMENTS[happened.environment];
        let environment = Some(environment).filter(|name| !name.is_empty());
        let user = happened.user.to_string();
        let mut event = error_in(environment, TYPES[happened.ty], &user, 0);
        event["timestamp"] = json!(happened.at.to_rfc3339());
        records.push(hub.record(id, "event", &json!({}), &event.to_string()));
        all.push(happened);
    }
    hub.deliver(&records).await;
    hub.state.index.commit().await.unwrap();
    for _ in 0..200 {
        let environments: BTreeSet<usize> =
            (0..chance.next(3)).map(|_| place(&mut chance, 4)).collect();
        let mut ends = [(); 2].map(|()| {
            let at = now.plus_millis(-i64::try_from(chance.next(20 * 86_400_000)).unwrap());
            Some(at).filter(|_| chance.next(3) > 0)
        });
        if ends.iter().all(Option::is_some) {
            ends.sort();
        }
        let [start, end] = ends;
        let mut query = String::from("query=is:unresolved");
        for (name, at) in [("start", start), ("end", end)] {
            if let Some(at) = at {
                write!(query, "&{name}={}", at.to_rfc3339()).unwrap();
            }
        }
        for environment in &environments {
            write!(query, "&environment={}", ENVIRONMENTS[*environment]).unwrap();
        }
        let mut expected: Vec<Shown> = Vec::new();
        for ty in 0..TYPES.len() {
            let meant = all.iter().filter(|one| {
                one.ty == ty
                    && start.is_none_or(|start| start <= one.at)
                    && end.is_none_or(|end| one.at < end)
                    && (environments.is_empty() || environments.contains(&one.environment))
            });
            let meant: Vec<&Happened> = meant.collect();
            let people: BTreeSet<u64> = meant.iter().map(|one| one.user).collect();
            let count = |n: usize| i64::try_from(n).unwrap();
            if let Some(last) = meant.iter().map(|one| one.at).max() {
                expected.push((ty, count(meant.len()), count(people.len()), last));
            }
        }
        check_orders(&hub, &query, &expected).await;
    }
}

/// Compares a list in each order that goes by events.
async fn check_orders(hub: &Hub, query: &str, expected: &[Shown]) {
    for sort in ["date", "freq", "user"] {
        let path = format!("{LIST}?{query}&sort={sort}");
        let answer = hub.get(&path).await;
        let issues = answer.json();
        let issues = issues.as_array().unwrap();
        let mut orders = Vec::new();
        for issue in issues {
            let ty = issue["metadata"]["type"].as_str().unwrap();
            let shown = expected.iter().find(|(n, ..)| TYPES[*n] == ty);
            let (_, n, people, last) = shown.unwrap_or_else(|| panic!("{path}: {ty}"));
            assert_eq!(issue["count"], n.to_string(), "{path}: {ty}");
            assert_eq!(issue["userCount"], *people, "{path}: {ty}");
            orders.push(match sort {
                "freq" => *n,
                "user" => *people,
                _ => last.as_millis(),
            });
        }
        assert_eq!(issues.len(), expected.len(), "{path}");
        let hits = expected.len().to_string();
        assert_eq!(answer.headers["x-hits"], hits.as_str(), "{path}");
        assert!(orders.is_sorted_by(|a, b| a >= b), "{path}: {orders:?}");
    }
}
