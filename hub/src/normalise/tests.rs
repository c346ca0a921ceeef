//! Normalisation by cases.

use super::*;
