//! The door for the simulation: a spool on a disk and clocks of its own, whose owner does not run
//! on a thread but is stepped.
//!
//! It is the same spool and the same owner; only who calls it, and when, is another.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use protocol::ids::{Lane, Seq};
use tokio::sync::oneshot;

use super::command::Command;
use super::index::Index;
use super::owner::Owner;
use super::read::{self, Look};
use super::{Config, LOOKS_MAX, ReadOutcome, Spool, SpoolError};
use crate::ledger::Ledger;

pub use super::disk::{Disk, Entry, File, Lock, Space};
pub use super::owner::Time;

/// The owner in the hand of whoever simulates. Dropped, it is a process that was killed.
#[derive(Debug)]
pub struct Stepper {
    owner: Owner,
    commands: Receiver<Command>,
}

impl Stepper {
    /// Does what the handles have asked for so far, and what is due. Whether the spool has closed.
    pub fn step(&mut self) -> bool {
        self.owner.step(&self.commands)
    }

    /// [`Spool::read`] without a thread of its own.
    ///
    /// # Errors
    /// As [`Spool::read`].
    pub fn read(
        &mut self,
        spool: &Spool,
        lane: Lane,
        from: Seq,
    ) -> Result<ReadOutcome, SpoolError> {
        let unreadable = |error| SpoolError::NotReadable(Arc::new(error));
        for _ in 0..LOOKS_MAX {
            match read::look(&spool.shared, lane, from).map_err(unreadable)? {
                Look::Outcome(outcome) => return Ok(outcome),
                Look::Moved => {}
                Look::Damaged(serial) => {
                    let (done, mut answer) = oneshot::channel();
                    spool.send(Command::Damaged {
                        lane,
                        serial,
                        from,
                        done,
                    })?;
                    self.step();
                    answer.try_recv().map_err(|_| SpoolError::Closed)??;
                }
                Look::Unmarked(serial) => {
                    let (done, mut answer) = oneshot::channel();
                    spool.send(Command::HandOut { lane, serial, done })?;
                    self.step();
                    answer.try_recv().map_err(|_| SpoolError::Closed)??;
                }
            }
        }
        Err(unreadable(io::ErrorKind::NotFound.into()))
    }
}

/// Opens a spool without an index: what it holds is found by walking, always in the same way.
///
/// # Errors
/// As [`Spool::open`].
pub fn open(
    config: &Config,
    ledger: Ledger,
    disk: Arc<dyn Disk>,
    time: Arc<dyn Time>,
) -> Result<(Spool, Stepper), SpoolError> {
    let index = |_: &std::path::Path, _| Index::none();
    let (spool, owner, commands) = Spool::prepare(config, ledger, disk, time, index)?;
    Ok((spool, Stepper { owner, commands }))
}
