//! Walks once over the bytes of a JSON payload with the selectors, and collects what must be replaced.

mod value;

use std::ops::Range;

use super::super::json::{self, Escapes, Token};
use super::super::language::program::Program;
use super::super::language::selector::{Types, types};
use super::super::walk::Walked;
use super::super::{Payload, ScrubError};
use super::bits::{Bits, INDEX_MARK};
use super::plan::Plans;
use super::redact::PseudonymKey;
use super::schema::{Reach, Spot};
use crate::limits::JSON_DEPTH_MAX;

/// How often a list of pairs may lie in another one: each is looked through before it is walked.
const PAIR_LISTS_MAX: usize = 4;

/// Which part of `_meta` a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meta {
    /// None of it.
    No,
    /// The tree with the payload's keys.
    Tree,
    /// What is said about one value.
    Note,
}

/// What an array is to keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pairs {
    No,
    /// A list of pairs: the pairs are no step of a path.
    List,
    /// A pair.
    One,
}

/// A container that is open.
#[derive(Debug)]
struct Level {
    is_array: bool,
    pairs: Pairs,
    meta: Meta,
    spot: Spot,
    bits: Bits,
    key: Range<usize>,
    index: usize,
}

/// What the next value is.
#[derive(Clone, Copy, Debug)]
struct Next {
    spot: Spot,
    /// The paths that match above it.
    above: Bits,
    meta: Meta,
    /// It takes the place of the container itself: a pair, or what `_meta` says about a value.
    is_transparent: bool,
    /// No rule reaches it, whatever it holds.
    is_skipped: bool,
    key_has_word: bool,
}

impl Next {
    /// Whether any rule may reach the value itself.
    fn is_reached(&self) -> bool {
        !self.is_skipped && self.spot.reach != Reach::Closed
    }
}

pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    program: &'a Program,
    pseudonyms: Option<&'a PseudonymKey>,
    levels: Vec<Level>,
    plans: Plans,
    n_pair_lists: usize,
    /// What the words of the rules are looked for in, and where the next one begins.
    lower: Vec<u8>,
    word: Option<usize>,
    is_ascii: bool,
    /// The key of the value that is being read.
    key: Vec<u8>,
    decoded: Vec<u8>,
    out: Walked,
    n_redactions: u32,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        bytes: &'a [u8],
        program: &'a Program,
        pseudonyms: Option<&'a PseudonymKey>,
    ) -> Self {
        let lower = program.words.lower(bytes);
        Self {
            bytes,
            program,
            pseudonyms,
            levels: Vec::with_capacity(16),
            plans: Plans::default(),
            n_pair_lists: 0,
            word: program.words.next(&lower, 0),
            lower,
            is_ascii: bytes.is_ascii(),
            key: Vec::new(),
            decoded: Vec::new(),
            out: Walked::default(),
            n_redactions: 0,
        }
    }

    /// From the first byte to the last.
    pub(super) fn run(mut self, payload: Payload) -> Result<(Walked, u32), ScrubError> {
        let mut next = Next {
            spot: Spot::root(payload),
            above: Bits::default(),
            meta: Meta::No,
            is_transparent: false,
            is_skipped: false,
            key_has_word: false,
        };
        let mut at = json::skip_space(self.bytes, 0);
        loop {
            let (after, opened) = self.value(at, next)?;
            at = json::skip_space(self.bytes, after);
            if !opened {
                match self.close_until_next(at)? {
                    Some(after) => at = after,
                    None => return Ok((self.out, self.n_redactions)),
                }
            }
            let in_object = self.levels.last().is_some_and(|level| !level.is_array);
            if in_object {
                (at, next) = self.object_key(at)?;
            } else {
                next = self.element(at)?;
            }
        }
    }

    /// Reads a value. Says where it ends and whether it is a container with something in it.
    fn value(&mut self, at: usize, next: Next) -> Result<(usize, bool), ScrubError> {
        match self.bytes.get(at) {
            Some(b'"') => Ok((self.text(at, next)?, false)),
            Some(b'{') => self.open(at, next, false),
            Some(b'[') => self.open(at, next, true),
            Some(b'-' | b'0'..=b'9') if self.bytes.get(at + 1) != Some(&b'I') => {
                let end = json::number(self.bytes, at).map_err(not_json)?;
                if next.is_reached() {
                    let bits = self.step(next, types::NUMBER);
                    if let Some(rule) = self.removal(next, bits) {
                        self.remove(at..end, rule, next);
                    }
                }
                Ok((end, false))
            }
            _ => Ok((json::literal(self.bytes, at).map_err(not_json)?, false)),
        }
    }

    #[inline]
    fn step(&self, next: Next, types: Types) -> Bits {
        if next.is_skipped {
            return Bits::default();
        }
        if next.is_transparent {
            return next.above;
        }
        let types = types | next.spot.types;
        if self.levels.is_empty() {
            return self.program.matcher.root(types);
        }
        let bits = self.program.matcher.step(next.above, &self.key, types);
        // The message of an event is its `logentry.formatted`, written shorter.
        if self.levels.len() == 1 && self.key == b"message" && next.spot.types & types::MESSAGE != 0
        {
            let matcher = &self.program.matcher;
            let entry = matcher.step(next.above, b"logentry", types::LOGENTRY | types::OBJECT);
            return bits.or(matcher.step(entry, b"formatted", types));
        }
        bits
    }

    fn open(&mut self, at: usize, next: Next, is_array: bool) -> Result<(usize, bool), ScrubError> {
        if self.levels.len() >= JSON_DEPTH_MAX {
            return Err(ScrubError::TooDeep {
                max: JSON_DEPTH_MAX,
            });
        }
        let types = if is_array {
            types::ARRAY
        } else {
            types::OBJECT
        };
        let bits = self.step(next, types);
        if !next.is_transparent
            && let Some(rule) = self.removal(next, bits)
        {
            let end = json::skip_value(self.bytes, at).map_err(not_json)?;
            self.remove(at..end, rule, next);
            return Ok((end, false));
        }
        let in_pairs = self.levels.last().map(|level| level.pairs);
        let pairs = match (is_array, in_pairs) {
            (true, Some(Pairs::List)) => Pairs::One,
            (true, _)
                if self.n_pair_lists < PAIR_LISTS_MAX
                    && next.meta == Meta::No
                    && json::is_pair_list(self.bytes, at) =>
            {
                self.n_pair_lists += 1;
                Pairs::List
            }
            _ => Pairs::No,
        };
        let inside = json::skip_space(self.bytes, at + 1);
        let is_empty = self.bytes.get(inside) == Some(if is_array { &b']' } else { &b'}' });
        self.levels.push(Level {
            is_array,
            pairs,
            meta: next.meta,
            spot: next.spot,
            bits,
            key: 0..0,
            index: 0,
        });
        Ok((inside, !is_empty))
    }

    fn close_until_next(&mut self, mut at: usize) -> Result<Option<usize>, ScrubError> {
        loop {
            let Some(level) = self.levels.last_mut() else {
                return if at == self.bytes.len() {
                    Ok(None)
                } else {
                    Err(not_json(at))
                };
            };
            match self.bytes.get(at) {
                Some(b',') => {
                    level.index += 1;
                    return Ok(Some(json::skip_space(self.bytes, at + 1)));
                }
                Some(b'}') if !level.is_array => self.close(at),
                Some(b']') if level.is_array => self.close(at),
                _ => return Err(not_json(at)),
            }
            at = json::skip_space(self.bytes, at + 1);
        }
    }

    fn close(&mut self, at: usize) {
        let Some(level) = self.levels.pop() else {
            return;
        };
        if level.pairs == Pairs::List {
            self.n_pair_lists -= 1;
        }
        if self.levels.is_empty() && !level.is_array {
            self.out.root_end = Some(at);
        }
        let is_meta = level.meta == Meta::Tree && self.levels.len() == 1;
        if is_meta && let Some(meta) = &mut self.out.meta {
            meta.end = at + 1;
        }
    }

    /// Reads a key and decides what its value is.
    fn object_key(&mut self, at: usize) -> Result<(usize, Next), ScrubError> {
        if self.bytes.get(at) != Some(&b'"') {
            return Err(not_json(at));
        }
        let token = json::skip_string(self.bytes, at + 1).map_err(not_json)?;
        let colon = json::skip_space(self.bytes, token.raw.end + 1);
        if self.bytes.get(colon) != Some(&b':') {
            return Err(not_json(colon));
        }
        let value = json::skip_space(self.bytes, colon + 1);
        self.read_key(&token);
        let is_hidden = token.escapes != Escapes::None || !self.is_ascii && !self.key.is_ascii();
        let key_has_word = self.has_word(&token.raw) || is_hidden;
        let is_root = self.levels.len() == 1;
        let Some(level) = self.levels.last_mut() else {
            return Err(not_json(at));
        };
        level.key = token.raw;
        let mut next = Next {
            spot: level.spot.member(&self.key),
            above: level.bits,
            meta: level.meta,
            is_transparent: false,
            is_skipped: false,
            key_has_word,
        };
        match level.meta {
            Meta::No if is_root && self.key == b"_meta" => {
                self.out.meta = Some(value..value);
                next.meta = Meta::Tree;
                next.is_transparent = true;
            }
            Meta::No => {}
            Meta::Tree if self.key.is_empty() => {
                next.spot = level.spot;
                next.meta = Meta::Note;
                next.is_transparent = true;
            }
            Meta::Tree if self.key.iter().all(u8::is_ascii_digit) => {
                next.spot = level.spot.element();
                self.key.insert(0, INDEX_MARK);
            }
            Meta::Tree => {}
            // Only the original value is data.
            Meta::Note if self.key == b"val" => next = self.original(next),
            Meta::Note => next.is_skipped = true,
        }
        Ok((value, next))
    }

    /// In `_meta`, the original value of something: it is where that is, two containers up.
    fn original(&mut self, next: Next) -> Next {
        let Some(at) = self.levels.len().checked_sub(3) else {
            return next;
        };
        let (Some(holder), Some(own)) = (self.levels.get(at), self.levels.get(at + 1)) else {
            return next;
        };
        self.key.clear();
        let name = self.bytes.get(holder.key.clone()).unwrap_or_default();
        json::decode(name, &mut self.key);
        Next {
            spot: own.spot,
            above: holder.bits,
            key_has_word: true,
            ..next
        }
    }

    fn read_key(&mut self, token: &Token) {
        self.key.clear();
        let raw = self.bytes.get(token.raw.clone()).unwrap_or_default();
        if token.escapes == Escapes::None {
            self.key.extend_from_slice(raw);
        } else {
            json::decode(raw, &mut self.key);
        }
    }

    fn element(&mut self, at: usize) -> Result<Next, ScrubError> {
        let Some(level) = self.levels.last() else {
            return Err(not_json(at));
        };
        let mut next = Next {
            spot: level.spot.element(),
            above: level.bits,
            meta: level.meta,
            is_transparent: false,
            is_skipped: false,
            key_has_word: false,
        };
        match (level.pairs, level.index) {
            (Pairs::List, _) => {
                next.spot = level.spot;
                next.is_transparent = true;
            }
            (Pairs::One, 0) => {
                // The key of the pair, which the second element is read with.
                let spot = level.spot;
                let token = json::string(self.bytes, at + 1).map_err(not_json)?;
                self.read_key(&token);
                next.spot = spot;
                next.is_skipped = true;
            }
            (Pairs::One, _) => {
                next.spot = level.spot.member(&self.key);
                next.key_has_word = true;
            }
            (Pairs::No, index) => {
                self.key.clear();
                self.key.push(INDEX_MARK);
                if self.program.matcher.has_indices() {
                    self.key.extend_from_slice(Decimal::new(index).text());
                }
            }
        }
        Ok(next)
    }

    /// Whether a word of the rules begins in a range; the ranges must come in order.
    #[inline]
    fn has_word(&mut self, raw: &Range<usize>) -> bool {
        if self.word.is_some_and(|word| word < raw.start) {
            self.word = self.program.words.next(&self.lower, raw.start);
        }
        self.word.is_some_and(|word| word < raw.end)
    }
}

const fn not_json(at: usize) -> ScrubError {
    ScrubError::NotJson { at }
}

/// A number as text, without an allocation.
struct Decimal {
    digits: [u8; 20],
    from: usize,
}

impl Decimal {
    fn new(mut n: usize) -> Self {
        let mut decimal = Self {
            digits: [b'0'; 20],
            from: 19,
        };
        loop {
            let digit = u8::try_from(n % 10).unwrap_or_default();
            if let Some(place) = decimal.digits.get_mut(decimal.from) {
                *place = b'0' + digit;
            }
            n /= 10;
            if n == 0 || decimal.from == 0 {
                return decimal;
            }
            decimal.from -= 1;
        }
    }

    fn text(&self) -> &[u8] {
        self.digits.get(self.from..).unwrap_or_default()
    }
}
