//! The quota holds in every window.

use proptest::prelude::*;

use super::*;

const MINUTE: RateLimit = RateLimit::new(2, 60);

fn key(n: u128) -> PublicKey {
    PublicKey::from_bytes(n.to_be_bytes())
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn take(limiter: &mut Limiter, n: u64, now: Duration) -> Verdict {
    one(limiter, key(1), Category::Error, n, MINUTE, now)
}

fn one(
    limiter: &mut Limiter,
    key: PublicKey,
    category: Category,
    n: u64,
    limit: RateLimit,
    now: Duration,
) -> Verdict {
    limiter.take(&[(Place::Key(key, category), limit)], n, now)
}

#[test]
fn refuses_the_third_of_two_until_the_minute_ends() {
    let mut limiter = Limiter::default();
    assert_eq!(take(&mut limiter, 1, secs(0)), Verdict::Allowed);
    assert_eq!(take(&mut limiter, 1, secs(1)), Verdict::Allowed);
    let Verdict::Refused { retry_after, .. } = take(&mut limiter, 1, secs(2)) else {
        panic!("the third is refused");
    };
    assert_eq!(retry_after, secs(64));
    assert_eq!(
        take(&mut limiter, 1, secs(2) + retry_after),
        Verdict::Allowed
    );
}

#[test]
fn keys_and_categories_have_their_own_windows() {
    let mut limiter = Limiter::default();
    assert_eq!(take(&mut limiter, 2, secs(0)), Verdict::Allowed);
    let other = one(&mut limiter, key(2), Category::Error, 2, MINUTE, secs(0));
    assert_eq!(other, Verdict::Allowed);
    let other = one(&mut limiter, key(1), Category::Session, 2, MINUTE, secs(0));
    assert_eq!(other, Verdict::Allowed);
}

#[test]
fn takes_all_or_nothing() {
    let mut limiter = Limiter::default();
    assert!(matches!(
        take(&mut limiter, 3, secs(0)),
        Verdict::Refused { .. }
    ));
    assert_eq!(take(&mut limiter, 2, secs(0)), Verdict::Allowed);
}

#[test]
fn of_several_limits_all_take_or_none_and_the_one_that_lasts_longest_is_told() {
    let mut limiter = Limiter::default();
    let hour = RateLimit::new(3, 3600);
    let shared = Place::Shared("project:1".into());
    let limits = |n: u128| {
        [
            (Place::Key(key(n), Category::Error), MINUTE),
            (shared.clone(), hour),
        ]
    };
    assert_eq!(limiter.take(&limits(1), 2, secs(0)), Verdict::Allowed);
    let Verdict::Refused { by: 0, .. } = limiter.take(&limits(1), 1, secs(1)) else {
        panic!("the key is at its limit, the project is not");
    };
    assert_eq!(limiter.take(&limits(2), 1, secs(1)), Verdict::Allowed);
    let Verdict::Refused { by: 1, retry_after } = limiter.take(&limits(2), 1, secs(1)) else {
        panic!("what was refused took nothing, so that the project is at its limit now");
    };
    assert!(retry_after > secs(3600));
    let Verdict::Refused { by: 1, .. } = limiter.take(&limits(1), 1, secs(1)) else {
        panic!("both refuse, and the hour lasts longer");
    };
}

#[test]
fn a_quota_of_nothing_allows_nothing() {
    let mut limiter = Limiter::default();
    let none = RateLimit::new(0, 60);
    let verdict = one(&mut limiter, key(1), Category::Error, 1, none, secs(0));
    assert_eq!(
        verdict,
        Verdict::Refused {
            by: 0,
            retry_after: secs(60)
        }
    );
}

#[test]
fn a_clock_that_jumps_back_opens_nothing() {
    let mut limiter = Limiter::default();
    assert_eq!(take(&mut limiter, 2, secs(1000)), Verdict::Allowed);
    assert!(matches!(
        take(&mut limiter, 1, secs(1)),
        Verdict::Refused { .. }
    ));
}

#[test]
fn remembers_a_bounded_number_of_accounts() {
    let mut limiter = Limiter::default();
    for n in 0..ACCOUNTS_MAX as u128 + 10 {
        one(&mut limiter, key(n), Category::Error, 1, MINUTE, secs(1));
    }
    assert_eq!(limiter.accounts.len(), ACCOUNTS_MAX);
}

#[test]
fn a_burst_comes_at_once_and_what_it_took_is_made_up_one_by_one() {
    let mut limiter = Limiter::default();
    let limit = RateLimit {
        burst: Some(5),
        ..MINUTE
    };
    let mut take = |n, at| one(&mut limiter, key(1), Category::Error, n, limit, secs(at));
    let wait = |n| Verdict::Refused {
        by: 0,
        retry_after: secs(n),
    };
    assert_eq!(take(5, 0), Verdict::Allowed);
    assert_eq!(take(1, 0), wait(30));
    assert_eq!(take(1, 29), wait(1));
    assert_eq!(take(1, 30), Verdict::Allowed);
    assert_eq!(take(1, 30), wait(30));
    assert_eq!(take(5, 1000), Verdict::Allowed);
    assert!(
        matches!(take(6, 2000), Verdict::Refused { .. }),
        "never at once"
    );
}

#[test]
fn a_limit_that_changes_forgets_nothing_of_what_was_allowed() {
    let mut limiter = Limiter::default();
    let burst = |count, burst| RateLimit {
        burst: Some(burst),
        ..RateLimit::new(count, 3600)
    };
    let mut take = |n, limit, at| {
        let verdict = one(&mut limiter, key(1), Category::Error, n, limit, secs(at));
        verdict == Verdict::Allowed
    };
    assert!(take(2, MINUTE, 100_000));
    assert!(!take(1, RateLimit::new(2, 3600), 100_001), "another window");
    assert!(!take(2, burst(3600, 3), 100_001), "two of three are taken");
    assert!(take(1, burst(3600, 3), 100_001));
    assert!(
        !take(1, RateLimit::new(3, 60), 100_001),
        "all three are taken"
    );
    assert!(
        take(3, RateLimit::new(3, 60), 100_068),
        "and forgotten in their time"
    );
}

proptest! {
    #[test]
    fn never_exceeds_the_quota_and_its_burst_in_any_window(
        count in 0_u64..8,
        window_secs in 1_u64..20,
        burst in prop::option::of(0_u64..20),
        steps in prop::collection::vec((0_u64..3000, 1_u64..4), 1..120),
    ) {
        let limit = RateLimit { burst, ..RateLimit::new(count, window_secs) };
        let mut limiter = Limiter::default();
        let mut now = Duration::ZERO;
        let mut allowed: Vec<(Duration, u64)> = Vec::new();
        for (wait_ms, n) in steps {
            now += Duration::from_millis(wait_ms);
            if one(&mut limiter, key(1), Category::Error, n, limit, now) == Verdict::Allowed {
                allowed.push((now, n));
            }
        }
        for (at, _) in &allowed {
            let end = *at + secs(window_secs);
            let within = allowed.iter().filter(|(t, _)| *t >= *at && *t <= end);
            prop_assert!(within.map(|(_, n)| n).sum::<u64>() <= count + burst.unwrap_or_default());
        }
    }

    #[test]
    fn allows_again_when_it_says_so_and_with_a_burst_not_before(
        count in 1_u64..8,
        window_secs in 1_u64..20,
        burst in prop::option::of(1_u64..20),
        start in 0_u64..99_999,
    ) {
        let limit = RateLimit { burst, ..RateLimit::new(count, window_secs) };
        let mut limiter = Limiter::default();
        let mut now = Duration::from_millis(start);
        let n = burst.unwrap_or(count);
        one(&mut limiter, key(1), Category::Error, n, limit, now);
        let verdict = one(&mut limiter, key(1), Category::Error, 1, limit, now);
        let Verdict::Refused { retry_after, .. } = verdict else {
            return Err(TestCaseError::fail("the quota is used"));
        };
        if burst.is_some() {
            let before = now + retry_after - Duration::from_millis(1);
            let verdict = one(&mut limiter, key(1), Category::Error, 1, limit, before);
            prop_assert_ne!(verdict, Verdict::Allowed);
        }
        now += retry_after;
        let verdict = one(&mut limiter, key(1), Category::Error, 1, limit, now);
        prop_assert_eq!(verdict, Verdict::Allowed);
    }
}
