//! The chain of entries: each one's hash is over what it says and the hash before it.
//!
//! So an entry that was changed, taken out or put in between breaks the chain from there on. What
//! is too old goes from its beginning; the anchor keeps the hash of the last that went, and an
//! entry of the chain itself says the same.

use sha2::{Digest as _, Sha256};

use super::Entry;

/// What the entry is called that tells of entries which were too old.
pub const TRIM: &str = "audit-log.trim";

/// A hash of the chain.
pub type Hash = [u8; 32];

/// The place behind which the chain begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// The number of the last entry that went; 0 when none did.
    pub id: i64,
    /// Its hash.
    pub hash: Hash,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number, one more than that of the entry before.
    pub id: i64,
    /// What it says.
    pub entry: Entry,
    /// Its hash.
    pub hash: Hash,
}

/// Why the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Entries are gone.
    #[error("entry {expected} is missing: the next one is {found}")]
    Missing {
        /// The number that should come.
        expected: i64,
        /// The one that comes.
        found: i64,
    },
    /// An entry, or the one before it, is not as it was written.
    #[error("entry {id} of {at} is not as it was written")]
    Changed {
        /// Its number.
        id: i64,
        /// When it says that it was written.
        at: String,
    },
    /// The beginning is gone, and no entry says so.
    #[error("the entries up to {id} are gone, and no entry tells that they were too old")]
    Cut {
        /// The last that went.
        id: i64,
    },
}

/// The hash of an entry behind another.
#[must_use]
pub fn hash(before: &Hash, id: i64, entry: &Entry) -> Hash {
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    let fields = [
        id.to_string(),
        entry.at.as_millis().to_string(),
        number(entry.organization),
        number(entry.actor),
        entry.actor_name.clone(),
        number(entry.token),
        entry.token_name.clone(),
        entry.address.clone(),
        entry.action.clone(),
        entry.target.kind.clone(),
        entry.target.id.clone(),
        entry.target.name.clone(),
        entry.data.clone(),
    ];
    let mut sum = Sha256::new();
    sum.update(before);
    for field in fields {
        // With their lengths, so that no text moves from one field into the next.
        sum.update((field.len() as u64).to_le_bytes());
        sum.update(field);
    }
    sum.finalize().into()
}

/// What an entry says of those that were too old up to a place.
#[must_use]
pub fn trim_data(anchor: &Anchor) -> String {
    serde_json::json!({ "upTo": anchor.id, "hash": hex::encode(anchor.hash) }).to_string()
}

/// Checks a chain, link by link.
#[derive(Clone, Debug)]
pub struct Check {
    anchor: Anchor,
    last: Anchor,
    is_told: bool,
}

impl Check {
    /// Begins behind a place.
    #[must_use]
    pub const fn new(anchor: Anchor) -> Self {
        Self {
            anchor,
            last: anchor,
            is_told: anchor.id == 0,
        }
    }

    /// Checks the next link.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn next(&mut self, link: &Link) -> Result<(), Broken> {
        let expected = self.last.id.saturating_add(1);
        if link.id != expected {
            let found = link.id;
            return Err(Broken::Missing { expected, found });
        }
        if hash(&self.last.hash, link.id, &link.entry) != link.hash {
            let at = link.entry.at.to_rfc3339();
            return Err(Broken::Changed { id: link.id, at });
        }
        self.last = Anchor {
            id: link.id,
            hash: link.hash,
        };
        self.is_told |= link.entry.action == TRIM && link.entry.data == trim_data(&self.anchor);
        Ok(())
    }

    /// Ends the check: gives the last link's place.
    ///
    /// # Errors
    /// [`Broken::Cut`].
    pub const fn end(self) -> Result<Anchor, Broken> {
        if self.is_told {
            Ok(self.last)
        } else {
            Err(Broken::Cut { id: self.anchor.id })
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::timestamp::Timestamp;

    use super::super::Target;
    use super::*;

    fn chain(n: i64) -> Vec<Link> {
        let mut before = Hash::default();
        let links = (1..=n).map(|id| {
            let entry = Entry {
                at: Timestamp::from_millis(id),
                organization: Some(1),
                actor: Some(2),
                actor_name: "Ada".to_owned(),
                token: None,
                token_name: String::new(),
                address: "127.0.0.1".to_owned(),
                action: "project.edit".to_owned(),
                target: Target::default(),
                data: "{}".to_owned(),
            };
            before = hash(&before, id, &entry);
            let hash = before;
            Link { id, entry, hash }
        });
        links.collect()
    }

    fn check(links: &[Link]) -> Result<Anchor, Broken> {
        let mut check = Check::new(Anchor::default());
        for link in links {
            check.next(link)?;
        }
        check.end()
    }

    #[test]
    fn a_chain_as_it_was_written_holds() {
        assert_eq!(check(&[]).unwrap(), Anchor::default());
        assert_eq!(check(&chain(3)).unwrap().id, 3);
    }

    #[test]
    fn what_was_changed_is_found() {
        let changes: [fn(&mut Entry); 6] = [
            |entry| entry.actor_name = "Eve".to_owned(),
            |entry| entry.actor = None,
            |entry| entry.at = Timestamp::from_millis(7),
            |entry| entry.data = "{ }".to_owned(),
            |entry| entry.target.id = "1".to_owned(),
            // The same letters in other fields.
            |entry| {
                entry.address = "127.0.0.1project".to_owned();
                entry.action = ".edit".to_owned();
            },
        ];
        for change in changes {
            let mut links = chain(3);
            change(&mut links[1].entry);
            let broken = check(&links).unwrap_err();
            assert!(matches!(broken, Broken::Changed { id: 2, .. }), "{broken}");
        }
    }

    #[test]
    fn what_was_taken_out_or_put_in_is_found() {
        let mut links = chain(3);
        links.remove(1);
        let (expected, found) = (2, 3);
        let missing = Broken::Missing { expected, found };
        assert_eq!(check(&links).unwrap_err(), missing);

        // Even where the numbers behind it were made to fit.
        links[1].id = 2;
        let broken = check(&links).unwrap_err();
        assert!(matches!(broken, Broken::Changed { id: 2, .. }), "{broken}");
    }
}
