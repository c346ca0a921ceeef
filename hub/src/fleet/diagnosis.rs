//! How a relay is, from itself: asked over its connection, and answered while someone waits.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::wire::Diag;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Fleet;

/// Questions to one relay that may wait; more are not asked.
const QUESTIONS_MAX: usize = 4;
/// How long an answer may take: a thin link is slow, and who waits is a person.
const PATIENCE: Duration = Duration::from_secs(10);

/// A question to a relay. Its answer goes there.
pub type Question = oneshot::Sender<Diag>;

/// Where connected relays are asked; one entry for each that was connected since the start.
pub(super) type Questions = HashMap<RelayId, mpsc::Sender<Question>>;

impl Fleet {
    /// What a relay is asked from now on comes here, for as long as its connection lasts.
    #[must_use]
    pub fn hear_questions(&self, relay: RelayId) -> mpsc::Receiver<Question> {
        let (asking, questions) = mpsc::channel(QUESTIONS_MAX);
        self.questions().insert(relay, asking);
        questions
    }

    /// How a relay says it is; nothing when it is not connected, does not answer, or answers with
    /// something else than a JSON object.
    pub async fn diagnose(&self, relay: RelayId) -> Option<Map<String, Value>> {
        let (question, answer) = oneshot::channel();
        let asking = self.questions().get(&relay).cloned()?;
        asking.try_send(question).ok()?;
        let diagnosis = timeout(PATIENCE, answer).await.ok()?.ok()?;
        (diagnosis.json.len() <= Diag::BYTES_MAX)
            .then(|| serde_json::from_slice(&diagnosis.json).ok())
            .flatten()
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        let questions = self.0.questions.lock();
        questions.unwrap_or_else(PoisonError::into_inner)
    }
}
