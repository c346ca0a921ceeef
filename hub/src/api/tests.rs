//! What callers see of the API: a real store, archive, index, digest and fleet behind it.

mod access;
mod account;
mod activity;
mod at_once;
mod audit;
mod config;
mod contract;
mod deletions;
mod direct;
mod discarded;
mod erasures;
mod events;
mod feedback;
mod fleet;
mod grouping;
mod intake;
mod issues;
mod items;
mod model;
mod ownership;
mod people;
mod privacy;
mod projects;
mod releases;
mod search_keys;
mod searches;
mod shown;
mod tags;
mod timeseries;
mod totals;
mod windows;

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use protocol::block::{self, Item, Items, Record};
use protocol::ids::{Epoch, EventId, Lane, ProjectId, PublicKey, RelayId, Seq};
use protocol::timestamp::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::access::{Role, Scope, ScopeSet};
use crate::archive::PACK_BYTES;
use crate::clock;
use crate::store::projects::NewProject;

/// Where the copy of the OpenAPI document lies.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
const PASSWORD: &str = "correct horse";
const RELAY: RelayId = RelayId::from_bytes([1; 16]);

/// A hub with the organizations `acme` and `other`, a project `shop` of `acme`, and no events.
struct Hub {
    router: Router,
    state: ApiState,
    /// A token of acme's owner, with every scope.
    owner: String,
    /// A token of a plain member of acme.
    member: String,
    /// A token of acme's owner that may only give out builds.
    narrow: String,
    /// A token of other's owner.
    stranger: String,
    project: i64,
    next_seq: AtomicU64,
    /// What time it is for the digest, and when events are received.
    clock: fn() -> Timestamp,
    _dir: tempfile::TempDir,
}

/// An answer, read.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The cursor of a link, when there is something behind it.
    fn cursor(&self, rel: &str) -> Option<String> {
        let link = self.headers[header::LINK].to_str().unwrap();
        let part = link
            .split(", ")
            .find(|part| part.contains(&format!("rel=\"{rel}\"")))?;
        let cursor = part.split("cursor=\"").nth(1)?.trim_end_matches('"');
        part.contains("results=\"true\"").then(|| cursor.to_owned())
    }
}

impl Hub {
    async fn new() -> Self {
        Self::at(clock::now).await
    }

    async fn at(clock: fn() -> Timestamp) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("hub.db")).await.unwrap();
        store
            .execute(
                "INSERT INTO relays (id, name, certificate, joined_at)
                 VALUES (X'01010101010101010101010101010101', 'edge-1', X'00', 0)",
            )
            .await;
        let tracker = TaskTracker::new();
        let cancel = CancellationToken::new();
        let access = Access::new(store.clone(), tracker.clone()).unwrap();
        let now = clock::now();
        let acme = access
            .create_organization(now, "acme", "Acme")
            .await
            .unwrap();
        let other = access
            .create_organization(now, "other", "Other")
            .await
            .unwrap();
        let token = async |email: &str, organization: i64, role: Role, scopes: ScopeSet| {
            let user = match store.user_by_email(email).await.unwrap() {
                Some((user, _)) => user.id,
                None => access
                    .create_user(now, email, "Some One", PASSWORD)
                    .await
                    .unwrap(),
            };
            access
                .put_member(now, organization, user, role)
                .await
                .unwrap();
            access
                .create_token(now, user, "test", scopes)
                .await
                .unwrap()
                .secret
        };
        let all = ScopeSet::all();
        let builds = [Scope::ProjectDistribution].into_iter().collect();
        let owner = token("owner@acme.example", acme, Role::Owner, all).await;
        let member = token("member@acme.example", acme, Role::Member, all).await;
        let narrow = token("owner@acme.example", acme, Role::Owner, builds).await;
        let stranger = token("owner@other.example", other, Role::Owner, all).await;
        let shop = NewProject {
            organization_id: acme,
            slug: "shop",
            name: "Shop",
            platform: "python",
        };
        let (project, _) = access.create_project(now, shop).await.unwrap();
        let archive = Archive::open(&dir.path().join("packs"), PACK_BYTES).unwrap();
        let index = Index::open(&dir.path().join("index")).unwrap();
        let parts = digest::Parts {
            store: store.clone(),
            archive: archive.clone(),
            index: index.clone(),
            places: crate::geo::Places::default(),
            clock,
            new_issues_max: u32::MAX,
        };
        let digest = digest::start(parts, &tracker, cancel.clone());
        let fleet = Fleet::open(store.clone(), dir.path(), crate::fleet::Config::default());
        let state = ApiState::new(Parts {
            config: Config::default(),
            store,
            archive,
            index,
            access,
            digest,
            fleet: fleet.await.unwrap(),
            sender: notify::Sender::new(&notify::Config::default()).unwrap(),
            tracker,
            cancel,
        });
        Self {
            router: router(state.clone()),
            state,
            owner,
            member,
            narrow,
            stranger,
            project,
            next_seq: AtomicU64::new(1),
            clock,
            _dir: dir,
        }
    }

    /// Digests an event of `shop` and makes it searchable.
    async fn digest(&self, id: u128, payload: &Value) {
        self.digest_item(id, "event", &json!({}), &payload.to_string())
            .await;
        self.state.index.commit().await.unwrap();
    }

    /// Digests an item of `shop`.
    async fn digest_item(&self, id: u128, kind: &str, header: &Value, payload: &str) {
        let record = self.record(id, kind, header, payload);
        self.deliver(&[record]).await;
    }

    /// An item of `shop`, as a relay sends it.
    fn record(&self, id: u128, kind: &str, header: &Value, payload: &str) -> Record {
        Record::Items(Items {
            project: ProjectId::new(self.project.unsigned_abs()).unwrap(),
            key: PublicKey::from_bytes([2; 16]),
            received_at: (self.clock)(),
            sent_at: None,
            event_id: Some(EventId::from_bytes(id.to_be_bytes())),
            client: Some("sentry.python/2.0".to_owned()),
            remote_addr: None,
            user_agent: None,
            trace: None,
            items: vec![Item {
                kind: kind.to_owned(),
                header: Bytes::from(header.to_string()),
                payload: Bytes::copy_from_slice(payload.as_bytes()),
            }],
        })
    }

    /// Digests records, in one block.
    async fn deliver(&self, records: &[Record]) {
        let n = u64::try_from(records.len()).unwrap();
        let seq = Seq(self.next_seq.fetch_add(n, Ordering::Relaxed));
        let sealed = block::seal(Epoch(7), Lane::Errors, seq, records).unwrap();
        let delivery = digest::Delivery {
            relay: RELAY,
            head: sealed.head,
            block: sealed.bytes,
            arrived_at: (self.clock)(),
            relay_offset_millis: 0,
        };
        self.state.digest.deliver(delivery).await.unwrap();
    }

    /// Three issues: `Zero` of 3 events and 2 users, `One` and `Two` of 1 event, in this order.
    async fn seed(&self) {
        self.digest(1, &error("Zero", "ann", 50)).await;
        self.digest(2, &error("Zero", "ann", 40)).await;
        self.digest(3, &error("Zero", "bob", 30)).await;
        self.digest(4, &error("One", "bob", 20)).await;
        self.digest(5, &error("Two", "cy", 10)).await;
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn ask(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/0/{path}"));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(&self.owner, Method::GET, path, None).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(&self.owner, Method::PUT, path, Some(body)).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(&self.owner, Method::POST, path, Some(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(&self.owner, Method::DELETE, path, None).await
    }

    /// The titles of a list of issues.
    async fn titles(&self, query: &str) -> Vec<String> {
        let answer = self
            .get(&format!("organizations/acme/issues/{query}"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let issues = answer.json();
        let titles = issues.as_array().unwrap().iter();
        titles
            .map(|issue| issue["metadata"]["type"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until a count in the store is this.
    async fn rows_become(&self, expected: i64, sql: &'static str) {
        let reached = async {
            while self.state.store.number(sql).await != expected {
                tokio::task::yield_now().await;
            }
        };
        // Long: a busy machine runs many tests at once, and what failed waits before it is tried again.
        let deadline = std::time::Duration::from_secs(60);
        tokio::time::timeout(deadline, reached).await.unwrap();
    }

    /// The id of the issue of an error type.
    async fn issue(&self, ty: &str) -> String {
        let answer = self.get("organizations/acme/issues/?query=").await.json();
        let issues = answer.as_array().unwrap();
        let issue = issues.iter().find(|issue| issue["metadata"]["type"] == ty);
        issue.unwrap()["id"].as_str().unwrap().to_owned()
    }
}

/// An error event of `seconds_ago`.
fn error(ty: &str, user: &str, seconds_ago: i64) -> Value {
    let at = clock::now().plus_millis(-seconds_ago * 1000);
    json!({
        "platform": "python",
        "timestamp": at.to_rfc3339(),
        "release": "shop@1.0.0",
        "environment": "production",
        "transaction": "checkout",
        "user": { "id": user, "email": format!("{user}@example.org") },
        "tags": { "color": user },
        "exception": { "values": [{
            "type": ty,
            "value": format!("{ty} went wrong"),
            "mechanism": { "type": "excepthook", "handled": false },
            "stacktrace": { "frames": [
                { "filename": "lib/wsgi.py", "function": "call", "lineno": 7, "in_app": false },
                {
                    "filename": "shop/checkout.py",
                    "abs_path": "/srv/shop/checkout.py",
                    "module": "shop.checkout",
                    "function": format!("pay_{ty}"),
                    "lineno": 12,
                    "in_app": true,
                    "pre_context": ["def pay():"],
                    "context_line": "    charge(card)",
                    "post_context": ["    return True"],
                    "vars": { "card": "[Filtered]" },
                },
            ] },
        }] },
        "breadcrumbs": { "values": [
            { "timestamp": at.to_rfc3339(), "category": "http", "message": "POST /pay" },
        ] },
        "request": {
            "method": "POST",
            "url": "https://shop.example.org/pay?cart=7",
            "headers": { "Host": "shop.example.org" },
        },
        "contexts": { "runtime": { "name": "CPython", "version": "3.13.1" } },
        "extra": { "cart": [1, 2] },
        "sdk": { "name": "sentry.python", "version": "2.75.0" },
    })
}

/// Takes out what differs from run to run.
macro_rules! assert_shape {
    ($name:expr, $answer:expr) => {
        insta::assert_json_snapshot!($name, $answer.json(), {
            ".**.dateCreated" => "[date]",
            ".**.dateReceived" => "[date]",
            ".**.dateDigested" => "[date]",
            ".**.dateJoined" => "[date]",
            ".**.dateLastUsed" => "[date]",
            ".**.expiresAt" => "[date]",
            ".**.firstSeen" => "[date]",
            ".**.lastSeen" => "[date]",
            ".**.firstEvent" => "[date]",
            ".**.lastLogin" => "[date]",
            ".**.timestamp" => "[date]",
            ".version" => "[version]",
            ".**.stats" => "[series]",
            ".**.csrfToken" => "[secret]",
            ".**.token" => "[secret]",
            ".**.tokenLastCharacters" => "[secret]",
            ".**.command" => "[secret]",
            ".**.public" => "[key]",
            ".**.secret" => "[key]",
            ".**.dsn" => "[dsn]",
        });
    };
}
use assert_shape;

#[test]
fn the_openapi_document_is_what_the_code_says() {
    let document = openapi() + "\n";
    #[expect(
        clippy::disallowed_methods,
        reason = "writes the copy anew when asked to"
    )]
    if std::env::var("UPDATE_OPENAPI").is_ok() {
        std::fs::write(DOCUMENT, &document).unwrap();
    }
    let copy = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(
        copy == document,
        "hub/openapi.json is old: run UPDATE_OPENAPI=1 cargo test --workspace --lib openapi"
    );
}
