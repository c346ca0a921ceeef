//! The few threads that answer what is asked of the index.
//!
//! A thread holds on to memory that it used once. If questions went around many threads, as the
//! runtime's have it, each of those would come to hold what one question needs. So as many are
//! answered at a time as there are threads here; the others wait their turn.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::IndexError;

/// Questions that are answered at a time.
const THREADS: usize = 4;
/// Most questions that wait in the queue; who asks more waits for room in it.
const QUEUE_LEN: usize = 64;

type Question = Box<dyn FnOnce() + Send>;

/// Where questions are put. Its threads end when the last handle is gone.
#[derive(Clone)]
pub(super) struct Answering(mpsc::Sender<Question>);

impl std::fmt::Debug for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}

impl Answering {
    pub(super) fn start() -> Result<Self, IndexError> {
        let (questions, queue) = mpsc::channel(QUEUE_LEN);
        let queue = Arc::new(Mutex::new(queue));
        for n in 0..THREADS {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name(format!("answer{n}"));
            thread.spawn(move || answer_all(&queue))?;
        }
        Ok(Self(questions))
    }

    /// The answer to a question. It is not looked for when who asked has gone before its turn.
    pub(super) async fn to<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let (answered, answer) = oneshot::channel();
        let question = Box::new(move || {
            if !answered.is_closed() {
                drop(answered.send(question()));
            }
        });
        let sent = self.0.send(question).await;
        sent.map_err(|_| IndexError::Closed)?;
        answer.await.map_err(|_| IndexError::Closed)?
    }
}

fn answer_all(queue: &Mutex<mpsc::Receiver<Question>>) {
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.blocking_recv()
    };
    while let Some(question) = next() {
        // A panic was logged where it was; it costs one answer, and not the thread.
        drop(panic::catch_unwind(AssertUnwindSafe(question)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn many_questions_are_answered_by_few_threads() {
        let answering = Answering::start().unwrap();
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..QUEUE_LEN * 4 {
            let answering = answering.clone();
            asked.spawn(async move { answering.to(|| Ok(thread::current().id())).await });
        }
        let by: HashSet<_> = asked.join_all().await.into_iter().flatten().collect();
        assert!((1..=THREADS).contains(&by.len()), "{by:?}");
    }

    #[tokio::test]
    async fn a_question_that_panics_costs_its_own_answer() {
        let answering = Answering::start().unwrap();
        for _ in 0..THREADS * 2 {
            let answer = answering.to::<()>(|| panic!("a bug")).await;
            assert!(matches!(answer, Err(IndexError::Closed)));
        }
        assert_eq!(answering.to(|| Ok(1)).await.unwrap(), 1);
    }
}
