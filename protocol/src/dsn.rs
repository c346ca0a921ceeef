//! The address of a project's ingest: `scheme://public_key[:secret]@host/path/project`.
