//! What a session asks its relay for others: how it is.

use std::collections::VecDeque;

use protocol::wire::{Diag, DiagGet, Frame};
use tokio::sync::mpsc;

use crate::fleet::Question;

/// Questions that are open; the oldest is given up for a new one.
const OPEN_MAX: usize = 8;

/// A session's questions.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// Where they come from, once the session stands for its relay.
    asked: Option<mpsc::Receiver<Question>>,
    open: VecDeque<(u64, Question)>,
    last: u64,
}

impl Questions {
    pub(super) fn begin(&mut self, asked: mpsc::Receiver<Question>) {
        self.asked = Some(asked);
    }

    /// The next question, as the relay is sent it; never, when there is none. Dropping the future
    /// loses nothing.
    pub(super) async fn next(&mut self) -> Frame {
        let question = match &mut self.asked {
            Some(asked) => asked.recv().await,
            None => None,
        };
        let Some(question) = question else {
            return std::future::pending().await;
        };
        self.last += 1;
        self.open.push_back((self.last, question));
        if self.open.len() > OPEN_MAX {
            self.open.pop_front();
        }
        Frame::DiagGet(DiagGet { nonce: self.last })
    }

    /// The relay's answer; one to no question is passed over.
    pub(super) fn answered(&mut self, answer: Diag) {
        let at = self
            .open
            .iter()
            .position(|(nonce, _)| *nonce == answer.nonce);
        if let Some((_, question)) = at.and_then(|at| self.open.remove(at)) {
            // Who asked may have gone.
            let _gone = question.send(answer);
        }
    }
}
