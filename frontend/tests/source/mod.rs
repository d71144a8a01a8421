//! Just enough of Rust's grammar to find the texts in the page's sources: strings with their
//! places, comments taken out, and what lies inside `view!`.

use std::path::{Path, PathBuf};

/// A string literal.
#[derive(Clone, Debug)]
pub struct Literal {
    /// What it means: escapes and line continuations resolved.
    pub text: String,
    /// Where it begins in the source, in bytes, its quote included.
    pub start: usize,
    /// Behind its closing quote.
    pub end: usize,
}

/// A source file without its unit tests.
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// The code: comments and what strings hold are blanks, so that offsets are the file's.
    pub code: String,
    /// Every string literal, in order.
    pub literals: Vec<Literal>,
}

/// All files below a folder with an ending.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every source of a folder.
pub fn sources(folder: &Path) -> Vec<Source> {
    files(folder, "rs").into_iter().map(|path| read(&path)).collect()
}

fn read(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).unwrap();
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let (code, literals) = lex(&text[..end]);
    Source { path: path.to_owned(), code, literals }
}

/// Code with blanks for comments and strings, and the strings.
fn lex(text: &str) -> (String, Vec<Literal>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    let blank = |code: &mut Vec<u8>, from: usize, to: usize| {
        for b in &mut code[from..to] {
            if *b != b'\n' {
                *b = b' ';
            }
        }
    };
    while at < bytes.len() {
        match bytes[at] {
            b'/' if text[at..].starts_with("//") => {
                let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
                blank(&mut code, at, end);
                at = end;
            }
            b'r' if raw_hashes(text, at).is_some() => {
                let hashes = "#".repeat(raw_hashes(text, at).unwrap_or(0));
                let inner = at + 2 + hashes.len();
                let close =
                    text[inner..].find(&format!("\"{hashes}")).map_or(text.len(), |n| inner + n);
                let end = close + 1 + hashes.len();
                literals.push(Literal { text: text[inner..close].to_owned(), start: at, end });
                blank(&mut code, at, end);
                at = end;
            }
            b'"' => {
                let end = closing(bytes, at);
                let text = unescaped(&text[at + 1..end - 1]);
                literals.push(Literal { text, start: at, end });
                // The quotes stay, so that a string can be seen.
                blank(&mut code, at + 1, end - 1);
                at = end;
            }
            // A character; a lifetime has no second quote.
            b'\'' if bytes.get(at + 1) == Some(&b'\\') => {
                at += 3 + text[at + 3..].find('\'').unwrap();
            }
            b'\'' => {
                let character = text[at + 1..].chars().next().unwrap();
                let close = at + 1 + character.len_utf8();
                if bytes.get(close) == Some(&b'\'') {
                    blank(&mut code, at, close + 1);
                    at = close + 1;
                } else {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    (String::from_utf8(code).unwrap(), literals)
}

/// The number of hashes of a raw string that begins here.
fn raw_hashes(text: &str, at: usize) -> Option<usize> {
    let inside_a_name = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let hashes = text[at + 1..].find(|c| c != '#')?;
    (!inside_a_name && text[at + 1 + hashes..].starts_with('"')).then_some(hashes)
}

/// Behind the quote that closes the string at `start`.
fn closing(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// What a string means.
fn unescaped(raw: &str) -> String {
    let mut out = String::new();
    let mut rest = raw.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('\n') => while rest.next_if(|c| c.is_whitespace()).is_some() {},
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let hex: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                out.extend(u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

impl Source {
    /// The texts that are written out in calls of these functions.
    pub fn texts_of(&self, functions: &[&str]) -> Vec<&Literal> {
        self.literals
            .iter()
            .filter(|l| self.call(l).is_some_and(|f| functions.contains(&f)))
            .collect()
    }

    /// The function or macro whose first argument a literal is.
    pub fn call(&self, literal: &Literal) -> Option<&str> {
        let before = self.code[..literal.start].trim_end().strip_suffix('(')?;
        let from = before.rfind(|c: char| !(c.is_alphanumeric() || "_!".contains(c)));
        Some(&before[from.map_or(0, |at| at + 1)..])
    }

    /// Whether an offset lies inside `view! { … }`.
    pub fn in_view(&self, at: usize) -> bool {
        let mut from = 0;
        while let Some(found) = self.code[from..].find("view! {") {
            let open = from + found + "view! ".len();
            let close = self.matching(open);
            if (open..close).contains(&at) {
                return true;
            }
            from = close;
        }
        false
    }

    fn matching(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, byte) in self.code.bytes().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.code.len()
    }

    /// The line of an offset, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}
