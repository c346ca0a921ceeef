//! Brings bytes into the product's shape, as every kind that has one.
#![no_main]

#[path = "../entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::normalise(data));
