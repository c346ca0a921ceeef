//! What becomes of an item before it is scrubbed: the policy of this host, the filters of its
//! project, the share that is kept, the room that is left, the limits.
//!
//! Sampling goes by the trace, else by the event, so that what belongs together is kept together
//! and a request that is sent again is decided again as it was; a log, metric or span of an
//! envelope without a trace goes by its own, and what has none of these by its bytes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use protocol::auth::Credentials;
use protocol::container::{self, Entry};
use protocol::envelope::{Envelope, EnvelopeItem};
use protocol::facts::{Sender, Subject};
use protocol::ids::{EventId, Lane};
use protocol::item::Category;
use protocol::outcome::{Reason, Term, reason};
use protocol::roster::SampleRate;
use serde::Deserialize;

use super::{Inner, Limited, Request, Target, reference};
use crate::limit::{Place, Verdict};
use crate::roster::Project;

/// What clients are told a key's own limit is of.
const KEY: &str = "key";

/// What clients are told a project's share of the room on the disk is of.
const PROJECT: &str = "project";
/// And all of the room: of all that is sent.
const ORGANIZATION: &str = "organization";
/// How long clients hold back before they try again. The room may come back at once or in days.
const HOLD_BACK: Duration = Duration::from_secs(60);

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on, and with it this share of those like it.
    Keep(SampleRate),
    /// It ends here, under this term and for this reason.
    Drop(Term, Reason),
    /// Enough was sent.
    Limited(Limited),
}

impl Fate {
    pub(super) const fn is_kept(&self) -> bool {
        matches!(self, Self::Keep(_))
    }
}

/// An item, and what it belongs to.
pub(super) struct Whose<'a> {
    pub(super) request: &'a Request,
    pub(super) credentials: &'a Credentials,
    pub(super) target: &'a Target,
    /// The trace's header.
    pub(super) trace: Option<&'a [u8]>,
    /// Stands for its trace or event.
    pub(super) number: Option<u64>,
}

impl Inner {
    /// Decides. What is dropped takes nothing from a limit.
    pub(super) fn fate(&self, whose: &Whose<'_>, item: &EnvelopeItem) -> Fate {
        let category = item.kind.category();
        if self.roster.policy().withholds(item.kind.lane(), category) {
            return Fate::Drop(Term::Filtered, reason::POLICY.into());
        }
        let mut rate = SampleRate::ALL;
        if let Some(project) = &whose.target.known {
            let subject = read(project, whose, item);
            let filtered = subject
                .as_ref()
                .and_then(|s| project.filters.refuse(&item.kind, s));
            if let Some(why) = filtered {
                return Fate::Drop(Term::Filtered, why);
            }
            match self.share(project, whose, item, subject.as_ref()) {
                Ok(share) => rate = share,
                Err(why) => return Fate::Drop(Term::Sampled, why),
            }
        }
        if category == Category::ClientReport {
            return Fate::Keep(rate);
        }
        if self.roster.is_drained() {
            return Fate::Limited(drained());
        }
        if self.spool.is_held_back(item.kind.lane()) {
            return Fate::Limited(held_back(item.kind.lane()));
        }
        let (lane, project) = (item.kind.lane(), whose.target.project);
        if self.spool.is_greedy(lane, project) {
            return Fate::Limited(Limited {
                scope: PROJECT,
                reason: reason::FAIR_SHARE.into(),
                ..held_back(lane)
            });
        }
        if reference::is_charged(&self.uploads, whose.target.project, item) {
            // Its file was taken from them when it began to come.
            return Fate::Keep(rate);
        }
        match self.ask_limits(whose, category) {
            None => Fate::Keep(rate),
            Some(limited) => Fate::Limited(limited),
        }
    }

    /// The share of those like an item that is kept, or why this one is not in it: the first rule
    /// that holds decides, else the rate of its category.
    fn share(
        &self,
        project: &Project,
        whose: &Whose<'_>,
        item: &EnvelopeItem,
        subject: Option<&Subject<'_>>,
    ) -> Result<SampleRate, Reason> {
        let category = item.kind.category();
        let at = whose.request.received_at;
        let rule = subject.and_then(|s| project.sampling_rules.decide(category, s, at));
        let rule = rule.filter(|_| !self.roster.is_expired(at));
        let rate = match rule {
            Some(rule) => rule.rate,
            None => self.roster.rate(project, category, at),
        };
        let number = || {
            let own = whose.number.or_else(|| own_number(item));
            own.unwrap_or_else(|| spread(&item.payload))
        };
        if rate == SampleRate::ALL || rate.keeps(number()) {
            return Ok(rate);
        }
        Err(match rule {
            Some(rule) => Cow::Owned(format!("{}{}", reason::SAMPLED_BY, rule.id)),
            None => Cow::Borrowed(reason::SAMPLE_RATE),
        })
    }

    /// Asks every limit of the key, the project and the organization; gives the one that refuses.
    pub(super) fn ask_limits(&self, whose: &Whose<'_>, category: Category) -> Option<Limited> {
        let key = whose.credentials.key;
        let own = whose.target.rate_limit;
        let mut limits = Vec::new();
        limits.extend(own.map(|limit| (Place::Key(key, category), limit)));
        let project = whose.target.known.as_ref();
        let quotas = project.map_or(&[][..], |project| &project.quotas);
        let quotas = quotas.iter().filter(|quota| quota.covers(category));
        limits.extend(quotas.clone().map(|quota| {
            let place = Place::Shared(Arc::clone(&quota.account));
            (place, quota.limit)
        }));
        if limits.is_empty() {
            return None;
        }
        match self.limiter().take(&limits, 1, whose.request.now) {
            Verdict::Allowed => None,
            Verdict::Refused { by, retry_after } => {
                let n_own = usize::from(own.is_some());
                let quota = by
                    .checked_sub(n_own)
                    .and_then(|nth| quotas.clone().nth(nth));
                Some(match quota {
                    Some(quota) => Limited {
                        categories: Arc::clone(&quota.names),
                        scope: quota.scope,
                        reason: Arc::clone(&quota.reason),
                        wait: retry_after,
                    },
                    None => Limited {
                        categories: category.name().into(),
                        scope: KEY,
                        reason: reason::RATE_LIMITED.into(),
                        wait: retry_after,
                    },
                })
            }
        }
    }
}

/// What clients are told by a relay that is to go: nothing of any kind is taken.
fn drained() -> Limited {
    Limited {
        categories: Arc::from(""),
        scope: ORGANIZATION,
        reason: reason::DRAINED.into(),
        wait: HOLD_BACK,
    }
}

/// What clients are told while a lane is to hold back.
fn held_back(lane: Lane) -> Limited {
    let of_lane = |category: &&Category| {
        category.lane() == lane && !matches!(category, Category::ClientReport | Category::Unknown)
    };
    let names = Category::ALL.iter().filter(of_lane);
    let names: Vec<_> = names.map(|category| category.name()).collect();
    Limited {
        categories: names.join(";").into(),
        scope: ORGANIZATION,
        reason: reason::BACKPRESSURE.into(),
        wait: HOLD_BACK,
    }
}

/// The facts of an item, where somebody asks for them.
fn read<'a>(project: &Project, whose: &Whose<'a>, item: &'a EnvelopeItem) -> Option<Subject<'a>> {
    let is_asked =
        project.filters.concern(&item.kind) || project.sampling_rules.concern(item.kind.category());
    let sender = Sender {
        client_ip: whose.request.remote_addr,
        user_agent: whose.request.user_agent.as_deref(),
        trace: whose.trace,
    };
    is_asked.then(|| Subject::read(item, sender))
}

/// The number that stands for the trace of a log, metric or span; `None` for other kinds.
fn own_number(item: &EnvelopeItem) -> Option<u64> {
    container::entry_bytes_max(&item.kind)?;
    let entry = Entry::parse(&item.payload)?;
    let trace = entry.trace_id()?.to_ascii_lowercase();
    Some(spread(trace.as_bytes()))
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
