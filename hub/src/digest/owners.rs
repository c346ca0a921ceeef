//! Gives issues to who looks after them, by their projects' rules.
//!
//! Rules are asked once about each issue, by its first event, and again when they have changed and
//! it is still nobody's. What a person decided stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::timestamp::Timestamp;
use serde_json::json;

use super::effect::Incoming;
use super::rulebook::{Owners, RuleBook};
use crate::index::Document;
use crate::owner::{Facts, Rule};
use crate::store::{StoreError, Write};

/// The activity type of an assignment, as Sentry numbers it.
const ASSIGNED: i64 = 11;

/// An issue that may be given to someone, and the event that decides.
type Candidates<'a> = BTreeMap<i64, &'a Incoming>;

/// Asks the rules about the issues of these events, but for those at the places left out.
pub(super) async fn write(
    write: &mut Write,
    now: Timestamp,
    rules: &RuleBook,
    events: &[&Incoming],
    issues: &[i64],
    left_out: &[usize],
) -> Result<(), StoreError> {
    let mut by_project: BTreeMap<_, (Arc<Owners>, Candidates<'_>)> = BTreeMap::new();
    for (place, (event, issue)) in events.iter().zip(issues).enumerate() {
        let project = event.stored.project;
        if left_out.contains(&place) {
            continue;
        }
        if let Some(owners) = rules.owners(project) {
            let (_, candidates) = by_project
                .entry(project)
                .or_insert_with(|| (owners, Candidates::new()));
            candidates.entry(*issue).or_insert(event);
        }
    }
    for (owners, candidates) in by_project.values() {
        let ids: Vec<i64> = candidates.keys().copied().collect();
        let open = write.issues_without_owner(&ids, owners.updated_at).await?;
        for (issue, event) in candidates {
            if open.contains(issue) {
                ask(write, now, owners, *issue, event).await?;
            }
        }
    }
    Ok(())
}

async fn ask(
    write: &mut Write,
    now: Timestamp,
    owners: &Owners,
    issue: i64,
    event: &Incoming,
) -> Result<(), StoreError> {
    let rule = owners.rules.decide(&facts(&event.document));
    let name = match rule {
        Some(rule) => first_of(write, event, rule).await?,
        None => None,
    };
    // The rules' own age: those of a moment later are asked again.
    let asked_at = owners.updated_at.max(now.as_millis());
    write
        .suggest_owner(issue, name.as_deref(), asked_at)
        .await?;
    let (Some(name), Some(rule), true) = (&name, rule, owners.assigns) else {
        return Ok(());
    };
    write.set_issue_assignee(issue, Some(name)).await?;
    let matcher = &rule.matcher;
    let data = json!({
        "assignee": name,
        "integration": "projectOwnership",
        "rule": format!("{}:{}", matcher.kind().name(), matcher.pattern()),
    });
    write
        .add_activity(issue, ASSIGNED, &data.to_string(), now)
        .await
}

/// The leftmost owner that exists.
async fn first_of(
    write: &mut Write,
    event: &Incoming,
    rule: &Rule,
) -> Result<Option<String>, StoreError> {
    for owner in &rule.owners {
        let found = write.owner_of(event.stored.project, owner).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn facts(document: &Document) -> Facts {
    let frames = document.frames.iter().filter(|frame| frame.in_app);
    let tags = document.tags.iter();
    Facts::new(
        frames.map(|frame| (frame.filename.as_deref(), frame.module.as_deref())),
        document.url.as_deref(),
        tags.map(|(key, value)| (key.as_str(), value.as_str())),
    )
}
