//! People: organizations, users, members, sessions, tokens.
