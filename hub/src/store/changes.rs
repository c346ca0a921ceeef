//! Changes of issues that the alerts have not seen yet.
