//! The spool's promises.

mod faults;
mod memory;
mod oracle;
mod promises;
mod support;
