//! Opaque positions in a list: where the next page begins, in letters that fit a URL.

use std::fmt::Write;

/// A position as clients see it.
pub(super) fn seal(position: &str) -> String {
    let mut sealed = String::with_capacity(position.len().saturating_mul(2));
    for byte in position.bytes() {
        // writing to a string cannot fail
        write!(sealed, "{byte:02x}").unwrap_or_default();
    }
    sealed
}

/// The position again; `None` when this is none of ours.
pub(super) fn open(sealed: &str) -> Option<String> {
    let digits: Option<Vec<u8>> = sealed
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    String::from_utf8(pairs.iter().map(|[high, low]| (high << 4) | low).collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_and_nonsense_does_not() {
        for position in ["", "a", "1700000000000:room-1", "ü"] {
            assert_eq!(open(&seal(position)).as_deref(), Some(position));
        }
        for nonsense in ["f", "zz", "é", "ff", "12 4"] {
            assert_eq!(open(nonsense), None, "{nonsense}");
        }
    }
}
