//! Countries of ISO 3166, by their two letters.

use std::fmt;

/// An ISO 3166 country: two upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("made from two ASCII letters")
    }
}
impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl serde::Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

crate::schema!(Country, "Country", crate::kernel::schema::text("Two letters of ISO 3166.", "^[A-Z]{2}$", "FR"));

#[cfg(test)]
mod tests {
    use super::Country;

    #[test]
    fn two_upper_case_letters() {
        assert_eq!(Country::parse("FR").map(|country| country.to_string()).as_deref(), Some("FR"));
        for bad in ["fr", "F", "FRA", "", "É", "F1"] {
            assert_eq!(Country::parse(bad), None, "{bad}");
        }
    }
}
