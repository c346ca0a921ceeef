//! Events that relays tell as one: what each counts for, and which issue it is of.
//!
//! Of most such events a record says only whose they were and when they happened. Each user's are
//! read as the events they were: the one that is whole, with that user in it. Rules about grouping
//! may look at what is said of users, in tags; where they part what is alike, those that belong
//! elsewhere are given a stored event of their own, which stands for them.
//!
//! What always holds: the events of a record are counted once each, whatever becomes of the one
//! that is whole. Where that is stored already, another stands in for the rest.

use protocol::block::Alike;
use protocol::event::Event;
use protocol::fold;
use protocol::ids::EventId;
use protocol::item::Category;
use protocol::timestamp::Timestamp;
use sha2::{Digest as _, Sha256};

use super::effect::Incoming;
use super::prepare;
use crate::archive::StoredEvent;
use crate::geo::Places;
use crate::group::Rules;
use crate::index::{Document, User};
use crate::normalise::NormaliseError;

/// What a way of making ids says it is for, so that two ways never make the same.
const OF_OTHERS: &[u8] = b"stands for others";
const OF_USER: &[u8] = b"stands for a user's";

/// Events of one user that are like a stored one.
#[derive(Clone, Debug)]
pub(super) struct Like {
    /// Whom they are counted for.
    pub(super) user: Option<[u8; 8]>,
    /// The same, as it is searched.
    pub(super) whose: User,
    pub(super) tags: Vec<(String, String)>,
    pub(super) n: i64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// How many happened in each hour.
    pub(super) hours: Vec<(i64, i64)>,
}

/// Grouping is done with what it is done with everywhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct By<'b> {
    pub(super) category: Category,
    pub(super) rules: &'b Rules,
    pub(super) places: &'b Places,
}

/// The events of a record: the one that is whole with those that are of its issue, and those that
/// stand for others.
pub(super) fn apart(
    stored: StoredEvent,
    alike: &[Alike],
    by: By<'_>,
) -> Result<Vec<Incoming>, NormaliseError> {
    let mut whole = prepare::alone(stored, by)?;
    let shift = shift(&whole);
    let mut apart: Vec<Incoming> = Vec::new();
    for alike in alike {
        let mut one = of_user(&whole, alike, by)?;
        let like = like(&one, alike, shift);
        let mut known = std::iter::once(&mut whole).chain(&mut apart);
        let known =
            known.find(|known| known.hashes == one.hashes && known.previous == one.previous);
        match known {
            Some(known) => {
                known.stored.alike.push(alike.clone());
                known.alike.push(like);
            }
            None => {
                one.stored.stands_in = true;
                one.stored.alike = vec![alike.clone()];
                one.alike = vec![like];
                apart.push(one);
            }
        }
    }
    whole.spare = stand_in(&whole).map(Box::new);
    apart.insert(0, whole);
    Ok(apart)
}

/// What is like a stored event, read again.
pub(super) fn again(event: &Incoming, by: By<'_>) -> Result<Vec<Like>, NormaliseError> {
    let shift = shift(event);
    let alike = event.stored.alike.iter();
    alike
        .map(|alike| Ok(like(&of_user(event, alike, by)?, alike, shift)))
        .collect()
}

/// The event as it was of another user.
fn of_user(event: &Incoming, alike: &Alike, by: By<'_>) -> Result<Incoming, NormaliseError> {
    let stored = &event.stored;
    let user = alike.user.as_deref();
    let payload = fold::with_user(&stored.payload, user);
    let whose = [user, alike.remote_addr.as_deref().map(str::as_bytes)];
    let stored = StoredEvent {
        event_id: made_id(stored, OF_USER, &whose.map(Option::unwrap_or_default)),
        payload: payload.unwrap_or_else(|| stored.payload.clone()),
        remote_addr: alike.remote_addr.clone(),
        place: None,
        alike: Vec::new(),
        ..stored.clone()
    };
    prepare::alone(stored, by)
}

/// How far the event's time was moved; what came with it moves as far.
fn shift(event: &Incoming) -> i64 {
    let sent = Event::parse(&event.stored.payload).ok();
    let sent = sent.and_then(|sent| sent.event.timestamp);
    sent.map_or(0, |sent| event.document.timestamp.millis_since(sent))
}

fn like(event: &Incoming, alike: &Alike, shift: i64) -> Like {
    let hours = alike.minutes.iter().map(|(minute, n)| {
        let at = Timestamp::from_millis(minute.saturating_mul(60_000)).plus_millis(shift);
        (at.hour(), i64::from(*n))
    });
    Like {
        user: event.user,
        whose: event.document.user.clone(),
        tags: event.document.tags.clone(),
        n: i64::try_from(alike.count()).unwrap_or(i64::MAX),
        first: alike.first.plus_millis(shift),
        last: alike.last.plus_millis(shift),
        hours: hours.collect(),
    }
}

/// What stands for those that are like an event, without the event itself.
fn stand_in(event: &Incoming) -> Option<Incoming> {
    if event.alike.is_empty() {
        return None;
    }
    let mut other = event.clone();
    let id = made_id(&event.stored, OF_OTHERS, &[]);
    other.stored.event_id = id;
    other.document.event_id = Some(id);
    other.stored.stands_in = true;
    Some(other)
}

/// An id that nobody sent: the same each time the record comes.
fn made_id(stored: &StoredEvent, what: &[u8], whose: &[&[u8]]) -> EventId {
    let mut hasher = Sha256::new();
    hasher.update(what);
    hasher.update(stored.relay.as_bytes());
    hasher.update(stored.event_id.as_bytes());
    hasher.update(stored.received_at.as_millis().to_le_bytes());
    for one in whose {
        hasher.update((one.len() as u64).to_le_bytes());
        hasher.update(one);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    EventId::from_bytes(id)
}

impl Incoming {
    /// How many events it counts as.
    pub(super) fn count(&self) -> i64 {
        let alike = self.alike.iter().map(|like| like.n);
        alike.fold(self.own(), i64::saturating_add)
    }

    /// What is searchable of it, once it has a row and an issue.
    pub(super) fn searchable(&self, row: i64, issue: i64) -> Document {
        let others = self.alike.iter().map(|like| like.whose.clone());
        Document {
            row,
            issue,
            n_others: u64::try_from(self.count() - 1).unwrap_or(0),
            users_of_others: others.collect(),
            ..self.document.clone()
        }
    }

    /// Itself, if somebody sent it.
    pub(super) fn own(&self) -> i64 {
        i64::from(!self.stored.stands_in)
    }

    fn own_time(&self) -> Option<Timestamp> {
        (!self.stored.stands_in).then_some(self.document.timestamp)
    }

    /// When the first of its events happened.
    pub(super) fn first_seen(&self) -> Timestamp {
        let alike = self.alike.iter().map(|like| like.first);
        let first = alike.chain(self.own_time()).min();
        first.unwrap_or(self.document.timestamp)
    }

    /// When the last of its events happened.
    pub(super) fn last_seen(&self) -> Timestamp {
        let alike = self.alike.iter().map(|like| like.last);
        let last = alike.chain(self.own_time()).max();
        last.unwrap_or(self.document.timestamp)
    }

    /// Whom its events are counted for.
    pub(super) fn users(&self) -> impl Iterator<Item = [u8; 8]> + '_ {
        let own = self.user.filter(|_| !self.stored.stands_in);
        own.into_iter()
            .chain(self.alike.iter().filter_map(|like| like.user))
    }

    /// Whom its events since a time are counted for, with when they were seen last.
    pub(super) fn users_since(
        &self,
        start: Timestamp,
    ) -> impl Iterator<Item = ([u8; 8], Timestamp)> + '_ {
        let own = self.user.zip(self.own_time());
        let alike = self.alike.iter();
        let alike = alike.filter_map(|like| Some((like.user?, like.last)));
        let all = own.into_iter().chain(alike);
        all.filter(move |(_, at)| *at >= start)
    }

    /// Its events by hour; an hour may come several times.
    pub(super) fn hours(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let own = self.own_time().map(|at| (at.hour(), 1));
        let alike = self
            .alike
            .iter()
            .flat_map(|like| like.hours.iter().copied());
        own.into_iter().chain(alike)
    }

    /// Its tags with how many events have them, and from when to when; one may come several times.
    pub(super) fn tags(&self) -> impl Iterator<Item = (&(String, String), Seen)> {
        let own = self.own_time().into_iter().flat_map(|at| {
            let tags = self.document.tags.iter();
            tags.map(move |tag| (tag, (1, at, at)))
        });
        let alike = self.alike.iter().flat_map(|like| {
            let tags = like.tags.iter();
            tags.map(|tag| (tag, (like.n, like.first, like.last)))
        });
        own.chain(alike)
    }

    /// How many of its events happened at a time or later; of those told together all, if one did.
    pub(super) fn count_since(&self, start: Timestamp) -> i64 {
        let own = i64::from(self.own_time().is_some_and(|at| at >= start));
        let alike = self.alike.iter().filter(|like| like.last >= start);
        alike.fold(own, |sum, like| sum.saturating_add(like.n))
    }
}

/// How many, from when to when.
pub(super) type Seen = (i64, Timestamp, Timestamp);
