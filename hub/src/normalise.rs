//! Brings an event into the one shape that the product works with, and notes each correction.
