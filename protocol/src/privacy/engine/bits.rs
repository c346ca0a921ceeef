//! Follows all paths of all selectors at once: one bit for each item, set while the walk is at a place that the item has matched.

use std::collections::HashMap;

use crate::privacy::language::RuleError;
use crate::privacy::language::selector::{Item, Types, types};

const WORDS: usize = 8;
/// Most items of all selectors together.
const ITEMS_MAX: usize = WORDS * 64;
/// Longest key that a selector may name, in bytes; longer ones match no key.
const KEY_BYTES_MAX: usize = 128;

/// Stands before the digits of an index.
pub(crate) const INDEX_MARK: u8 = 0xFF;

/// A set of items.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bits([u64; WORDS]);

impl PartialEq for Bits {
    /// In line, where the derived one calls a function that compares memory.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let both = self.0.iter().zip(other.0);
        both.fold(0, |all, (one, other)| all | (one ^ other)) == 0
    }
}

impl Eq for Bits {}

impl Bits {
    pub(crate) fn set(&mut self, bit: usize) {
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    pub(crate) fn has(self, bit: usize) -> bool {
        let word = self.0.get(bit / 64).copied().unwrap_or_default();
        word >> (bit % 64) & 1 == 1
    }

    pub(crate) fn and(self, other: Self) -> Self {
        let mut out = self;
        for (word, other) in out.0.iter_mut().zip(other.0) {
            *word &= other;
        }
        out
    }

    pub(crate) fn or(self, other: Self) -> Self {
        let mut out = self;
        for (word, other) in out.0.iter_mut().zip(other.0) {
            *word |= other;
        }
        out
    }

    /// Each item becomes the next one.
    fn next(self) -> Self {
        let mut carry = 0;
        let mut out = self;
        for word in &mut out.0 {
            let top = *word >> 63;
            *word = *word << 1 | carry;
            carry = top;
        }
        out
    }
}

/// The paths of all selectors.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    /// First items.
    starts: Bits,
    /// Last items.
    ends: Bits,
    /// `**`
    deep: Bits,
    /// Items that match whatever there is.
    any: Bits,
    /// In order, so that they are found.
    keys: Vec<(Box<[u8]>, Bits)>,
    /// Lengths of the keys, as bits; those of 63 bytes and more share one.
    key_lengths: u64,
    /// Some key has letters beyond ASCII.
    has_wide_keys: bool,
    /// Some key is an index.
    has_indices: bool,
    by_type: [Bits; types::COUNT],
    types_used: Types,
}

impl Matcher {
    /// The items that match the whole payload, which is no level of a path: types only.
    pub(crate) fn root(&self, types: Types) -> Bits {
        self.of_types(types).and(self.starts)
    }

    /// The items that match at a place, from those that matched at the one above.
    #[inline]
    pub(crate) fn step(&self, above: Bits, key: &[u8], types: Types) -> Bits {
        let matching = self.any.or(self.of_key(key)).or(self.of_types(types));
        let reachable = above.next().or(self.starts).or(above.and(self.deep));
        reachable.and(matching)
    }

    /// Of those, the ones that end a path.
    pub(crate) fn ends(&self, bits: Bits) -> Bits {
        bits.and(self.ends)
    }

    #[inline]
    fn of_types(&self, types: Types) -> Bits {
        let mut matching = Bits::default();
        let mut types = types & self.types_used;
        while types != 0 {
            let of_type = self.by_type.get(types.trailing_zeros() as usize);
            matching = matching.or(of_type.copied().unwrap_or_default());
            types &= types - 1;
        }
        matching
    }

    /// Whether it makes a difference which element of an array a value is.
    pub(crate) const fn has_indices(&self) -> bool {
        self.has_indices
    }

    fn add_key(&mut self, key: &[u8], bit: usize) {
        self.has_indices |= key.first() == Some(&INDEX_MARK);
        self.key_lengths |= 1 << key.len().min(63);
        self.has_wide_keys |= key.first() != Some(&INDEX_MARK) && !key.is_ascii();
        let place = self.keys.binary_search_by(|(other, _)| (**other).cmp(key));
        let place = place.unwrap_or_else(|place| {
            self.keys.insert(place, (key.into(), Bits::default()));
            place
        });
        let known = self.keys.get_mut(place);
        known.into_iter().for_each(|(_, bits)| bits.set(bit));
    }

    #[inline]
    fn of_key(&self, key: &[u8]) -> Bits {
        if self.has_wide_keys && !key.is_ascii() && key.first() != Some(&INDEX_MARK) {
            let lower = String::from_utf8_lossy(key).to_lowercase();
            return self.bits_of(lower.as_bytes());
        }
        if self.key_lengths >> key.len().min(63) & 1 == 0 || key.len() > KEY_BYTES_MAX {
            return Bits::default();
        }
        let mut lower = [0; KEY_BYTES_MAX];
        let Some(lower) = lower.get_mut(..key.len()) else {
            return Bits::default();
        };
        lower.copy_from_slice(key);
        lower.make_ascii_lowercase();
        self.bits_of(lower)
    }

    /// Of a key in lower case.
    fn bits_of(&self, lower: &[u8]) -> Bits {
        let place = self.keys.binary_search_by(|(key, _)| (**key).cmp(lower));
        let known = place.ok().and_then(|place| self.keys.get(place));
        known.map(|(_, bits)| *bits).unwrap_or_default()
    }
}

/// An index as a key that no object has: its first byte is none of UTF-8.
pub(crate) fn index_key(digits: &[u8]) -> Vec<u8> {
    [&[INDEX_MARK], digits].concat()
}

/// Collects paths.
#[derive(Debug, Default)]
pub(crate) struct MatcherBuilder {
    matcher: Matcher,
    n_items: usize,
    known: HashMap<Vec<Item>, usize>,
}

impl MatcherBuilder {
    /// Adds a path; its last item's bit says that it matches.
    ///
    /// # Errors
    /// When all selectors together have too many items.
    pub(crate) fn add(&mut self, items: &[Item]) -> Result<usize, RuleError> {
        if let Some(bit) = self.known.get(items) {
            return Ok(*bit);
        }
        let first = self.n_items;
        self.n_items += items.len();
        if self.n_items > ITEMS_MAX {
            return Err(RuleError::TooMany {
                what: "items of selectors",
                max: ITEMS_MAX,
            });
        }
        self.matcher.starts.set(first);
        for (bit, item) in (first..).zip(items) {
            self.add_item(bit, item);
        }
        let last = self.n_items.saturating_sub(1);
        self.matcher.ends.set(last);
        self.known.insert(items.to_vec(), last);
        Ok(last)
    }

    fn add_item(&mut self, bit: usize, item: &Item) {
        let matcher = &mut self.matcher;
        match item {
            Item::Any => matcher.any.set(bit),
            Item::Deep => {
                matcher.any.set(bit);
                matcher.deep.set(bit);
            }
            Item::Key(key) => matcher.add_key(key.as_bytes(), bit),
            Item::Index(index) => matcher.add_key(&index_key(index.as_bytes()), bit),
            Item::Type(bits) => {
                matcher.types_used |= bits;
                let of_type = matcher.by_type.get_mut(bits.trailing_zeros() as usize);
                of_type.into_iter().for_each(|bits| bits.set(bit));
            }
        }
    }

    pub(crate) fn build(self) -> Matcher {
        self.matcher
    }
}
