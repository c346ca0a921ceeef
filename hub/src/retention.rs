//! Removes what is too old, and gives the space back.
