//! Projects and their keys.
