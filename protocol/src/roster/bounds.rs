//! How large a roster may be. Relays refuse a larger one; the hub does not make one.

use std::collections::HashSet;
use std::sync::Arc;

use super::{FilterSettings, LinkSettings, PrivacySettings, RosterBundle, RosterProject};
use crate::limits::{
    ERASURE_EVENTS_MAX, ERASURE_SUBJECTS_MAX, QUIET_HOURS_MAX, ROSTER_CONDITION_BYTES_MAX,
    ROSTER_CONDITIONS_MAX, ROSTER_DICTS_MAX, ROSTER_ERASURES_MAX, ROSTER_FILTER_BYTES_MAX,
    ROSTER_KEYS_MAX, ROSTER_LINKS_MAX, ROSTER_LIST_MAX, ROSTER_PATTERN_BYTES_MAX,
    ROSTER_PROJECTS_MAX, ROSTER_QUOTAS_MAX, ROSTER_REASON_BYTES_MAX, ROSTER_RULE_BYTES_MAX,
    ROSTER_RULES_MAX, ROSTER_TEXT_BYTES_MAX,
};

/// Something of which a roster has too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("roster has {n} {what}, more than {max}")]
pub struct Excess {
    /// Of what.
    pub what: &'static str,
    /// How much.
    pub n: usize,
    /// The most.
    pub max: usize,
}

fn at_most(what: &'static str, n: usize, max: usize) -> Result<(), Excess> {
    if n > max {
        Err(Excess { what, n, max })
    } else {
        Ok(())
    }
}

impl RosterBundle {
    /// Checks every count and length.
    ///
    /// # Errors
    /// [`Excess`], the first that is found.
    pub fn check_bounds(&self) -> Result<(), Excess> {
        at_most("projects", self.projects.len(), ROSTER_PROJECTS_MAX)?;
        let n_keys = self.projects.iter().map(|project| project.keys.len()).sum();
        at_most("keys", n_keys, ROSTER_KEYS_MAX)?;
        at_most("relays with settings", self.links.len(), ROSTER_LINKS_MAX)?;
        at_most("relays that drain", self.drained.len(), ROSTER_LINKS_MAX)?;
        at_most("dictionaries", self.dicts.len(), ROSTER_DICTS_MAX)?;
        at_most("erasures", self.erasures.len(), ROSTER_ERASURES_MAX)?;
        for erasure in &self.erasures {
            let (subjects, events) = (erasure.subjects.len(), erasure.events.len());
            at_most("people of an erasure", subjects, ERASURE_SUBJECTS_MAX)?;
            at_most("events of an erasure", events, ERASURE_EVENTS_MAX)?;
        }
        at_most("requirements", self.requires.len(), ROSTER_LIST_MAX)?;
        let links = self.links.iter().map(|link| &link.link);
        links.chain([&self.link]).try_for_each(check_link)?;
        self.projects.iter().try_for_each(check_project)?;
        at_most(
            "bytes of key names",
            pattern_bytes(&self.projects),
            ROSTER_PATTERN_BYTES_MAX,
        )?;
        at_most(
            "bytes of filters and sampling rules",
            filter_bytes(&self.projects),
            ROSTER_FILTER_BYTES_MAX,
        )
    }
}

fn check_link(link: &LinkSettings) -> Result<(), Excess> {
    at_most(
        "quiet hours of a relay",
        link.quiet_hours.len(),
        QUIET_HOURS_MAX,
    )
}

fn check_project(project: &RosterProject) -> Result<(), Excess> {
    at_most("bytes in a slug", project.slug.len(), ROSTER_TEXT_BYTES_MAX)?;
    at_most(
        "sample rates of a project",
        project.sampling.len(),
        ROSTER_LIST_MAX,
    )?;
    let PrivacySettings {
        sensitive_fields,
        safe_fields,
        rules,
        ..
    } = &project.privacy;
    at_most(
        "documents of rules of a project",
        rules.len(),
        ROSTER_RULES_MAX,
    )?;
    let longest = rules
        .iter()
        .map(|rules| rules.len())
        .max()
        .unwrap_or_default();
    at_most(
        "bytes in a document of rules",
        longest,
        ROSTER_RULE_BYTES_MAX,
    )?;
    check_conditions(project)?;
    let filters = &project.filters;
    let others = [
        sensitive_fields,
        safe_fields,
        &project.allowed_domains,
        &filters.legacy_browsers,
    ];
    for list in filters.lists().into_iter().chain(others) {
        at_most(
            "entries in a list of a project",
            list.len(),
            ROSTER_LIST_MAX,
        )?;
        let longest = list.iter().map(String::len).max().unwrap_or_default();
        at_most("bytes in an entry", longest, ROSTER_TEXT_BYTES_MAX)?;
    }
    Ok(())
}

fn check_conditions(project: &RosterProject) -> Result<(), Excess> {
    let filters = &project.filters.generic;
    let rules = &project.sampling_rules;
    at_most(
        "filters by condition of a project",
        filters.len(),
        ROSTER_CONDITIONS_MAX,
    )?;
    at_most(
        "sampling rules of a project",
        rules.len(),
        ROSTER_CONDITIONS_MAX,
    )?;
    at_most(
        "quotas of a project",
        project.quotas.len(),
        ROSTER_QUOTAS_MAX,
    )?;
    let conditions = filters.iter().map(|filter| filter.condition.len());
    let conditions = conditions.chain(rules.iter().map(|rule| rule.condition.len()));
    let longest = conditions.max().unwrap_or_default();
    at_most("bytes in a condition", longest, ROSTER_CONDITION_BYTES_MAX)?;
    let categories = project.quotas.iter().map(|quota| quota.categories.len());
    let most = categories.max().unwrap_or_default();
    at_most("categories of a quota", most, ROSTER_LIST_MAX)?;
    let ids = filters.iter().map(|filter| filter.id.len());
    let names = ids.chain(project.quotas.iter().map(|quota| quota.reason.len()));
    let longest = names.max().unwrap_or_default();
    at_most("bytes in a reason", longest, ROSTER_REASON_BYTES_MAX)
}

/// The same holds for filters and sampling rules.
fn filter_bytes(projects: &[RosterProject]) -> usize {
    let filters: HashSet<&FilterSettings> = projects.iter().map(|p| &p.filters).collect();
    let filters = filters.into_iter().map(|filters| {
        let lists = filters.lists().into_iter().flatten().map(String::len);
        let conditions = filters.generic.iter().map(|filter| filter.condition.len());
        lists.chain(conditions).sum::<usize>()
    });
    let rules: HashSet<&Vec<_>> = projects.iter().map(|p| &p.sampling_rules).collect();
    let rules = rules.into_iter().flatten().map(|rule| rule.condition.len());
    filters.chain(rules).sum()
}

/// Projects mostly share their settings, and so what is compiled from them.
fn pattern_bytes(projects: &[RosterProject]) -> usize {
    let settings = projects.iter().map(|project| &project.privacy);
    let lists = settings
        .clone()
        .flat_map(|s| [&s.sensitive_fields, &s.safe_fields]);
    let names: HashSet<&Vec<String>> = lists.collect();
    let names = names.into_iter().flatten().map(String::len);
    let rules: HashSet<&Vec<Arc<str>>> = settings.map(|s| &s.rules).collect();
    let rules = rules.into_iter().flatten().map(|rules| rules.len());
    names.chain(rules).sum()
}
