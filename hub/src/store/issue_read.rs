//! What pages show of issues.
