//! Builds the relay, starts it and ends it in order.
