//! The deed in hand: who changes what, from where, and how it was before.
//!
//! What always holds: the store writes one entry for a deed in the transaction of the deed's first
//! change, so that neither is there without the other; entries are a chain ([`chain`]); what is
//! secret is named and never written down.
//!
//! A deed goes along with the task that does it, not as an argument through every room: a method
//! that forgot to hand it on would change something without a trace. Who begins one is the API;
//! rooms below add what they know with [`target`] and [`changed`], which do nothing without a deed.
//!
//! What it never does: keep anything. The store does.

pub mod chain;
mod difference;

use std::cell::RefCell;
use std::fmt::Display;

use protocol::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Most things that an entry about many of them names.
pub const NAMED_MAX: usize = 100;
/// Longest name in an entry, in characters.
const NAME_CHARS_MAX: usize = 300;

/// What was done, by whom, to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The organization it belongs to; of what belongs to the whole hub, none.
    pub organization: Option<i64>,
    /// Who; nobody who has shown who they are, and the hub itself, is none.
    pub actor: Option<i64>,
    /// What they were called then.
    pub actor_name: String,
    /// The API token that they showed.
    pub token: Option<i64>,
    /// What that was called then.
    pub token_name: String,
    /// The address that it came from.
    pub address: String,
    /// What was done, in Sentry's words where it has one: `project.edit`.
    pub action: String,
    /// What it was done to.
    pub target: Target,
    /// JSON object: what was changed, and what else belongs to it.
    pub data: String,
}

/// What something was done to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// `project`, `issue` and the like; empty where the action says it all.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// What it was called then.
    pub name: String,
}

/// Somebody who does something.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// Who.
    pub user: Option<i64>,
    /// What they are called.
    pub name: String,
    /// The API token that they showed.
    pub token: Option<i64>,
    /// What that is called.
    pub token_name: String,
    /// The address that they come from.
    pub address: String,
}

struct Deed {
    entry: Entry,
    data: Map<String, Value>,
    /// Whether the next commit writes it down.
    is_due: bool,
    /// Whether any commit did.
    is_written: bool,
}

tokio::task_local! {
    static DEED: RefCell<Deed>;
}

/// Does something as a deed of somebody. Also says whether an entry was written.
pub async fn during<T>(
    at: Timestamp,
    actor: Actor,
    action: &str,
    doing: impl Future<Output = T>,
) -> (T, bool) {
    let entry = Entry {
        at,
        organization: None,
        actor: actor.user,
        actor_name: cut(&actor.name),
        token: actor.token,
        token_name: cut(&actor.token_name),
        address: actor.address,
        action: action.to_owned(),
        target: Target::default(),
        data: String::new(),
    };
    let deed = Deed {
        entry,
        data: Map::new(),
        is_due: true,
        is_written: false,
    };
    let both = async {
        let done = doing.await;
        (done, DEED.with(|deed| deed.borrow().is_written))
    };
    DEED.scope(RefCell::new(deed), both).await
}

fn with(change: impl FnOnce(&mut Deed)) {
    // Outside a deed there is nothing to add to.
    let _ = DEED.try_with(|deed| change(&mut deed.borrow_mut()));
}

/// Says who does it, once they have shown who they are.
pub fn actor(user: i64, name: &str) {
    with(|deed| {
        deed.entry.actor = Some(user);
        deed.entry.actor_name = cut(name);
    });
}

/// Says which organization it belongs to.
pub fn organization(id: i64) {
    with(|deed| deed.entry.organization = Some(id));
}

/// Says what it is done to; the last word counts.
pub fn target(kind: &str, id: impl Display, name: &str) {
    with(|deed| {
        deed.entry.target = Target {
            kind: kind.to_owned(),
            id: cut(&id.to_string()),
            name: cut(name),
        };
    });
}

/// Says what it is called, where the route alone does not.
pub fn action(name: &str) {
    with(|deed| name.clone_into(&mut deed.entry.action));
}

/// Notes how settings differ that were this before and are that after.
pub fn changed(before: &impl Serialize, after: &impl Serialize) {
    with(|deed| {
        let (Ok(before), Ok(after)) = (serde_json::to_value(before), serde_json::to_value(after))
        else {
            return;
        };
        let changes = difference::between(&before, &after);
        if !changes.is_empty() {
            deed.data.insert("changes".to_owned(), changes.into());
            deed.is_due = true;
        }
    });
}

/// Notes something else that belongs to it.
pub fn detail(name: &str, value: impl Into<Value>) {
    let value = difference::shown(name, &value.into());
    with(|deed| {
        deed.data.insert(name.to_owned(), value);
        deed.is_due = true;
    });
}

/// Says that it is done to many things: how many, and the first of them by id and name.
pub fn many(kind: &str, n: usize, first: &[(i64, String)]) {
    let first = first.iter().take(NAMED_MAX);
    let named: Vec<Value> = first
        .map(|(id, name)| json!({ "id": id.to_string(), "name": cut(name) }))
        .collect();
    target(kind, "", &format!("{n} {kind}s"));
    with(|deed| {
        deed.data.insert("count".to_owned(), n.into());
        deed.data.insert("targets".to_owned(), named.into());
    });
}

/// Says that nothing was changed, or nothing but what is somebody's own, such as what they have
/// seen: no entry is written.
pub fn nothing() {
    with(|deed| {
        deed.is_due = false;
        deed.is_written = true;
    });
}

/// The entry that the transaction which is about to be committed has to hold.
#[must_use]
pub fn due() -> Option<Entry> {
    let due = DEED.try_with(|deed| {
        let deed = deed.borrow();
        deed.is_due.then(|| Entry {
            data: Value::Object(deed.data.clone()).to_string(),
            ..deed.entry.clone()
        })
    });
    due.unwrap_or_default()
}

/// Notes that the entry that was due is on the disk. What is noted later becomes another.
pub fn written() {
    with(|deed| {
        deed.data.clear();
        deed.is_due = false;
        deed.is_written = true;
    });
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written_by(doing: impl Future<Output = ()>) -> (Vec<Entry>, bool) {
        let mut entries = Vec::new();
        let doing = async {
            doing.await;
            if let Some(entry) = due() {
                entries.push(entry);
                written();
            }
            assert_eq!(due(), None, "one entry for a deed");
            changed(&json!({ "name": "b" }), &json!({ "name": "c" }));
            entries.extend(due());
        };
        let ((), is_written) = during(
            Timestamp::from_millis(1),
            Actor::default(),
            "team.edit",
            doing,
        )
        .await;
        (entries, is_written)
    }

    #[tokio::test]
    async fn a_deed_is_due_once_and_again_when_more_was_changed() {
        let (entries, is_written) = written_by(async {
            organization(3);
            target("team", 5, "Web");
            changed(&json!({ "name": "a" }), &json!({ "name": "b" }));
        })
        .await;
        assert!(is_written);
        let [first, second] = entries.as_slice() else {
            panic!("{entries:?}");
        };
        assert_eq!(first.data, r#"{"changes":{"name":["a","b"]}}"#);
        assert_eq!(second.data, r#"{"changes":{"name":["b","c"]}}"#);
        assert_eq!(
            (first.target.id.as_str(), first.organization),
            ("5", Some(3))
        );
    }

    #[tokio::test]
    async fn what_changes_nothing_leaves_nothing() {
        let (entries, is_written) = written_by(async { nothing() }).await;
        assert_eq!(entries.len(), 1, "only what was changed behind it");
        assert!(is_written);
    }

    #[tokio::test]
    async fn outside_a_deed_nothing_is_due() {
        changed(&1, &2);
        target("team", 1, "Web");
        assert_eq!(std::future::ready(due()).await, None);
    }
}
