//! The one writer of events: a block in, one committed change out.
