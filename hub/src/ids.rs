//! Ids that only the hub gives: issues, short ids.
