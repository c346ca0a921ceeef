//! What SDKs, relays and the hub agree on: formats, names and rules.
//!
//! Everything here is pure: bytes and values in, values out.
//! It knows no sockets, no files and no clock; time is always an argument.

pub mod auth;
pub mod block;
pub mod check_in;
pub mod condition;
pub mod container;
pub mod crash;
pub mod dict;
pub mod dsn;
pub mod envelope;
pub mod erasure;
pub mod event;
pub mod facts;
pub mod filter;
pub mod fold;
pub mod ids;
pub mod item;
pub mod limits;
pub mod outcome;
pub mod parcel;
pub mod pattern;
pub mod privacy;
pub mod roster;
pub mod sampling;
pub mod timestamp;
pub mod traceback;
pub mod unit;
pub mod wire;

/// The fuzzer's functions name this crate from outside.
#[cfg(test)]
extern crate self as protocol;

#[cfg(test)]
#[path = "../fuzz/entry.rs"]
mod fuzz_entry;
