//! A thousand simulated stories of relay and hub, in which every promise is kept.

use tests::sim::{tell, tell_all};
use tests::wait::clock;

/// Stories told at every run.
const SEEDS: u64 = 1_000;

#[test]
fn a_thousand_stories_keep_every_promise() {
    let begin = clock();
    let sums = tell_all(0, SEEDS).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{sums:?} in {:?}", begin.elapsed());
    // They are stories: much is promised, and much goes wrong.
    assert_eq!(sums.stories, SEEDS);
    assert!(sums.promised > SEEDS * 20, "{sums:?}");
    assert!(sums.lives > SEEDS * 2, "{sums:?}");
    assert!(sums.connections > SEEDS * 2, "{sums:?}");
}

#[test]
fn a_seed_tells_the_same_story_again() {
    for seed in 0..20 {
        assert_eq!(tell(seed).unwrap(), tell(seed).unwrap(), "seed {seed}");
    }
}
