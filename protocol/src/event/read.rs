//! Reading that does not give up: a value of the wrong type is noted and skipped.
//!
//! Every visitor here accepts every JSON type, so that one odd field never costs the event.
//! Text is borrowed from the payload wherever it holds no escapes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::timestamp::Timestamp;

/// JSON that nobody has looked into yet.
pub type Raw<'a> = Cow<'a, RawValue>;

/// Most notes kept of one event; further ones are only counted.
pub const NOTES_MAX: usize = 100;

/// Something in a payload that was not as it should be, and was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where, with dots between names: `exception.values.0.type`.
    pub path: String,
    /// What was wrong.
    pub kind: NoteKind,
}

/// What was wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A value of the wrong type; the text says what was expected.
    Expected(&'static str),
    /// A field that events do not have.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Name(&'static str),
    Index(usize),
}

/// What a reading collects besides the value.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Whether the source cannot be borrowed from.
    pub(super) owned: bool,
    pub(super) list: Vec<Note>,
    pub(super) n_omitted: usize,
    path: Vec<Step>,
}

impl Notes {
    pub(super) fn new(owned: bool) -> Self {
        Self {
            owned,
            ..Self::default()
        }
    }

    fn add(&mut self, kind: NoteKind, last: &str) {
        if self.list.len() >= NOTES_MAX {
            self.n_omitted += 1;
            return;
        }
        let mut path = String::new();
        for step in &self.path {
            if !path.is_empty() {
                path.push('.');
            }
            match step {
                Step::Name(name) => path.push_str(name),
                Step::Index(index) => path.push_str(&index.to_string()),
            }
        }
        if !last.is_empty() {
            if !path.is_empty() {
                path.push('.');
            }
            path.extend(last.chars().take(100));
        }
        self.list.push(Note { path, kind });
    }

    pub(super) fn wrong(&mut self, expected: &'static str) {
        self.add(NoteKind::Expected(expected), "");
    }

    pub(super) fn unknown(&mut self, name: &str) {
        self.add(NoteKind::Unknown, name);
    }

    pub(super) fn enter(&mut self, name: &'static str) {
        self.path.push(Step::Name(name));
    }

    pub(super) fn leave(&mut self) {
        self.path.pop();
    }
}

/// What can be read whatever is there.
pub(super) trait Read<'a>: Sized {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error>;
}

pub(super) struct Seed<'n, T> {
    notes: &'n mut Notes,
    of: PhantomData<T>,
}

impl<'n, T> Seed<'n, T> {
    pub(super) fn new(notes: &'n mut Notes) -> Self {
        Self {
            notes,
            of: PhantomData,
        }
    }
}

impl<'a, T: Read<'a>> DeserializeSeed<'a> for Seed<'_, T> {
    type Value = T;
    fn deserialize<D: Deserializer<'a>>(self, source: D) -> Result<T, D::Error> {
        T::read(source, self.notes)
    }
}

/// A single value: each method says what it becomes, `None` that it is wrong here.
pub(super) trait Scalar<'a>: Sized {
    const EXPECTED: &'static str;
    fn text(_: Cow<'a, str>) -> Option<Self> {
        None
    }
    fn number(_: Number) -> Option<Self> {
        None
    }
    fn flag(_: bool) -> Option<Self> {
        None
    }
}

#[derive(Clone, Copy)]
pub(super) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(number) => number.fmt(f),
            Self::Signed(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
        }
    }
}

impl<'a> Scalar<'a> for Cow<'a, str> {
    const EXPECTED: &'static str = "a string";
    fn text(text: Cow<'a, str>) -> Option<Self> {
        Some(text)
    }
    fn number(number: Number) -> Option<Self> {
        Some(Cow::Owned(number.to_string()))
    }
    fn flag(flag: bool) -> Option<Self> {
        Some(Cow::Borrowed(if flag { "true" } else { "false" }))
    }
}

impl Scalar<'_> for u64 {
    const EXPECTED: &'static str = "an unsigned integer";
    fn text(text: Cow<'_, str>) -> Option<Self> {
        text.trim().parse().ok()
    }
    fn number(number: Number) -> Option<Self> {
        match number {
            Number::Unsigned(number) => Some(number),
            Number::Signed(number) => Self::try_from(number).ok(),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked beside it"
            )]
            Number::Float(number) => {
                ((0.0..9.0e15).contains(&number) && number.fract() == 0.0).then_some(number as Self)
            }
        }
    }
}

impl Scalar<'_> for bool {
    const EXPECTED: &'static str = "a boolean";
    fn text(text: Cow<'_, str>) -> Option<Self> {
        text.parse().ok()
    }
    fn flag(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

impl Scalar<'_> for Timestamp {
    const EXPECTED: &'static str = "a time since 1970";
    fn text(text: Cow<'_, str>) -> Option<Self> {
        let read = Self::parse(&text).ok().or_else(|| {
            let secs = text.trim().parse().ok()?;
            Self::from_secs_f64(secs).ok()
        });
        read.filter(|at| at.as_millis() >= 0)
    }
    fn number(number: Number) -> Option<Self> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds beyond 2^53 are out of range anyway"
        )]
        let secs = match number {
            Number::Unsigned(number) => number as f64,
            Number::Signed(number) => number as f64,
            Number::Float(number) => number,
        };
        let read = Self::from_secs_f64(secs).ok();
        read.filter(|at| at.as_millis() >= 0)
    }
}

struct ScalarVisitor<'n, T>(&'n mut Notes, PhantomData<T>);

impl<'a, T: Scalar<'a>> ScalarVisitor<'_, T> {
    fn take(self, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.0.wrong(T::EXPECTED);
        }
        value
    }
}

impl<'a, T: Scalar<'a>> Visitor<'a> for ScalarVisitor<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Option<T>, E> {
        Ok(self.take(T::text(Cow::Borrowed(text))))
    }
    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(self.take(T::text(Cow::Owned(text.to_owned()))))
    }
    fn visit_string<E>(self, text: String) -> Result<Option<T>, E> {
        Ok(self.take(T::text(Cow::Owned(text))))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Option<T>, E> {
        Ok(self.take(T::number(Number::Unsigned(number))))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Option<T>, E> {
        Ok(self.take(T::number(Number::Signed(number))))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Option<T>, E> {
        Ok(self.take(T::number(Number::Float(number))))
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Option<T>, E> {
        Ok(self.take(T::flag(flag)))
    }
    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'a>>(self, seq: A) -> Result<Option<T>, A::Error> {
        drain_seq(seq)?;
        Ok(self.take(None))
    }
    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Option<T>, A::Error> {
        drain_map(map)?;
        Ok(self.take(None))
    }
}

/// `Option` of each scalar; a blanket implementation would stand in the way of the objects'.
macro_rules! read_scalars {
    ($($type:ty),*) => {
        $(impl<'a> Read<'a> for Option<$type> {
            fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
                source.deserialize_any(ScalarVisitor(notes, PhantomData))
            }
        })*
    };
}
read_scalars!(Cow<'a, str>, u64, bool, Timestamp);

impl<'a> Read<'a> for Option<Raw<'a>> {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
        let raw = if notes.owned {
            Cow::Owned(Box::<RawValue>::deserialize(source)?)
        } else {
            Cow::Borrowed(<&RawValue>::deserialize(source)?)
        };
        Ok((raw.get() != "null").then_some(raw))
    }
}

/// An object whose fields are taken one by one.
pub(super) trait Object<'a>: Default {
    /// Takes the value of a known key, or says `false` and leaves it.
    fn field<A: MapAccess<'a>>(
        &mut self,
        key: &str,
        map: &mut A,
        notes: &mut Notes,
    ) -> Result<bool, A::Error>;

    /// Takes the value of a key that is not known.
    fn other<A: MapAccess<'a>>(
        &mut self,
        key: Cow<'a, str>,
        map: &mut A,
        notes: &mut Notes,
    ) -> Result<(), A::Error>;

    /// What a bare text in its place means.
    fn from_text(_: Cow<'a, str>) -> Option<Self> {
        None
    }

    /// All fields of an object.
    fn read_map<A: MapAccess<'a>>(mut map: A, notes: &mut Notes) -> Result<Self, A::Error> {
        let mut value = Self::default();
        while let Some(key) = map.next_key_seed(Key)? {
            if !value.field(&key, &mut map, notes)? {
                value.other(key, &mut map, notes)?;
            }
        }
        Ok(value)
    }
}

struct ObjectVisitor<'n, T>(&'n mut Notes, PhantomData<T>);

impl<'a, T: Object<'a>> ObjectVisitor<'_, T> {
    fn wrong(self) -> Option<T> {
        self.0.wrong("an object");
        None
    }
    fn text(self, text: Cow<'a, str>) -> Option<T> {
        let value = T::from_text(text);
        if value.is_none() { self.wrong() } else { value }
    }
}

impl<'a, T: Object<'a>> Visitor<'a> for ObjectVisitor<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::read_map(map, self.0).map(Some)
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Option<T>, E> {
        Ok(self.text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(self.text(Cow::Owned(text.to_owned())))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Option<T>, E> {
        Ok(self.wrong())
    }
    fn visit_i64<E>(self, _: i64) -> Result<Option<T>, E> {
        Ok(self.wrong())
    }
    fn visit_f64<E>(self, _: f64) -> Result<Option<T>, E> {
        Ok(self.wrong())
    }
    fn visit_bool<E>(self, _: bool) -> Result<Option<T>, E> {
        Ok(self.wrong())
    }
    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'a>>(self, seq: A) -> Result<Option<T>, A::Error> {
        drain_seq(seq)?;
        Ok(self.wrong())
    }
}

/// A seed for one object or nothing.
struct ObjectSeed<'n, T>(&'n mut Notes, PhantomData<T>);

impl<'a, T: Object<'a>> DeserializeSeed<'a> for ObjectSeed<'_, T> {
    type Value = Option<T>;
    fn deserialize<D: Deserializer<'a>>(self, source: D) -> Result<Option<T>, D::Error> {
        source.deserialize_any(ObjectVisitor(self.0, PhantomData))
    }
}

impl<'a, T: Object<'a>> Read<'a> for Option<Box<T>> {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
        let value = source.deserialize_any(ObjectVisitor(notes, PhantomData))?;
        Ok(value.map(Box::new))
    }
}

/// A list that may also come as `{"values": […]}` or as a single object.
struct ListVisitor<'n, T>(&'n mut Notes, PhantomData<T>);

impl<'a, T: Object<'a>> Visitor<'a> for ListVisitor<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        for index in 0.. {
            self.0.path.push(Step::Index(index));
            let item = seq.next_element_seed(ObjectSeed(&mut *self.0, PhantomData))?;
            self.0.path.pop();
            match item {
                None => break,
                Some(item) => list.extend(item),
            }
        }
        Ok(list)
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let mut list = None;
        let mut single = None;
        while let Some(key) = map.next_key_seed(Key)? {
            if key == "values" {
                self.0.enter("values");
                list = Some(map.next_value_seed(Seed::<Vec<T>>::new(self.0))?);
                self.0.leave();
                continue;
            }
            let single = single.get_or_insert_with(T::default);
            if !single.field(&key, &mut map, self.0)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(list.unwrap_or_else(|| single.into_iter().collect()))
    }
    fn visit_str<E>(self, _: &str) -> Result<Vec<T>, E> {
        self.0.wrong("a list");
        Ok(Vec::new())
    }
    fn visit_u64<E>(self, _: u64) -> Result<Vec<T>, E> {
        self.0.wrong("a list");
        Ok(Vec::new())
    }
    fn visit_i64<E>(self, _: i64) -> Result<Vec<T>, E> {
        self.0.wrong("a list");
        Ok(Vec::new())
    }
    fn visit_f64<E>(self, _: f64) -> Result<Vec<T>, E> {
        self.0.wrong("a list");
        Ok(Vec::new())
    }
    fn visit_bool<E>(self, _: bool) -> Result<Vec<T>, E> {
        self.0.wrong("a list");
        Ok(Vec::new())
    }
    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }
}

impl<'a, T: Object<'a>> Read<'a> for Vec<T> {
    fn read<D: Deserializer<'a>>(source: D, notes: &mut Notes) -> Result<Self, D::Error> {
        source.deserialize_any(ListVisitor(notes, PhantomData))
    }
}

/// An object's key, borrowed where possible.
pub(super) struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;
    fn deserialize<D: Deserializer<'a>>(self, source: D) -> Result<Cow<'a, str>, D::Error> {
        source.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(key))
    }
    fn visit_str<E>(self, key: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

pub(super) fn drain_seq<'a, A: SeqAccess<'a>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

pub(super) fn drain_map<'a, A: MapAccess<'a>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Declares an object once: its fields, the keys each is read from, and what becomes of others.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident<$lt:lifetime> {
            $( $(#[$field_meta:meta])* $key:literal $(| $alias:literal)* => $field:ident: $type:ty, )*
        }
        others: $others:tt $(($kept:ident))?;
        $(text: $text_field:ident;)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub struct $name<$lt> {
            $( $(#[$field_meta])* pub $field: $type, )*
            $(
                /// Fields that have no place of their own.
                pub $kept: $crate::event::Fields<$lt>,
            )?
        }

        impl<$lt> $crate::event::read::Object<$lt> for $name<$lt> {
            fn field<A: serde::de::MapAccess<$lt>>(
                &mut self,
                key: &str,
                map: &mut A,
                notes: &mut $crate::event::read::Notes,
            ) -> Result<bool, A::Error> {
                match key {
                    $( $key $(| $alias)* => {
                        notes.enter($key);
                        self.$field = map.next_value_seed($crate::event::read::Seed::new(notes))?;
                        notes.leave();
                        Ok(true)
                    } )*
                    _ => Ok(false),
                }
            }

            fn other<A: serde::de::MapAccess<$lt>>(
                &mut self,
                key: std::borrow::Cow<$lt, str>,
                map: &mut A,
                notes: &mut $crate::event::read::Notes,
            ) -> Result<(), A::Error> {
                object!(@other $others self key map notes $($kept)?)
            }

            $(
                fn from_text(text: std::borrow::Cow<$lt, str>) -> Option<Self> {
                    Some(Self { $text_field: Some(text).into(), ..Self::default() })
                }
            )?
        }
    };
    (@other dropped $self:ident $key:ident $map:ident $notes:ident) => {{
        let (_, _) = ($key, $notes);
        $map.next_value::<serde::de::IgnoredAny>().map(drop)
    }};
    (@other noted $self:ident $key:ident $map:ident $notes:ident) => {{
        // Null is what some clients write for nothing.
        if $map.next_value::<Option<serde::de::IgnoredAny>>()?.is_some() {
            $notes.unknown(&$key);
        }
        Ok(())
    }};
    (@other kept $self:ident $key:ident $map:ident $notes:ident $kept:ident) => {{
        let value: Option<$crate::event::Raw<'_>> =
            $map.next_value_seed($crate::event::read::Seed::new($notes))?;
        $self.$kept.0.extend(value.map(|value| ($key, value)));
        Ok(())
    }};
}
pub(super) use object;
