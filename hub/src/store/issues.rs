//! Issues as the digest changes them.
