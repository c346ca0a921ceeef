//! Keeps accepted records durably until the hub has them.
