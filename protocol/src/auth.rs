//! The ways a client names its key: header, query, path, envelope; one of them, checked.
