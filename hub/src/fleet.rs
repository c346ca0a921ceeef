//! Relays: joining, certificates, cursors, what each one reports.
