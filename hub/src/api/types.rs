//! Shapes that several resources share.

use protocol::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::people;
use crate::store::projects::Project;

/// Unix milliseconds as the API writes times.
pub(super) fn iso(millis: i64) -> String {
    Timestamp::from_millis(millis).to_rfc3339()
}

/// The same for a time that may be missing.
pub(super) fn iso_option(millis: Option<i64>) -> Option<String> {
    millis.map(iso)
}

/// A person, as other things mention them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRef {
    pub id: String,
    pub name: String,
    pub email: String,
    /// The name people log in with: the e-mail address.
    pub username: String,
}

impl From<&people::User> for UserRef {
    fn from(user: &people::User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            email: user.email.clone(),
            username: user.email.clone(),
        }
    }
}

/// A project, as other things mention it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectRef {
    pub id: String,
    pub slug: String,
    pub name: String,
    pub platform: String,
}

impl From<&Project> for ProjectRef {
    fn from(project: &Project) -> Self {
        Self {
            id: project.id.to_string(),
            slug: project.slug.clone(),
            name: project.name.clone(),
            platform: project.platform.clone(),
        }
    }
}

/// A team, as other things mention it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TeamRef {
    pub id: String,
    pub slug: String,
    pub name: String,
}

impl From<&people::Team> for TeamRef {
    fn from(team: &people::Team) -> Self {
        Self {
            id: team.id.to_string(),
            slug: team.slug.clone(),
            name: team.name.clone(),
        }
    }
}

/// Pairs of unix seconds and a count.
pub(super) type Series = Vec<(i64, i64)>;

/// JSON of free form: a stored object, or empty when it cannot be read.
pub(super) fn stored_object(json: &str) -> serde_json::Map<String, serde_json::Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The path of something in an organization.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OrganizationPath {
    /// Slug or id.
    pub organization: String,
}

/// The path of something in a project.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProjectPath {
    /// Slug or id.
    pub organization: String,
    /// Slug or id.
    pub project: String,
}

/// The path of an issue as it is documented.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(
    dead_code,
    reason = "read by the documentation alone; the short form has no organization"
)]
pub(super) struct IssuePath {
    /// Slug or id.
    pub organization: String,
    /// Id, or short id as in SHOP-2K.
    pub issue: String,
}

/// The path of an issue as it is read: the short form has no organization.
#[derive(Debug, serde::Deserialize)]
pub(super) struct IssueAt {
    pub organization: Option<String>,
    /// Its id or short id.
    #[serde(alias = "short_id")]
    pub issue: String,
}
