//! Places in the order of a list, for pages that go on from one.

/// A place in an order: the value ordered by, and the row to tell equals apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The value ordered by.
    pub value: i64,
    /// The row.
    pub id: i64,
}

/// Which way to read from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards smaller values.
    Onward,
    /// Towards larger values: the page before. Rows come in the reverse of the page's order.
    Back,
}
