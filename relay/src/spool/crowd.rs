//! Who fills a lane. Pure.
//!
//! Records of all projects share a lane, and the link takes them in their order: behind a project
//! that sends more than the link carries everybody waits. So it is known of a live lane whose bytes
//! wait in it, and those who have more than an even share go to the lane's twin from then on, while
//! the others go on in the lane (`route`).
//!
//! What it remembers is bounded by what may wait in a live lane, and is forgotten with the process:
//! then everybody begins anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::ids::{ProjectId, Seq};

/// Whose bytes wait in a lane.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Up to which number, whose, and how many; the oldest first.
    waiting: VecDeque<(Seq, ProjectId, u64)>,
    bytes: BTreeMap<ProjectId, u64>,
}

impl Crowd {
    /// Notes bytes that are in the lane up to a number; numbers rise.
    pub(super) fn add(&mut self, upto: Seq, project: ProjectId, bytes: u64) {
        *self.bytes.entry(project).or_default() += bytes;
        match self.waiting.back_mut() {
            Some((last, whose, n)) if *last == upto && *whose == project => *n += bytes,
            _ => self.waiting.push_back((upto, project, bytes)),
        }
    }

    /// Forgets what is delivered, or gone.
    pub(super) fn forget(&mut self, upto: Seq) {
        while let Some((_, project, bytes)) = self.waiting.pop_front_if(|(last, ..)| *last <= upto)
        {
            if let Some(left) = self.bytes.get_mut(&project) {
                *left = left.saturating_sub(bytes);
                if *left == 0 {
                    self.bytes.remove(&project);
                }
            }
        }
    }

    /// Those who have more than an even share of so many bytes.
    pub(super) fn beyond(&self, bytes: u64) -> BTreeSet<ProjectId> {
        let n = self.bytes.len() as u64;
        let those = self.bytes.iter();
        let those = those.filter(|(_, its)| its.saturating_mul(n) > bytes);
        those.map(|(project, _)| *project).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(n: u64) -> ProjectId {
        ProjectId::new(n).unwrap()
    }

    fn beyond(crowd: &Crowd, bytes: u64) -> Vec<u64> {
        crowd
            .beyond(bytes)
            .into_iter()
            .map(ProjectId::get)
            .collect()
    }

    #[test]
    fn who_has_more_than_an_even_share_is_told_and_is_not_once_it_is_delivered() {
        let mut crowd = Crowd::default();
        assert_eq!(beyond(&crowd, 0), [0; 0]);
        crowd.add(Seq(1), project(1), 60);
        assert_eq!(beyond(&crowd, 60), [0; 0]);
        assert_eq!(beyond(&crowd, 59), [1]);
        crowd.add(Seq(2), project(2), 10);
        assert_eq!(beyond(&crowd, 100), [1]);
        crowd.add(Seq(2), project(2), 45);
        assert_eq!(beyond(&crowd, 100), [1, 2]);
        crowd.forget(Seq(1));
        assert_eq!(beyond(&crowd, 100), [0; 0]);
        assert_eq!(beyond(&crowd, 54), [2]);
        crowd.forget(Seq(9));
        assert!(crowd.bytes.is_empty() && crowd.waiting.is_empty());
    }
}
