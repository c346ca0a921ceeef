//! Removes private data from a file that is never in memory as a whole.
//!
//! A piece is given out once what follows it is known for some way, and is looked at with what
//! came before it, so that a secret is seen whole wherever the pieces end.

use bytes::Bytes;

use super::{Custom, Scrubber};

/// What is looked at before and behind a piece, in bytes: longer than any secret with its name.
pub const CONTEXT_BYTES: usize = 32 * 1024;

/// A file on its way.
#[derive(Debug)]
pub struct Pieces {
    scrubber: Scrubber,
    /// As it came: what lies before what was not given out yet, and that.
    raw: Vec<u8>,
    /// How much of it was given out.
    given: usize,
}

impl Scrubber {
    /// Begins a file of which the first `given` bytes to come were given out before; they are at
    /// most [`CONTEXT_BYTES`]. `None` when people's rules have to see files as a whole.
    #[must_use]
    pub fn pieces(&self, given: usize) -> Option<Pieces> {
        matches!(self.custom, Custom::None).then(|| Pieces {
            scrubber: self.clone(),
            raw: Vec::new(),
            given,
        })
    }
}

impl Pieces {
    /// Adds what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
    }

    /// Whether [`Pieces::take`] gives `n` bytes.
    #[must_use]
    pub fn has(&self, n: usize) -> bool {
        self.raw.len() >= self.given + n + CONTEXT_BYTES
    }

    /// The next `n` bytes without what is private, once enough came behind them.
    pub fn take(&mut self, n: usize) -> Option<Bytes> {
        if !self.has(n) {
            return None;
        }
        let raw = Bytes::from(std::mem::take(&mut self.raw));
        let piece = self.scrubbed(&raw.slice(..self.given + n + CONTEXT_BYTES), n);
        self.given += n;
        let spare = self.given.saturating_sub(CONTEXT_BYTES);
        self.raw
            .extend_from_slice(raw.get(spare..).unwrap_or_default());
        self.given -= spare;
        Some(piece)
    }

    /// What is left when nothing more comes.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        let raw = Bytes::from(std::mem::take(&mut self.raw));
        let left = raw.len().saturating_sub(self.given);
        self.scrubbed(&raw, left)
    }

    /// The `n` bytes behind those that were given out, seen with all of these.
    fn scrubbed(&self, window: &Bytes, n: usize) -> Bytes {
        let scrubbed = self.scrubber.scrub_bytes_same_length(window);
        let begin = self.given.min(scrubbed.len());
        scrubbed.slice(begin..begin + n)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::roster::PrivacySettings;

    fn scrubber() -> Scrubber {
        Scrubber::new(&PrivacySettings::strictest())
    }

    /// The file in pieces of `n` bytes, sent in runs of `run` bytes, and taken up anew after each
    /// `breaks` pieces.
    fn in_pieces(file: &[u8], n: usize, run: usize, breaks: usize) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let from = out.len().saturating_sub(CONTEXT_BYTES);
            let mut pieces = scrubber().pieces(out.len() - from).unwrap();
            let mut left = breaks;
            for bytes in file[from..].chunks(run) {
                pieces.push(bytes);
                while left > 0
                    && let Some(piece) = pieces.take(n)
                {
                    out.extend_from_slice(&piece);
                    left -= 1;
                }
            }
            if left > 0 {
                out.extend_from_slice(&pieces.finish());
                return out;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn a_file_in_pieces_is_scrubbed_as_in_one(
            gaps in prop::collection::vec(0_usize..40_000, 1..12),
            n in 10_000_usize..70_000,
            run in 1_000_usize..90_000,
            breaks in 1_usize..4,
        ) {
            let mut file = Vec::new();
            for (nth, gap) in gaps.iter().enumerate() {
                file.extend(std::iter::repeat_n(b"lorem ipsum\n", *gap / 12).flatten());
                file.extend_from_slice(format!("\npassword=hunter{nth} card 4111 1111 1111 1111\n").as_bytes());
            }
            let whole = scrubber().scrub_bytes_same_length(&Bytes::from(file.clone()));
            prop_assert!(whole != file);
            prop_assert!(in_pieces(&file, n, run, breaks) == whole);
        }
    }

    #[test]
    fn of_short_files_all_comes_at_the_end() {
        let mut pieces = scrubber().pieces(0).unwrap();
        pieces.push(b"card 4111 1111 1111 1111");
        assert_eq!(pieces.take(1), None);
        assert_eq!(pieces.finish(), "card *******************");
        assert!(scrubber().pieces(0).unwrap().finish().is_empty());
    }
}
