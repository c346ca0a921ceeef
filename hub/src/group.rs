//! Decides which issue an event belongs to, and explains why.
