//! What becomes of an item by rules that do not look into it: the policy of this host, the share
//! that is kept, the limits.
//!
//! Sampling goes by the trace, else by the event, so that what belongs together is kept together
//! and a request that is sent again is decided again as it was; what has neither goes by its bytes.

use std::time::Duration;

use protocol::auth::Credentials;
use protocol::envelope::{Envelope, EnvelopeItem};
use protocol::ids::EventId;
use protocol::item::Category;
use protocol::outcome::{Term, reason};
use serde::Deserialize;

use super::{Inner, Request, Target};
use crate::limit::Verdict;

/// What becomes of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Keep,
    /// It ends here, under this term and for this reason.
    Drop(Term, &'static str),
    /// Its key has sent enough of its category.
    Limited(Duration),
}

/// An item, and what it belongs to.
pub(super) struct Whose<'a> {
    pub(super) request: &'a Request,
    pub(super) credentials: &'a Credentials,
    pub(super) target: &'a Target,
    /// Stands for its trace or event.
    pub(super) number: Option<u64>,
}

impl Inner {
    /// Decides. What is dropped takes nothing from a limit.
    pub(super) fn fate(&self, whose: &Whose<'_>, item: &EnvelopeItem) -> Fate {
        let category = item.kind.category();
        if self.roster.policy().withholds(item.kind.lane(), category) {
            return Fate::Drop(Term::Filtered, reason::POLICY);
        }
        if let Some(project) = &whose.target.known {
            let number = whose.number;
            let number = number.unwrap_or_else(|| spread(&item.payload));
            let at = whose.request.received_at;
            if !self.roster.keeps(project, category, number, at) {
                return Fate::Drop(Term::Sampled, reason::SAMPLE_RATE);
            }
        }
        self.ask_limit(whose, category)
    }

    /// Asks the limiter; client reports are never limited.
    fn ask_limit(&self, whose: &Whose<'_>, category: Category) -> Fate {
        let Some(rate_limit) = whose.target.rate_limit else {
            return Fate::Keep;
        };
        if category == Category::ClientReport {
            return Fate::Keep;
        }
        let (key, now) = (whose.credentials.key, whose.request.now);
        match self.limiter().take(key, category, 1, rate_limit, now) {
            Verdict::Allowed => Fate::Keep,
            Verdict::Refused { retry_after } => Fate::Limited(retry_after),
        }
    }
}

/// The number that stands for the trace or the event of an envelope.
pub(super) fn number(envelope: &Envelope, event_id: Option<EventId>) -> Option<u64> {
    #[derive(Deserialize)]
    struct Trace<'a> {
        #[serde(borrow)]
        trace_id: &'a str,
    }
    let trace = envelope.header.trace.as_ref();
    let trace = trace.and_then(|trace| serde_json::from_slice::<Trace<'_>>(trace).ok());
    match trace {
        Some(trace) => Some(spread(&trace.trace_id.to_ascii_lowercase().into_bytes())),
        None => event_id.map(|id| spread(id.as_bytes())),
    }
}

/// Spreads evenly what may not be random, such as ids with a time in front.
fn spread(bytes: &[u8]) -> u64 {
    u64::from(crc32c::crc32c(bytes))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::roster::SampleRate;

    use super::*;

    fn number_of(header: &str) -> Option<u64> {
        let text = format!("{{{header}}}\n{{\"type\":\"session\"}}\n{{}}\n");
        let envelope = Envelope::parse(&Bytes::from(text)).unwrap();
        number(&envelope, envelope.header.event_id)
    }

    #[test]
    fn what_belongs_to_a_trace_has_its_number() {
        let of_trace = number_of("\"trace\":{\"trace_id\":\"0ce3763a664740e48329d8add471c1d7\"}");
        let with_event = number_of(
            "\"event_id\":\"11111111111111111111111111111111\",\
             \"trace\":{\"trace_id\":\"0CE3763A664740E48329D8ADD471C1D7\"}",
        );
        assert!(of_trace.is_some());
        assert_eq!(of_trace, with_event);
        let of_event = number_of("\"event_id\":\"11111111111111111111111111111111\"");
        assert!(of_event.is_some() && of_event != of_trace);
        assert_eq!(number_of(""), None);
    }

    #[test]
    fn ids_that_only_count_up_are_kept_in_their_share() {
        let rate = SampleRate::from_share(0.25).unwrap();
        let ids = (0..10_000_u128).map(|n| (n << 64 | 0x0ce3).to_be_bytes());
        let kept = ids.filter(|id| rate.keeps(spread(id))).count();
        assert!((2300..2700).contains(&kept), "{kept}");
    }
}
