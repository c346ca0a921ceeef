//! Which commits may have brought an error: those that touched a file of its stack.

/// Releases whose commits are asked: the first that had the issue, and those before it.
pub const SUSPECT_RELEASES_MAX: u32 = 5;
/// Older commits than this, seen from the event, are left out, in milliseconds: a year.
pub const SUSPECT_AGE_MAX_MS: i64 = 365 * 86_400_000;
/// Commits that are named at most.
const SUSPECTS_MAX: usize = 10;
/// Parts of a path that must be the same, from its end on, where both paths have so many.
const SAME_PARTS_MIN: usize = 2;

/// A commit that touched a file of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect<'p> {
    /// The commit.
    pub commit: i64,
    /// The frame's place among those asked about; 0 is the one that crashed.
    pub frame: usize,
    /// The file as the commit names it.
    pub path: &'p str,
    /// How many parts of the two paths are the same.
    pub n_same: usize,
}

/// The commits that touched a file of these frames, the most likely first: by the frame that is
/// nearest to the crash, by how much of the path is the same, then in the order they are given in.
///
/// Frames are paths in small letters, the one that crashed first; touched files are given commit
/// by commit.
#[must_use]
pub fn suspects<'p>(frames: &[String], touched: &[(i64, &'p str)]) -> Vec<Suspect<'p>> {
    let mut found: Vec<Suspect<'p>> = Vec::new();
    for (commit, path) in touched {
        let lower = super::facts::normal_path(path);
        let best = frames
            .iter()
            .enumerate()
            .filter_map(|(frame, name)| Some((frame, same_parts(name, &lower)?)))
            .min_by_key(|(frame, n_same)| (*frame, usize::MAX - n_same));
        let Some((frame, n_same)) = best else {
            continue;
        };
        let new = Suspect {
            commit: *commit,
            frame,
            path,
            n_same,
        };
        match found.iter_mut().find(|other| other.commit == *commit) {
            Some(other) if rank(&new) < rank(other) => *other = new,
            Some(_) => {}
            None => found.push(new),
        }
    }
    // Stable: what ranks the same stays in the order of the commits.
    found.sort_by_key(rank);
    found.truncate(SUSPECTS_MAX);
    found
}

fn rank(suspect: &Suspect<'_>) -> (usize, usize) {
    (suspect.frame, usize::MAX - suspect.n_same)
}

/// How many parts two paths share from the end on, when that is enough to take them for one file.
fn same_parts(frame: &str, file: &str) -> Option<usize> {
    let parts = |path: &str| {
        let parts = path.split('/').filter(|part| !part.is_empty());
        parts.count()
    };
    let ends = frame.rsplit('/').zip(file.rsplit('/'));
    let n_same = ends
        .take_while(|(left, right)| left == right && !left.is_empty())
        .count();
    if n_same == 0 {
        return None;
    }
    let needed = SAME_PARTS_MIN.min(parts(frame)).min(parts(file)).max(1);
    (n_same >= needed).then_some(n_same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_file_when_enough_of_their_ends_is_the_same() {
        let check = |frame: &str, file: &str, expected: Option<usize>| {
            assert_eq!(same_parts(frame, file), expected, "{frame} {file}");
        };
        check("shop/checkout.py", "backend/shop/checkout.py", Some(2));
        check(
            "srv/app/shop/checkout.py",
            "backend/shop/checkout.py",
            Some(2),
        );
        check("checkout.py", "backend/shop/checkout.py", Some(1));
        check("shop/checkout.py", "checkout.py", Some(1));
        check("a/index.js", "b/index.js", None);
        check("shop/checkout.py", "shop/cart.py", None);
        check("webpack:///./src/cart.ts", "src/cart.ts", Some(2));
        check("", "a", None);
        check("", "", None);
    }

    #[test]
    fn the_frame_that_crashed_comes_before_what_called_it() {
        let frames = ["shop/pay.py", "shop/view.py"].map(str::to_owned);
        let touched = [
            (1, "shop/view.py"),
            (2, "README.md"),
            (3, "shop/view.py"),
            (3, "Shop/Pay.py"),
            (4, "x/shop/pay.py"),
        ];
        let found = suspects(&frames, &touched);
        let order: Vec<(i64, usize)> = found.iter().map(|s| (s.commit, s.frame)).collect();
        assert_eq!(order, [(3, 0), (4, 0), (1, 1)]);
        assert_eq!(found[0].path, "Shop/Pay.py");
        assert!(suspects(&[], &touched).is_empty());
    }
}
