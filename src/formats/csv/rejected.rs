//! Tables of refused lines: what was wrong with each in front of its own fields, so that it can be mended there and read again.
use super::{REJECTED, write_line};

/// Names as CSV, without a line break.
pub fn joined(names: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    write_line(&mut out, names.iter().map(String::as_bytes));
    out.pop();
    out
}

/// The first line of a table of refused lines, in front of those with `names`, which are CSV.
pub fn header(out: &mut Vec<u8>, names: &[u8]) {
    write_line(out, REJECTED.iter().map(|name| name.as_bytes()));
    append(out, names);
}

/// A line that was refused: its number, why, and its fields, which are CSV; empty where they are not kept.
pub fn line(out: &mut Vec<u8>, number: &str, code: &str, because: &str, fields: &[u8]) {
    write_line(out, [number, code, because].map(str::as_bytes));
    append(out, fields);
}

/// Fields behind those of the last line.
fn append(out: &mut Vec<u8>, fields: &[u8]) {
    if !fields.is_empty() {
        out.pop();
        out.push(b',');
        out.extend_from_slice(fields);
        out.push(b'\n');
    }
}
