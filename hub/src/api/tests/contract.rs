//! Every row of Sentry's API that clients rely on, for issues, events, projects, keys, teams,
//! members, organizations, tags, environments, ownership, filters and counts: asked of a hub in
//! this order, with what each has to answer.
//!
//! Names in braces are what the hub gave before: ids that cannot be known beforehand.

use std::collections::BTreeMap;

use super::*;

struct Row {
    method: Method,
    /// As documented, with these names in place of what it names.
    path: &'static str,
    /// Asked beside the path.
    query: &'static str,
    body: Option<Value>,
    status: StatusCode,
    /// Fields that clients read, of the answer or of a list's first element; `a.b` is within `a`.
    fields: &'static str,
}

const fn get(path: &'static str, fields: &'static str) -> Row {
    Row {
        method: Method::GET,
        path,
        query: "",
        body: None,
        status: StatusCode::OK,
        fields,
    }
}

const fn with(method: Method, path: &'static str, status: StatusCode, fields: &'static str) -> Row {
    Row {
        method,
        path,
        query: "",
        body: None,
        status,
        fields,
    }
}

fn sends(row: Row, body: Value) -> Row {
    Row {
        body: Some(body),
        ..row
    }
}

const ISSUE: &str = "id shortId title culprit permalink level status statusDetails substatus \
                     platform priority project.id project.name project.slug project.platform type \
                     metadata.type metadata.value assignedTo isUnhandled count userCount firstSeen \
                     lastSeen stats lifetime filtered isPublic numComments isBookmarked \
                     isSubscribed hasSeen annotations issueType issueCategory logger";
const EVENT: &str = "id eventID groupID projectID title message location culprit type platform \
                     dateCreated dateReceived size dist release user tags sdk contexts context \
                     packages entries metadata errors _meta fingerprints groupingConfig crashFile \
                     nextEventID previousEventID userReport sdkUpdates resolvedWith";
const LISTED_EVENT: &str = "id eventID groupID projectID message title location culprit user tags \
                            platform dateCreated crashFile metadata event.type";
const PROJECT: &str = "id slug name platform dateCreated";
const TEAM: &str = "id slug name dateCreated isMember memberCount";
const MEMBER: &str = "id email name user.id user.email orgRole pending expired dateCreated";
const KEY: &str = "id name label public secret projectId isActive rateLimit dsn.public dsn.secret \
                   dateCreated";
const ENVIRONMENT: &str = "id name";
const VALUE: &str = "name value count firstSeen lastSeen";

fn rows() -> Vec<Row> {
    use StatusCode as S;
    let put = |path, fields| with(Method::PUT, path, S::OK, fields);
    let post = |path, fields| with(Method::POST, path, S::CREATED, fields);
    let delete = |path, status| with(Method::DELETE, path, status, "");
    vec![
        // Organizations.
        get("/organizations/", "id slug name dateCreated"),
        get("/organizations/{o}/", "id slug name dateCreated"),
        sends(
            put("/organizations/{o}/", "id slug name"),
            json!({ "name": "Acme Inc" }),
        ),
        get("/organizations/{o}/projects/", PROJECT),
        get("/organizations/{o}/project-keys/", KEY),
        get(
            "/organizations/{o}/eventids/{e}/",
            "organizationSlug projectSlug groupId eventId event.id",
        ),
        get(
            "/organizations/{o}/shortids/SHOP-1/",
            "organizationSlug projectSlug groupId shortId group.id",
        ),
        Row {
            query: "field=sum(quantity)&groupBy=outcome&statsPeriod=1d&interval=1h",
            ..get("/organizations/{o}/stats_v2/", "start end intervals groups")
        },
        get("/organizations/{o}/tags/", "key name totalValues"),
        get("/organizations/{o}/environments/", ENVIRONMENT),
        Row {
            query: "field=title&field=timestamp&dataset=errors",
            ..get("/organizations/{o}/events/", "data meta.fields")
        },
        get(
            "/organizations/{o}/events-timeseries/",
            "meta.dataset meta.start meta.end timeSeries",
        ),
        // Issues.
        get("/organizations/{o}/issues/", ISSUE),
        get("/projects/{o}/{p}/issues/", ISSUE),
        get("/organizations/{o}/issues/{i}/", ISSUE),
        get(
            "/organizations/{o}/issues/{i}/",
            "activity seenBy participants tags firstRelease lastRelease userReportCount stats.24h \
             stats.30d",
        ),
        get("/organizations/{o}/issues/{i}/events/", LISTED_EVENT),
        Row {
            query: "full=true",
            ..get("/organizations/{o}/issues/{i}/events/", "entries contexts")
        },
        get("/organizations/{o}/issues/{i}/events/latest/", EVENT),
        get("/organizations/{o}/issues/{i}/events/oldest/", EVENT),
        get("/organizations/{o}/issues/{i}/events/recommended/", EVENT),
        get("/organizations/{o}/issues/{i}/events/{e}/", EVENT),
        get("/organizations/{o}/issues/{i}/hashes/", "id"),
        get(
            "/organizations/{o}/issues/{i}/tags/color/",
            "key name uniqueValues totalValues topValues",
        ),
        get("/organizations/{o}/issues/{i}/tags/color/values/", VALUE),
        sends(
            put("/organizations/{o}/issues/{i}/", ISSUE),
            json!({ "priority": "low" }),
        ),
        Row {
            query: "id={i}",
            ..sends(
                put("/organizations/{o}/issues/", "status statusDetails"),
                json!({ "status": "resolved" }),
            )
        },
        Row {
            query: "id={i}",
            ..sends(
                put("/projects/{o}/{p}/issues/", "status"),
                json!({ "status": "unresolved" }),
            )
        },
        // Events of a project.
        get("/projects/{o}/{p}/events/", LISTED_EVENT),
        get("/projects/{o}/{p}/events/{e}/", EVENT),
        get(
            "/projects/{o}/{p}/events/{e}/attachments/",
            "id event_id type name mimetype dateCreated size headers sha1",
        ),
        get(
            "/projects/{o}/{p}/events/{e}/attachments/{attachment}/",
            "id name size sha1",
        ),
        Row {
            query: "download=1",
            ..get("/projects/{o}/{p}/events/{e}/attachments/{attachment}/", "")
        },
        get("/projects/{o}/{p}/tags/color/values/", VALUE),
        sends(
            with(
                Method::POST,
                "/projects/{o}/{p}/user-feedback/",
                S::OK,
                "id eventID name email comments dateCreated",
            ),
            json!({ "event_id": FIRST, "name": "Jane", "email": "j@a.test", "comments": "broken" }),
        ),
        get(
            "/projects/{o}/{p}/user-feedback/",
            "id eventID name email comments dateCreated user event.id",
        ),
        // Projects and their keys.
        get("/projects/{o}/{p}/", PROJECT),
        sends(
            put("/projects/{o}/{p}/", PROJECT),
            json!({ "name": "The shop" }),
        ),
        get("/projects/{o}/{p}/environments/", ENVIRONMENT),
        sends(
            put("/projects/{o}/{p}/environments/", ""),
            json!({ "environmentNames": ["production"], "isHidden": false }),
        ),
        get("/projects/{o}/{p}/environments/production/", ENVIRONMENT),
        sends(
            put(
                "/projects/{o}/{p}/environments/production/",
                "id name isHidden",
            ),
            json!({ "isHidden": true }),
        ),
        get("/projects/{o}/{p}/filters/", "id active"),
        sends(
            with(
                Method::PUT,
                "/projects/{o}/{p}/filters/localhost/",
                S::NO_CONTENT,
                "",
            ),
            json!({ "active": true }),
        ),
        get(
            "/projects/{o}/{p}/ownership/",
            "raw fallthrough dateCreated lastUpdated isActive autoAssignment",
        ),
        sends(
            put("/projects/{o}/{p}/ownership/", "raw"),
            json!({ "raw": "path:src/* owner@acme.example" }),
        ),
        get("/projects/{o}/{p}/members/", "id email name user.id"),
        get("/projects/{o}/{p}/keys/", KEY),
        sends(
            post("/projects/{o}/{p}/keys/", KEY),
            json!({ "name": "CI" }),
        ),
        get("/projects/{o}/{p}/keys/{key}/", KEY),
        sends(
            put("/projects/{o}/{p}/keys/{key}/", KEY),
            json!({ "name": "Builds" }),
        ),
        delete("/projects/{o}/{p}/keys/{key}/", S::NO_CONTENT),
        // Teams and members.
        sends(
            post("/organizations/{o}/teams/", TEAM),
            json!({ "slug": "web" }),
        ),
        get("/organizations/{o}/teams/", TEAM),
        get("/teams/{o}/web/", TEAM),
        sends(put("/teams/{o}/web/", TEAM), json!({ "name": "The web" })),
        sends(
            post("/teams/{o}/web/projects/", PROJECT),
            json!({ "name": "Till" }),
        ),
        get("/teams/{o}/web/projects/", PROJECT),
        with(
            Method::POST,
            "/projects/{o}/{p}/teams/web/",
            S::CREATED,
            PROJECT,
        ),
        get("/projects/{o}/{p}/teams/", "id slug name"),
        with(
            Method::DELETE,
            "/projects/{o}/{p}/teams/web/",
            S::OK,
            PROJECT,
        ),
        sends(
            post("/organizations/{o}/projects/", PROJECT),
            json!({ "name": "Bare" }),
        ),
        get("/organizations/{o}/members/", MEMBER),
        sends(
            post("/organizations/{o}/members/", MEMBER),
            json!({ "email": "new@acme.example", "orgRole": "member" }),
        ),
        get("/organizations/{o}/members/{mem}/", MEMBER),
        sends(
            put("/organizations/{o}/members/{mem}/", MEMBER),
            json!({ "orgRole": "admin" }),
        ),
        delete("/organizations/{o}/members/{mem}/", S::NO_CONTENT),
        // What goes in the end.
        delete("/teams/{o}/web/", S::NO_CONTENT),
        delete("/organizations/{o}/issues/{i}/", S::ACCEPTED),
        Row {
            query: "query=is:new",
            ..delete("/projects/{o}/{p}/issues/", S::NO_CONTENT)
        },
        Row {
            query: "query=is:resolved",
            ..delete("/organizations/{o}/issues/", S::NO_CONTENT)
        },
        delete("/projects/{o}/till/", S::NO_CONTENT),
    ]
}

const FIRST: &str = "00000000000000000000000000000001";

/// What of an answer names something that later rows ask for.
fn learn(known: &mut BTreeMap<&'static str, String>, row: &Row, answer: &Value) {
    let name = match (row.method.as_str(), row.path) {
        ("GET", "/organizations/{o}/eventids/{e}/") => ("{i}", "/groupId"),
        ("GET", "/projects/{o}/{p}/events/{e}/attachments/") => ("{attachment}", "/0/id"),
        ("POST", "/projects/{o}/{p}/keys/") => ("{key}", "/id"),
        ("POST", "/organizations/{o}/members/") => ("{mem}", "/id"),
        _ => return,
    };
    if let Some(value) = answer.pointer(name.1).and_then(Value::as_str) {
        known.insert(name.0, value.to_owned());
    }
}

/// The fields that an answer lacks.
fn missing(answer: &Value, fields: &str) -> Vec<String> {
    let first = match answer {
        Value::Array(rows) => match rows.first() {
            Some(first) => first,
            None => return vec!["the list is empty".to_owned()],
        },
        other => other,
    };
    let has = |field: &str| {
        let parts = field.split('.');
        // `event.type` is one name.
        first.get(field).is_some()
            || parts
                .clone()
                .try_fold(first, |value, part| value.get(part))
                .is_some()
    };
    let lacks = fields.split_whitespace().filter(|field| !has(field));
    lacks.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_row_that_clients_rely_on_is_answered() {
    let hub = Hub::new().await;
    hub.seed().await;
    let header = json!({ "filename": "log.txt", "content_type": "text/plain" });
    hub.digest_item(1, "attachment", &header, "a line of the log")
        .await;
    let mut known: BTreeMap<&'static str, String> = [
        ("{o}", "acme".to_owned()),
        ("{p}", "shop".to_owned()),
        ("{e}", FIRST.to_owned()),
    ]
    .into();
    let mut wrong = Vec::new();
    for row in rows() {
        let mut path = format!("{}?{}", row.path, row.query);
        for (name, value) in &known {
            path = path.replace(name, value);
        }
        let path = path.trim_start_matches('/').trim_end_matches('?');
        let answer = hub.ask(&hub.owner, row.method.clone(), path, row.body.clone());
        let answer = answer.await;
        let said = || format!("{} {}", row.method, row.path);
        if answer.status != row.status {
            wrong.push(format!("{}: {} {}", said(), answer.status, answer.text));
            continue;
        }
        let json = serde_json::from_str(&answer.text).unwrap_or_default();
        learn(&mut known, &row, &json);
        if !row.fields.is_empty() {
            let lacks = missing(&json, row.fields);
            if !lacks.is_empty() {
                wrong.push(format!("{}: lacks {}", said(), lacks.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
