//! Statements over many rows.

/// Rows of one statement. Few sizes, so that each statement is prepared once and kept.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// Cuts rows into runs of a few fixed sizes.
pub(super) fn runs<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (run, rest) = rows.split_at_checked(size)?;
        rows = rest;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_run() {
        for n in [0, 1, 3, 4, 5, 63, 64, 65, 200] {
            let rows: Vec<usize> = (0..n).collect();
            let joined: Vec<usize> = runs(&rows).flatten().copied().collect();
            assert_eq!(joined, rows);
        }
    }
}
