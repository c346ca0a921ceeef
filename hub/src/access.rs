//! Who may do what: passwords, sessions, tokens, scopes.
