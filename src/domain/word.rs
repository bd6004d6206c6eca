//! Enums of the wire's lower-case words, declared once with both directions.

/// Declares enums with `word`, `from_word` and `WORDS`.
macro_rules! words {
    ($($(#[$doc:meta])* pub enum $name:ident { $($value:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($value,)+ }
        impl $name {
            /// The words of the wire, for messages.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            pub const fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)+ }
            }
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$value),)+ _ => None }
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    )+};
}
pub(crate) use words;
