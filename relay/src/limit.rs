//! Decides whether a key may send more, by token buckets; takes the time as an argument.
