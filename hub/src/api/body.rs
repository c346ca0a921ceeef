//! An event as the API shows it: from the normalised payload to Sentry's response shape.
//!
//! What always holds: every text stays text; what the SDK sent as free JSON is passed on as JSON.
//! Frames stay in the order they were sent, oldest call first.

mod entries;

use std::borrow::Cow;
use std::collections::BTreeMap;

use protocol::event::{Fields, Raw, User, text_of};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::feedback::UserReport;
use super::types::iso;
use crate::group::{self, Grouping, Rules};
use crate::normalise::{EventKind, NormalEvent};

pub(super) use entries::Entry;

/// The sizes and names that list and detail share.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventSummary {
    pub id: String,
    #[serde(rename = "eventID")]
    pub event_id: String,
    #[serde(rename = "groupID")]
    pub group_id: String,
    #[serde(rename = "projectID")]
    pub project_id: String,
    pub title: String,
    pub message: String,
    pub location: Option<String>,
    pub culprit: String,
    /// `error`, `default`, `csp`, `feedback`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(rename = "event.type")]
    pub event_type: &'static str,
    pub platform: &'static str,
    pub date_created: String,
    pub user: Option<EventUser>,
    pub tags: Vec<EventTag>,
    #[schema(value_type = super::issue_shape::IssueMetadata)]
    pub metadata: Value,
    #[schema(value_type = Option<Object>)]
    pub crash_file: Option<()>,
}

/// Who was affected.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EventUser {
    id: Option<String>,
    email: Option<String>,
    username: Option<String>,
    name: Option<String>,
    ip_address: Option<String>,
    #[schema(value_type = Option<Object>)]
    geo: Option<Value>,
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
}

/// A tag.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EventTag {
    key: String,
    value: String,
    /// The search that finds it, where it is not `key:"value"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
}

/// Something about the event that was put right.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventProblem {
    #[serde(rename = "type")]
    kind: String,
    message: String,
    #[schema(value_type = Object)]
    data: Value,
}

/// The client library.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SdkRef {
    name: Option<String>,
    version: Option<String>,
}

/// The whole event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventBody {
    #[serde(flatten)]
    pub summary: EventSummary,
    /// `fatal`, `error`, `warning`, `info`, `debug`.
    pub level: &'static str,
    /// When the relay had it.
    pub date_received: String,
    /// Bytes of the payload.
    pub size: usize,
    pub dist: Option<String>,
    pub sdk: Option<SdkRef>,
    #[schema(value_type = Object)]
    pub contexts: Map<String, Value>,
    /// The extra data.
    #[schema(value_type = Object)]
    pub context: Map<String, Value>,
    /// Installed packages with their versions.
    pub packages: BTreeMap<String, Option<String>>,
    pub entries: Vec<Entry>,
    pub errors: Vec<EventProblem>,
    /// What was cut or removed, in the shape of the event.
    #[serde(rename = "_meta")]
    #[schema(value_type = Option<Object>)]
    pub meta: Value,
    /// The hashes it was grouped by.
    pub fingerprints: Vec<String>,
    pub grouping_config: GroupingConfig,
    /// How it is grouped, and why.
    #[schema(value_type = Vec<Object>)]
    pub grouping_info: Value,
    #[schema(value_type = Option<Object>)]
    pub occurrence: Option<()>,
    /// What a person wrote about it; the latest.
    pub user_report: Option<UserReport>,
    /// How much people wrote about it.
    pub user_report_count: u32,
    pub sdk_updates: Vec<String>,
    pub resolved_with: Vec<String>,
}

/// Which rules of grouping.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupingConfig {
    id: &'static str,
    enhancements: String,
}

/// What an event belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Belongs {
    pub issue: i64,
    pub project: i64,
}

impl EventSummary {
    pub(super) fn new(event: &NormalEvent<'_>, belongs: Belongs, rules: &Rules) -> Self {
        Self::with(event, &group::group_by(event, rules), belongs)
    }

    fn with(event: &NormalEvent<'_>, grouping: &Grouping, belongs: Belongs) -> Self {
        let id = event.id.to_string();
        Self {
            event_id: id.clone(),
            id,
            group_id: belongs.issue.to_string(),
            project_id: belongs.project.to_string(),
            title: grouping.title.clone(),
            message: event.message_text().unwrap_or_default().to_owned(),
            location: grouping.location.clone(),
            culprit: grouping.culprit.clone(),
            kind: event.kind.name(),
            event_type: event.kind.name(),
            platform: event.platform,
            date_created: iso(event.timestamp.as_millis()),
            user: event.user.as_deref().map(EventUser::new),
            tags: event
                .tags
                .iter()
                .map(|tag| EventTag {
                    query: tag_query(&tag.key, &tag.value),
                    key: tag.key.to_string(),
                    value: tag.value.to_string(),
                })
                .collect(),
            metadata: serde_json::to_value(&grouping.metadata).unwrap_or_default(),
            crash_file: None,
        }
    }
}

/// The search for a tag where its name would be taken for something else.
fn tag_query(key: &str, value: &str) -> Option<String> {
    let is_built_in = matches!(key, "environment" | "release" | "level" | "dist" | "user");
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
    match key {
        _ if !is_built_in => None,
        "user" => {
            let (kind, value) = quoted.split_once(':')?;
            Some(format!("user.{kind}:\"{value}\""))
        }
        _ => Some(format!("{key}:\"{quoted}\"")),
    }
}

impl EventTag {
    /// The value of a key.
    pub(super) fn value_of<'t>(tags: &'t [Self], key: &str) -> Option<&'t str> {
        let found = tags.iter().find(|tag| tag.key == key);
        found.map(|tag| tag.value.as_str())
    }
}

impl EventUser {
    fn new(user: &User<'_>) -> Self {
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        let mut data = object(&user.data);
        data.extend(object(&user.others));
        Self {
            id: text(&user.id),
            email: text(&user.email),
            username: text(&user.username),
            name: text(&user.name),
            ip_address: text(&user.ip_address),
            geo: some(object(&user.geo)),
            data: some(data),
        }
    }
}

impl EventBody {
    /// Frames are shown as the project's rules have them.
    pub(super) fn new(event: &mut NormalEvent<'_>, belongs: Belongs, rules: &Rules) -> Self {
        let grouping = group::group_by(event, rules);
        group::mark(event, rules);
        let event = &*event;
        let mut summary = EventSummary::with(event, &grouping, belongs);
        if event.kind == EventKind::Feedback
            && let Some(words) = &event.facts.feedback_message
        {
            summary.message.clone_from(words);
        }
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        Self {
            summary,
            level: event.level.name(),
            date_received: iso(event.received_at.as_millis()),
            size: event.size,
            dist: text(&event.dist),
            sdk: event.sdk.as_deref().map(|sdk| SdkRef {
                name: text(&sdk.name),
                version: text(&sdk.version),
            }),
            contexts: object(&event.contexts),
            context: object(&event.extra),
            packages: packages(&event.modules),
            entries: entries::of(event),
            errors: problems(event),
            meta: event.meta(),
            fingerprints: grouping.hashes.iter().map(hex::encode).collect(),
            grouping_config: GroupingConfig {
                id: rules.version.name(),
                enhancements: rules.enhancements.to_string(),
            },
            grouping_info: serde_json::to_value(&grouping.variants).unwrap_or_default(),
            occurrence: None,
            user_report: None,
            user_report_count: 0,
            sdk_updates: Vec::new(),
            resolved_with: Vec::new(),
        }
    }
}

fn problems(event: &NormalEvent<'_>) -> Vec<EventProblem> {
    let of = |correction: &crate::normalise::Correction| {
        let mut data = Map::new();
        data.insert("name".to_owned(), Value::from(correction.path.clone()));
        if let Some(value) = &correction.value {
            data.insert("value".to_owned(), value.clone());
        }
        EventProblem {
            kind: correction.kind.name().to_owned(),
            message: correction.kind.message().to_owned(),
            data: Value::Object(data),
        }
    };
    event.corrections.iter().map(of).collect()
}

fn packages(modules: &Fields<'_>) -> BTreeMap<String, Option<String>> {
    let texts = modules.0.iter().map(|(name, version)| {
        let version = text_of(version).map(Cow::into_owned);
        (name.to_string(), version)
    });
    texts.collect()
}

/// Free JSON as it came.
fn json(raw: &Raw<'_>) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn object(fields: &Fields<'_>) -> Map<String, Value> {
    let pairs = fields.0.iter();
    pairs
        .map(|(name, value)| (name.to_string(), json(value)))
        .collect()
}

fn some(object: Map<String, Value>) -> Option<Value> {
    (!object.is_empty()).then_some(Value::Object(object))
}
