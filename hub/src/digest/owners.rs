//! Gives issues to who looks after them, by their projects' rules, or to whose commit may have
//! brought them.
//!
//! Rules are asked once about each issue, by its first event, and again when they have changed and
//! it is still nobody's. What a person decided stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::timestamp::Timestamp;
use serde_json::{Value, json};

use super::effect::Incoming;
use super::rulebook::{Owners, RuleBook};
use crate::index::Document;
use crate::owner::{Facts, Owner, Rule, SUSPECT_AGE_MAX_MS, suspects};
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
    let facts = facts(&event.document);
    let suspect = match owners.assigns_suspects {
        true => suspect(write, &facts, issue, event).await?,
        false => None,
    };
    let rule = owners.rules.decide(&facts).filter(|_| suspect.is_none());
    let (name, why) = match (suspect, rule) {
        (Some((name, sha)), _) => {
            let why = json!({ "integration": "suspectCommitter", "commit": sha });
            (Some(name), why)
        }
        (None, Some(rule)) => {
            let matcher = &rule.matcher;
            let rule_text = format!("{}:{}", matcher.kind().name(), matcher.pattern());
            let why = json!({ "integration": "projectOwnership", "rule": rule_text });
            (first_of(write, event, rule).await?, why)
        }
        (None, None) => (None, json!({})),
    };
    // The rules' own age: those of a moment later are asked again.
    let asked_at = owners.updated_at.max(now.as_millis());
    write
        .suggest_owner(issue, name.as_deref(), asked_at)
        .await?;
    let Some(name) = name.filter(|_| owners.assigns) else {
        return Ok(());
    };
    write.set_issue_assignee(issue, Some(&name)).await?;
    let mut data = why;
    if let Value::Object(data) = &mut data {
        data.insert("assignee".to_owned(), name.into());
    }
    write
        .add_activity(issue, ASSIGNED, &data.to_string(), now)
        .await
}

/// The member whose commit may have brought an issue, the most likely first, and the commit's hash.
async fn suspect(
    write: &mut Write,
    facts: &Facts,
    issue: i64,
    event: &Incoming,
) -> Result<Option<(String, String)>, StoreError> {
    let project = event.stored.project;
    let since = event.document.timestamp.as_millis() - SUSPECT_AGE_MAX_MS;
    let files = write.touched_before(project.as_i64(), issue, since).await?;
    let touched: Vec<(i64, &str)> = files
        .iter()
        .map(|file| (file.commit_id, file.path.as_str()))
        .collect();
    for suspect in suspects(facts.paths(), &touched) {
        let Some(file) = files.iter().find(|file| file.commit_id == suspect.commit) else {
            continue;
        };
        let author = Owner::Email(file.author_email.to_lowercase());
        if let Some(name) = write.owner_of(project, &author).await? {
            return Ok(Some((name, file.sha.clone())));
        }
    }
    Ok(None)
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
