//! A line of a table: its fields as text, or why it has none.

/// A line, or why it has no fields.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The number of the line that it starts on, from 1.
    pub number: u64,
    pub(super) text: &'a [u8],
    pub(super) ends: &'a [usize],
    pub too_long: bool,
    /// A quote that was open when the file ended took the lines behind it into this one.
    pub(super) unclosed: bool,
}

/// What a line is refused for before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    pub code: &'static str,
    pub because: &'static str,
}

impl<'a> Line<'a> {
    /// The fields as text, all of them or none.
    pub fn fields(&self) -> Result<Fields<'a>, Malformed> {
        if self.unclosed {
            return Err(Malformed {
                code: "unclosed_quote",
                because: "a quote is opened here and never closed: all lines that follow are in it",
            });
        }
        if self.too_long {
            return Err(Malformed {
                code: "line_too_long",
                because: "longer than 1 MiB, or of more than 1,024 fields; is a quote missing?",
            });
        }
        let wrong = Malformed { code: "invalid_text", because: "not UTF-8, or with U+0000" };
        let text = std::str::from_utf8(self.text).map_err(|_| wrong)?;
        if text.contains('\0') {
            return Err(wrong);
        }
        let fits = self.ends.iter().all(|end| text.is_char_boundary(*end));
        if fits { Ok(Fields { text, ends: self.ends }) } else { Err(wrong) }
    }

    /// The fields as bytes, for the file of those refused.
    pub fn raw(&self) -> impl Iterator<Item = &'a [u8]> {
        let (text, ends) = (self.text, self.ends);
        (0..ends.len()).map(move |n| &text[if n == 0 { 0 } else { ends[n - 1] }..ends[n]])
    }
}

/// The fields of a line.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Fields<'a> {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A field without the blanks around it; empty if there is none.
    pub fn get(&self, n: usize) -> &'a str {
        self.verbatim(n).trim_ascii()
    }

    pub fn verbatim(&self, n: usize) -> &'a str {
        let Some(end) = self.ends.get(n) else { return "" };
        &self.text[if n == 0 { 0 } else { self.ends[n - 1] }..*end]
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        let fields = *self;
        (0..self.len()).map(move |n| fields.get(n))
    }
}
