//! Relays, their cursors, and tokens to join with.
