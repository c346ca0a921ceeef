//! The hub's API as scripts use it, and the relay's ingest as SDKs use it.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::wait::until;

/// How long an accepted event may take to be seen. Generous: the machine may be busy.
pub const VISIBLE_WITHIN: Duration = Duration::from_secs(180);

/// A caller with a token.
#[derive(Clone, Debug)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    /// `base` is the hub's address, without a slash at the end.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Self {
        Self {
            client: client(),
            base: base.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Any call; `path` begins behind `/api/0/`.
    ///
    /// # Errors
    /// When the hub cannot be reached.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Response> {
        let mut request = self
            .client
            .request(method, format!("{}/api/0/{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        Ok(request.send().await?)
    }

    /// The JSON at a path.
    ///
    /// # Errors
    /// When the answer is no success, with its text.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        json_of(self.call(Method::GET, path, None).await?).await
    }

    /// Changes what is at a path.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        json_of(self.call(Method::PUT, path, Some(body)).await?).await
    }

    /// Adds to what is at a path.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        json_of(self.call(Method::POST, path, Some(body)).await?).await
    }

    /// Waits until an event is there and returns its body.
    ///
    /// # Errors
    /// When it is not seen within [`VISIBLE_WITHIN`].
    pub async fn event(&self, org: &str, project: &str, event_id: &str) -> anyhow::Result<Value> {
        let event_id = event_id.replace('-', "");
        let path = format!("projects/{org}/{project}/events/{event_id}/");
        until(&format!("event {event_id}"), VISIBLE_WITHIN, || async {
            self.get(&path).await.ok()
        })
        .await
    }

    /// Waits until a search of issues finds `n` and returns them.
    ///
    /// # Errors
    /// When it does not within [`VISIBLE_WITHIN`].
    pub async fn issues(&self, org: &str, query: &str, n: usize) -> anyhow::Result<Vec<Value>> {
        let query: String = form_encoded(query);
        let path = format!("organizations/{org}/issues/?query={query}&limit=100");
        until(
            &format!("{n} issues for {query}"),
            VISIBLE_WITHIN,
            || async {
                let found = self.get(&path).await.ok()?;
                found.as_array().filter(|issues| issues.len() == n).cloned()
            },
        )
        .await
    }
}

/// A query's value in a URL.
#[must_use]
pub fn form_encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let written = write!(encoded, "%{byte:02X}");
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        encoded
    })
}

async fn json_of(response: Response) -> anyhow::Result<Value> {
    let status = response.status();
    let url = response.url().clone();
    let text = response.text().await?;
    ensure!(status.is_success(), "{url} answered {status}: {text}");
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("{url} answered no JSON: {text}"))
}

/// An HTTP client that takes no proxies and reuses connections.
#[must_use]
pub fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60));
    builder.build().expect("the settings are plain")
}

/// Posts envelopes as an SDK does.
#[derive(Clone, Debug)]
pub struct Sdk {
    client: reqwest::Client,
    relay: String,
    project: String,
    key: String,
}

impl Sdk {
    /// From a DSN whose host may be replaced by `relay`.
    ///
    /// # Errors
    /// When the DSN cannot be read.
    pub fn new(relay: &str, dsn: &str) -> anyhow::Result<Self> {
        let dsn: protocol::dsn::Dsn = dsn.parse()?;
        Ok(Self {
            client: client(),
            relay: relay.to_owned(),
            project: dsn.project.to_string(),
            key: dsn.public_key.to_string(),
        })
    }

    /// The same with a connection of its own for each request, as short-lived programs have.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn with_fresh_connections(self) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client, ..self })
    }

    /// Posts a body; `encoding` is its content encoding, empty for none.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, body: Vec<u8>, encoding: &str) -> anyhow::Result<Response> {
        let url = format!("{}/api/{}/envelope/", self.relay, self.project);
        let auth = format!(
            "Sentry sentry_key={}, sentry_version=7, sentry_client=test/1.0",
            self.key
        );
        let request = self
            .client
            .post(url)
            .header("x-sentry-auth", auth)
            .body(body);
        Ok(request.header("content-encoding", encoding).send().await?)
    }

    /// Posts an event and returns the id it was given.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn send(&self, event: &Value) -> anyhow::Result<String> {
        let response = self.post(envelope(event), "").await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "the relay answered {status}: {text}");
        let answer: Value = serde_json::from_str(&text)?;
        answer
            .get("id")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .context("no id in the answer")
    }
}

/// An envelope with one event.
#[must_use]
pub fn envelope(event: &Value) -> Vec<u8> {
    envelope_of(event, "event")
}

/// An envelope with one item whose payload is JSON.
#[must_use]
pub fn envelope_of(event: &Value, kind: &str) -> Vec<u8> {
    let id = event.get("event_id").and_then(Value::as_str);
    let header = id.map_or_else(
        || "{}".to_owned(),
        |id| format!("{{\"event_id\":\"{id}\"}}"),
    );
    let payload = event.to_string();
    format!(
        "{header}\n{{\"type\":\"{kind}\",\"length\":{}}}\n{payload}\n",
        payload.len()
    )
    .into_bytes()
}
