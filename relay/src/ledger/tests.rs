//! No count is lost, none is doubled.

use proptest::prelude::*;

use super::*;

fn account(project: u64, term: Term, why: &'static str) -> Account {
    Account {
        project: ProjectId::new(project).ok(),
        category: Category::Error,
        term,
        reason: why.into(),
    }
}

fn sum(counts: impl IntoIterator<Item = (Account, u64)>, term: Term) -> u64 {
    let matching = counts.into_iter().filter(|(a, _)| a.term == term);
    matching.map(|(_, n)| n).sum()
}

#[test]
fn received_is_accepted_and_refused() {
    let ledger = Ledger::default();
    let project = ProjectId::new(1).ok();
    ledger.refused(project, Category::Error, reason::AUTH, 3);
    let invalid = item_terms(
        project,
        Category::LogItem,
        Term::Invalid,
        reason::INVALID_JSON.into(),
        2,
    );
    ledger.count_all(invalid);
    ledger.count(account(1, Term::Accepted, ""), 5);
    ledger.count(account(1, Term::Received, ""), 5);
    let totals = ledger.totals();
    assert_eq!(sum(totals.clone(), Term::Received), 10);
    assert_eq!(sum(totals.clone(), Term::Accepted), 7);
    assert_eq!(sum(totals.clone(), Term::Refused), 3);
    assert_eq!(sum(totals, Term::Invalid), 2);
}

#[test]
fn a_delta_that_was_given_back_is_taken_again() {
    let ledger = Ledger::default();
    let now = Timestamp::from_millis(7);
    ledger.count(account(1, Term::Refused, "auth"), 2);
    let delta = ledger.take_delta(now);
    assert_eq!(delta.at, now);
    assert_eq!(ledger.take_delta(now).counts, []);
    ledger.count(account(1, Term::Refused, "auth"), 1);
    ledger.put_back(delta);
    assert_eq!(
        ledger.take_delta(now).counts,
        [(account(1, Term::Refused, "auth"), 3)]
    );
    assert_eq!(sum(ledger.totals(), Term::Refused), 3);
}

#[test]
fn restored_totals_are_not_written_again() {
    let ledger = Ledger::default();
    ledger.restore(Counts::from([(account(1, Term::Accepted, ""), 9)]));
    ledger.count(account(1, Term::Accepted, ""), 1);
    assert_eq!(sum(ledger.totals(), Term::Accepted), 10);
    assert_eq!(
        sum(
            ledger.take_delta(Timestamp::default()).counts,
            Term::Accepted
        ),
        1
    );
}

#[test]
fn hostile_reasons_and_projects_do_not_grow_it_without_end() {
    let ledger = Ledger::default();
    for n in 0..ACCOUNTS_MAX as u64 + 500 {
        let mut account = account(n + 1, Term::ClientDiscard, "");
        account.reason = Reason::Owned(format!("reason {n}"));
        ledger.count(account, 1);
    }
    let totals = ledger.totals();
    assert!(totals.len() <= ACCOUNTS_MAX + 10, "{}", totals.len());
    assert_eq!(sum(totals, Term::ClientDiscard), ACCOUNTS_MAX as u64 + 500);
}

proptest! {
    #[test]
    fn what_was_counted_is_taken_exactly_once(
        steps in prop::collection::vec((0_u8..4, 1_u64..4, 1_u64..100), 0..60),
    ) {
        let ledger = Ledger::default();
        let (mut counted, mut durable) = (0, 0);
        for (step, project, n) in steps {
            match step {
                0 | 1 => {
                    ledger.count(account(project, Term::Refused, "auth"), n);
                    counted += n;
                }
                2 => durable += sum(ledger.take_delta(Timestamp::default()).counts, Term::Refused),
                _ => {
                    let delta = ledger.take_delta(Timestamp::default());
                    ledger.put_back(delta);
                }
            }
        }
        durable += sum(ledger.take_delta(Timestamp::default()).counts, Term::Refused);
        prop_assert_eq!(durable, counted);
        prop_assert_eq!(sum(ledger.totals(), Term::Refused), counted);
    }
}
