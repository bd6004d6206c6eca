//! Enums of the wire's lower-case words, declared once with both directions.

/// Declares enums with `word`, `from_word` and `WORDS`.
macro_rules! words {
    ($($(#[doc = $doc:literal])* pub enum $name:ident { $($value:ident = $word:literal,)+ })+) => {$(
        $(#[doc = $doc])*
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
        $crate::schema!(
            $name,
            $crate::kernel::schema::name_of(module_path!(), stringify!($name)),
            $crate::kernel::schema::words(concat!($($doc),*), Self::WORDS)
        );
    )+};
}
pub(crate) use words;
