//! Stable codes with texts in English and French, declared once and listed.

/// The languages people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    En,
    Fr,
}

/// Declares an enum whose values have a stable `snake_case` code and a text in both languages.
#[macro_export]
macro_rules! codes {
    ($(#[doc = $doc:literal])* pub enum $name:ident { $($value:ident = $code:literal, $en:literal, $fr:literal;)+ }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[doc = concat!("`", $code, "`")] $value,)+ }

        impl $name {
            /// Every value, in order of precedence.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];
            /// The stable `snake_case` code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$value => $code,)+ }
            }
            /// What a person reads.
            pub const fn text(self, language: $crate::kernel::code::Language) -> &'static str {
                match (self, language) {
                    $((Self::$value, $crate::kernel::code::Language::En) => $en, (Self::$value, $crate::kernel::code::Language::Fr) => $fr,)+
                }
            }
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$value),)+ _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }
        $crate::schema!(
            $name,
            $crate::kernel::schema::name_of(module_path!(), stringify!($name)),
            $crate::kernel::schema::codes(concat!($($doc),*), [$(($code, $en, $fr)),+].into_iter())
        );
    };
}
