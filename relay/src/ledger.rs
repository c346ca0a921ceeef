//! Counts every item's one outcome.
