//! What projects set about grouping, at hand for every event.
//!
//! Read whole before the first event, and a project anew when its settings change. What is stored
//! was checked when it was set; what cannot be read any more is left out, and said.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use protocol::ids::ProjectId;
use tokio::sync::OnceCell;

use crate::group::{Enhancements, FingerprintRules, Rules};
use crate::store::{Store, StoreError};
use protocol::timestamp::Timestamp;

/// The settings of every project that has any. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct RuleBook {
    store: Store,
    clock: fn() -> Timestamp,
    is_read: Arc<OnceCell<()>>,
    rules: Arc<RwLock<HashMap<ProjectId, Arc<Rules>>>>,
    default: Arc<Rules>,
}

impl RuleBook {
    pub(super) fn new(store: Store, clock: fn() -> Timestamp) -> Self {
        Self {
            store,
            clock,
            is_read: Arc::default(),
            rules: Arc::default(),
            default: Arc::default(),
        }
    }

    /// Reads every project's settings, once.
    pub(super) async fn ready(&self) -> Result<(), StoreError> {
        let read = async || {
            for project in self.store.grouping_projects().await? {
                self.read(project).await?;
            }
            Ok::<(), StoreError>(())
        };
        self.is_read.get_or_try_init(read).await?;
        Ok(())
    }

    /// Reads a project's settings anew.
    pub(super) async fn read(&self, project: i64) -> Result<(), StoreError> {
        let Some(id) = u64::try_from(project)
            .ok()
            .and_then(|id| ProjectId::new(id).ok())
        else {
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
