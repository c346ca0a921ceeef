//! Takes apart what came in an envelope as one and is several.
#![no_main]

#[path = "../entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::complete(data));
