//! Reads Rust sources as tokens: which modules a file refers to, which crates it names, which texts it holds.
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Ident(String),
    /// `::`
    Path,
    Text(String),
    Other(char),
}

/// The files of a tree by path, such as `src/store/db.rs`.
pub type Tree = BTreeMap<String, String>;

/// Reads every file below the given folders, and the given files, whose name ends in one of the endings.
pub fn read(root: &Path, places: &[&str], endings: &[&str]) -> Tree {
    let mut tree = Tree::new();
    let mut todo: Vec<_> = places.iter().map(|place| root.join(place)).collect();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.is_file() {
            let name = path.strip_prefix(root).expect("below the root").to_str().expect("a plain name").to_owned();
            if endings.iter().any(|ending| name.ends_with(ending)) {
                tree.insert(name, std::fs::read_to_string(&path).expect("a text"));
            }
        }
    }
    tree
}

/// Tokens without comments. Character literals and lifetimes are dropped, string literals kept.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        let used = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((text, used)) = string(rest) {
            out.push(Token::Text(text));
            used
        } else if word > 0 {
            out.push(Token::Ident(rest[..word].to_owned()));
            word
        } else if rest.starts_with("::") {
            out.push(Token::Path);
            2
        } else if first == '\'' {
            quote(rest)
        } else {
            if !first.is_whitespace() {
                out.push(Token::Other(first));
            }
            first.len_utf8()
        };
        rest = &rest[used..];
    }
    out
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// A string literal at the start, with any prefix: its text and how long it is.
fn string(rest: &str) -> Option<(String, usize)> {
    let body = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - body.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let text = raw[hashes..].strip_prefix('"')?;
        let end = text.find(&format!("\"{}", "#".repeat(hashes))).unwrap_or(text.len());
        return Some((text[..end].to_owned(), (prefix + 1 + 2 * hashes + 2 + end).min(rest.len())));
    }
    let text = body.strip_prefix('"')?;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((text[..at].to_owned(), prefix + at + 2)),
            _ => {}
        }
    }
    Some((text.to_owned(), rest.len()))
}

/// A character literal, or the quote of a lifetime.
fn quote(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => chars.find(|(_, c)| *c == '\'').map_or(rest.len(), |(at, _)| at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// `src/store/db.rs` is `["store", "db"]`, `src/store/mod.rs` is `["store"]`. `None` for what is not a module of the library.
pub fn module(file: &str) -> Option<Vec<String>> {
    let path = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    match parts.last()?.as_str() {
        "main" if parts.len() == 1 => return None,
        "lib" if parts.len() == 1 => parts.clear(),
        "mod" => drop(parts.pop()),
        _ => {}
    }
    Some(parts)
}

/// The paths that a file names, from the crate's root: `crate::a::b`, `super::c`, and each branch of `use crate::{a, b::c}`.
pub fn paths(module: &[String], tokens: &[Token]) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    // For each open brace: the inline module that it belongs to.
    let mut braces: Vec<Option<String>> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Other('{') => braces.push(match tokens[..at] {
                [.., Token::Ident(ref keyword), Token::Ident(ref name)] if keyword == "mod" => Some(name.clone()),
                _ => None,
            }),
            Token::Other('}') => drop(braces.pop()),
            Token::Ident(word) if at == 0 || tokens[at - 1] != Token::Path => {
                let mut base: Vec<String> = module.iter().chain(braces.iter().flatten()).cloned().collect();
                match word.as_str() {
                    "crate" => base.clear(),
                    "self" => {}
                    "super" => drop(base.pop()),
                    _ => continue,
                }
                if tokens.get(at + 1) == Some(&Token::Path) {
                    branches(base, &tokens[at + 2..], &mut out);
                }
            }
            _ => {}
        }
    }
    out
}

/// Follows one path after its `::`, and every branch of a group. Gives how many tokens it read.
fn branches(mut base: Vec<String>, tokens: &[Token], out: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(Token::Ident(word)) => match word.as_str() {
                "super" => drop(base.pop()),
                "self" => {}
                _ => base.push(word.clone()),
            },
            Some(Token::Other('{')) => {
                at += 1;
                while let Some(token) = tokens.get(at) {
                    match token {
                        Token::Other('}') => return at + 1,
                        Token::Ident(_) => {
                            at += branches(base.clone(), &tokens[at..], out);
                            // `as name` belongs to the branch.
                            while matches!(tokens.get(at), Some(Token::Ident(_))) {
                                at += 1;
                            }
                        }
                        _ => at += 1,
                    }
                }
                return at;
            }
            _ => break,
        }
        at += 1;
        if tokens.get(at) != Some(&Token::Path) {
            break;
        }
        at += 1;
    }
    out.push(base);
    at
}

/// The crates that a file names, out of those asked for.
pub fn crates<'a>(tokens: &[Token], asked: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let named = |name: &str| {
        tokens.iter().enumerate().any(|(at, token)| {
            let after_path = at > 0 && tokens[at - 1] == Token::Path && at > 1 && matches!(tokens[at - 2], Token::Ident(_));
            let before_path = tokens.get(at + 1) == Some(&Token::Path);
            let used = at > 0 && tokens[at - 1] == Token::Ident("use".into());
            matches!(token, Token::Ident(word) if word == name) && !after_path && (before_path || used)
        })
    };
    asked.into_iter().filter(|name| named(name)).collect()
}
