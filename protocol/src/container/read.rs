//! The members of a container's object, its entries unread.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize as _};
use serde_json::value::RawValue;

use crate::limits::{CONTAINER_ENTRIES_MAX, CONTAINER_META_BYTES_MAX, CONTAINER_SHARED_BYTES_MAX};

/// A container, read.
#[derive(Debug)]
pub(super) struct Members<'a> {
    /// The entries, up to the limit.
    pub(super) entries: Vec<&'a RawValue>,
    /// How many there are.
    pub(super) n_entries: usize,
    /// What the text of each entry's container begins with: the brace, and what all share.
    pub(super) before: String,
    /// How long what all share is; beyond the limit it is not in `before`.
    pub(super) shared_len: usize,
    meta: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

impl<'a> Members<'a> {
    /// What `_meta` says of an entry.
    pub(super) fn meta_of(&self, nth: usize) -> Option<&'a RawValue> {
        if self.meta.is_empty() {
            return None;
        }
        self.meta.get(nth.to_string().as_str()).copied()
    }
}

pub(super) fn members(payload: &[u8]) -> Result<Members<'_>, serde_json::Error> {
    let mut source = serde_json::Deserializer::from_slice(payload);
    let members = source.deserialize_map(MembersVisitor)?;
    source.end()?;
    Ok(members)
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list `items`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut list: Option<Entries<'de>> = None;
        let mut before = String::from("{");
        let mut shared_len = 0;
        let mut meta = BTreeMap::new();
        while let Some(name) = map.next_key::<Key<'de>>()? {
            match name.0.as_ref() {
                "items" if list.is_some() => return Err(A::Error::duplicate_field("items")),
                "items" => list = Some(map.next_value()?),
                "_meta" => meta = of_entries(map.next_value()?),
                name => {
                    let value: &RawValue = map.next_value()?;
                    shared_len += name.len() + value.get().len();
                    if shared_len <= CONTAINER_SHARED_BYTES_MAX {
                        push(&mut before, name, value)?;
                    }
                }
            }
        }
        let list = list.ok_or_else(|| A::Error::missing_field("items"))?;
        Ok(Members {
            entries: list.entries,
            n_entries: list.n_entries,
            before,
            shared_len,
            meta,
        })
    }
}

fn push<E: Error>(before: &mut String, name: &str, value: &RawValue) -> Result<(), E> {
    let mut quoted = Vec::with_capacity(name.len() + 2);
    name.serialize(&mut serde_json::Serializer::new(&mut quoted))
        .map_err(E::custom)?;
    before.push_str(std::str::from_utf8(&quoted).map_err(E::custom)?);
    before.push(':');
    before.push_str(value.get());
    before.push(',');
    Ok(())
}

/// The part of `_meta` that is of entries, by their numbers. What cannot be read says nothing.
fn of_entries(meta: &RawValue) -> BTreeMap<Cow<'_, str>, &RawValue> {
    #[derive(Deserialize)]
    struct Meta<'a> {
        #[serde(borrow)]
        items: BTreeMap<Key<'a>, &'a RawValue>,
    }
    if meta.get().len() > CONTAINER_META_BYTES_MAX {
        return BTreeMap::new();
    }
    let meta: Option<Meta<'_>> = serde_json::from_str(meta.get()).ok();
    let items = meta.map(|meta| meta.items).unwrap_or_default();
    items.into_iter().map(|(key, of)| (key.0, of)).collect()
}

/// A name, borrowed where it has no escapes.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct Entries<'a> {
    entries: Vec<&'a RawValue>,
    n_entries: usize,
}

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_seq(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    /// Beyond the limit entries are counted and not kept.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::new();
        let mut n_entries = 0;
        while let Some(entry) = seq.next_element::<&RawValue>()? {
            n_entries += 1;
            if n_entries <= CONTAINER_ENTRIES_MAX {
                entries.push(entry);
            }
        }
        Ok(Entries { entries, n_entries })
    }
}
