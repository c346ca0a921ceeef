//! The deterministic simulation of relay and hub: one thread, and from one seed everything that
//! happens, clocks, disk, network and chance alike.
//!
//! A seed tells a story: which troubles there are, what is sent, what fails and when. Each ends
//! with all troubles healed, the backlog drained and a fresh record sent through. A story in which
//! a promise is broken names the promise, and its seed tells it again.
//!
//! Real code: the relay's spool with its owner, stepped by hand over a disk in memory; the relay's
//! outbox; the hub's inbox; what a delivery means to the hub's cursor; blocks and ledger.
//! A model: the hub's store (effects and cursor change together or not at all), connections,
//! clocks, the disk.
//! That it finds what it is there for is shown by `make mutants`, which breaks the real code.

mod disk;
mod hub;
mod net;
mod plan;
mod promises;
mod records;
mod relay;
mod time;
mod world;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use world::World;

pub use world::Story;

/// A story in which a promise was broken.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its seed.
    pub seed: u64,
    /// Which promise, and how.
    pub why: String,
    /// The set-up and the last steps.
    pub tale: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, why, tale } = self;
        write!(
            f,
            "{tale}\nseed {seed}: {why}\ntell it again with: cargo run -p tests --bin vedette-sim -- {seed}"
        )
    }
}

/// Sums over many stories.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Stories.
    pub stories: u64,
    /// Steps.
    pub steps: u64,
    /// Records that were promised.
    pub promised: u64,
    /// Lives of the relay.
    pub lives: u64,
    /// Connections.
    pub connections: u64,
    /// Items that bits flipped in and of which the hub knows more than the relay.
    pub in_doubt: u64,
}

impl Sums {
    fn add(&mut self, story: Story) {
        self.stories += 1;
        self.steps += story.steps;
        self.promised += story.promised;
        self.lives += story.lives;
        self.connections += story.connections;
        self.in_doubt += story.in_doubt;
    }
}

/// Tells the story of a seed.
///
/// # Errors
/// The broken promise, with what led to it.
pub fn tell(seed: u64) -> Result<Story, Box<Broken>> {
    // The spool's requests have a deadline, which the runtime's clock would end.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.map_err(|error| broken(seed, error.to_string(), String::new()))?;
    let _context = runtime.enter();
    let why = match World::new(seed, false).run() {
        Ok(story) => return Ok(story),
        Err(why) => why,
    };
    // Told again, to be explained.
    let mut again = World::new(seed, true);
    let same = again.run().err();
    let tale = again.tale();
    if same.as_ref() != Some(&why) {
        let why = format!("{why}; told again: {same:?}");
        return Err(broken(seed, why, tale));
    }
    Err(broken(seed, why, tale))
}

fn broken(seed: u64, why: String, tale: String) -> Box<Broken> {
    Box::new(Broken { seed, why, tale })
}

/// Tells the stories of `n` seeds from `first` on, on as many threads as there are processors;
/// stops at the first that is broken.
///
/// # Errors
/// That story.
pub fn tell_all(first: u64, n: u64) -> Result<Sums, Box<Broken>> {
    let next = AtomicU64::new(0);
    let found = Mutex::new((Sums::default(), None));
    let lock = || found.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= n || lock().1.is_some() {
                return;
            }
            let told = tell(first.wrapping_add(at));
            let (sums, worst) = &mut *lock();
            match told {
                Ok(story) => sums.add(story),
                Err(broken) => {
                    worst.get_or_insert(broken);
                }
            }
        }
    };
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(work);
        }
    });
    let (sums, worst) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    worst.map_or(Ok(sums), Err)
}
