//! What a body or a query may hold, and how what is wrong with it is named.

use super::*;

fn codes(errors: &FieldErrors) -> Vec<(&str, &str)> {
    errors.as_slice().iter().map(|e| (e.field.as_str(), e.code)).collect()
}

#[test]
fn every_wrong_field_is_named() {
    let body = br#"{"a": 1, "b": "xyz", "c": "\u0000", "d": "\ud800", "e": 2.5, "f": 12, "g": [{"q": "x"}], "a": 2, "i": {}, "j": null}"#;
    let mut errors = FieldErrors::default();
    let object = Object::parse(body, &mut errors).expect("an object");
    assert_eq!(object.optional("a").text(9, &mut errors), None);
    assert_eq!(object.optional("b").text(2, &mut errors), None);
    assert_eq!(object.optional("c").text(9, &mut errors), None);
    assert_eq!(object.optional("d").text(9, &mut errors), None);
    assert_eq!(object.optional("e").integer(0..=9, &mut errors), None);
    assert_eq!(object.optional("f").integer(0..=9, &mut errors), None);
    let list = object.optional("g").list(9, &mut errors).expect("a list");
    let inner = list[0].object(&mut errors).expect("an object");
    assert_eq!(inner.optional("q").boolean(&mut errors), None);
    assert_eq!(object.required("h", &mut errors).text(9, &mut errors), None);
    assert_eq!(object.optional("i").amount(Currency::EUR, &mut errors), None);
    assert_eq!(object.optional("j").time(&mut errors), None, "null is not sent");
    object.only(&["a", "b", "c", "d", "e", "f", "g", "i"], &mut errors);
    let expected = [
        ("a", "duplicate_field"),
        ("a", "invalid_type"),
        ("b", "too_long"),
        ("c", "invalid_text"),
        ("d", "invalid_text"),
        ("e", "invalid_type"),
        ("f", "out_of_range"),
        ("g[0].q", "invalid_type"),
        ("h", "missing_field"),
        ("i", "invalid_type"),
        ("j", "unknown_field"),
    ];
    assert_eq!(codes(&errors), expected);
}

#[test]
fn amounts_are_read_from_their_digits() {
    let mut errors = FieldErrors::default();
    let object = Object::parse(br#"{"number": 0.10, "text": "-12.5", "exp": 1e2, "long": 10.000, "p": 33.3333}"#, &mut errors);
    let object = object.expect("an object");
    let mut amount = |name| object.optional(name).amount(Currency::EUR, &mut errors).map(|m| m.minor);
    assert_eq!((amount("number"), amount("text"), amount("exp"), amount("long")), (Some(10), Some(-1250), None, None));
    assert_eq!(codes(&errors), [("exp", "invalid_amount"), ("long", "too_many_decimals")]);
    assert_eq!(object.optional("p").percent(&mut errors).map(Percent::parts), Some(333_333));
}

#[test]
fn what_is_no_object_is_refused_whole() {
    for (body, code) in [
        (&b"{\"a\": "[..], NOT_JSON),
        (b"", NOT_JSON),
        (b"\xff\xfe", NOT_JSON),
        (b"{\"a\": 1} x", NOT_JSON),
        (b"{\"a\": \"\xff\"}", NOT_JSON),
        (b"[]", "invalid_type"),
        (b"7", "invalid_type"),
        (br#"{"\ud800": 1}"#, "invalid_text"),
    ] {
        let mut errors = FieldErrors::default();
        assert!(Object::parse(body, &mut errors).is_none());
        assert_eq!(errors.code(), code, "{}", String::from_utf8_lossy(body));
    }
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let mut errors = FieldErrors::default();
    let object = Object::parse(deep.as_bytes(), &mut errors).expect("an object");
    assert_eq!(object.optional("a").text(5, &mut errors), None);
    assert_eq!(object.optional("a").list(5, &mut errors).map(|l| l.len()), Some(1), "nesting is not followed");
}

#[test]
fn queries_are_read_by_the_same_rules() {
    let mut errors = FieldErrors::default();
    let query = "order_id=A+1%2B&amount=12.50&ids=a,b&test=1&empty=&bad=%ff&twice=1&twice=2&nul=%00&n=7";
    let object = Object::from_query(query, &mut errors);
    assert_eq!(object.optional("order_id").text(9, &mut errors).as_deref(), Some("A 1+"));
    assert_eq!(object.optional("amount").amount(Currency::EUR, &mut errors).map(|m| m.minor), Some(1250));
    assert_eq!(object.optional("ids").list(9, &mut errors).map(|l| l.len()), Some(2));
    assert_eq!(object.optional("test").boolean(&mut errors), Some(true));
    assert_eq!(object.optional("n").integer(0..=9, &mut errors), Some(7));
    assert!(!object.optional("empty").is_present());
    assert_eq!(object.optional("nul").text(9, &mut errors), None);
    assert_eq!(codes(&errors), [("bad", "invalid_text"), ("twice", "duplicate_field"), ("nul", "invalid_text")]);
}

#[test]
fn a_body_that_is_one_list_is_cut_into_its_elements() {
    let mut errors = FieldErrors::default();
    assert_eq!(Object::parse_list(br#" [{"a": 1}, 7, []] "#, 3, &mut errors), Some(vec![r#"{"a": 1}"#, "7", "[]"]));
    assert!(errors.is_empty());
    for (body, code) in [("[1", NOT_JSON), ("{}", "invalid_type"), ("[1,2,3,4]", "too_many")] {
        let mut errors = FieldErrors::default();
        assert_eq!(Object::parse_list(body.as_bytes(), 3, &mut errors), None);
        assert_eq!(errors.code(), code, "{body}");
    }
}
