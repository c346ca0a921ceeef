//! The hub: takes blocks from relays, groups events into issues, indexes them, tells people, and
//! serves the dashboard and a Sentry-compatible API.

pub mod access;
pub mod alert;
pub mod api;
pub mod app;
pub mod archive;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dictionary;
pub mod digest;
pub mod erasure;
pub mod escalation;
pub mod fleet;
pub mod geo;
pub mod glob;
pub mod group;
pub mod ids;
pub mod import;
pub mod index;
pub mod issue;
pub mod normalise;
pub mod notify;
pub mod owner;
pub mod query;
pub mod receive;
pub mod removal;
pub mod retention;
pub mod rule;
pub mod schedule;
pub mod spike;
pub mod stats;
pub mod store;
pub mod web;

/// The fuzzer's functions name this crate from outside.
#[cfg(test)]
extern crate self as hub;

#[cfg(test)]
#[path = "../fuzz/entry.rs"]
mod fuzz_entry;
