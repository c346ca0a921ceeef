//! How much a project or its organization may send, as the limiter counts it.

use std::sync::Arc;

use protocol::item::Category;
use protocol::roster::{Quota as Told, RateLimit};

/// A limit over several keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What it is counted under; stays the same from roster to roster, and among projects where
    /// the quota is of their organization. Another over another time is another.
    pub account: Arc<str>,
    /// What clients are told it is of: `project` or `organization`.
    pub scope: &'static str,
    /// The names of the categories that are counted together, with `;` between them, as clients
    /// are told; empty is all.
    pub names: Arc<str>,
    /// How much.
    pub limit: RateLimit,
    /// The reason that clients are told and that is counted under.
    pub reason: Arc<str>,
    categories: Vec<Category>,
}

impl Quota {
    /// `None` for a quota of none but categories of a later version.
    pub(super) fn new(told: Told) -> Option<Self> {
        let names = told.categories.iter();
        let categories: Vec<Category> =
            names.filter_map(|name| Category::from_name(name)).collect();
        if categories.is_empty() && !told.categories.is_empty() {
            return None;
        }
        let names: Vec<&str> = categories.iter().map(|category| category.name()).collect();
        let names = names.join(";");
        let scope = told.scope.name();
        let account = format!(
            "{scope}:{}:{}:{}:{names}",
            told.scope_id, told.reason, told.limit.window_secs
        );
        Some(Self {
            account: account.into(),
            scope,
            names: names.into(),
            limit: told.limit,
            reason: told.reason.into(),
            categories,
        })
    }

    /// Whether items of a category are counted.
    #[must_use]
    pub fn covers(&self, category: Category) -> bool {
        self.categories.is_empty() || self.categories.contains(&category)
    }
}
