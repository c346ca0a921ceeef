//! What relays are to be told, as the store has it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use protocol::ids::ProjectId;
use protocol::privacy::combined;
use protocol::roster::{
    PrivacySettings, RateLimit, RosterBundle, RosterKey, RosterProject, SampleRate,
};
use serde::Deserialize;

use super::config_key::encode;
use super::intake::{Intake, Measured, QuotaSetting};
use super::{Fleet, FleetError, RelayState};
use crate::store::StoreError;
use crate::store::relays::RosterRow;

/// A setting that is not kept yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    /// None.
    Nothing,
    /// The privacy settings of an organization.
    OrganizationPrivacy {
        /// Whose.
        organization: i64,
        /// Those, with at most one document of rules.
        privacy: PrivacySettings,
    },
    /// The options of a project.
    ProjectOptions {
        /// Whose.
        project: i64,
        /// JSON as text.
        options: String,
    },
}

impl Draft {
    fn options(&self, of: i64) -> Option<&String> {
        match self {
            Self::ProjectOptions { project, options } if *project == of => Some(options),
            _ => None,
        }
    }
}

/// The project's options that relays are told.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    privacy: PrivacySettings,
    allowed_domains: Vec<String>,
    /// What is kept, between 0 and 1, by the name of the data category.
    sampling: BTreeMap<String, f64>,
    #[serde(flatten)]
    intake: Intake,
}

impl Fleet {
    /// The roster as the store has it; it has no version until it is published.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn roster(&self) -> Result<RosterBundle, FleetError> {
        self.roster_with(&Draft::Nothing).await
    }

    /// Whether relays would still take the roster if this were set. What they would not take is
    /// refused here, before it is kept.
    ///
    /// # Errors
    /// [`FleetError::TooMuch`], [`FleetError::Store`].
    pub async fn check(&self, draft: &Draft) -> Result<(), FleetError> {
        let bundle = self.roster_with(draft).await?;
        match encode(&bundle) {
            Ok(_) => Ok(()),
            Err(error) => Err(FleetError::TooMuch(error)),
        }
    }

    async fn roster_with(&self, draft: &Draft) -> Result<RosterBundle, FleetError> {
        let rows = self.0.store.roster_rows().await?;
        let links = self.links().await?;
        let dicts = self.0.store.dictionaries_in_force().await?;
        let measured = self.measured().await?;
        let mut organizations: HashMap<i64, OfOrganization> = HashMap::new();
        let mut projects: Vec<RosterProject> = Vec::new();
        for row in rows {
            let id = ProjectId::new(row.project_id.cast_unsigned())
                .map_err(|_| StoreError::Unreadable { what: "project id" })?;
            if projects.last().is_none_or(|last| last.id != id) {
                let organization = row.organization_id;
                let of_organization = match organizations.entry(organization) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => {
                        place.insert(self.of_organization(organization, draft).await?)
                    }
                };
                let options = draft.options(row.project_id).unwrap_or(&row.options);
                let options = read_options(options)?;
                projects.push(roster_project(
                    id,
                    &row,
                    options,
                    of_organization,
                    &measured,
                )?);
            }
            if let (Some(key), Some(project)) = (roster_key(&row)?, projects.last_mut()) {
                project.keys.push(key);
            }
        }
        Ok(RosterBundle {
            is_emptied: projects.is_empty(),
            projects,
            links,
            drained: self.relays_that_are(RelayState::Drained).await?,
            dicts,
            erasures: self.erasures().await?,
            folds: true,
            ..RosterBundle::default()
        })
    }

    async fn of_organization(&self, id: i64, draft: &Draft) -> Result<OfOrganization, FleetError> {
        let privacy = match draft {
            Draft::OrganizationPrivacy {
                organization,
                privacy,
            } if *organization == id => privacy.clone(),
            _ => self.organization_privacy(id).await?,
        };
        Ok(OfOrganization {
            quotas: self.organization_quotas(id).await?,
            privacy,
        })
    }
}

/// What holds for all projects of an organization.
struct OfOrganization {
    quotas: Vec<QuotaSetting>,
    privacy: PrivacySettings,
}

/// Options that cannot be read must not switch scrubbing settings off.
fn read_options(options: &str) -> Result<Options, StoreError> {
    serde_json::from_str(options).map_err(|_| StoreError::Unreadable {
        what: "project options",
    })
}

fn roster_project(
    id: ProjectId,
    row: &RosterRow,
    options: Options,
    of_organization: &OfOrganization,
    measured: &Measured,
) -> Result<RosterProject, FleetError> {
    let sampling = options.sampling.into_iter().map(|(category, share)| {
        let rate = SampleRate::from_share(share);
        let rate = rate.map_err(|_| StoreError::Unreadable {
            what: "sample rate",
        })?;
        Ok((category, rate))
    });
    let intake = options.intake;
    let privacy = combined(&of_organization.privacy, &options.privacy);
    let organization = row.organization_id.cast_unsigned();
    Ok(RosterProject {
        allowed_domains: options.allowed_domains,
        privacy,
        sampling: sampling.collect::<Result<_, StoreError>>()?,
        filters: intake.filters(),
        quotas: intake.quotas(id, organization, &of_organization.quotas, measured),
        sampling_rules: intake.sampling_rules,
        ..RosterProject::new(id, &row.slug)
    })
}

fn roster_key(row: &RosterRow) -> Result<Option<RosterKey>, FleetError> {
    let Some(public_key) = &row.public_key else {
        return Ok(None);
    };
    let public_key = public_key
        .parse()
        .map_err(|_| StoreError::Unreadable { what: "public key" })?;
    let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let count = row.rate_limit_count.and_then(|n| u64::try_from(n).ok());
    let rate_limit = match (count, positive(row.rate_limit_window_s)) {
        (Some(count), Some(window_secs)) => Some(RateLimit {
            burst: positive(row.rate_limit_burst),
            ..RateLimit::new(count, window_secs)
        }),
        _ => None,
    };
    Ok(Some(RosterKey {
        public_key,
        active: row.is_active.unwrap_or_default(),
        rate_limit,
    }))
}
