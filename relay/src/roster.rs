//! Which projects and keys exist, as last told by the hub; the last good copy is a file.
