//! What the relay tells the hub of itself.

use std::time::Duration;

use protocol::block::DictId;
use protocol::ids::Lane;
use protocol::wire::{Backlog, Frame, Hello, LaneState, PROTO, Report, Total};

use super::Link;
use super::channel::Carrier;
use super::identity::Identity;
use crate::clock;

/// The first frame: who, and what lies in the spool.
pub(super) fn hello(link: &Link, identity: &Identity) -> Frame {
    let lanes = Lane::ALL.into_iter().zip(link.spool.lanes());
    let (instance, ancestors) = identity.starts();
    Frame::Hello(Hello {
        proto_min: PROTO,
        proto_max: PROTO,
        relay: identity.relay,
        epoch: link.spool.epoch(),
        lanes: lanes
            .map(|(lane, state)| LaneState {
                lane,
                oldest: state.oldest,
                next: state.next,
                bytes: state.bytes,
                start: link.first.get(lane.index()).copied().unwrap_or_default(),
            })
            .collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        roster_version: link.roster.version(),
        dicts: vec![DictId::NONE.0, DictId::BUILT_IN.0],
        wall: clock::now(),
        capabilities: Vec::new(),
        generation: identity.generation,
        instance,
        ancestors: ancestors.to_vec(),
    })
}

/// How the relay is.
pub(super) fn report(link: &Link, carrier: Carrier, rtt: Duration) -> Frame {
    let status = link.spool.status();
    let lanes = Lane::ALL.into_iter().zip(status.lanes);
    let totals = link.ledger.totals().into_iter().take(Report::TOTALS_MAX);
    Frame::Report(Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        wall: clock::now(),
        roster_version: link.roster.version(),
        spool_bytes: status.bytes_used,
        spool_bytes_max: status.bytes_max,
        lanes: lanes
            .map(|(lane, state)| Backlog {
                lane,
                records: state.records,
                bytes: state.bytes,
                oldest_received_at: state.oldest_received_at,
            })
            .collect(),
        totals: totals
            .map(|(account, n)| Total {
                project: account.project,
                category: account.category,
                term: account.term,
                reason: account.reason.into_owned(),
                n,
            })
            .collect(),
        rtt_ms: u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX),
        carrier: Some(carrier.name().to_owned()),
    })
}
