//! Which records are of those who are to be forgotten.
//!
//! A record goes whole: the items of one envelope and lane belong to one event, and what is left
//! of it, its attachments and replays, is found by the event's id. So events that one record tells
//! of go together, where one of them is wanted.
//!
//! What it never does: look for people in what is no JSON object, or in what applications wrote in
//! texts of their own. Those are removed by privacy rules, before they are kept.

use std::collections::BTreeSet;

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::block::{Items, Record};
use crate::ids::{EventId, ProjectId};
use crate::roster::{Erasure, Subject, SubjectKind};

/// Events that are remembered because a record of theirs was found; more are found by another look.
const FOUND_MAX: usize = 100_000;

/// Whose records are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    project: ProjectId,
    subjects: BTreeSet<Subject>,
    events: BTreeSet<EventId>,
}

impl Wanted {
    /// What an erasure asks for.
    #[must_use]
    pub fn new(erasure: &Erasure) -> Self {
        Self {
            project: erasure.project,
            subjects: erasure.subjects.iter().copied().collect(),
            events: erasure.events.iter().copied().collect(),
        }
    }

    /// Whether a record is wanted. Parts go by the event they belong to: alone they say nothing.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        match record {
            Record::Items(items) => self.is_wanted(items),
            Record::Whole(whole) => {
                self.is_wanted(&whole.items) || self.names(whole.sum.whole.into())
            }
            Record::Part(part) => {
                let own = part.event_id.is_some_and(|id| self.names(id));
                part.project == self.project && (own || self.names(part.whole.into()))
            }
            Record::Folded(folded) => {
                let mut users = folded.alike.iter().filter_map(|alike| alike.user.as_ref());
                self.is_wanted(&folded.items)
                    || folded.items.project == self.project
                        && users.any(|user| self.is_of_user(user))
            }
            Record::Ledger(_) => false,
        }
    }

    /// Remembers what a record that is wanted belongs to. Whether it was not yet.
    pub fn note_event_of(&mut self, record: &Record) -> bool {
        let (event, whole) = match record {
            Record::Items(items) => (items.event_id, None),
            Record::Whole(whole) => (whole.items.event_id, Some(whole.sum.whole)),
            Record::Part(part) => (part.event_id, Some(part.whole)),
            Record::Folded(folded) => (folded.items.event_id, None),
            Record::Ledger(_) => (None, None),
        };
        let ids = event.into_iter().chain(whole.map(EventId::from));
        ids.fold(false, |is_more, id| self.note(id) | is_more)
    }

    /// Whether items are wanted.
    #[must_use]
    pub fn is_wanted(&self, record: &Items) -> bool {
        let mut payloads = record.items.iter().map(|item| &item.payload);
        record.project == self.project
            && (record.event_id.is_some_and(|id| self.names(id))
                || payloads.any(|payload| self.is_of_subject(payload)))
    }

    /// Whether an event is named, or is known to be of a person who is.
    #[must_use]
    pub fn names(&self, id: EventId) -> bool {
        self.events.contains(&id)
    }

    /// Whether a payload says that it is a person's who is named.
    #[must_use]
    pub fn is_of_subject(&self, payload: &[u8]) -> bool {
        let names_someone = |field: &[u8]| memmem::find(payload, field).is_some();
        if self.subjects.is_empty() || !(names_someone(b"\"user\"") || names_someone(b"\"did\"")) {
            return false;
        }
        let Ok(Whose { user, did }) = serde_json::from_slice(payload) else {
            return false;
        };
        // Sessions name the user in one word, whatever it is.
        let mut kinds = SubjectKind::ALL.into_iter();
        self.is_user(&user) || kinds.any(|kind| self.is_subject(kind, &did))
    }

    /// Whether an event's `user`, a JSON object, is a person who is named.
    #[must_use]
    pub fn is_of_user(&self, user: &[u8]) -> bool {
        !self.subjects.is_empty()
            && serde_json::from_slice(user).is_ok_and(|user| self.is_user(&user))
    }

    fn is_user(&self, user: &Value) -> bool {
        let mut kinds = SubjectKind::ALL.into_iter();
        kinds.any(|kind| {
            user.get(kind.field())
                .is_some_and(|value| self.is_subject(kind, value))
        })
    }

    fn is_subject(&self, kind: SubjectKind, value: &Value) -> bool {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return false,
        };
        self.subjects.contains(&Subject::of(kind, &text))
    }

    /// Remembers an event of which a record is wanted, so that its other records are wanted too.
    /// Whether it was not yet.
    pub fn note(&mut self, event: EventId) -> bool {
        self.events.len() < FOUND_MAX && self.events.insert(event)
    }

    /// Whose records they are.
    #[must_use]
    pub const fn project(&self) -> ProjectId {
        self.project
    }
}

/// What of a payload says whose it is.
#[derive(Deserialize)]
struct Whose {
    #[serde(default)]
    user: Value,
    #[serde(default)]
    did: Value,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::block::{Alike, Folded, Item};
    use crate::ids::PublicKey;
    use crate::timestamp::Timestamp;

    fn record(project: u64, event: u8, kind: &str, payload: &str) -> Items {
        Items {
            project: ProjectId::new(project).unwrap(),
            key: PublicKey::from_bytes([1; 16]),
            received_at: Timestamp::from_millis(1),
            sent_at: None,
            event_id: Some(EventId::from_bytes([event; 16])),
            client: None,
            remote_addr: None,
            user_agent: None,
            trace: None,
            items: vec![Item {
                kind: kind.to_owned(),
                header: Bytes::from_static(b"{}"),
                payload: Bytes::copy_from_slice(payload.as_bytes()),
            }],
        }
    }

    fn wanted() -> Wanted {
        Wanted::new(&Erasure {
            id: 1,
            project: ProjectId::new(1).unwrap(),
            subjects: vec![
                Subject::of(SubjectKind::Id, "42"),
                Subject::of(SubjectKind::Email, "Ada@example.org"),
            ],
            events: vec![EventId::from_bytes([7; 16])],
        })
    }

    #[test]
    fn finds_a_person_however_sdks_name_them_and_nobody_else() {
        let check = |payload: &str, is_wanted: bool| {
            let record = record(1, 1, "event", payload);
            assert_eq!(wanted().is_wanted(&record), is_wanted, "{payload}");
        };
        check(r#"{"user":{"id":"42"}}"#, true);
        check(r#"{"user":{"id":42}}"#, true);
        check(
            r#"{"message":"x","user":{"email":"ADA@example.org "}}"#,
            true,
        );
        check(r#"{"sid":"x","did":"42"}"#, true);
        check(r#"{"user":{"id":"43"}}"#, false);
        check(r#"{"user":{"username":"42"}}"#, false);
        check(r#"{"extra":{"user":{"id":"42"}}}"#, false);
        check(r#"{"user":null}"#, false);
        check(r#""user""#, false);
        check(r#"{"user":{"id":"42""#, false);
    }

    #[test]
    fn finds_a_person_among_events_that_are_told_together() {
        let check = |project: u64, user: &str, is_wanted: bool| {
            let alike = Alike {
                user: Some(Bytes::copy_from_slice(user.as_bytes())),
                remote_addr: None,
                first: Timestamp::from_millis(1),
                last: Timestamp::from_millis(1),
                minutes: vec![(0, 1)],
            };
            let folded = Folded {
                items: record(project, 1, "event", r#"{"user":{"id":"43"}}"#),
                alike: vec![alike],
            };
            let record = Record::Folded(folded);
            assert_eq!(wanted().wants(&record), is_wanted, "{user}");
        };
        check(1, r#"{"id":"42"}"#, true);
        check(1, r#"{"id":"44"}"#, false);
        check(2, r#"{"id":"42"}"#, false);
        check(1, "42", false);
    }

    #[test]
    fn finds_what_belongs_to_an_event_in_its_own_project() {
        let check = |wanted: &Wanted, project, event, is_wanted| {
            let record = record(project, event, "attachment", "\u{1}user");
            assert_eq!(wanted.is_wanted(&record), is_wanted, "{project} {event}");
        };
        let mut wanted = wanted();
        check(&wanted, 1, 7, true);
        check(&wanted, 2, 7, false);
        check(&wanted, 1, 8, false);
        assert!(wanted.note(EventId::from_bytes([8; 16])));
        assert!(!wanted.note(EventId::from_bytes([8; 16])));
        check(&wanted, 1, 8, true);
    }
}
