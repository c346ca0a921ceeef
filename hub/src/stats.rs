//! Counters in time buckets.
