//! The relay: accepts SDK envelopes beside the applications, removes private data, keeps what it
//! accepted durably and forwards it to the hub.

pub mod accept;
pub mod app;
pub mod aside;
pub mod cli;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod fold;
pub mod forward;
pub mod ledger;
pub mod limit;
pub mod pipeline;
pub mod policy;
pub mod report;
pub mod roster;
pub mod site;
pub mod spool;
pub mod status;
pub mod tail;
pub mod unpack;
pub mod upload;

/// The fuzzer's functions name this crate from outside.
#[cfg(test)]
extern crate self as relay;

#[cfg(test)]
#[path = "../fuzz/entry.rs"]
mod fuzz_entry;
