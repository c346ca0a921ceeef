//! Questions of the hub for how the relay is. Who knows answers them: this room knows the link
//! alone.

use std::sync::Arc;
use std::time::Duration;

use protocol::wire::Diag;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

/// Questions that may wait; more are not answered.
const QUESTIONS_MAX: usize = 4;
/// How long a session waits for an answer, which takes no more than a look at counters.
const PATIENCE: Duration = Duration::from_millis(500);

/// A question; its answer is a JSON object.
pub type Question = oneshot::Sender<Vec<u8>>;

/// The end that asks.
#[derive(Clone, Debug)]
pub(super) struct Asking(mpsc::Sender<Question>);

/// The end that answers.
#[derive(Clone, Debug)]
pub(super) struct Answering(Arc<Mutex<mpsc::Receiver<Question>>>);

pub(super) fn channel() -> (Asking, Answering) {
    let (asking, answering) = mpsc::channel(QUESTIONS_MAX);
    (Asking(asking), Answering(Arc::new(Mutex::new(answering))))
}

impl Asking {
    /// The answer to a question; nothing when nobody answers in time, or too much.
    pub(super) async fn ask(&self, nonce: u64) -> Option<Diag> {
        let (question, answer) = oneshot::channel();
        self.0.try_send(question).ok()?;
        let json = timeout(PATIENCE, answer).await.ok()?.ok()?;
        (json.len() <= Diag::BYTES_MAX).then_some(Diag { nonce, json })
    }
}

impl Answering {
    /// The next question; never, when there is no link any more.
    pub(super) async fn next(&self) -> Question {
        match self.0.lock().await.recv().await {
            Some(question) => question,
            None => std::future::pending().await,
        }
    }
}
