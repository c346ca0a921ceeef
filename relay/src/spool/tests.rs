//! The spool's promises.

mod balance;
mod faults;
mod index;
mod kill;
mod memory;
mod oracle;
mod promises;
mod support;
mod time;
