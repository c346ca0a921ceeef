//! Statements over many rows.

use sqlx::{QueryBuilder, Sqlite};

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

/// `(?, ?, …)`, filled up with the last value to one of a few lengths, so that each statement is
/// prepared once and kept. An empty list becomes one that nothing is in.
pub(super) fn push_list<'q, T>(
    sql: &mut QueryBuilder<Sqlite>,
    values: impl ExactSizeIterator<Item = T>,
) where
    T: sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + Clone + 'q,
{
    const LENGTHS: [usize; 5] = [1, 4, 16, 64, 128];
    let len = values.len();
    let filled = LENGTHS
        .into_iter()
        .find(|length| *length >= len)
        .unwrap_or(len);
    let mut last = None;
    sql.push("(");
    let mut list = sql.separated(", ");
    for value in values {
        last = Some(value.clone());
        list.push_bind(value);
    }
    for _ in len..filled {
        match &last {
            Some(value) => list.push_bind(value.clone()),
            None => list.push("NULL"),
        };
    }
    sql.push(")");
}

/// Numbers as one value, however many: the engine limits how many it binds.
pub(super) fn json_list(ids: &[i64]) -> String {
    let list = ids.iter().map(i64::to_string).collect::<Vec<_>>();
    format!("[{}]", list.join(","))
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
