//! Removes private data from payloads, and notes in `_meta` what it removed.
