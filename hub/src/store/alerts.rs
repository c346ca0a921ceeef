//! Alert rules and the notifications they cause.
