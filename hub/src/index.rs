//! Searchable columns and text of events; the only room that names tantivy.
