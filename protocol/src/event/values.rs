//! Collections in the many forms SDKs give them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::read::{Key, Notes, Raw, Read, Seed, drain_map, drain_seq};

/// An object of free form: names and unread JSON, in order.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a>(pub Vec<(Cow<'a, str>, Raw<'a>)>);

impl<'a> Fields<'a> {
    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Raw<'a>> {
        self.0
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The value of a name when it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        text_of(self.get(name)?)
    }
}

/// The text in a piece of JSON: a string as it is, a number or boolean as written.
#[must_use]
pub fn text_of<'r>(raw: &'r Raw<'_>) -> Option<Cow<'r, str>> {
    let json = raw.get();
    match json.as_bytes().first()? {
        b'"' => {
            let inner = json.get(1..json.len().checked_sub(1)?)?;
            if inner.contains('\\') {
                serde_json::from_str(json).ok().map(Cow::Owned)
            } else {
                Some(Cow::Borrowed(inner))
            }
        }
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

impl<'a> Read<'a> for Fields<'a> {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
        source.deserialize_any(FieldsVisitor(notes))
    }
}

struct FieldsVisitor<'n>(&'n mut Notes);

/// The visits that all end the same way: the wrong type, noted.
macro_rules! wrong_visits {
    ($($visit:ident($type:ty)),*; $expected:literal) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            self.0.wrong($expected);
            Ok(Self::Value::default())
        })*
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

impl<'a> Visitor<'a> for FieldsVisitor<'_> {
    type Value = Fields<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Fields<'a>, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let value: Option<Raw<'a>> = map.next_value_seed(Seed::new(self.0))?;
            fields.extend(value.map(|value| (key, value)));
        }
        Ok(Fields(fields))
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Fields<'a>, A::Error> {
        let is_empty = seq.next_element::<IgnoredAny>()?.is_none();
        if !is_empty {
            drain_seq(seq)?;
            self.0.wrong("an object");
        }
        Ok(Fields::default())
    }
    wrong_visits! {
        visit_str(&str), visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_bool(bool);
        "an object"
    }
}

/// Names and values that come as an object, as pairs, or as one encoded text.
#[derive(Clone, Debug, Default)]
pub struct Pairs<'a> {
    /// The pairs, in order; a value that was null is `None`.
    pub list: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
    /// The text, when it came as one and nobody has taken it apart.
    pub text: Option<Cow<'a, str>>,
}

impl Pairs<'_> {
    /// Whether there is neither pair nor text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.text.is_none()
    }

    /// The value of a name, in whatever case it is written.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.list
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.as_deref())
    }
}

impl<'a> Read<'a> for Pairs<'a> {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
        source.deserialize_any(PairsVisitor(notes))
    }
}

struct PairsVisitor<'n>(&'n mut Notes);

impl<'a> Visitor<'a> for PairsVisitor<'_> {
    type Value = Pairs<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of pairs")
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Pairs<'a>, A::Error> {
        let mut list = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let value = map.next_value_seed(Seed::<Loose<'a>>::new(self.0))?;
            list.push((key, value.0));
        }
        Ok(Pairs { list, text: None })
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Pairs<'a>, A::Error> {
        let mut list = Vec::new();
        while let Some(pair) = seq.next_element_seed(PairSeed(&mut *self.0))? {
            list.extend(pair);
        }
        Ok(Pairs { list, text: None })
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Pairs<'a>, E> {
        Ok(Pairs {
            list: Vec::new(),
            text: Some(Cow::Borrowed(text)),
        })
    }
    fn visit_str<E>(self, text: &str) -> Result<Pairs<'a>, E> {
        Ok(Pairs {
            list: Vec::new(),
            text: Some(Cow::Owned(text.to_owned())),
        })
    }
    wrong_visits! {
        visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_bool(bool);
        "an object or a list of pairs"
    }
}

type Pair<'a> = Option<(Cow<'a, str>, Option<Cow<'a, str>>)>;

struct PairSeed<'n>(&'n mut Notes);

impl<'a> DeserializeSeed<'a> for PairSeed<'_> {
    type Value = Pair<'a>;
    fn deserialize<D: Deserializer<'a>>(self, source: D) -> Result<Pair<'a>, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for PairSeed<'_> {
    type Value = Pair<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pair")
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Pair<'a>, A::Error> {
        let key = seq.next_element_seed(Seed::<Option<Cow<'a, str>>>::new(self.0))?;
        let value = seq.next_element_seed(Seed::<Loose<'a>>::new(self.0))?;
        drain_seq(seq)?;
        match (key.flatten(), value) {
            (Some(key), Some(value)) => Ok(Some((key, value.0))),
            _ => {
                self.0.wrong("a pair");
                Ok(None)
            }
        }
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Pair<'a>, A::Error> {
        let (mut name, mut value) = (None, Loose::default());
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                "key" | "name" => name = map.next_value_seed(Seed::new(self.0))?,
                "value" => value = map.next_value_seed(Seed::new(self.0))?,
                _ => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(name.map(|name| (name, value.0)))
    }
    wrong_visits! {
        visit_str(&str), visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_bool(bool);
        "a pair"
    }
}

/// A text that may come as any single value, or as a list of them.
#[derive(Clone, Debug, Default)]
pub struct Loose<'a>(pub Option<Cow<'a, str>>);

impl<'a> Read<'a> for Loose<'a> {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
        source.deserialize_any(LooseVisitor(notes))
    }
}

struct LooseVisitor<'n>(&'n mut Notes);

impl<'a> Visitor<'a> for LooseVisitor<'_> {
    type Value = Loose<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Loose<'a>, E> {
        Ok(Loose(Some(Cow::Borrowed(text))))
    }
    fn visit_str<E>(self, text: &str) -> Result<Loose<'a>, E> {
        Ok(Loose(Some(Cow::Owned(text.to_owned()))))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Loose<'a>, E> {
        Ok(Loose(Some(Cow::Owned(number.to_string()))))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Loose<'a>, E> {
        Ok(Loose(Some(Cow::Owned(number.to_string()))))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Loose<'a>, E> {
        Ok(Loose(Some(Cow::Owned(number.to_string()))))
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Loose<'a>, E> {
        Ok(Loose(Some(Cow::Borrowed(if flag {
            "true"
        } else {
            "false"
        }))))
    }
    fn visit_unit<E>(self) -> Result<Loose<'a>, E> {
        Ok(Loose(None))
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Loose<'a>, A::Error> {
        let mut joined: Option<Cow<'a, str>> = None;
        while let Some(part) =
            seq.next_element_seed(Seed::<Option<Cow<'a, str>>>::new(&mut *self.0))?
        {
            joined = match (joined, part) {
                (None, part) => part,
                (Some(joined), None) => Some(joined),
                (Some(joined), Some(part)) => Some(joined + ", " + part),
            };
        }
        Ok(Loose(joined))
    }
    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Loose<'a>, A::Error> {
        drain_map(map)?;
        self.0.wrong("a string");
        Ok(Loose(None))
    }
}

/// A list of texts; a single text is a list of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts<'a>(pub Vec<Cow<'a, str>>);

impl<'a> Read<'a> for Texts<'a> {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
        source.deserialize_any(TextsVisitor(notes))
    }
}

struct TextsVisitor<'n>(&'n mut Notes);

impl<'a> Visitor<'a> for TextsVisitor<'_> {
    type Value = Texts<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings")
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Texts<'a>, A::Error> {
        let mut list = Vec::new();
        while let Some(text) =
            seq.next_element_seed(Seed::<Option<Cow<'a, str>>>::new(&mut *self.0))?
        {
            list.extend(text);
        }
        Ok(Texts(list))
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Texts<'a>, E> {
        Ok(Texts(vec![Cow::Borrowed(text)]))
    }
    fn visit_str<E>(self, text: &str) -> Result<Texts<'a>, E> {
        Ok(Texts(vec![Cow::Owned(text.to_owned())]))
    }
    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Texts<'a>, A::Error> {
        drain_map(map)?;
        self.0.wrong("a list of strings");
        Ok(Texts::default())
    }
    wrong_visits! {
        visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_bool(bool);
        "a list of strings"
    }
}

/// A text of which some SDKs send JSON instead; that becomes its text as written.
#[derive(Clone, Debug, Default)]
pub struct AnyText<'a>(pub Option<Cow<'a, str>>);

impl<'a> From<Option<Cow<'a, str>>> for AnyText<'a> {
    fn from(text: Option<Cow<'a, str>>) -> Self {
        Self(text)
    }
}

impl<'a> Read<'a> for AnyText<'a> {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
        let raw: Option<Raw<'a>> = Read::read(source, notes)?;
        Ok(Self(raw.map(|raw| match raw {
            Cow::Borrowed(raw) => {
                let json = raw.get();
                match json
                    .strip_prefix('"')
                    .and_then(|json| json.strip_suffix('"'))
                {
                    Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
                    Some(_) => {
                        Cow::Owned(serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()))
                    }
                    None => Cow::Borrowed(json),
                }
            }
            raw @ Cow::Owned(_) => {
                Cow::Owned(text_of(&raw).map_or_else(|| raw.get().to_owned(), Cow::into_owned))
            }
        })))
    }
}
