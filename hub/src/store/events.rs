//! Events: where each body lies.
