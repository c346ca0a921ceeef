//! Event bodies in append-only packs.
