//! The spool's promises.

mod promises;
mod support;
