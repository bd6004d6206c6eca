//! Tables as they come: quotes, separators, line breaks, and what is no table.
use super::*;

fn open(bytes: &[u8]) -> Result<Table<&[u8]>, TableError> {
    Table::open(bytes)
}

/// The fields of a line, or the code that refuses it.
type Fields = Result<Vec<String>, &'static str>;

/// The header, and every line with its number.
fn read(bytes: &[u8]) -> (Vec<String>, Vec<(u64, Fields)>) {
    let mut table = open(bytes).expect("a table");
    let header = table.header().expect("a header");
    let mut lines = Vec::new();
    while let Some(line) = table.next_line().expect("bytes do not fail") {
        let fields = line.fields().map(|fields| fields.iter().map(str::to_owned).collect());
        lines.push((line.number, fields.map_err(|malformed| malformed.code)));
    }
    (header, lines)
}

fn texts(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

#[test]
fn a_table_is_read_however_it_is_written() {
    for bytes in [
        &b"A,b\n1,2\n\"x,\"\"y\",3\n"[..],
        b"\xef\xbb\xbfA,b\r\n1,2\r\n\"x,\"\"y\",3\r\n",
        b"a;B\n1;2\n\"x,\"\"y\";3",
        b"a\tb\n1\t2\nx,\"y\t3\n",
        b"a , b\n 1,2 \n\"x,\"\"y\",3\n",
    ] {
        let (header, lines) = read(bytes);
        assert_eq!(header, ["a", "b"], "{}", String::from_utf8_lossy(bytes));
        assert_eq!(lines, [(2, Ok(texts(&["1", "2"]))), (3, Ok(texts(&["x,\"y", "3"])))], "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_field_may_hold_line_breaks_and_lines_keep_their_numbers() {
    let (_, lines) = read(b"a,b\n\"one\ntwo\",2\n3,4\n");
    assert_eq!(lines, [(2, Ok(texts(&["one\ntwo", "2"]))), (4, Ok(texts(&["3", "4"])))]);
}

#[test]
fn what_is_no_text_is_refused_line_by_line() {
    let (_, lines) = read(b"a,b\nx\0,1\n\xff,2\n\"caf\xc3\xa9\",3\n\xc3,\xa9\n");
    let codes: Vec<_> = lines.iter().map(|(number, fields)| (*number, fields.as_ref().err().copied())).collect();
    assert_eq!(codes, [(2, Some("invalid_text")), (3, Some("invalid_text")), (4, None), (5, Some("invalid_text"))]);
}

#[test]
fn a_line_that_is_too_long_is_passed_over_and_the_next_is_read() {
    let mut bytes = b"a,b\n1,".to_vec();
    bytes.resize(bytes.len() + 10 * LINE_BYTES_MAX, b'x');
    bytes.extend_from_slice(b"\n2,3\n");
    let mut many = b",".repeat(5000);
    many.push(b'\n');
    bytes.extend(many);
    bytes.extend_from_slice(b"4,5\n");
    // A quote that is never closed takes all that follows into its line.
    bytes.extend_from_slice(b"6,\"");
    bytes.resize(bytes.len() + 2 * LINE_BYTES_MAX, b'\n');
    let (_, lines) = read(&bytes);
    let seen: Vec<_> = lines.iter().map(|(number, fields)| (*number, fields.as_ref().map(Vec::len).map_err(|code| *code))).collect();
    let wanted = [(2, Err("line_too_long")), (3, Ok(2)), (4, Err("line_too_long")), (5, Ok(2)), (6, Err("unclosed_quote"))];
    assert_eq!(seen, wanted);
    // As long as may be.
    let mut bytes = b"a\n".to_vec();
    bytes.resize(bytes.len() + LINE_BYTES_MAX - 1, b'x');
    assert!(read(&bytes).1[0].1.is_ok());
}

#[test]
fn a_quote_that_is_never_closed_is_told_where_it_opens() {
    let code = |bytes: &[u8]| read(bytes).1.last().map(|(number, fields)| (*number, fields.as_ref().err().copied()));
    assert_eq!(code(b"a,b\n1,2\n3,\"x\n4,5\n6,7\n"), Some((3, Some("unclosed_quote"))));
    // Closed at the very end, or no quote that opens anything.
    assert_eq!(code(b"a,b\n1,2\n3,\"x\n4,5\n6,7\""), Some((3, None)));
    assert_eq!(code(b"a,b\n1,2\n3,5\" disk"), Some((3, None)));
}

#[test]
fn a_file_that_is_no_table_says_what_it_is() {
    for (bytes, said) in [
        (&b"PK\x03\x04rest"[..], "a ZIP archive"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\xff\xfea\0,\0", "UTF-16"),
        (b"SQLite format 3\0", "a database"),
    ] {
        let error = open(bytes).expect_err("no table").to_string();
        assert!(error.contains(said), "{error}");
    }
    let wide = "c,".repeat(100_000);
    for (bytes, said) in [
        (&b""[..], "empty"),
        (wide.as_bytes(), "more than 1,024 columns"),
        (b"\n\n", "empty"),
        (b"\xde\xad\xbe\xef", "binary"),
        (b"a,b,A\n", "a stands there twice"),
    ] {
        let error = open(bytes).expect("opens").header().expect_err("no header").to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn columns_stand_in_any_sequence_and_none_may_be_unknown() {
    let header = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut table = open(b"b,a\n2,1\n2,1,, \n2,1,x\n2\n").expect("a table");
    let columns = Columns::of(&table.header().expect("a header"), &["a", "b", "c"]).expect("known");
    let mut seen = Vec::new();
    while let Some(line) = table.next_line().expect("bytes do not fail") {
        let fields = line.fields().expect("text");
        let read = [0, 1, 2].map(|n| columns.get(&fields, n).to_owned());
        seen.push(columns.check(&fields).map(|()| read).map_err(|malformed| malformed.code));
    }
    let good = Ok(["1", "2", ""].map(str::to_owned));
    assert_eq!(seen, [good.clone(), good, Err("wrong_number_of_fields"), Err("wrong_number_of_fields")]);
    let error = Columns::of(&header("a,amuont,b,wat\u{1}"), &["a", "b"]).expect_err("unknown").to_string();
    assert_eq!(error, "unknown columns: amuont, wat\u{fffd}; known are a, b");
}

#[test]
fn a_file_of_refused_lines_is_as_the_file_that_they_came_from() {
    let (header, lines) =
        read(b"Rejected_line,rejected_code,rejected_because,Date,USD,\n7,x,\"y, z\",2026-11-02,1.2,\n8,x,,, ,\n9,x\n10,x,y,1,2,3\n");
    assert_eq!(header, ["date", "usd"]);
    let wanted: [(u64, &[&str]); 4] = [(2, &["2026-11-02", "1.2"]), (3, &["", ""]), (4, &[]), (5, &["1", "2", "3"])];
    assert_eq!(lines, wanted.map(|(number, fields)| (number, Ok(texts(fields)))));
    let mut table = open(b"rejected_line,rejected_code,rejected_because\n").expect("opens");
    assert!(table.header().expect_err("no column of its own").to_string().contains("empty"));
}

#[test]
fn what_is_written_is_read_back() {
    let fields = ["plain", "with,comma", "with \"quotes\"", "two\nlines", " blanks ", "", "semi;colon", "é\r"];
    let mut out = Vec::new();
    write_line(&mut out, ["1"; 8].map(str::as_bytes));
    write_line(&mut out, fields.map(str::as_bytes));
    let mut table = open(&out).expect("a table");
    table.header().expect_err("eight columns of one name");
    let line = table.next_line().expect("bytes do not fail").expect("a line");
    let read = line.fields().expect("text");
    assert_eq!((0..8).map(|n| read.verbatim(n)).collect::<Vec<_>>(), fields);
}

#[test]
fn times_are_taken_as_tables_have_them() {
    let noon = Time::parse("2026-11-22T12:00:00Z");
    for text in [
        "2026-11-22T12:00:00Z",
        "2026-11-22T13:00:00+01:00",
        "2026-11-22 12:00:00",
        "2026-11-22T12:00:00",
        "1795348800",
        "1795348800000",
        "1795348800000000",
    ] {
        assert_eq!(moment(text), noon, "{text}");
    }
    assert_eq!(moment("2026-11-22"), Time::parse("2026-11-22T00:00:00Z"));
    for text in ["", "22.11.2026", "12", "yesterday", "99999999999999", "-1795348800", "2026-13-01"] {
        assert_eq!(moment(text), None, "{text}");
    }
}
