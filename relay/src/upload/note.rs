//! How far an upload is, as it is written down beside the spool.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use protocol::block::{Chain, Sum};
use protocol::ids::{ProjectId, WholeId};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::State;

/// How far an upload is, but for its name, which is the file's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    project: ProjectId,
    received_at: Timestamp,
    length: Option<u64>,
    parts: u32,
    bytes: u64,
    chain: String,
    is_done: bool,
}

impl Note {
    pub(super) fn of(state: State) -> Self {
        Self {
            project: state.project,
            received_at: state.received_at,
            length: state.length,
            parts: state.sum.parts,
            bytes: state.sum.bytes,
            chain: hex::encode(state.sum.chain.as_bytes()),
            is_done: state.is_done,
        }
    }

    pub(super) fn state(&self, whole: WholeId) -> Option<State> {
        let mut chain = [0; 32];
        hex::decode_to_slice(&self.chain, &mut chain).ok()?;
        Some(State {
            project: self.project,
            received_at: self.received_at,
            length: self.length,
            sum: Sum {
                whole,
                parts: self.parts,
                bytes: self.bytes,
                chain: Chain::from_bytes(chain),
            },
            is_done: self.is_done,
        })
    }

    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Durable when this returns, in the place of the one before.
    pub(super) fn write(&self, dir: &Path, path: &Path) -> io::Result<()> {
        let aside = path.with_extension("new");
        let mut file = fs::File::create(&aside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        fs::File::open(dir)?.sync_all()
    }
}
