//! Records that could not be digested.
