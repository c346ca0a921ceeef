//! The relational store: people, projects, issues, rules, cursors.
