//! The network under simulation: connections with a control stream each way and blocks that
//! overtake each other, which break, and of which either end may be the last to hear.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use protocol::ids::{Epoch, Lane, Seq};
use protocol::wire::{Cursor, Gap};

use crate::chance::Chance;

/// Names a connection; never used again.
pub(super) type ConnectionId = u64;

/// What a relay sends.
#[derive(Clone, Debug)]
pub(super) enum Up {
    Hello { epoch: Epoch },
    Gap(Gap),
    Block(Lane, Bytes),
}

/// What a hub sends.
#[derive(Clone, Debug)]
pub(super) enum Down {
    Welcome { cursors: Vec<Cursor>, window: u16 },
    Ack { lane: Lane, upto: Seq },
}

#[derive(Debug, Default)]
struct Connection {
    /// The control stream to the hub.
    up: VecDeque<Up>,
    /// Each on a stream of its own.
    blocks: Vec<Up>,
    down: VecDeque<Down>,
    relay_has_it: bool,
    hub_has_it: bool,
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Net {
    connections: BTreeMap<ConnectionId, Connection>,
    next: ConnectionId,
    /// Nothing is delivered.
    pub(super) is_partitioned: bool,
    n_arrived: u64,
}

/// What arrives.
#[derive(Debug)]
pub(super) enum Arrived {
    AtHub(ConnectionId, Up),
    AtRelay(ConnectionId, Down),
}

impl Net {
    /// A relay connects.
    pub(super) fn connect(&mut self) -> ConnectionId {
        self.next += 1;
        let connection = Connection {
            relay_has_it: true,
            hub_has_it: true,
            ..Connection::default()
        };
        self.connections.insert(self.next, connection);
        self.next
    }

    pub(super) fn send_up(&mut self, id: ConnectionId, frame: Up) {
        if let Some(connection) = self.connections.get_mut(&id) {
            match frame {
                Up::Block(..) => connection.blocks.push(frame),
                Up::Hello { .. } | Up::Gap(_) => connection.up.push_back(frame),
            }
        }
    }

    pub(super) fn send_down(&mut self, id: ConnectionId, frame: Down) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.down.push_back(frame);
        }
    }

    /// How much has arrived so far.
    pub(super) const fn n_arrived(&self) -> u64 {
        self.n_arrived
    }

    /// Something arrives, whatever it is.
    pub(super) fn deliver(&mut self, chance: &mut Chance) -> Option<Arrived> {
        if self.is_partitioned {
            return None;
        }
        let arrived = self.pick(chance);
        self.n_arrived += u64::from(arrived.is_some());
        arrived
    }

    fn pick(&mut self, chance: &mut Chance) -> Option<Arrived> {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        let from = chance.place(ids.len());
        let (behind, before) = ids.split_at(from);
        let turn = chance.below(3);
        for id in before.iter().chain(behind) {
            let Some(connection) = self.connections.get_mut(id) else {
                continue;
            };
            let (relay, hub) = (connection.relay_has_it, connection.hub_has_it);
            for way in 0..3 {
                match (turn + way) % 3 {
                    0 if hub => {
                        if let Some(frame) = connection.up.pop_front() {
                            return Some(Arrived::AtHub(*id, frame));
                        }
                    }
                    1 if hub && !connection.blocks.is_empty() => {
                        let at = chance.place(connection.blocks.len());
                        let frame = connection.blocks.swap_remove(at);
                        return Some(Arrived::AtHub(*id, frame));
                    }
                    2 if relay => {
                        if let Some(frame) = connection.down.pop_front() {
                            return Some(Arrived::AtRelay(*id, frame));
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    }

    /// Whether the hub's end of a connection has gone, which a relay hears of some time.
    pub(super) fn is_dead(&self, id: ConnectionId) -> bool {
        let connection = self.connections.get(&id);
        connection.is_none_or(|connection| !connection.hub_has_it && connection.down.is_empty())
    }

    /// The relay has no use for a connection any more; what it sent may still arrive.
    pub(super) fn relay_closes(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.relay_has_it = false;
        }
        self.tidy();
    }

    pub(super) fn hub_closes(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.hub_has_it = false;
        }
        self.tidy();
    }

    pub(super) fn hub_has_gone(&mut self) {
        for connection in self.connections.values_mut() {
            connection.hub_has_it = false;
        }
        self.tidy();
    }

    /// Connections whose relay has gone and whose hub does not know yet.
    pub(super) fn half_open(&self) -> Vec<ConnectionId> {
        let half = |connection: &Connection| !connection.relay_has_it && connection.hub_has_it;
        let all = self.connections.iter();
        all.filter(|(_, connection)| half(connection))
            .map(|(id, _)| *id)
            .collect()
    }

    fn tidy(&mut self) {
        self.connections
            .retain(|_, connection| connection.relay_has_it || connection.hub_has_it);
    }
}
