//! Requests over real sockets, through every step.

mod containers;
mod files;
mod forms;
mod harness;
mod hostile;
mod ingest;
mod pressure;
mod recorded;
mod routes;
mod told;
