//! In which vocabulary a connection is spoken to.

/// The vocabulary of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Changes as they happen.
    Delta,
    /// Whole lists.
    List,
}
