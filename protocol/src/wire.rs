//! Frames of the link between relay and hub.
