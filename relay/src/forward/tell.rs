//! How the relay presents itself to the hub.

use protocol::block::DictId;
use protocol::ids::{Lane, Seq};
use protocol::wire::{Frame, Hello, LaneState, PROTO};

use super::Link;
use super::identity::Identity;
use crate::clock;

/// The first frame: who, and what lies in the spool.
pub(super) fn hello(link: &Link, identity: &Identity) -> Frame {
    let lanes = Lane::ALL.into_iter().zip(link.spool.lanes());
    let first = *link.first();
    let dicts = [DictId::NONE, DictId::BUILT_IN].into_iter();
    let kept = link.spool.dictionaries();
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
                start: first.get(lane.index()).copied().unwrap_or_default(),
                acked: acked(link, identity, lane, state.acked),
            })
            .collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        roster_version: link.roster.version(),
        dicts: dicts.chain(kept).map(|dict| dict.0).collect(),
        wall: clock::now(),
        capabilities: Vec::new(),
        generation: identity.generation,
        instance,
        ancestors: ancestors.to_vec(),
    })
}

/// What the hub acknowledged to this identity of a lane.
fn acked(link: &Link, identity: &Identity, lane: Lane, acked: Seq) -> Seq {
    let is_this = acked > identity.floor(link.spool.epoch(), lane);
    if is_this { acked } else { Seq(0) }
}
