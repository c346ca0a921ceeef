//! Letters to people about what others did to an issue, and the names that notes mention.
//!
//! They are written in the transaction of the deed, and sent by `notify`; where there is no mail
//! server none are written. Nobody is told of what they did themselves.

use std::collections::BTreeSet;

use serde_json::json;

use super::ApiState;
use super::assignees::People;
use super::error::ApiError;
use super::issue_edit::Context;
use crate::ids::ShortId;
use crate::issue::Status;
use crate::rule::Action;
use crate::store::Write;
use crate::store::issue_read::IssueRow;
use crate::store::people::{Organization, User};
use crate::store::projects::Project;
use crate::store::teams::TeamMember;

/// Most people told of one deed.
const READERS_MAX: usize = 500;
/// Most letters of a text that a letter quotes.
const QUOTED_CHARS_MAX: usize = 2000;

/// An issue as letters name it.
#[derive(Debug)]
pub(super) struct About {
    pub(super) issue: i64,
    short_id: String,
    title: String,
    url: String,
}

impl About {
    pub(super) fn new(
        state: &ApiState,
        organization: &Organization,
        project: &Project,
        row: &IssueRow,
    ) -> Self {
        let base = state.config.public_url.trim_end_matches('/');
        let short_id = ShortId {
            project: project.slug.clone(),
            number: row.short_id,
        };
        Self {
            issue: row.id,
            short_id: short_id.to_string(),
            title: row.title.clone(),
            url: format!(
                "{base}/organizations/{}/issues/{}/",
                organization.slug, row.id
            ),
        }
    }
}

/// Something that was done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed<'d> {
    /// `note`, `assigned`, `status`.
    pub(super) kind: &'static str,
    /// Who did it.
    pub(super) by: &'d User,
    /// What was done, as it follows their name.
    pub(super) what: &'d str,
    /// What they wrote.
    pub(super) text: &'d str,
}

/// Writes a letter about a deed to each of these users but the one who did it.
pub(super) async fn tell(
    state: &ApiState,
    write: &mut Write,
    about: &About,
    deed: Deed<'_>,
    people: &People,
    readers: &BTreeSet<i64>,
    now: i64,
) -> Result<(), ApiError> {
    if !state.sender.sends_mail() {
        return Ok(());
    }
    let name = if deed.by.name.is_empty() {
        &deed.by.email
    } else {
        &deed.by.name
    };
    let text: String = deed.text.chars().take(QUOTED_CHARS_MAX).collect();
    let text = if text.is_empty() {
        text
    } else {
        format!("\n\n{text}")
    };
    let letter = json!({ "action": "letter", "data": {
        "subject": format!("[{}] {}", about.short_id, about.title),
        "text": format!("{name} {}.{text}\n\n{}\n{}\n", deed.what, about.title, about.url),
    } })
    .to_string();
    let readers = readers.iter().filter(|user| **user != deed.by.id);
    for user in readers.take(READERS_MAX) {
        if let Some(to) = people.address(*user) {
            let action = Action::Email { to: to.to_owned() };
            write
                .add_letter(about.issue, deed.kind, &action, &letter, now)
                .await?;
        }
    }
    Ok(())
}

/// What a change of an issue tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'t> {
    /// Who made it.
    pub(super) by: &'t User,
    /// What it has become.
    pub(super) status: Option<Status>,
}

/// Who may have to be told of changes of some issues.
pub(super) struct Readers<'p> {
    people: &'p People,
    projects: Vec<Project>,
    members: Vec<TeamMember>,
    /// (issue, user).
    subscribers: Vec<(i64, i64)>,
}

impl<'p> Readers<'p> {
    pub(super) async fn of(
        state: &ApiState,
        organization: &Organization,
        rows: &[IssueRow],
        people: &'p People,
    ) -> Result<Self, ApiError> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        Ok(Self {
            people,
            projects: state.store.projects(organization.id).await?,
            members: state.store.team_members(organization.id).await?,
            subscribers: state.store.subscribers(&ids).await?,
        })
    }

    /// The people behind a stored name: `user:1`, or everyone in `team:1`.
    pub(super) fn of_name(&self, name: &str) -> BTreeSet<i64> {
        let (kind, id) = name.split_once(':').unwrap_or_default();
        let id: i64 = id.parse().unwrap_or_default();
        match kind {
            "user" => BTreeSet::from([id]),
            _ => {
                let own = self.members.iter().filter(|member| member.team_id == id);
                own.map(|member| member.user_id).collect()
            }
        }
    }

    pub(super) fn about(
        &self,
        state: &ApiState,
        organization: &Organization,
        row: &IssueRow,
    ) -> Option<About> {
        let mut projects = self.projects.iter();
        let project = projects.find(|project| project.id == row.project_id)?;
        Some(About::new(state, organization, project, row))
    }

    /// Tells those who are told of this issue of its status, and whom it was given to of that.
    pub(super) async fn tell(
        &self,
        state: &ApiState,
        write: &mut Write,
        about: &About,
        row: &IssueRow,
        told: &Told<'_>,
        context: &Context<'_>,
    ) -> Result<(), ApiError> {
        let now = context.now.as_millis();
        if let Some(status) = told.status {
            let own = self
                .subscribers
                .iter()
                .filter(|(issue, _)| *issue == row.id);
            let readers = own.map(|(_, user)| *user).collect();
            let deed = Deed {
                kind: "status",
                by: told.by,
                what: match status {
                    Status::Resolved => "resolved this issue",
                    Status::Ignored(_) => "archived this issue",
                    Status::Unresolved(_) => "opened this issue again",
                },
                text: "",
            };
            tell(state, write, about, deed, self.people, &readers, now).await?;
        }
        if let Some(Some(name)) = &context.assignee
            && row.assignee.as_deref() != Some(name)
        {
            let deed = Deed {
                kind: "assigned",
                by: told.by,
                what: "assigned this issue to you or your team",
                text: "",
            };
            let readers = self.of_name(name);
            tell(state, write, about, deed, self.people, &readers, now).await?;
        }
        Ok(())
    }
}

/// The words of a text that mention someone: `@anna` and `#web`, without what ends a sentence.
pub(super) fn mentions(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')'));
    let words = words.map(|word| word.trim_end_matches(['.', '!', '?', ':', '\'', '"', '*', '_']));
    words
        .filter(|word| word.len() > 1 && word.starts_with(['@', '#']))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whom_a_note_mentions() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<_> = mentions(text).into_iter().collect();
            assert_eq!(found, expected, "{text}");
        };
        check("@anna, look. (#web too!)", &["#web", "@anna"]);
        check("mail me@example.org # 1 @", &[]);
        check("@anna@example.org:", &["@anna@example.org"]);
        check("@anna @anna", &["@anna"]);
    }
}
