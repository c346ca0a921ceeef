//! The search language: text to a tree, errors with positions.
