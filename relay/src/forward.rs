//! Sends blocks to the hub over QUIC and learns the roster from it.
