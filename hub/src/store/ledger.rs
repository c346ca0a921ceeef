//! What became of every item, by hour.
