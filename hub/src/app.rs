//! Builds the hub, starts it and ends it in order.
