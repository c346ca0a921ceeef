//! A roster as the pipeline needs it: compiled under this host's policy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use protocol::filter::Filters;
use protocol::ids::{ProjectId, PublicKey, RelayId};
use protocol::item::Category;
use protocol::privacy::Scrubber;
use protocol::roster::{
    ConfigKey, Erasure, FilterSettings, LinkSettings, PrivacySettings, RateLimit, RosterBundle,
    RosterDict, RosterProject, SampleRate, SamplingRule,
};
use protocol::sampling::Rules;
use protocol::timestamp::Timestamp;

use super::quota::Quota;
use super::{RosterError, dry_run};
use crate::policy::Policy;

/// Everything of one version.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) version: u64,
    /// The key it was signed with.
    pub(super) signed_by: ConfigKey,
    pub(super) n_projects: usize,
    pub(super) keys: HashMap<PublicKey, Entry>,
    pub(super) expires_at: Option<Timestamp>,
    /// What new blocks are to be compressed with.
    pub(super) dicts: Vec<RosterDict>,
    /// What is to be removed from the spool.
    pub(super) erasures: Arc<[Erasure]>,
    /// Whether the hub reads records that tell of several events.
    pub(super) folds: bool,
    link: LinkSettings,
    links: HashMap<RelayId, LinkSettings>,
    drained: HashSet<RelayId>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) project: Arc<Project>,
    pub(super) active: bool,
    pub(super) rate_limit: Option<RateLimit>,
}

/// A project as the pipeline needs it.
#[derive(Debug)]
pub struct Project {
    /// Its number.
    pub id: ProjectId,
    /// Its short name, for logs and metrics.
    pub slug: String,
    /// Origins browsers may send from; empty means any.
    pub allowed_domains: Vec<String>,
    /// What is removed: the stricter of the hub's settings and the policy's.
    pub privacy: PrivacySettings,
    /// The same, compiled.
    pub scrubber: Scrubber,
    /// What is not wanted.
    pub filters: Filters,
    /// Rules of what share is kept.
    pub sampling_rules: Rules,
    /// How much it and its organization may send, besides the limits of keys.
    pub quotas: Vec<Quota>,
    /// What is kept of some categories, where no rule decides.
    pub(super) sampling: Vec<(Category, SampleRate)>,
}

impl Table {
    /// Compiles a roster whose bounds were checked, and tries its rules.
    pub(super) fn build(
        bundle: RosterBundle,
        signed_by: ConfigKey,
        policy: &Policy,
    ) -> Result<Self, RosterError> {
        let mut compiled = Compiled::default();
        let mut keys = HashMap::new();
        let version = bundle.version;
        let n_projects = bundle.projects.len();
        for project in bundle.projects {
            let project_keys = project.keys.clone();
            let project = Arc::new(compiled.project(project, policy)?);
            for key in project_keys {
                let entry = Entry {
                    project: Arc::clone(&project),
                    active: key.active,
                    rate_limit: policy.rate_limit(key.rate_limit),
                };
                if keys.insert(key.public_key, entry).is_some() {
                    return Err(RosterError::KeyTwice { version });
                }
            }
        }
        let links = bundle.links.into_iter();
        Ok(Self {
            version,
            signed_by,
            n_projects,
            keys,
            expires_at: bundle.expires_at,
            dicts: bundle.dicts,
            erasures: bundle.erasures.into(),
            folds: bundle.folds,
            link: bundle.link,
            links: links.map(|named| (named.relay, named.link)).collect(),
            drained: bundle.drained.into_iter().collect(),
        })
    }

    /// What the hub lets a relay take of the link.
    pub(super) fn link_of(&self, relay: Option<RelayId>) -> &LinkSettings {
        let named = relay.and_then(|relay| self.links.get(&relay));
        named.unwrap_or(&self.link)
    }

    /// Whether a relay is to take nothing new.
    pub(super) fn is_drained(&self, relay: RelayId) -> bool {
        self.drained.contains(&relay)
    }

    /// Whether sampling and the hub's limits of the link have ended.
    pub(super) fn is_expired(&self, hub_now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| hub_now >= end)
    }
}

/// Most projects share their settings, so they share what is compiled from them.
#[derive(Default)]
struct Compiled {
    scrubbers: HashMap<PrivacySettings, Scrubber>,
    filters: HashMap<FilterSettings, Filters>,
    sampling_rules: HashMap<Vec<SamplingRule>, Rules>,
}

impl Compiled {
    fn project(&mut self, project: RosterProject, policy: &Policy) -> Result<Project, RosterError> {
        let privacy = policy.privacy(&project.privacy);
        let scrubber = self.scrubber(project.id, &privacy, policy)?;
        let filters = self.filters(project.id, project.filters)?;
        let sampling_rules = self.sampling_rules(project.id, project.sampling_rules)?;
        // A category of a later version is none that this program would see.
        let sampling = project.sampling.iter().filter_map(|(name, rate)| {
            let category = Category::from_name(name)?;
            // The relay accounts for everything with what this category holds.
            (category != Category::ClientReport).then_some((category, *rate))
        });
        Ok(Project {
            id: project.id,
            slug: project.slug,
            allowed_domains: project.allowed_domains,
            privacy,
            scrubber,
            filters,
            sampling_rules,
            quotas: project.quotas.into_iter().filter_map(Quota::new).collect(),
            sampling: sampling.collect(),
        })
    }

    fn scrubber(
        &mut self,
        project: ProjectId,
        privacy: &PrivacySettings,
        policy: &Policy,
    ) -> Result<Scrubber, RosterError> {
        if let Some(scrubber) = self.scrubbers.get(privacy) {
            return Ok(scrubber.clone());
        }
        let wrong = |source| RosterError::Rules { project, source };
        let scrubber = Scrubber::try_new(privacy).map_err(|error| wrong(error.into()))?;
        dry_run::run(privacy, &scrubber, policy).map_err(wrong)?;
        self.scrubbers.insert(privacy.clone(), scrubber.clone());
        Ok(scrubber)
    }

    fn filters(
        &mut self,
        project: ProjectId,
        settings: FilterSettings,
    ) -> Result<Filters, RosterError> {
        if let Some(filters) = self.filters.get(&settings) {
            return Ok(filters.clone());
        }
        let filters = Filters::compile(&settings);
        let filters = filters.map_err(|source| RosterError::Filters { project, source })?;
        self.filters.insert(settings, filters.clone());
        Ok(filters)
    }

    fn sampling_rules(
        &mut self,
        project: ProjectId,
        rules: Vec<SamplingRule>,
    ) -> Result<Rules, RosterError> {
        if let Some(compiled) = self.sampling_rules.get(&rules) {
            return Ok(compiled.clone());
        }
        let compiled = Rules::compile(&rules);
        let compiled = compiled.map_err(|source| RosterError::Sampling { project, source })?;
        self.sampling_rules.insert(rules, compiled.clone());
        Ok(compiled)
    }
}
