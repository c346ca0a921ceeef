//! Tells how the relay is: health, readiness, metrics.
