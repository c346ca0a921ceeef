//! Whom issues can be given to: the people and teams of an organization, by their names.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::types::UserRef;
use crate::store::people::{Member, Team};

/// Who is to look at an issue.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Assignee {
    /// `user` or `team`.
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl Assignee {
    /// As it is stored: `user:1`, `team:1`.
    pub(super) fn stored_name(&self) -> String {
        format!("{}:{}", self.kind, self.id)
    }

    /// As an activity tells of them, beside the stored name.
    pub(super) fn as_activity(&self) -> [(String, Value); 3] {
        [
            ("assigneeType".to_owned(), self.kind.into()),
            ("assigneeName".to_owned(), self.name.as_str().into()),
            ("assigneeEmail".to_owned(), self.email.clone().into()),
        ]
    }
}

/// Whom issues can be assigned to.
#[derive(Debug, Default)]
pub(super) struct People {
    members: Vec<Member>,
    teams: Vec<Team>,
}

impl People {
    pub(super) async fn read(state: &ApiState, organization: i64) -> Result<Self, ApiError> {
        Ok(Self {
            members: state.store.members(organization).await?,
            teams: state.store.teams(organization).await?,
        })
    }

    /// The assignee of a stored name: `user:1`, `team:1`.
    pub(super) fn find(&self, name: &str) -> Option<Assignee> {
        let (kind, id) = name.split_once(':')?;
        let id: i64 = id.parse().ok()?;
        if kind == "team" {
            let team = self.teams.iter().find(|team| team.id == id)?;
            return Some(Assignee {
                kind: "team",
                id: id.to_string(),
                name: team.name.clone(),
                email: None,
            });
        }
        let member = self.members.iter().find(|member| member.user.id == id)?;
        Some(Assignee {
            kind: "user",
            id: id.to_string(),
            name: member.user.name.clone(),
            email: Some(member.user.email.clone()),
        })
    }

    /// A member.
    pub(super) fn user(&self, id: i64) -> Option<UserRef> {
        let member = self.members.iter().find(|member| member.user.id == id)?;
        Some(UserRef::from(&member.user))
    }

    /// The e-mail address of a member.
    pub(super) fn address(&self, user: i64) -> Option<&str> {
        let member = self.members.iter().find(|member| member.user.id == user)?;
        Some(&member.user.email)
    }

    /// The stored name of whom a note mentions: `@` and an e-mail address, what it begins with, or
    /// a name without blanks; `#` and a team's slug.
    pub(super) fn mentioned(&self, word: &str) -> Option<String> {
        let Some(name) = word.strip_prefix('@') else {
            return self.named(word).filter(|found| found.starts_with("team:"));
        };
        let name = name.to_lowercase();
        let is_meant = |member: &&Member| {
            let email = &member.user.email;
            let own: String = member.user.name.split_whitespace().collect();
            *email == name
                || email.split('@').next() == Some(name.as_str())
                || own.to_lowercase() == name
        };
        let member = self.members.iter().find(is_meant)?;
        Some(format!("user:{}", member.user.id))
    }

    /// The stored name of what a caller calls an assignee: `user:1`, `team:1`, `team:slug`, `#slug`,
    /// an e-mail address or a number.
    pub(super) fn named(&self, text: &str) -> Option<String> {
        let text = text.trim();
        if self.find(text).is_some() {
            return Some(text.to_owned());
        }
        let slug = text
            .strip_prefix('#')
            .or_else(|| text.strip_prefix("team:"));
        if let Some(slug) = slug {
            let team = self.teams.iter().find(|team| team.slug == slug)?;
            return Some(format!("team:{}", team.id));
        }
        let id = text.parse().unwrap_or(-1);
        let email = text.to_lowercase();
        let is_meant = |member: &&Member| member.user.id == id || member.user.email == email;
        let member = self.members.iter().find(is_meant)?;
        Some(format!("user:{}", member.user.id))
    }
}
