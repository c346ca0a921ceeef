//! Cuts the containers of an envelope into their entries, so that all that follows sees one log,
//! metric or span at a time.

use protocol::container::{self, ContainerError};
use protocol::envelope::{Envelope, EnvelopeItem};
use protocol::item::Category;
use protocol::outcome::{Reason, Term};

use super::store::repaired;

/// Items that end here: of which category, how many, under which term, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) category: Category,
    pub(super) n: u64,
    pub(super) term: Term,
    pub(super) why: Reason,
}

impl Dropped {
    pub(super) const fn one(category: Category, term: Term, why: Reason) -> Self {
        Self {
            category,
            n: 1,
            term,
            why,
        }
    }
}

/// The envelope with every entry as an item of its own, in their places; and the containers that
/// cannot be cut, each with what it claims to hold.
pub(super) fn containers(mut envelope: Envelope) -> (Envelope, Vec<Dropped>) {
    let mut dropped = Vec::new();
    let mut items = Vec::with_capacity(envelope.items.len());
    for item in envelope.items {
        match cut(&item) {
            Ok(None) => items.push(item),
            Ok(Some(entries)) => items.extend(entries),
            Err(error) => dropped.push(Dropped {
                category: item.kind.category(),
                n: container::claimed(&item),
                term: Term::Invalid,
                why: error.reason(&item.kind).into(),
            }),
        }
    }
    envelope.items = items;
    (envelope, dropped)
}

/// A bare `NaN`, as Python writes it, is put right where it is in the way: it is of one entry.
fn cut(item: &EnvelopeItem) -> Result<Option<Vec<EnvelopeItem>>, ContainerError> {
    let found = container::cut(item);
    if found != Err(ContainerError::Unreadable) {
        return found;
    }
    let payload = repaired(item.payload.clone());
    if payload == item.payload {
        return found;
    }
    container::cut(&EnvelopeItem {
        payload,
        ..item.clone()
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn check(items: &str, kinds: &[&str], expected: &[(u64, &str)]) {
        let envelope = Envelope::parse(&Bytes::from(format!("{{}}\n{items}"))).unwrap();
        let (envelope, dropped) = containers(envelope);
        let payload = |item: &EnvelopeItem| {
            let payload = String::from_utf8_lossy(&item.payload).into_owned();
            format!("{} {payload}", item.kind)
        };
        let found: Vec<_> = envelope.items.iter().map(payload).collect();
        assert_eq!(found, kinds, "{items}");
        let dropped: Vec<_> = dropped.iter().map(|d| (d.n, d.why.as_ref())).collect();
        assert_eq!(dropped, expected, "{items}");
    }

    #[test]
    fn entries_stand_where_their_container_stood() {
        check(
            "{\"type\":\"event\"}\n{}\n{\"type\":\"log\",\"item_count\":2}\n{\"items\":[1,2]}\n\
             {\"type\":\"span\"}\n{\"op\":\"x\"}\n",
            &[
                "event {}",
                "log {\"items\":[1]}",
                "log {\"items\":[2]}",
                "span {\"op\":\"x\"}",
            ],
            &[],
        );
    }

    #[test]
    fn a_container_that_cannot_be_cut_counts_what_it_claims() {
        check(
            "{\"type\":\"log\",\"item_count\":7}\n[\n{\"type\":\"trace_metric\",\"item_count\":2}\n{\"items\":[1]}",
            &[],
            &[(7, "invalid_json"), (2, "invalid_trace_metric")],
        );
    }

    #[test]
    fn what_python_writes_for_no_number_costs_no_other_entry() {
        check(
            "{\"type\":\"trace_metric\"}\n{\"items\":[{\"value\":NaN},{\"unit\":\"NaN\",\"value\":1}]}",
            &[
                "trace_metric {\"items\":[{\"value\":null}]}",
                "trace_metric {\"items\":[{\"unit\":\"NaN\",\"value\":1}]}",
            ],
            &[],
        );
    }
}
