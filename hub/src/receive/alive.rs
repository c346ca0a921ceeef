//! Two holders of one identity at the same time: the one that is connected is asked whether it
//! lives before another takes its place.
//!
//! A relay that was killed and started again presents itself while its old connection still
//! stands, so a second connection alone proves nothing. An answer on the old one, asked for after
//! the new one came, proves two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::wire::{Cursor, Frame, Hello, Ping};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::peer::Peer;
use super::session::refused;
use super::stream::SessionError;
use super::{Context, Sink};
use crate::clock;
use crate::fleet::{Admitted, FleetError, Lineage};

/// The least and the most that a relay is given to answer.
const ANSWER_MIN: Duration = Duration::from_secs(1);
const ANSWER_MAX: Duration = Duration::from_secs(7);

/// Whether a session's relay answers, for who asks from outside of it.
#[derive(Debug)]
pub(super) struct Alive {
    asked: Notify,
    questions: AtomicU64,
    answers: watch::Sender<u64>,
}

impl Default for Alive {
    fn default() -> Self {
        Self {
            asked: Notify::new(),
            questions: AtomicU64::new(0),
            answers: watch::Sender::new(0),
        }
    }
}

impl Alive {
    /// Waits until somebody asks; gives what the relay is to be sent.
    pub(super) async fn asked(&self) -> Frame {
        self.asked.notified().await;
        Frame::Ping(Ping {
            nonce: self.questions.load(Ordering::Acquire),
            answer: false,
        })
    }

    /// The relay answered.
    pub(super) fn answered(&self, nonce: u64) {
        self.answers.send_if_modified(|last| {
            let is_newer = nonce > *last;
            *last = nonce.max(*last);
            is_newer
        });
    }

    /// Asks, and waits for the answer.
    async fn answers_within(&self, wait: Duration) -> bool {
        let mut answers = self.answers.subscribe();
        let question = self.questions.fetch_add(1, Ordering::AcqRel) + 1;
        self.asked.notify_one();
        let answer = answers.wait_for(|answer| *answer >= question);
        timeout(wait, answer)
            .await
            .is_ok_and(|answer| answer.is_ok())
    }
}

/// A relay presents itself: lets it in as the one holder of its identity, or keeps it out.
pub(super) async fn present<S: Sink>(
    context: &Context<S>,
    peer: &Peer,
    admitted: &Admitted,
    hello: &Hello,
    cursors: &[Cursor],
) -> Result<(), SessionError> {
    let fleet = &context.fleet;
    let lineage = fleet.lineage(hello, cursors).await.map_err(refused)?;
    let is_copy = match lineage {
        Lineage::Same => false,
        Lineage::Copy => true,
        Lineage::Successor => other_lives(context, hello).await,
    };
    let welcomed = if is_copy {
        Err(FleetError::Cloned(admitted.relay))
    } else {
        fleet.welcome(admitted, hello, cursors).await
    };
    if let Err(FleetError::Cloned(relay)) = welcomed {
        note(context, relay, peer).await;
    }
    welcomed.map_err(refused)
}

/// Marks an identity as held twice.
pub(super) async fn note<S: Sink>(context: &Context<S>, relay: RelayId, fenced: &Peer) {
    let served = context.sessions.address(relay);
    let fenced = fenced.remote_address();
    let noted = context
        .fleet
        .note_clone(relay, served, fenced, clock::now());
    if let Err(error) = noted.await {
        tracing::warn!(relay.id = %relay, %error, "a second holder of an identity is kept out, which could not be noted");
    }
}

/// Whether another start of the relay is connected and answers.
async fn other_lives<S: Sink>(context: &Context<S>, hello: &Hello) -> bool {
    let Some((instance, alive, rtt)) = context.sessions.holder(hello.relay) else {
        return false;
    };
    let wait = (rtt * 3).clamp(ANSWER_MIN, ANSWER_MAX);
    instance != hello.instance && alive.answers_within(wait).await
}

/// A session's place among the connected.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) peer: Peer,
    pub(super) instance: u64,
    pub(super) alive: Arc<Alive>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_counts_when_it_was_asked_for_after_the_question() {
        let alive = Alive::default();
        let (is_alive, question) =
            tokio::join!(alive.answers_within(Duration::from_secs(9)), async {
                let Frame::Ping(ping) = alive.asked().await else {
                    panic!("no question");
                };
                alive.answered(ping.nonce);
                ping.nonce
            });
        assert!(is_alive);
        // The same answer again is none to the next question.
        let again = async {
            alive.asked().await;
            alive.answered(question);
        };
        let (is_alive, ()) = tokio::join!(alive.answers_within(Duration::from_millis(20)), again);
        assert!(!is_alive);
    }

    #[tokio::test]
    async fn who_does_not_answer_in_time_does_not_live() {
        let alive = Alive::default();
        assert!(!alive.answers_within(Duration::from_millis(20)).await);
    }
}
