//! What a delivery means to the cursor that it meets. Pure.

use protocol::ids::Seq;

/// Where a run of records stands to what is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meets {
    /// Records before it are missing.
    Hole,
    /// All of it is applied.
    Known,
    /// Those behind the cursor are new; the others have no effect.
    New,
}

/// How the records `first` to `last` meet a lane that is applied up to `cursor`.
#[must_use]
pub fn meet(cursor: Seq, first: Seq, last: Seq) -> Meets {
    if first > cursor.next() {
        Meets::Hole
    } else if last <= cursor {
        Meets::Known
    } else {
        Meets::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_new_or_too_early() {
        let check = |first, last, expected| {
            assert_eq!(
                meet(Seq(10), Seq(first), Seq(last)),
                expected,
                "{first} to {last}"
            );
        };
        check(1, 10, Meets::Known);
        check(9, 12, Meets::New);
        check(11, 11, Meets::New);
        check(12, 12, Meets::Hole);
        check(12, 20, Meets::Hole);
    }
}
