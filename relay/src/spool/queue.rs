//! Whose append is committed next.
//!
//! Projects share the commits by bytes. Each append is to be done when its project's appends before
//! it are done and its own bytes have had their share, by a clock that counts the bytes each project
//! would have got; the earliest goes first. So a project that floods waits for itself, one that
//! sends little goes next, and nobody waits for ever. (Self-clocked fair queueing: Golestani, 1994.)

use std::collections::BTreeMap;

use protocol::ids::ProjectId;

use super::command::Append;
use super::entry::Entry;

/// Whose an append is; counts are nobody's.
type Whose = Option<ProjectId>;

/// Appends that wait for their commit. What they take is bounded by the permits that they hold.
#[derive(Debug, Default)]
pub(super) struct Queue(Fair<Whose, Append>);

impl Queue {
    pub(super) fn extend(&mut self, appends: Vec<Append>) {
        for append in appends {
            self.0.push(whose(&append), append.bytes, append);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.waiting.is_empty()
    }

    /// Those whose turn it is: as many as hold `bytes_max` together, and at least one. What comes
    /// compressed has a block of its own, which the disk takes by itself; so it goes alone.
    pub(super) fn take(&mut self, bytes_max: u64) -> Vec<Append> {
        let (mut taken, mut bytes) = (Vec::new(), 0_u64);
        while let Some(next) = self.0.peek() {
            let is_packed = next.entries.iter().any(Entry::is_packed);
            bytes = bytes.saturating_add(next.bytes);
            if !taken.is_empty() && (bytes > bytes_max || is_packed) {
                break;
            }
            taken.extend(self.0.pop());
            if is_packed {
                break;
            }
        }
        taken
    }
}

fn whose(append: &Append) -> Whose {
    append.entries.iter().find_map(Entry::project)
}

/// What waits, by when it is to be done.
#[derive(Debug)]
struct Fair<K, T> {
    waiting: BTreeMap<(u64, u64), T>,
    /// When the last of each is to be done; those whose time is over are left out.
    last: BTreeMap<K, u64>,
    /// When the one that went last was to be done.
    now: u64,
    n_pushed: u64,
}

impl<K, T> Default for Fair<K, T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            last: BTreeMap::new(),
            now: 0,
            n_pushed: 0,
        }
    }
}

impl<K: Ord, T> Fair<K, T> {
    fn push(&mut self, whose: K, bytes: u64, what: T) {
        let last = self.last.entry(whose).or_default();
        *last = self.now.max(*last).saturating_add(bytes);
        self.waiting.insert((*last, self.n_pushed), what);
        self.n_pushed += 1;
    }

    fn peek(&self) -> Option<&T> {
        self.waiting.first_key_value().map(|(_, what)| what)
    }

    fn pop(&mut self) -> Option<T> {
        let ((done, _), what) = self.waiting.pop_first()?;
        self.now = done;
        if self.waiting.is_empty() {
            // Nobody has had more than another of what is to come.
            self.last.clear();
        }
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In which order what waits together goes.
    fn order(sizes: &[(char, u64)]) -> Vec<usize> {
        let mut fair = Fair::default();
        for (nth, (whose, bytes)) in sizes.iter().enumerate() {
            fair.push(*whose, *bytes, nth);
        }
        std::iter::from_fn(|| fair.pop()).collect()
    }

    #[test]
    fn who_sends_little_goes_before_the_rest_of_a_flood() {
        assert_eq!(order(&[]), [] as [usize; 0]);
        assert_eq!(order(&[('a', 4), ('a', 4), ('b', 4)]), [0, 2, 1]);
        assert_eq!(order(&[('a', 40), ('a', 40), ('b', 1)]), [2, 0, 1]);
        assert_eq!(
            order(&[('a', 4), ('b', 1), ('b', 1), ('a', 4)]),
            [1, 2, 0, 3]
        );
        assert_eq!(order(&[('a', 0), ('a', 0), ('b', 0)]), [0, 1, 2]);
    }

    #[test]
    fn a_large_one_goes_however_many_small_ones_come() {
        let mut fair = Fair::default();
        fair.push('a', 1000, "large");
        let n_before = (0..).find(|_| {
            for other in ['b', 'c'] {
                fair.push(other, 10, "small");
            }
            fair.pop() == Some("large")
        });
        assert_eq!(n_before, Some(198));
    }

    proptest::proptest! {
        #[test]
        fn what_is_of_one_project_goes_in_the_order_in_which_it_came(
            sizes in proptest::collection::vec((0..4_u8, 0..50_u64), 1..40),
            n_first in 0..40_usize,
        ) {
            let mut fair = Fair::default();
            let mut gone = Vec::new();
            for (nth, (whose, bytes)) in sizes.iter().enumerate() {
                if nth == n_first {
                    gone.extend(fair.pop());
                }
                fair.push(*whose, *bytes, nth);
            }
            gone.extend(std::iter::from_fn(|| fair.pop()));
            proptest::prop_assert_eq!(gone.len(), sizes.len());
            for whose in 0..4 {
                let own = gone.iter().filter(|nth| sizes[**nth].0 == whose);
                proptest::prop_assert!(own.is_sorted());
            }
        }
    }
}
