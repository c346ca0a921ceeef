//! Which events differ in nothing that matters, so that a storm of them may be told as one.
//!
//! A key is made of everything about an event but a short, closed list of what no grouping, no
//! rule of ownership, no tag and no release goes by ([`DROPPED`]), and but for its user, who is
//! kept beside. What is not on the list makes another key, whatever it is: events that the hub
//! could tell apart are then not told as one.
//!
//! What always holds: JSON is compared as it is written, names that stand twice included. What
//! cannot be read, or says something unusual about its time, has no key.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::block::{Alike, Items};
use crate::event::Event;
use crate::item::ItemKind;
use crate::timestamp::Timestamp;

/// Largest `user` that is kept beside a key, in bytes.
pub const USER_BYTES_MAX: usize = 1024;

/// The hub corrects times by the clock from 55 minutes of difference on; such events are not told
/// as one.
const DRIFT_MILLIS_MAX: u64 = 45 * 60_000;
/// Nor are those that happened long before they came.
const AGE_MILLIS_MAX: i64 = 24 * 3_600_000;
/// Or after it: two clocks are never quite alike, and the hub believes a minute.
const AHEAD_MILLIS_MAX: i64 = 30_000;

/// What does not matter, by its path in the event. `*` is every element of a list; names behind
/// `~` are compared without regard to case.
const DROPPED: &[&[&str]] = &[
    &["event_id"],
    &["timestamp"],
    &["received"],
    &["user"],
    &["breadcrumbs"],
    &["extra"],
    &["contexts", "trace", "trace_id"],
    &["contexts", "trace", "span_id"],
    &["contexts", "trace", "parent_span_id"],
    &["contexts", "trace", "data"],
    &["contexts", "trace", "dynamic_sampling_context"],
    &["contexts", "profile", "profile_id"],
    &["contexts", "app", "app_memory"],
    &["contexts", "app", "free_memory"],
    &["contexts", "device", "battery_level"],
    &["contexts", "device", "battery_temperature"],
    &["contexts", "device", "external_free_storage"],
    &["contexts", "device", "free_memory"],
    &["contexts", "device", "free_storage"],
    &["contexts", "device", "usable_memory"],
    &[
        "exception",
        "values",
        "*",
        "stacktrace",
        "frames",
        "*",
        "vars",
    ],
    &[
        "threads",
        "values",
        "*",
        "stacktrace",
        "frames",
        "*",
        "vars",
    ],
    &["stacktrace", "frames", "*", "vars"],
    &["request", "cookies"],
    &["request", "data"],
    &["request", "headers", "~baggage"],
    &["request", "headers", "~content-length"],
    &["request", "headers", "~cookie"],
    &["request", "headers", "~sentry-trace"],
    &["request", "headers", "~traceparent"],
    &["request", "headers", "~x-amzn-trace-id"],
    &["request", "headers", "~x-correlation-id"],
    &["request", "headers", "~x-request-id"],
];

/// Stands for everything that matters about an event: 128 bits of SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 16]);

/// An event that may be told together with others of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foldable {
    /// What it has in common with them.
    pub key: Key,
    /// Its `user`, JSON.
    pub user: Option<Bytes>,
    /// When it happened, by the SDK's clock.
    pub at: Timestamp,
}

impl Foldable {
    /// The event as the first of its user's.
    #[must_use]
    pub fn alike(self, remote_addr: Option<String>) -> Alike {
        Alike {
            user: self.user,
            remote_addr,
            first: self.at,
            last: self.at,
            minutes: vec![(minute(self.at), 1)],
        }
    }
}

/// Adds an event to others of the same user.
pub fn add(alike: &mut Alike, at: Timestamp) {
    alike.first = alike.first.min(at);
    alike.last = alike.last.max(at);
    let minute = minute(at);
    match alike.minutes.iter_mut().find(|(known, _)| *known == minute) {
        Some((_, n)) => *n = n.saturating_add(1),
        None => alike.minutes.push((minute, 1)),
    }
}

/// The minute since 1970 that a time lies in.
const fn minute(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(60_000)
}

/// The key of a record that is one error event, scrubbed; `None` where it has to stay as it is.
#[must_use]
pub fn read(items: &Items) -> Option<Foldable> {
    let [item] = items.items.as_slice() else {
        return None;
    };
    if ItemKind::from_name(&item.kind) != ItemKind::Event {
        return None;
    }
    let members = members(&item.payload)?;
    let at = time(one(&members, "timestamp")??)?;
    if !is_usual(items, at) {
        return None;
    }
    let user = one(&members, "user")?.map(|raw| raw.get().as_bytes());
    if user.is_some_and(|user| user.len() > USER_BYTES_MAX) {
        return None;
    }
    let mut hash = Hash(Sha256::new());
    hash.number(items.project.get());
    hash.bytes(items.key.as_bytes());
    hash.text(items.client.as_deref());
    hash.text(items.user_agent.as_deref());
    hash.bytes(&item.header);
    hash.object(&members, DROPPED)?;
    Some(Foldable {
        key: hash.key(),
        user: user.map(Bytes::copy_from_slice),
        at,
    })
}

/// An event as another user's: the payload with this `user`, or with none.
#[must_use]
pub fn with_user(payload: &[u8], user: Option<&[u8]>) -> Option<Bytes> {
    let members = members(payload)?;
    let mut text = b"{".to_vec();
    let user = user.map(|user| serde_json::from_slice(user).ok());
    let user: Option<&RawValue> = match user {
        Some(user) => Some(user?),
        None => None,
    };
    let others = members.iter().filter(|(name, _)| name != "user");
    let others = others.map(|(name, raw)| (name.as_ref(), *raw));
    for (name, raw) in others.chain(user.map(|user| ("user", user))) {
        if text.len() > 1 {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, name).ok()?;
        text.push(b':');
        text.extend_from_slice(raw.get().as_bytes());
    }
    text.push(b'}');
    Some(Bytes::from(text))
}

/// Whether the hub will take the time as it is.
fn is_usual(items: &Items, at: Timestamp) -> bool {
    let received = items.received_at;
    let drift = items.sent_at.map_or(0, |sent| received.millis_since(sent));
    drift.unsigned_abs() <= DRIFT_MILLIS_MAX
        && (-AHEAD_MILLIS_MAX..=AGE_MILLIS_MAX).contains(&received.millis_since(at))
}

/// A time as events have it.
fn time(raw: &RawValue) -> Option<Timestamp> {
    let event = format!("{{\"timestamp\":{}}}", raw.get());
    Event::parse(event.as_bytes()).ok()?.event.timestamp
}

type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The value of a name that stands at most once; `None` where it stands twice.
fn one<'a>(members: &[Member<'a>], name: &str) -> Option<Option<&'a RawValue>> {
    let mut found = members.iter().filter(|(known, _)| known == name);
    let first = found.next().map(|(_, raw)| *raw);
    found.next().is_none().then_some(first)
}

/// The members of an object, in order.
fn members(object: &[u8]) -> Option<Vec<Member<'_>>> {
    #[derive(Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
    struct Members<'a>(Vec<Member<'a>>);
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Members<'de>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
            let mut list = Vec::new();
            while let Some((Name(name), raw)) = map.next_entry()? {
                list.push((name, raw));
            }
            Ok(Members(list))
        }
    }
    impl<'de> Deserialize<'de> for Members<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            from.deserialize_map(InOrder)
        }
    }
    Some(serde_json::from_slice::<Members<'_>>(object).ok()?.0)
}

/// Feeds a digest so that different things never read alike: everything has its length in front.
struct Hash(Sha256);

impl Hash {
    fn number(&mut self, n: u64) {
        self.0.update(n.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn text(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.bytes(text.unwrap_or_default().as_bytes());
    }

    /// The members that matter. `None` where one that does not stands twice.
    fn object(&mut self, members: &[Member<'_>], dropped: &[&[&str]]) -> Option<()> {
        self.0.update(b"{");
        for (place, (name, raw)) in members.iter().enumerate() {
            let below = below(dropped, |first| is_named(first, name));
            if below.iter().any(|path| path.is_empty()) {
                let before = members.get(..place).unwrap_or_default();
                if before.iter().any(|(known, _)| known == name) {
                    return None;
                }
                continue;
            }
            self.bytes(name.as_bytes());
            self.value(raw, &below)?;
        }
        self.0.update(b"}");
        Some(())
    }

    fn value(&mut self, raw: &RawValue, dropped: &[&[&str]]) -> Option<()> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'{') if !dropped.is_empty() => self.object(&members(text.as_bytes())?, dropped),
            Some(b'[') if !dropped.is_empty() => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let below = below(dropped, |first| first == "*");
                self.0.update(b"[");
                for element in elements {
                    self.value(element, &below)?;
                }
                self.0.update(b"]");
                Some(())
            }
            _ => {
                self.bytes(text.as_bytes());
                Some(())
            }
        }
    }

    fn key(self) -> Key {
        let digest: [u8; 32] = self.0.finalize().into();
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(digest) {
            *to = from;
        }
        Key(key)
    }
}

/// The rest of the paths whose first name is meant.
fn below<'p>(dropped: &[&'p [&'p str]], is_meant: impl Fn(&str) -> bool) -> Vec<&'p [&'p str]> {
    let paths = dropped.iter().filter_map(|path| path.split_first());
    let meant = paths.filter(|(first, _)| is_meant(first));
    meant.map(|(_, rest)| rest).collect()
}

fn is_named(first: &str, name: &str) -> bool {
    match first.strip_prefix('~') {
        Some(first) => first.eq_ignore_ascii_case(name),
        None => first == name,
    }
}

#[cfg(test)]
mod tests;
