//! Searches that people keep, and how they name releases.

use super::*;

const SEARCHES: &str = "organizations/acme/searches/";

#[tokio::test]
async fn searches_are_kept_for_oneself_or_for_everyone() {
    let hub = Hub::new().await;
    let own = json!({ "name": "Mine", "query": "assigned:me" });
    let made = hub.post(SEARCHES, own.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.json()["visibility"], "owner");
    let all = json!({ "name": "All", "query": "", "sort": "freq", "visibility": "organization" });
    let made = hub.post(SEARCHES, all.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let shared = format!("{SEARCHES}{}/", made.json()["id"].as_str().unwrap());
    let theirs = async |method: Method, path: &str, body: Option<Value>| {
        hub.ask(&hub.member, method, path, body).await
    };
    let listed = theirs(Method::GET, SEARCHES, None).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(
        (&listed[0]["name"], &listed[0]["isOwn"]),
        (&json!("All"), &json!(false))
    );
    let refused = theirs(Method::POST, SEARCHES, Some(all)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let refused = theirs(Method::DELETE, &shared, None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let foreign = theirs(Method::PUT, &format!("{SEARCHES}1/"), Some(own)).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let change = json!({ "name": "Every one", "query": "is:new", "visibility": "owner" });
    let changed = hub.put(&shared, change).await.json();
    assert_eq!(
        (&changed["name"], &changed["visibility"]),
        (&json!("Every one"), &json!("owner"))
    );
    assert_eq!(hub.delete(&shared).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(SEARCHES).await.json().as_array().unwrap().len(), 1);
    let wrong = json!({ "name": "x", "query": "(" });
    assert_eq!(hub.post(SEARCHES, wrong).await.json()["field"], "query");
}

#[tokio::test]
async fn a_pinned_search_is_first_and_recent_ones_are_the_latest() {
    let hub = Hub::new().await;
    let pins = "organizations/acme/pinned-searches/";
    let pin = json!({ "type": 0, "query": "is:new", "sort": "new" });
    let pinned = hub.put(pins, pin).await;
    assert_eq!(pinned.status, StatusCode::CREATED, "{}", pinned.text);
    hub.post(SEARCHES, json!({ "name": "A", "query": "is:resolved" }))
        .await;
    let listed = hub.get(SEARCHES).await.json();
    assert_eq!(listed[0]["visibility"], "owner_pinned");
    hub.post(
        SEARCHES,
        json!({ "name": "B", "query": "is:new", "sort": "new" }),
    )
    .await;
    let listed = hub.get(SEARCHES).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed[1]["isPinned"], true);
    assert_eq!(hub.delete(pins).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(SEARCHES).await.json()[1]["isPinned"], false);

    let recent = "organizations/acme/recent-searches/";
    for n in 0..40 {
        let query = format!("level:error {}", n % 35);
        let noted = hub.post(recent, json!({ "query": query })).await;
        assert_eq!(noted.status, StatusCode::CREATED, "{}", noted.text);
    }
    let listed = hub.get(recent).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 30);
    assert_eq!(listed[0]["query"], "level:error 4");
    let found = hub.get(&format!("{recent}?query=ERROR%2034")).await.json();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    let empty = hub.ask(&hub.member, Method::GET, recent, None).await;
    assert_eq!(empty.text, "[]");
}

#[tokio::test]
async fn what_may_be_searched_for_is_offered_with_exact_counts() {
    let hub = Hub::new().await;
    hub.seed().await;
    let path = "organizations/acme/vedette/suggestions/";
    let keys = hub.get(path).await.json();
    let keys = keys["suggestions"].as_array().unwrap();
    let color = json!({ "text": "color", "isTag": true, "count": 5 });
    assert!(keys.contains(&color), "{keys:?}");
    let values = hub
        .get(&format!("{path}?key=color&part=B&project=shop"))
        .await;
    let bob = json!({ "text": "bob", "isTag": false, "count": 2 });
    let expected = json!({ "suggestions": [bob], "isComplete": true, "leftOut": 0 });
    assert_eq!(values.json(), expected);
    let first = hub
        .get(&format!("{path}?key=tags[color]&limit=1"))
        .await
        .json();
    assert_eq!(first["suggestions"][0]["text"], "ann", "{first}");
    assert_eq!(first["leftOut"], 2);
    let none = hub.get(&format!("{path}?key=issue.priority")).await.json();
    assert_eq!(none["suggestions"], json!([]));
    let foreign = "organizations/other/vedette/suggestions/";
    let other = hub.ask(&hub.stranger, Method::GET, foreign, None);
    assert_eq!(
        other.await.json()["suggestions"],
        json!([]),
        "nothing of another organization"
    );
    let long = hub
        .get(&format!("{path}?key=color&part={}", "x".repeat(257)))
        .await;
    assert_eq!(long.json()["field"], "part");
}

#[tokio::test]
async fn events_are_a_table_of_the_fields_that_are_asked_for() {
    let hub = Hub::new().await;
    hub.seed().await;
    let path = "organizations/acme/events/?dataset=errors";
    let fields = "&field=title&field=issue&field=project&field=timestamp&field=color&field=level";
    let answer = hub
        .get(&format!("{path}{fields}&query=error.type:Zero&per_page=2"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let rows = answer.json()["data"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["color"], "bob", "the latest first: {rows}");
    assert_eq!(rows[0]["title"], "Zero: Zero went wrong");
    assert_eq!(
        (&rows[0]["issue"], &rows[0]["project"]),
        (&json!("SHOP-1"), &json!("shop"))
    );
    assert_eq!(answer.json()["meta"]["fields"]["timestamp"], "date");
    let cursor = answer.cursor("next").unwrap();
    let path_of_next = format!("{path}{fields}&query=error.type:Zero&per_page=2&cursor={cursor}");
    let next = hub.get(&path_of_next).await;
    assert_eq!(
        next.json()["data"].as_array().unwrap().len(),
        1,
        "{}",
        next.text
    );
    assert_eq!(next.cursor("next"), None);

    let counted = "&field=issue&field=count()&field=count_unique(user)&sort=-count()";
    let answer = hub.get(&format!("{path}{counted}&query=level:error")).await;
    let rows = answer.json()["data"].clone();
    let first = json!({ "issue": "SHOP-1", "count()": 3, "count_unique(user)": 2 });
    assert_eq!(rows[0], first, "{rows}");
    assert_eq!(rows.as_array().unwrap().len(), 3);
    let of_one = hub
        .get(&format!("{path}{counted}&query=issue:SHOP-2"))
        .await
        .json();
    assert_eq!(of_one["data"].as_array().unwrap().len(), 1, "{of_one}");
    let id = hub.issue("One").await;
    hub.put(&format!("issues/{id}/"), json!({ "status": "resolved" }))
        .await;
    let open = hub
        .get(&format!(
            "{path}{counted}&query=is:unresolved%20level:error"
        ))
        .await;
    assert_eq!(
        open.json()["data"].as_array().unwrap().len(),
        2,
        "{}",
        open.text
    );

    let verdict = async |rest: &str| {
        let path = "organizations/acme/events/validate/?dataset=errors&query=level:error";
        hub.get(&format!("{path}{rest}")).await.json()
    };
    assert_eq!(
        verdict("&field=title&orderby=-timestamp").await["valid"],
        true
    );
    let wrong = verdict("&field=count()&field=message&orderby=-count()").await;
    assert_eq!(wrong["valid"], false);
    assert_eq!(wrong["field"][1]["valid"], false, "{wrong}");
    assert_eq!(wrong["orderby"][0]["attrType"], "number");

    let check = async |rest: &str, field: &str| {
        let answer = hub.get(&format!("{path}{rest}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.json()["field"], field, "{}", answer.text);
    };
    check("", "field").await;
    check("&field=count()&field=message", "field").await;
    check("&field=count()&field=assigned", "field").await;
    check("&field=avg(x)&field=color", "field").await;
    check("&field=count()&field=color&sort=-release", "sort").await;
    check("&field=title&sort=-color", "sort").await;
    check("&field=title&query=is:resolved%20OR%20level:error", "query").await;
    check("&field=title&query=(", "query").await;
}

#[tokio::test]
async fn figures_are_told_by_whatever_else_is_asked_for() {
    let hub = Hub::new().await;
    hub.seed().await;
    let mut newer = error("Zero", "cy", 5);
    newer["release"] = json!("Shop@2.0.0");
    newer["tags"] = json!({});
    hub.digest(6, &newer).await;
    let rows = async |asked: &str| {
        let path = format!("organizations/acme/events/?dataset=errors&{asked}");
        let answer = hub.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["data"].clone()
    };
    let by_release = rows("field=release&field=count()&field=count_unique(user)&sort=-count()");
    let expected = json!([
        { "release": "shop@1.0.0", "count()": 5, "count_unique(user)": 3 },
        { "release": "Shop@2.0.0", "count()": 1, "count_unique(user)": 1 },
    ]);
    assert_eq!(by_release.await, expected);
    let two = rows("field=color&field=error.type&field=count()&query=error.type:Zero").await;
    let expected = json!([
        { "color": "ann", "error.type": "Zero", "count()": 2 },
        { "color": null, "error.type": "Zero", "count()": 1 },
        { "color": "bob", "error.type": "Zero", "count()": 1 },
    ]);
    assert_eq!(two, expected);
    let mixed = rows("field=project&field=issue&field=release&field=count()&sort=release").await;
    assert_eq!(mixed.as_array().unwrap().len(), 4);
    let first = json!({
        "project": "shop", "issue": "SHOP-1", "release": "Shop@2.0.0", "count()": 1,
    });
    assert_eq!(mixed[0], first);
    let latest = rows("field=color&field=count()&sort=-timestamp").await;
    assert_eq!(latest[0]["color"], Value::Null, "{latest}");
    assert_eq!(rows("field=count()").await, json!([{ "count()": 6 }]));
    assert_eq!(
        rows("field=count()&field=release&query=nothing").await,
        json!([])
    );
    let last = rows("field=environment&field=last_seen()&field=first_seen()").await;
    assert!(
        last[0]["first_seen()"].as_str() < last[0]["last_seen()"].as_str(),
        "{last}"
    );

    let page = "organizations/acme/events/?field=color&field=count()&per_page=3";
    let first = hub.get(page).await;
    assert_eq!(first.json()["data"].as_array().unwrap().len(), 3);
    let next = first.cursor("next").unwrap();
    let second = hub.get(&format!("{page}&cursor={next}")).await;
    assert_eq!(second.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(second.cursor("next"), None);
    let back = second.cursor("previous").unwrap();
    let again = hub.get(&format!("{page}&cursor={back}")).await;
    assert_eq!(again.json()["data"], first.json()["data"]);
    assert_eq!(again.cursor("previous"), None);
}

#[tokio::test]
async fn groups_are_searched_by_their_figures() {
    let hub = Hub::new().await;
    hub.seed().await;
    let fields = "field=issue&field=count()&sort=-count()";
    let issues = async |query: &str| -> Vec<Value> {
        let path = format!("organizations/acme/events/?dataset=errors&{fields}&query={query}");
        let answer = hub.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let table = answer.json();
        let rows = table["data"].as_array().unwrap().iter();
        rows.map(|row| row["issue"].clone()).collect()
    };
    assert_eq!(issues("count():%3E1").await, ["SHOP-1"]);
    assert_eq!(issues("count():1+level:error").await.len(), 2);
    let of_ann = "user.id:ann+count():%3E2+is:unresolved";
    assert_eq!(issues(of_ann).await, [""; 0]);
    assert_eq!(issues("count_unique(user):%3E=2").await, ["SHOP-1"]);
    assert_eq!(issues("!count_unique(user):%3E=2").await.len(), 2);
    let ago = |seconds: i64| clock::now().plus_millis(-seconds * 1000).to_rfc3339();
    let late = format!("last_seen():%3E{}", ago(25));
    assert_eq!(issues(&late).await.len(), 2);
    let early = format!("first_seen():%3C{}", ago(45));
    assert_eq!(issues(&early).await, ["SHOP-1"]);
    let either = format!("(count():%3E2+OR+last_seen():%3E{})", ago(15));
    assert_eq!(issues(&either).await, ["SHOP-1", "SHOP-3"]);

    let check = async |path: &str, span: [usize; 2], remedy: &str| {
        let answer = hub.get(&format!("organizations/acme/{path}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.json()["span"], json!(span), "{}", answer.text);
        assert!(answer.text.contains(remedy), "{}", answer.text);
    };
    let ungrouped = "events/?dataset=errors&field=title&query=boom+count():%3E1";
    check(ungrouped, [5, 15], "add a field such as count()").await;
    let list = "issues/?query=boom+count():%3E1";
    check(list, [5, 15], "in a table of events alone").await;
    let mixed = "events/?dataset=errors&field=count()&query=boom+OR+count():%3E1";
    check(mixed, [8, 18], "stands beside").await;
    let verdict = async |field: &str| {
        let path = "organizations/acme/events/validate/?dataset=errors&query=count():%3E1";
        hub.get(&format!("{path}&field={field}")).await.json()["valid"].clone()
    };
    assert_eq!(verdict("count()").await, true);
    assert_eq!(verdict("title").await, false);
}

#[tokio::test]
async fn releases_are_searched_in_the_order_of_their_versions() {
    let hub = Hub::new().await;
    for (n, ty, release) in [(1_u8, "Old", "shop@1.9.0"), (2, "Young", "shop@1.10.0")] {
        let mut event = error(ty, "ann", 60 - i64::from(n));
        event["release"] = json!(release);
        hub.digest(n.into(), &event).await;
    }
    assert_eq!(hub.titles("?query=release:%3E1.9").await, ["Young"]);
    assert_eq!(hub.titles("?query=release:%3C%3D1.9.0").await, ["Old"]);
    assert_eq!(hub.titles("?query=release:latest").await, ["Young"]);
    assert_eq!(hub.titles("?query=release.version:1.10.0").await, ["Young"]);
    assert!(hub.titles("?query=release:%3E2.0").await.is_empty());
    assert_eq!(hub.titles("?query=!release:latest").await, ["Old"]);
}

#[tokio::test]
async fn a_search_that_finds_nothing_is_put_right_by_what_there_is() {
    let hub = Hub::new().await;
    hub.seed().await;
    let meant = async |query: &str| {
        let path = format!("organizations/acme/vedette/corrections/?query={query}");
        let answer = hub.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let found = answer.json()["corrections"].as_array().unwrap().clone();
        let query = |one: &Value| one["query"].as_str().unwrap().to_owned();
        found.iter().map(query).collect::<Vec<_>>()
    };
    assert_eq!(meant("colr:ann").await, ["color:ann"]);
    assert_eq!(meant("color:bbo").await, ["color:bob"]);
    assert_eq!(meant("levle:error").await, ["level:error"]);
    assert_eq!(meant("is:unresolvd").await, ["is:unresolved"]);
    assert_eq!(meant("project:shpo").await, ["project:shop"]);
    assert_eq!(
        meant("colr:nobody").await,
        [""; 0],
        "it finds nothing either"
    );
    assert_eq!(meant("color:ann").await, [""; 0]);
    let foreign = "organizations/other/vedette/corrections/?query=colr:ann";
    let other = hub.ask(&hub.stranger, Method::GET, foreign, None).await;
    assert_eq!(other.json()["corrections"], json!([]));
    let wrong = hub
        .get("organizations/acme/vedette/corrections/?query=(")
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn issues_are_found_by_what_people_did_with_them() {
    let hub = Hub::new().await;
    hub.seed().await;
    let found = async |query: &str| {
        let answer = hub
            .get(&format!("organizations/acme/issues/?query={query}"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let issues = answer.json();
        let ids = issues.as_array().unwrap().iter();
        ids.map(|issue| issue["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for query in ["bookmarks:me", "regressed_in_release:*", "is:linked"] {
        assert_eq!(found(query).await, [""; 0], "{query}");
    }
    let all = found("").await;
    for query in ["issue.category:error", "is:unlinked", "has:project"] {
        assert_eq!(found(query).await, all, "{query}");
    }
    let id = hub.issue("Zero").await;
    let marks = json!({ "isBookmarked": true, "isSubscribed": true });
    hub.put(&format!("issues/{id}/"), marks).await;
    for query in [
        "bookmarks:me",
        "subscribed:me",
        "!is:resolved%20bookmarks:me",
    ] {
        assert_eq!(found(query).await, [id.as_str()], "{query}");
    }
}
