//! What projects set about grouping and ownership, at hand for every event.
//!
//! Read whole before the first event, and a project anew when its settings change. What is stored
//! was checked when it was set; what cannot be read any more is left out, and said.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use protocol::ids::ProjectId;
use tokio::sync::OnceCell;

use crate::group::{Enhancements, FingerprintRules, Rules};
use crate::owner;
use crate::store::hashes::GroupHash;
use crate::store::{Store, StoreError};
use protocol::timestamp::Timestamp;

/// Who looks after what of a project.
#[derive(Debug)]
pub(super) struct Owners {
    pub(super) rules: owner::Rules,
    /// Whether issues are given to their owners, or these are only suggested.
    pub(super) assigns: bool,
    /// Whether they are given first of all to whose commit may have brought them.
    pub(super) assigns_suspects: bool,
    /// When they were last set, or what they go by was told.
    pub(super) updated_at: i64,
}

/// The settings of every project that has any. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct RuleBook {
    store: Store,
    clock: fn() -> Timestamp,
    is_read: Arc<OnceCell<()>>,
    rules: Arc<RwLock<HashMap<ProjectId, Arc<Rules>>>>,
    owners: Arc<RwLock<HashMap<ProjectId, Arc<Owners>>>>,
    discarded: Arc<RwLock<HashMap<ProjectId, Arc<HashSet<GroupHash>>>>>,
    default: Arc<Rules>,
}

impl RuleBook {
    pub(super) fn new(store: Store, clock: fn() -> Timestamp) -> Self {
        Self {
            store,
            clock,
            is_read: Arc::default(),
            rules: Arc::default(),
            owners: Arc::default(),
            discarded: Arc::default(),
            default: Arc::default(),
        }
    }

    /// Reads every project's settings, once.
    pub(super) async fn ready(&self) -> Result<(), StoreError> {
        let read = async || {
            for project in self.store.grouping_projects().await? {
                self.read(project).await?;
            }
            for project in self.store.ownership_projects().await? {
                self.read_owners(project).await?;
            }
            for project in self.store.tombstone_projects().await? {
                self.read_discarded(project).await?;
            }
            Ok::<(), StoreError>(())
        };
        self.is_read.get_or_try_init(read).await?;
        Ok(())
    }

    /// Reads a project's settings anew.
    pub(super) async fn read_all(&self, project: i64) -> Result<(), StoreError> {
        self.read(project).await?;
        self.read_owners(project).await?;
        self.read_discarded(project).await
    }

    async fn read_discarded(&self, project: i64) -> Result<(), StoreError> {
        let Some(id) = project_id(project) else {
            return Ok(());
        };
        let hashes = self.store.discarded_hashes(project).await?;
        let mut all = self
            .discarded
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if hashes.is_empty() {
            all.remove(&id);
        } else {
            all.insert(id, Arc::new(hashes.into_iter().collect()));
        }
        Ok(())
    }

    /// Whether people discarded the issue that one of these hashes was bound to.
    pub(super) fn is_discarded(&self, project: ProjectId, hashes: [&[GroupHash]; 2]) -> bool {
        let all = self
            .discarded
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let own = all.get(&project);
        let mut hashes = hashes.iter().copied().flatten();
        own.is_some_and(|own| hashes.any(|hash| own.contains(hash)))
    }

    async fn read_owners(&self, project: i64) -> Result<(), StoreError> {
        let Some(id) = project_id(project) else {
            return Ok(());
        };
        let row = self.store.ownership(project).await?;
        let file = owner::Rules::parse_codeowners(&row.codeowners);
        let own = owner::Rules::parse(&row.raw);
        let rules = match (own, file) {
            (Ok(own), Ok(file)) => own.behind(file),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(
                    project.id = project,
                    line = error.line,
                    "rules about owners are left out"
                );
                owner::Rules::default()
            }
        };
        let mut all = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        if rules.is_empty() && !row.assigns_suspects {
            all.remove(&id);
        } else {
            let owners = Owners {
                rules,
                assigns: row.assigns,
                assigns_suspects: row.assigns && row.assigns_suspects,
                updated_at: row.updated_at.max(row.commits_told_at),
            };
            all.insert(id, Arc::new(owners));
        }
        Ok(())
    }

    /// Who looks after what of a project, where it has rules about that.
    pub(super) fn owners(&self, project: ProjectId) -> Option<Arc<Owners>> {
        let all = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&project).map(Arc::clone)
    }

    async fn read(&self, project: i64) -> Result<(), StoreError> {
        let Some(id) = project_id(project) else {
            return Ok(());
        };
        let row = self.store.grouping(project).await?;
        let splits = self.store.splits(project).await?;
        let now = (self.clock)().as_millis();
        let is_over = row.previous_until.is_some_and(|until| until <= now);
        let rules = Rules {
            version: row.version,
            previous: row.previous.filter(|_| !is_over),
            enhancements: Enhancements::parse(&row.enhancements).unwrap_or_else(|error| {
                tracing::warn!(project.id = project, %error, "rules about frames are left out");
                Enhancements::default()
            }),
            fingerprints: FingerprintRules::parse(&row.fingerprints).unwrap_or_else(|error| {
                tracing::warn!(project.id = project, %error, "rules about fingerprints are left out");
                FingerprintRules::default()
            }),
            splits: splits.into_iter().collect(),
        };
        let mut all = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, Arc::new(rules));
        Ok(())
    }

    /// A project's settings.
    pub(super) fn of(&self, project: ProjectId) -> Arc<Rules> {
        let all = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.get(&project).unwrap_or(&self.default))
    }
}

fn project_id(id: i64) -> Option<ProjectId> {
    ProjectId::new(u64::try_from(id).ok()?).ok()
}
