//! Serves the built dashboard.
