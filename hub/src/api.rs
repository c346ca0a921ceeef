//! The Sentry-compatible HTTP API; response types live here only.
