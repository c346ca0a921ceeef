//! Alert conditions over facts.
