//! Work that takes long, done beside what answers requests: few at a time, each project in turn.
//!
//! What always holds: one core is left to the rest of the process where there is more than one, and
//! where others take the cores, what answers requests goes before this; of those who wait, nobody
//! waits for more than one piece of work of each other project before their project's next. How many
//! wait is bounded by the memory that each of them holds already.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SendError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use protocol::ids::ProjectId;
use tokio::sync::oneshot;

/// How much nicer to the host these threads are than the rest of the process.
const NICER_BY: i32 = 10;

/// Whose work it is; what names no project is nobody's.
pub type Whose = Option<ProjectId>;

type Job = Box<dyn FnOnce() + Send>;

/// The places where such work is done.
#[derive(Clone, Debug)]
pub struct Aside(Arc<Mutex<Places>>);

#[derive(Debug)]
struct Places {
    /// Each with its thread, if it has been used.
    free: Vec<Option<Worker>>,
    /// Who waits, by project; the first project is the next.
    waiting: VecDeque<(Whose, VecDeque<oneshot::Sender<Place>>)>,
}

/// One of the places, until it is dropped.
#[derive(Debug)]
struct Place {
    aside: Option<Aside>,
    worker: Option<Worker>,
}

/// A thread that does one job after the other, until this is dropped.
#[derive(Debug)]
struct Worker(SyncSender<Job>);

impl Default for Aside {
    /// As many places as there are cores, but one.
    fn default() -> Self {
        let n_cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_places(n_cores.saturating_sub(1).max(1))
    }
}

impl Aside {
    fn with_places(n_places: usize) -> Self {
        Self(Arc::new(Mutex::new(Places {
            free: (0..n_places).map(|_| None).collect(),
            waiting: VecDeque::new(),
        })))
    }

    /// Waits for a place and does the work; `None` when it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        whose: Whose,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let mut place = self.place(whose).await;
        let jobs = place.jobs();
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move || {
            let done = catch_unwind(AssertUnwindSafe(work));
            // Held for as long as the work lasts, also when nobody waits for it any more, and given
            // back before it is said to be done.
            drop(place);
            if let Ok(done) = done {
                let _gone = tell.send(done);
            }
        });
        match jobs {
            Ok(jobs) => {
                // It ends only when nobody can send to it.
                if let Err(SendError(job)) = jobs.send(job) {
                    job();
                }
            }
            // No thread to be had: here, then.
            Err(_) => job(),
        }
        told.await.ok()
    }

    async fn place(&self, whose: Whose) -> Place {
        let turn = {
            let mut places = self.places();
            if let Some(worker) = places.free.pop() {
                return Place {
                    aside: Some(self.clone()),
                    worker,
                };
            }
            places.wait(whose)
        };
        // The sender goes only with the places themselves, which this handle keeps.
        turn.await.unwrap_or(Place {
            aside: None,
            worker: None,
        })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn wait(&mut self, whose: Whose) -> oneshot::Receiver<Place> {
        let (turn, receiver) = oneshot::channel();
        match self.waiting.iter_mut().find(|(of, _)| *of == whose) {
            Some((_, turns)) => turns.push_back(turn),
            None => self.waiting.push_back((whose, VecDeque::from([turn]))),
        }
        receiver
    }

    /// Whose turn it is; their project goes behind the others. Who has stopped waiting has none.
    fn next(&mut self) -> Option<oneshot::Sender<Place>> {
        loop {
            let (whose, mut turns) = self.waiting.pop_front()?;
            turns.retain(|turn| !turn.is_closed());
            let turn = turns.pop_front();
            if !turns.is_empty() {
                self.waiting.push_back((whose, turns));
            }
            if turn.is_some() {
                return turn;
            }
        }
    }
}

impl Place {
    /// Where its jobs go; a thread is started with the first.
    fn jobs(&mut self) -> io::Result<SyncSender<Job>> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start()?,
        };
        Ok(self.worker.insert(worker).0.clone())
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        // The next job may come when the last has just given its place back.
        let (jobs, todo) = sync_channel::<Job>(1);
        thread::Builder::new()
            .name("aside".to_owned())
            .spawn(move || {
                // Linux has it by thread. It works as well where it is refused.
                let _refused = rustix::process::nice(NICER_BY);
                for job in todo {
                    job();
                }
            })?;
        Ok(Self(jobs))
    }
}

impl Drop for Place {
    /// Gives the place to the next who still waits.
    fn drop(&mut self) {
        let Some(aside) = self.aside.take() else {
            return;
        };
        let mut worker = self.worker.take();
        loop {
            let mut places = aside.places();
            let Some(turn) = places.next() else {
                places.free.push(worker);
                return;
            };
            drop(places);
            let place = Self {
                aside: Some(aside.clone()),
                worker,
            };
            match turn.send(place) {
                Ok(()) => return,
                // Nobody waits there any more. The place is given on from here.
                Err(mut place) => {
                    worker = place.worker.take();
                    place.aside = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {

    use tokio::task::JoinSet;

    use super::*;

    fn of(project: u64) -> Whose {
        Some(ProjectId::new(project).unwrap())
    }

    /// The order in which work is done that waits for one place, while another has it. Some stop
    /// waiting before it is free.
    async fn order(wanted: &[u64], gone: &[usize]) -> Vec<usize> {
        let aside = Aside::with_places(1);
        let taken = aside.place(None).await;
        let (told, done) = sync_channel(wanted.len());
        let mut tasks = JoinSet::new();
        let mut handles = Vec::new();
        for (nth, project) in wanted.iter().enumerate() {
            let (theirs, told, whose) = (aside.clone(), told.clone(), of(*project));
            let told = async move { theirs.run(whose, move || told.send(nth)).await };
            handles.push(tasks.spawn(told));
            while n_waiting(&aside) <= nth {
                tokio::task::yield_now().await;
            }
        }
        drop(told);
        for nth in gone {
            handles[*nth].abort();
            while !handles[*nth].is_finished() {
                tokio::task::yield_now().await;
            }
        }
        drop(taken);
        let mut n_done = 0;
        while let Some(ended) = tasks.join_next().await {
            n_done += usize::from(ended.is_ok_and(|told| told == Some(Ok(()))));
        }
        assert_eq!(n_done, wanted.len() - gone.len());
        assert_eq!((n_waiting(&aside), aside.places().free.len()), (0, 1));
        done.iter().collect()
    }

    fn n_waiting(aside: &Aside) -> usize {
        aside
            .places()
            .waiting
            .iter()
            .map(|(_, turns)| turns.len())
            .sum()
    }

    #[tokio::test]
    async fn who_wants_little_waits_for_one_of_each_other_project() {
        assert_eq!(order(&[1, 1, 1, 2], &[]).await, [0, 3, 1, 2]);
        assert_eq!(order(&[1, 2, 1, 3, 2], &[]).await, [0, 1, 3, 2, 4]);
        assert_eq!(order(&[], &[]).await, [] as [usize; 0]);
    }

    #[tokio::test]
    async fn who_stops_waiting_holds_nobody_up() {
        assert_eq!(order(&[1, 1, 1, 2], &[0, 1]).await, [2, 3]);
        assert_eq!(order(&[1, 2], &[0, 1]).await, [] as [usize; 0]);
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_place_back() {
        let aside = Aside::with_places(1);
        let panicked = aside.run(of(1), || panic!("as it is wanted here")).await;
        assert_eq!(panicked, None::<()>);
        assert_eq!(aside.run(of(1), || 7).await, Some(7));
    }

    #[tokio::test]
    async fn it_is_nicer_to_the_host_than_what_answers_requests() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let aside = Aside::with_places(1);
        for _ in 0..2 {
            let beside = aside.run(of(1), nice).await;
            assert_eq!(beside, Some((nice() + NICER_BY).min(19)));
        }
    }
}
