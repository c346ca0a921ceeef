//! Takes blocks from relays over QUIC.
