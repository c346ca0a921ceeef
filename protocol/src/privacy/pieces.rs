//! Removes private data from a file that is never in memory as a whole.
//!
//! A piece is given out once what follows it is known for some way, and is looked at with what
//! came before it, so that a secret is seen whole wherever the pieces end.

use bytes::Bytes;

use super::engine::binary::FileRules;
use super::{Custom, Rule, Scrubbed, Scrubber};

/// What is looked at before and behind a piece, in bytes: longer than any secret with its name.
pub const CONTEXT_BYTES: usize = 32 * 1024;
/// What a crash dump begins with.
const DUMP: &[u8] = b"MDMP";

/// People's rules have to see the file as a whole: it is a crash dump that they look into, or what
/// one of them matches is longer than what is looked at around a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("people's privacy rules have to see this file as a whole")]
pub struct NeedsWhole;

/// A file on its way.
#[derive(Debug)]
pub struct Pieces {
    scrubber: Scrubber,
    /// What people's rules do to it.
    rules: FileRules,
    /// As it came: what lies before what was not given out yet, and that.
    raw: Vec<u8>,
    /// How much of it was given out.
    given: usize,
    /// Nothing was given out.
    is_first: bool,
}

impl Scrubber {
    /// Begins a file without a name, of which the first `given` bytes to come were given out
    /// before; they are at most [`CONTEXT_BYTES`].
    ///
    /// # Errors
    /// [`NeedsWhole`] where people wrote rules: some of them may be for its name.
    pub fn pieces(&self, given: usize) -> Result<Pieces, NeedsWhole> {
        match self.custom {
            Custom::None => Ok(self.begin(FileRules::default(), given)),
            Custom::Rules(_) | Custom::Wrong => Err(NeedsWhole),
        }
    }

    /// Begins a file of this name.
    ///
    /// # Errors
    /// [`NeedsWhole`] of a crash dump that people's rules look into, and where these are wrong.
    pub fn pieces_of(&self, name: &str, is_minidump: bool) -> Result<Pieces, NeedsWhole> {
        let rules = match &self.custom {
            Custom::None => FileRules::default(),
            Custom::Rules(rules) => rules.of_file(name),
            Custom::Wrong => return Err(NeedsWhole),
        };
        if is_minidump && rules.touch_dumps {
            return Err(NeedsWhole);
        }
        Ok(self.begin(rules, 0))
    }

    fn begin(&self, rules: FileRules, given: usize) -> Pieces {
        Pieces {
            scrubber: self.clone(),
            rules,
            raw: Vec::new(),
            given,
            is_first: given == 0,
        }
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
    ///
    /// # Errors
    /// [`NeedsWhole`]; nothing of the file may be kept then.
    pub fn take(&mut self, n: usize) -> Result<Option<Scrubbed>, NeedsWhole> {
        if !self.has(n) {
            return Ok(None);
        }
        let raw = Bytes::from(std::mem::take(&mut self.raw));
        let window = raw.slice(..self.given + n + CONTEXT_BYTES);
        let piece = self.scrubbed(&window, n, self.given + n)?;
        self.given += n;
        let spare = self.given.saturating_sub(CONTEXT_BYTES);
        self.raw
            .extend_from_slice(raw.get(spare..).unwrap_or_default());
        self.given -= spare;
        Ok(Some(piece))
    }

    /// What is left when nothing more comes.
    ///
    /// # Errors
    /// [`NeedsWhole`]; nothing of the file may be kept then.
    pub fn finish(mut self) -> Result<Scrubbed, NeedsWhole> {
        let raw = Bytes::from(std::mem::take(&mut self.raw));
        let left = raw.len().saturating_sub(self.given);
        self.scrubbed(&raw, left, 0)
    }

    /// The `n` bytes behind those that were given out, seen with all of these. What begins before
    /// `until` has to end within them.
    fn scrubbed(&mut self, window: &Bytes, n: usize, until: usize) -> Result<Scrubbed, NeedsWhole> {
        if self.is_first && window.starts_with(DUMP) && self.rules.touch_dumps {
            return Err(NeedsWhole);
        }
        self.is_first = false;
        let begin = self.given.min(window.len());
        let piece = begin..begin + n;
        let (mut scrubbed, mut hits) = self.scrubber.mask(window, piece.clone());
        if let Custom::Rules(rules) = &self.scrubber.custom {
            let applied = rules.apply_to_piece(&self.rules, &scrubbed, piece.clone(), until);
            let (applied, n_custom) = applied.ok_or(NeedsWhole)?;
            scrubbed = applied;
            hits.add(Rule::Custom, n_custom);
        }
        let payload = scrubbed.slice(piece.clone());
        Ok(Scrubbed {
            changed: window.get(piece) != Some(&*payload),
            payload,
            hits,
        })
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
                    && let Some(piece) = pieces.take(n).unwrap()
                {
                    out.extend_from_slice(&piece.payload);
                    left -= 1;
                }
            }
            if left > 0 {
                out.extend_from_slice(&pieces.finish().unwrap().payload);
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
                let secret = format!("\npassword=hunter{nth} card 4111 1111 1111 1111\n");
                file.extend_from_slice(secret.as_bytes());
                file.push(0);
                file.extend(secret.encode_utf16().flat_map(u16::to_le_bytes));
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
        assert!(pieces.take(1).unwrap().is_none());
        let rest = pieces.finish().unwrap();
        assert_eq!(rest.payload, "card *******************");
        assert_eq!(rest.hits.total(), 1);
        let empty = scrubber().pieces(0).unwrap().finish().unwrap();
        assert!(empty.payload.is_empty() && !empty.changed);
    }

    /// With rules that people wrote for these files.
    fn ruled(applications: &serde_json::Value) -> Scrubber {
        let rules = serde_json::json!({
            "rules": {"ticket": {"type": "pattern", "pattern": "T-[0-9]{5}", "redaction": {"method": "mask"}},
                "rest": {"type": "pattern", "pattern": "(?s)from here.*", "redaction": {"method": "mask"}}},
            "applications": applications,
        });
        Scrubber::try_new(&PrivacySettings {
            rules: vec![rules.to_string().into()],
            ..PrivacySettings::default()
        })
        .unwrap()
    }

    /// The file of this name in pieces.
    fn of_name(scrubber: &Scrubber, name: &str, file: &[u8]) -> Result<Vec<u8>, NeedsWhole> {
        let mut pieces = scrubber.pieces_of(name, false)?;
        let mut out = Vec::new();
        for bytes in file.chunks(7_000) {
            pieces.push(bytes);
            while let Some(piece) = pieces.take(10_000)? {
                out.extend_from_slice(&piece.payload);
            }
        }
        out.extend_from_slice(&pieces.finish()?.payload);
        Ok(out)
    }

    #[test]
    fn peoples_rules_see_a_piece_with_what_lies_around_it() {
        let scrubber =
            ruled(&serde_json::json!({"$attachments.'a.log'": ["ticket", "@email:mask"]}));
        let mut file: Vec<u8> = (0..20_000)
            .flat_map(|n| format!("T-{:05} of m@example.com\n", n % 90_000).into_bytes())
            .collect();
        file.extend(
            "T-12345 in UTF-16"
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        );
        let whole = |name: &str| {
            let bytes = Bytes::from(file.clone());
            let whole = scrubber.scrub_attachment(name, &bytes, false);
            whole.unwrap().payload
        };
        assert!(whole("a.log") != file);
        assert!(of_name(&scrubber, "a.log", &file).unwrap() == whole("a.log"));
        assert!(of_name(&scrubber, "b.log", &file).unwrap() == whole("b.log"));
        // The name of a file that comes in several requests is not known when it begins.
        assert!(scrubber.pieces(0).is_err());
    }

    #[test]
    fn what_has_to_be_seen_whole_is_not_kept() {
        let file = |begin: &str| {
            let mut file = begin.as_bytes().to_vec();
            file.resize(200_000, b'.');
            file
        };
        let scrubber = ruled(&serde_json::json!({"$attachments.'a.log'": ["rest"]}));
        let found = of_name(&scrubber, "a.log", &file("kept, and from here not"));
        assert_eq!(found, Err(NeedsWhole));
        assert!(of_name(&scrubber, "a.log", &file("kept")).is_ok());
        let scrubber = ruled(&serde_json::json!({"$heap_memory": ["ticket"]}));
        assert!(scrubber.pieces_of("a.dmp", true).is_err());
        assert_eq!(of_name(&scrubber, "a.dmp", &file("MDMP")), Err(NeedsWhole));
        assert!(of_name(&scrubber, "a.dmp", &file("MDM.")).is_ok());
        let scrubber = ruled(&serde_json::json!({"$message": ["ticket"]}));
        assert!(of_name(&scrubber, "a.dmp", &file("MDMP")).is_ok());
    }
}
