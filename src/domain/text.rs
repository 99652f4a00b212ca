//! Text that other people will read: display names and the like.

use std::sync::Arc;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Over the limit, counted in characters.
    #[error("must not be longer than {limit} characters")]
    TooLong {
        /// The limit that was passed.
        limit: usize,
    },
    /// A control character: it could forge log lines or break a terminal.
    #[error("must not hold control characters")]
    Control,
    /// A bidirectional override or isolate: it could make one name look like another.
    #[error("must not hold bidirectional overrides")]
    Bidi,
}

/// Unicode's explicit bidirectional formatting characters (UAX #9), which reorder what follows.
const fn is_bidi_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
}

/// Checks a single line of text of at most `limit` characters.
///
/// # Errors
/// The first rule that the text breaks.
pub fn line(value: &str, limit: usize) -> Result<Arc<str>, InvalidText> {
    if value.chars().nth(limit).is_some() {
        return Err(InvalidText::TooLong { limit });
    }
    if value
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return Err(InvalidText::Control);
    }
    if value.chars().any(is_bidi_override) {
        return Err(InvalidText::Bidi);
    }
    Ok(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        assert!(line(&"é".repeat(128), 128).is_ok());
        assert_eq!(
            line(&"é".repeat(129), 128),
            Err(InvalidText::TooLong { limit: 128 })
        );
    }

    #[test]
    fn refuses_what_could_deceive() {
        assert_eq!(line("a\nb", 9), Err(InvalidText::Control));
        assert_eq!(line("a\u{0}", 9), Err(InvalidText::Control));
        assert_eq!(line("a\u{2028}", 9), Err(InvalidText::Control));
        assert_eq!(line("\u{202e}evil", 9), Err(InvalidText::Bidi));
        assert_eq!(line("\u{2066}x\u{2069}", 9), Err(InvalidText::Bidi));
        assert!(line("Zoë 👩‍🚀 \u{05d0}", 20).is_ok());
    }
}
