//! Requests over real sockets, through every step.

mod harness;
mod hostile;
mod ingest;
mod recorded;
mod routes;
mod told;
