//! Text rules: what may be stored, how long it may be, and how it is written into a small HTML page.

use std::fmt;

/// Why a text is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// PostgreSQL cannot store U+0000, so nobody may send it.
    #[error("holds U+0000")]
    Invalid,
    #[error("longer than {chars_max} characters")]
    TooLong { chars_max: usize },
    #[error("empty")]
    Empty,
}

impl TextError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_text",
            Self::TooLong { .. } => "too_long",
            Self::Empty => "required",
        }
    }
}

/// A text of at most `chars_max` characters (Unicode scalar values). Everything but U+0000 is kept verbatim.
pub fn check(text: &str, chars_max: usize) -> Result<(), TextError> {
    if text.contains('\0') {
        return Err(TextError::Invalid);
    }
    // Only a text with more bytes than that can have more characters.
    if text.len() > chars_max && text.chars().nth(chars_max).is_some() {
        return Err(TextError::TooLong { chars_max });
    }
    Ok(())
}

/// As [`check`], and at least one character.
pub fn check_filled(text: &str, chars_max: usize) -> Result<(), TextError> {
    if text.is_empty() { Err(TextError::Empty) } else { check(text, chars_max) }
}

/// Displays text with HTML's five special characters escaped, for content and quoted attributes.
#[derive(Debug, Clone, Copy)]
pub struct Html<'a>(pub &'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_u0000_is_refused() {
        assert_eq!(check("éééé", 4), Ok(()));
        assert_eq!(check("ééééx", 4), Err(TextError::TooLong { chars_max: 4 }));
        assert_eq!(check("", 0), Ok(()));
        assert_eq!(check("a\0b", 9).map_err(TextError::code), Err("invalid_text"));
        assert_eq!(check("\u{fffe}\u{202e}\n\t", 9), Ok(()), "everything else is kept");
        assert_eq!(check_filled("", 9), Err(TextError::Empty));
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(Html("<a href=\"x\" title='y'>&é").to_string(), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;é");
    }
}
