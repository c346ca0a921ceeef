//! Containers: what SDKs send many logs, spans or metrics in, cut into one container for each.
//!
//! `{"version":2,"items":[a,b]}` becomes `{"version":2,"items":[a]}` and
//! `{"version":2,"items":[b]}`, so that each entry is filtered, limited, scrubbed, kept and counted
//! by itself.
//!
//! What always holds: an entry's text stays as it came, byte for byte, and entries keep their
//! order; what stands beside the entries goes along with each; what is cut is bounded in number
//! and in bytes. Entries are not looked into here: an entry that is nonsense is no reason to lose
//! the others.
//!
//! A span without a container, as older clients send it, is one entry already.

mod entry;
mod read;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::envelope::EnvelopeItem;
use crate::item::ItemKind;
use crate::limits::{
    CONTAINER_ENTRIES_MAX, CONTAINER_SHARED_BYTES_MAX, LOG_BYTES_MAX, SPAN_BYTES_MAX,
    TRACE_METRIC_BYTES_MAX,
};
use crate::outcome::reason;

pub use entry::Entry;
use read::Members;

/// The type that a container of spans names; a span alone names none.
const SPANS: &str = "application/vnd.sentry.items.span.v2+json";

/// Why a container cannot be cut. It is invalid as a whole then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// Not a JSON object with one list of items.
    #[error("container is not a json object with one list `items`")]
    Unreadable,
    /// The header says another number than there are.
    #[error("container says item_count {claimed}, holds {found}")]
    Count {
        /// What the header says.
        claimed: u64,
        /// How many there are.
        found: usize,
    },
    /// More entries than allowed.
    #[error("container holds {found} entries, more than {CONTAINER_ENTRIES_MAX}")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// What goes along with each entry is larger than allowed.
    #[error("{what} of a container is {len} bytes, more than {CONTAINER_SHARED_BYTES_MAX}")]
    Shared {
        /// The header, or what stands beside the entries.
        what: &'static str,
        /// Its length.
        len: usize,
    },
}

impl ContainerError {
    /// The reason it is counted with.
    #[must_use]
    pub const fn reason(&self, kind: &ItemKind) -> &'static str {
        match self {
            Self::Unreadable => reason::INVALID_JSON,
            Self::Count { .. } => invalid(kind),
            Self::TooMany { .. } | Self::Shared { .. } => reason::TOO_LARGE,
        }
    }
}

/// The reason for an entry of a kind that is not as it has to be.
#[must_use]
pub const fn invalid(kind: &ItemKind) -> &'static str {
    match kind {
        ItemKind::Log => reason::INVALID_LOG,
        ItemKind::TraceMetric => reason::INVALID_TRACE_METRIC,
        ItemKind::Span => reason::INVALID_SPAN,
        _ => reason::PAYLOAD,
    }
}

/// Largest entry of a kind, in bytes; `None` for kinds that come in no containers.
#[must_use]
pub const fn entry_bytes_max(kind: &ItemKind) -> Option<usize> {
    match kind {
        ItemKind::Log => Some(LOG_BYTES_MAX),
        ItemKind::TraceMetric => Some(TRACE_METRIC_BYTES_MAX),
        ItemKind::Span => Some(SPAN_BYTES_MAX),
        _ => None,
    }
}

/// Cuts a container into containers of one entry, in order. `None` when the item is no container.
///
/// # Errors
/// [`ContainerError`] when it cannot be cut; then it counts as [`claimed`] items.
pub fn cut(item: &EnvelopeItem) -> Result<Option<Vec<EnvelopeItem>>, ContainerError> {
    let is_container = match kind(item) {
        Kind::None => return Ok(None),
        Kind::Container => true,
        Kind::Either => false,
    };
    let members = match read::members(&item.payload) {
        Ok(members) => members,
        Err(_) if !is_container => return Ok(None),
        Err(_) => return Err(ContainerError::Unreadable),
    };
    if members.n_entries > CONTAINER_ENTRIES_MAX {
        let found = members.n_entries;
        return Err(ContainerError::TooMany { found });
    }
    if let Some(claimed) = item.header.item_count()
        && claimed != members.n_entries as u64
    {
        let found = members.n_entries;
        return Err(ContainerError::Count { claimed, found });
    }
    let fields = item.header.fields().iter();
    let header_len: usize = fields.map(|(name, json)| name.len() + json.len()).sum();
    for (what, len) in [("header", header_len), ("rest", members.shared_len)] {
        if len > CONTAINER_SHARED_BYTES_MAX {
            return Err(ContainerError::Shared { what, len });
        }
    }
    Ok(Some(entries(item, &members)))
}

/// As how many items one counts that was not cut: what its header claims, within the limit.
#[must_use]
pub fn claimed(item: &EnvelopeItem) -> u64 {
    let claimed = match kind(item) {
        Kind::None => None,
        Kind::Container | Kind::Either => item.header.item_count(),
    };
    claimed.unwrap_or(1).clamp(1, CONTAINER_ENTRIES_MAX as u64)
}

/// The text of the only entry: of a container of one, or of what is no container.
#[must_use]
pub fn only(payload: &[u8]) -> Option<&RawValue> {
    match read::members(payload) {
        Ok(Members { entries, .. }) => match entries.as_slice() {
            [entry] => Some(*entry),
            _ => None,
        },
        Err(_) => serde_json::from_slice(payload).ok(),
    }
}

enum Kind {
    None,
    /// Always, or because it says so.
    Container,
    /// One when it looks like one.
    Either,
}

fn kind(item: &EnvelopeItem) -> Kind {
    match item.kind {
        ItemKind::Log | ItemKind::TraceMetric => Kind::Container,
        ItemKind::Span => {
            let says_so = item.header.get("item_count").is_some()
                || item.header.content_type().as_deref() == Some(SPANS);
            if says_so {
                Kind::Container
            } else {
                Kind::Either
            }
        }
        _ => Kind::None,
    }
}

/// One buffer for all, of which each has its part.
fn entries(item: &EnvelopeItem, members: &Members<'_>) -> Vec<EnvelopeItem> {
    let mut header = item.header.clone();
    header.set_number("item_count", 1);
    let n_bytes: usize = members.entries.iter().map(|entry| entry.get().len()).sum();
    let around = members.before.len() + "\"items\":[]}".len();
    let mut all = Vec::with_capacity(n_bytes + members.entries.len() * around);
    let mut ends = Vec::with_capacity(members.entries.len());
    for (nth, entry) in members.entries.iter().enumerate() {
        all.extend_from_slice(members.before.as_bytes());
        if let Some(meta) = members.meta_of(nth) {
            all.extend_from_slice(b"\"_meta\":{\"items\":{\"0\":");
            all.extend_from_slice(meta.get().as_bytes());
            all.extend_from_slice(b"}},");
        }
        all.extend_from_slice(b"\"items\":[");
        all.extend_from_slice(entry.get().as_bytes());
        all.extend_from_slice(b"]}");
        ends.push(all.len());
    }
    let all = Bytes::from(all);
    let mut start = 0;
    let parts = ends.into_iter().map(|end| {
        let payload = all.slice(start..end);
        start = end;
        EnvelopeItem {
            kind: item.kind.clone(),
            header: header.clone(),
            payload,
        }
    });
    parts.collect()
}

#[cfg(test)]
mod tests;
