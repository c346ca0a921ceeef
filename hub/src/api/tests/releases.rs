//! Releases as tools make them, and what their commits say of issues.

use super::*;

const RELEASES: &str = "organizations/acme/releases/";

fn commit(id: &str, message: &str, files: &[&str]) -> Value {
    let files = files
        .iter()
        .map(|path| json!({ "path": path, "type": "M" }));
    json!({
        "id": id,
        "repository": "acme/shop",
        "message": message,
        "author_name": "Ann",
        "author_email": "ann@example.org",
        "timestamp": clock::now().to_rfc3339(),
        "patch_set": files.collect::<Vec<_>>(),
    })
}

async fn release(hub: &Hub, version: &str, commits: Vec<Value>) -> Value {
    let body = json!({ "version": version, "projects": ["shop"], "commits": commits });
    let made = hub.post(RELEASES, body).await;
    assert!(made.status.is_success(), "{}", made.text);
    made.json()
}

#[tokio::test]
async fn releases_are_listed_in_the_order_asked_for() {
    let hub = Hub::new().await;
    hub.seed().await;
    for version in ["shop@0.9.0", "shop@2.0.0"] {
        let body = json!({ "version": version, "projects": ["shop"] });
        let made = hub.post("organizations/acme/releases/", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    }
    let mut event = error("Three", "ann", 3600);
    event["release"] = json!("shop@0.9.0");
    hub.digest(20, &event).await;
    for (sort, expected) in [
        ("date", ["shop@2.0.0", "shop@1.0.0", "shop@0.9.0"]),
        ("first_event", ["shop@1.0.0", "shop@0.9.0", "shop@2.0.0"]),
        ("new_groups", ["shop@1.0.0", "shop@0.9.0", "shop@2.0.0"]),
    ] {
        let mut found = Vec::new();
        let mut cursor = String::new();
        for _ in expected {
            let path = format!("organizations/acme/releases/?sort={sort}&limit=1{cursor}");
            let answer = hub.get(&path).await;
            found.push(answer.json()[0]["version"].clone());
            let next = answer.cursor("next");
            cursor = next.map_or_else(String::new, |next| format!("&cursor={next}"));
        }
        assert_eq!(found, expected, "{sort}");
    }
    let wrong = hub.get("organizations/acme/releases/?sort=colour").await;
    assert_eq!(wrong.json()["field"], "sort");
}

#[tokio::test]
async fn releases_are_ordered_by_what_sessions_say_of_them() {
    let hub = Hub::new().await;
    for version in ["shop@1", "shop@2", "shop@3", "shop@4"] {
        release(&hub, version, Vec::new()).await;
    }
    let mut n = 0;
    let mut session = async |version: &str, environment: &str, did: &str, status: &str| {
        n += 1;
        let body = json!({
            "sid": format!("s{n}"), "did": did, "seq": 0, "init": true, "status": status,
            "errors": u64::from(status != "exited"), "timestamp": clock::now().to_rfc3339(),
            "attrs": { "release": version, "environment": environment },
        });
        hub.digest_item(n, "session", &json!({}), &body.to_string())
            .await;
    };
    for (version, environment, did, status) in [
        ("shop@1", "production", "ann", "exited"),
        ("shop@1", "production", "ann", "crashed"),
        ("shop@1", "production", "bob", "exited"),
        ("shop@1", "production", "cy", "abnormal"),
        ("shop@2", "production", "ann", "crashed"),
        ("shop@2", "staging", "ann", "exited"),
        ("shop@3", "production", "", "exited"),
    ] {
        session(version, environment, did, status).await;
    }
    let order = async |query: &str| -> Vec<Value> {
        let answer = hub.get(&format!("{RELEASES}?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let releases = answer.json();
        let releases = releases.as_array().unwrap().iter();
        releases.map(|release| release["version"].clone()).collect()
    };
    let check = async |query: &str, expected: [&str; 4]| {
        assert_eq!(order(query).await, expected, "{query}");
    };
    check("sort=sessions", ["shop@1", "shop@2", "shop@3", "shop@4"]).await;
    check("sort=users", ["shop@1", "shop@2", "shop@4", "shop@3"]).await;
    check(
        "sort=crash_free_sessions",
        ["shop@2", "shop@1", "shop@3", "shop@4"],
    )
    .await;
    check(
        "sort=crash_free_users",
        ["shop@2", "shop@1", "shop@4", "shop@3"],
    )
    .await;
    check(
        "sort=crash_free_sessions&environment=staging",
        ["shop@2", "shop@4", "shop@3", "shop@1"],
    )
    .await;
    let first = hub
        .get(&format!("{RELEASES}?sort=crash_free_sessions&limit=1"))
        .await;
    let next = first.cursor("next").unwrap();
    let second = order(&format!("sort=crash_free_sessions&limit=1&cursor={next}")).await;
    assert_eq!(second, ["shop@1"]);

    let listed = hub
        .get(&format!(
            "{RELEASES}?health=1&query=shop@1&environment=production"
        ))
        .await
        .json();
    let data = &listed[0]["projects"][0]["healthData"];
    for (field, expected) in [
        ("hasHealthData", json!(true)),
        ("totalSessions", json!(4)),
        ("totalSessions24h", json!(4)),
        ("totalProjectSessions24h", json!(6)),
        ("sessionsCrashed", json!(1)),
        ("sessionsErrored", json!(1)),
        ("crashFreeSessions", json!(75.0)),
        ("totalUsers", json!(3)),
        ("totalUsers24h", json!(3)),
        ("totalProjectUsers24h", json!(3)),
        ("usersCrashed", json!(1)),
        ("adoption", json!(100.0)),
    ] {
        assert_eq!(data[field], expected, "{field}: {data}");
    }
    let plain = hub.get(RELEASES).await.json();
    assert_eq!(plain[0]["projects"][0].get("healthData"), None);
    let wrong = hub
        .get(&format!("{RELEASES}?health=1&summaryStatsPeriod=1y"))
        .await;
    assert_eq!(wrong.json()["field"], "summaryStatsPeriod");
}

#[tokio::test]
async fn releases_are_made_told_of_deployed_and_removed() {
    let hub = Hub::new().await;
    hub.seed().await;
    let none = hub.post(RELEASES, json!({ "version": "shop@2.0.0" })).await;
    assert_eq!(none.json()["field"], "projects", "{}", none.text);
    let wish = json!({ "version": "shop@2.0.0", "projects": ["shop"] });
    let made = hub.post(RELEASES, wish.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let again = hub.post(RELEASES, wish).await;
    assert_eq!(again.status, StatusCode::ALREADY_REPORTED);
    let path = format!("{RELEASES}shop%402.0.0/");
    let told = json!({
        "dateReleased": "2026-01-02T03:04:05Z", "url": "https://ci.example/7", "ref": "main",
        "commits": [commit("b2", "Second", &["a.py"]), commit("a1", "First", &["a.py", "b.py"])],
    });
    let told = hub.put(&path, told).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    let deploy = json!({ "environment": "production", "name": "blue" });
    let deploy = hub.post(&format!("{path}deploys/"), deploy).await;
    assert_eq!(deploy.status, StatusCode::CREATED, "{}", deploy.text);
    insta::assert_json_snapshot!("release", hub.get(&path).await.json(), {
        ".dateCreated" => "[date]",
        ".lastCommit.dateCreated" => "[date]",
        ".lastDeploy.dateFinished" => "[date]",
    });
    let commits = hub.get(&format!("{path}commits/")).await.json();
    let shas: Vec<_> = commits
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["id"].clone())
        .collect();
    assert_eq!(shas, ["b2", "a1"]);
    let files = hub.get(&format!("{path}commitfiles/")).await.json();
    assert_eq!(files.as_array().unwrap().len(), 3, "{files}");
    let of_project = hub.get("projects/acme/shop/releases/").await.json();
    let versions: Vec<_> = of_project.as_array().unwrap().iter().collect();
    // By when each came: an event of a minute ago, and a date of release long before.
    assert_eq!(versions[0]["version"], "shop@1.0.0");
    assert_eq!(versions[1]["version"], "shop@2.0.0");
    assert_eq!(versions[0]["newGroups"], 3);
    assert_eq!(versions[1]["lastEvent"], Value::Null);

    let kept = hub.delete(&format!("{RELEASES}shop%401.0.0/")).await;
    assert_eq!(kept.status, StatusCode::BAD_REQUEST, "{}", kept.text);
    assert_eq!(hub.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(&path).await.status, StatusCode::NOT_FOUND);
    let old = format!("{RELEASES}shop%401.0.0/");
    let archived = hub.put(&old, json!({ "status": "archived" })).await;
    assert_eq!(archived.json()["status"], "archived");
    assert_eq!(hub.get(RELEASES).await.text, "[]");
}

#[tokio::test]
async fn tools_go_on_from_the_release_before_that_has_commits() {
    let hub = Hub::new().await;
    release(&hub, "1", vec![commit("a1", "First", &[])]).await;
    release(&hub, "2", vec![]).await;
    release(&hub, "3", vec![]).await;
    let path = format!("{RELEASES}3/previous-with-commits/");
    let previous = hub.get(&path).await.json();
    assert_eq!(previous["version"], "1");
    assert_eq!(previous["lastCommit"]["id"], "a1");
    let none = hub
        .get(&format!("{RELEASES}1/previous-with-commits/"))
        .await;
    assert_eq!(none.text, "{}");
    let repos = hub.get("organizations/acme/repos/").await.json();
    assert_eq!(repos[0]["name"], "acme/shop");
    let id = repos[0]["id"].as_str().unwrap();
    let commits = hub
        .get(&format!("organizations/acme/repos/{id}/commits/"))
        .await;
    assert_eq!(commits.json()[0]["message"], "First");
}

#[tokio::test]
async fn wrong_words_about_a_release_are_named() {
    let hub = Hub::new().await;
    let check = async |body: Value, field: &str| {
        let answer = hub.post(RELEASES, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.json()["field"], field, "{}", answer.text);
    };
    let projects = json!(["shop"]);
    check(json!({ "version": "a/b", "projects": projects }), "version").await;
    check(
        json!({ "version": "latest", "projects": projects }),
        "version",
    )
    .await;
    check(json!({ "version": "1", "projects": ["nope"] }), "projects").await;
    let date = json!({ "version": "1", "projects": projects, "dateReleased": "yesterday" });
    check(date, "dateReleased").await;
    let many = vec![json!({ "id": "a" }); 1001];
    check(
        json!({ "version": "1", "projects": projects, "commits": many }),
        "commits",
    )
    .await;
    let kind = json!([{ "id": "a", "patch_set": [{ "path": "a", "type": "?" }] }]);
    check(
        json!({ "version": "1", "projects": projects, "commits": kind }),
        "commits",
    )
    .await;
}

#[tokio::test]
async fn commits_that_touched_a_file_of_the_stack_are_suspected() {
    let hub = Hub::new().await;
    release(
        &hub,
        "shop@0.9.0",
        vec![commit("a1", "Pay by card", &["web/shop/checkout.py"])],
    )
    .await;
    release(
        &hub,
        "shop@1.0.0",
        vec![
            commit("c3", "Say how", &["README.md"]),
            commit("b2", "Round amounts", &["shop/checkout.py"]),
        ],
    )
    .await;
    release(
        &hub,
        "shop@1.1.0",
        vec![commit("d4", "Later", &["shop/checkout.py"])],
    )
    .await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let answer = hub
        .get(&format!("organizations/acme/issues/{id}/committers/"))
        .await;
    let committers = answer.json()["committers"].clone();
    assert_eq!(
        committers[0]["author"]["email"], "ann@example.org",
        "{committers}"
    );
    let commits = committers[0]["commits"].as_array().unwrap();
    let shas: Vec<_> = commits.iter().map(|commit| commit["id"].clone()).collect();
    assert_eq!(shas, ["b2", "a1"], "{committers}");
    assert_eq!(commits[0]["path"], "shop/checkout.py");
}

#[tokio::test]
async fn an_issue_resolved_in_a_commit_is_resolved_in_the_release_that_contains_it() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    let named = json!({ "commit": "b2", "repository": "acme/shop" });
    let wish = json!({ "status": "resolved", "statusDetails": { "inCommit": named } });
    let answer = hub.put(&path, wish.clone()).await;
    assert_eq!(
        answer.json()["statusDetails"],
        json!({ "inCommit": named }),
        "{}",
        answer.text
    );
    let with = async |n: u128, release: &str| {
        let mut event = error("Zero", "ann", 0);
        event["release"] = json!(release);
        hub.digest(n, &event).await;
        hub.get(&path).await.json()
    };
    assert_eq!(
        with(11, "shop@3.0.0").await["status"],
        "resolved",
        "no release has it yet"
    );

    let other = json!({ "id": "b2", "repository": "acme/other" });
    release(&hub, "shop@3.9.0", vec![other]).await;
    assert_eq!(
        hub.get(&path).await.json()["statusDetails"]["inRelease"],
        Value::Null
    );
    release(&hub, "shop@4.0.0", vec![commit("b2", "Round", &[])]).await;
    let issue = hub.get(&path).await.json();
    assert_eq!(issue["statusDetails"]["inRelease"], "shop@4.0.0");
    let kinds = |issue: &Value| -> Vec<Value> {
        let all = issue["activity"].as_array().unwrap().iter();
        all.map(|activity| activity["type"].clone()).collect()
    };
    assert_eq!(
        kinds(&issue)[..2],
        ["set_resolved_in_release", "set_resolved_in_commit"]
    );
    assert_eq!(issue["activity"][0]["data"]["version"], "shop@4.0.0");
    assert_eq!(with(12, "shop@3.9.9").await["status"], "resolved");
    let back = with(13, "shop@4.0.0").await;
    assert_eq!(back["substatus"], "regressed", "{back}");

    let again = hub.put(&path, wish).await.json();
    assert_eq!(
        again["statusDetails"]["inRelease"], "shop@4.0.0",
        "its release is known"
    );
    assert_eq!(again["activity"][0]["data"]["commit"], "b2");
}

#[tokio::test]
async fn a_commit_that_says_so_resolves_issues() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("One").await;
    let short = hub.get(&format!("issues/{id}/")).await.json()["shortId"].clone();
    let message = format!("Round amounts\n\nFixes {}.", short.as_str().unwrap());
    release(&hub, "shop@2.0.0", vec![commit("b2", &message, &[])]).await;
    let issue = hub.get(&format!("issues/{id}/")).await.json();
    assert_eq!(issue["status"], "resolved");
    assert_eq!(issue["statusDetails"]["inRelease"], "shop@2.0.0");
    assert_eq!(issue["activity"][0]["type"], "set_resolved_in_commit");
    assert_eq!(hub.titles("?query=is:unresolved").await.len(), 2);
}

#[tokio::test]
async fn a_token_for_ci_makes_releases_and_sees_no_issues() {
    let hub = Hub::new().await;
    let user = hub
        .state
        .store
        .user_by_email("owner@acme.example")
        .await
        .unwrap()
        .unwrap()
        .0;
    let scopes = [Scope::OrgCi].into_iter().collect();
    let made = hub
        .state
        .access
        .create_token(clock::now(), user.id, "ci", scopes)
        .await
        .unwrap();
    let body = json!({ "version": "1", "projects": ["shop"] });
    let answer = hub
        .ask(&made.secret, Method::POST, RELEASES, Some(body))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let answer = hub
        .ask(
            &made.secret,
            Method::GET,
            "organizations/acme/issues/",
            None,
        )
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}
