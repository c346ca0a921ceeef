//! What is to be forgotten: whose records, and which events.
//!
//! People are named by digests, so that asking for an erasure spreads nobody's address over the
//! fleet. A digest is no secret all the same: who knows whom to look for finds them by it.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{EventId, ProjectId};

/// Of a project: records that relays are to remove from what they still keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its number at the hub; the receipt names it.
    #[serde(rename = "i")]
    pub id: u64,
    /// Whose records.
    #[serde(rename = "p")]
    pub project: ProjectId,
    /// Records of these people; at most [`crate::limits::ERASURE_SUBJECTS_MAX`].
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// Records of these events; at most [`crate::limits::ERASURE_EVENTS_MAX`].
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventId>,
}

/// A person, as SDKs name them, digested.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject(#[serde(with = "serde_bytes")] [u8; 32]);

/// By what a person is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// The application's id.
    Id,
    /// The mail address, in any case.
    Email,
    /// The login name.
    Username,
    /// The network address.
    IpAddress,
}

impl SubjectKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Id, Self::Email, Self::Username, Self::IpAddress];

    /// The field of an event's `user` that holds it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Email => "email",
            Self::Username => "username",
            Self::IpAddress => "ip_address",
        }
    }
}

impl Subject {
    /// Whom SDKs name so.
    #[must_use]
    pub fn of(kind: SubjectKind, value: &str) -> Self {
        let value = match kind {
            SubjectKind::Email => value.trim().to_lowercase(),
            _ => value.trim().to_owned(),
        };
        let mut digest = Sha256::new();
        digest.update(b"vedette subject 1\n");
        digest.update(kind.field());
        digest.update(b"\n");
        digest.update(value);
        Self(digest.finalize().into())
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The person of a digest.
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

// Who it is stays out of logs, even as a digest.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}
