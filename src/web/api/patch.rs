//! What a PATCH changes (RFC 7396): what is left out stays as it is, and `null` clears what may be empty.

use crate::kernel::{
    fields::FieldErrors,
    object::{Field, Object},
};

/// A field that always has a value.
pub fn set<'a, T>(
    object: &Object<'a>,
    name: &str,
    current: &mut T,
    errors: &mut FieldErrors,
    read: impl FnOnce(&Field<'_, 'a>, &mut FieldErrors) -> Option<T>,
) {
    let field = object.optional(name);
    if field.is_present() {
        if let Some(value) = read(&field, errors) {
            *current = value;
        }
    } else if object.has(name) {
        errors.push(field.path(), "missing_field", "it cannot be empty");
    }
}

/// A field that may be empty: `null` or an empty text clears it.
pub fn set_or_clear<'a, T>(
    object: &Object<'a>,
    name: &str,
    current: &mut Option<T>,
    errors: &mut FieldErrors,
    read: impl FnOnce(&Field<'_, 'a>, &mut FieldErrors) -> Option<T>,
) {
    let field = object.optional(name);
    if field.is_present() {
        if let Some(value) = read(&field, errors) {
            *current = Some(value);
        }
    } else if object.has(name) {
        *current = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name and e-mail address after this change, and the codes of what is wrong with it.
    fn changed(body: &str) -> (String, Option<String>, Vec<&'static str>) {
        let (mut name, mut email) = ("before".to_owned(), Some("before".to_owned()));
        let mut errors = FieldErrors::default();
        let object = Object::parse(body.as_bytes(), &mut errors).expect("an object");
        set(&object, "name", &mut name, &mut errors, |field, errors| field.full_text(9, errors));
        set_or_clear(&object, "email", &mut email, &mut errors, |field, errors| field.full_text(9, errors));
        (name, email, errors.as_slice().iter().map(|error| error.code).collect())
    }

    #[test]
    fn what_is_left_out_stays_and_null_clears() {
        let said = |name: &str, email: Option<&str>, codes: &[&'static str]| (name.to_owned(), email.map(str::to_owned), codes.to_vec());
        for (body, wanted) in [
            ("{}", said("before", Some("before"), &[])),
            (r#"{"name": "after"}"#, said("after", Some("before"), &[])),
            (r#"{"email": "after"}"#, said("before", Some("after"), &[])),
            (r#"{"email": null}"#, said("before", None, &[])),
            (r#"{"email": ""}"#, said("before", None, &[])),
            (r#"{"name": null}"#, said("before", Some("before"), &["missing_field"])),
            (r#"{"name": "", "email": 5}"#, said("before", Some("before"), &["missing_field", "invalid_type"])),
            (r#"{"name": "longer than 9"}"#, said("before", Some("before"), &["too_long"])),
        ] {
            assert_eq!(changed(body), wanted, "{body}");
        }
    }
}
