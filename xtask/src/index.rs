//! The `data-trunk` links of the index page: what to build, copy and hash.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Result, bail};

/// One `<link data-trunk …>`.
#[derive(Debug, PartialEq)]
pub struct Link {
    /// Where the tag stands in the page, so that it can be replaced.
    pub at: Range<usize>,
    /// What it asks for.
    pub rel: Rel,
    /// The file or folder it names, relative to the page.
    pub href: String,
    /// All attributes.
    pub attributes: BTreeMap<String, String>,
}

/// The kinds of link that are understood here; Trunk knows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rel {
    /// The crate to compile.
    Rust,
    /// A style sheet.
    Css,
    /// The page's icon.
    Icon,
    /// A file to copy as it is, under its own name.
    CopyFile,
    /// A folder to copy as it is, under its own name.
    CopyDir,
    /// A folder of JSON objects, which become one file under the folder's name.
    Texts,
}

/// Finds the links of a page, in order.
pub fn links(html: &str) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    let mut from = 0;
    loop {
        // A link inside a comment is not a link.
        let rest = &html[from..];
        let (Some(tag), comment) = (rest.find("<link"), rest.find("<!--")) else { break };
        if let Some(start) = comment.filter(|c| *c < tag) {
            let Some(end) = rest[start..].find("-->") else { break };
            from += start + end + 3;
            continue;
        }
        let start = from + tag;
        let Some(length) = html[start..].find('>') else { bail!("a <link> is never closed") };
        let end = start + length + 1;
        from = end;
        let attributes = attributes(html[start + 5..end - 1].trim_end_matches('/'));
        if !attributes.contains_key("data-trunk") {
            continue;
        }
        let Some(href) = attributes.get("href").cloned() else {
            bail!("a data-trunk link has no href: {}", &html[start..end]);
        };
        let rel = match attributes.get("rel").map_or("", String::as_str) {
            "rust" => Rel::Rust,
            "css" => Rel::Css,
            "icon" => Rel::Icon,
            "copy-file" => Rel::CopyFile,
            "copy-dir" => Rel::CopyDir,
            "texts" => Rel::Texts,
            other => bail!("this builder knows no data-trunk link of rel \"{other}\""),
        };
        links.push(Link { at: start..end, rel, href, attributes });
    }
    Ok(links)
}

/// Parses `a b="c" d='e'`.
fn attributes(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let name_end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let name = rest[..name_end].to_owned();
        rest = rest[name_end..].trim_start();
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| *c == '"' || *c == '\'');
            let (body, close) = match quote {
                Some(q) => (&after[1..], after[1..].find(q)),
                None => (after, after.find(char::is_whitespace)),
            };
            let length = close.unwrap_or(body.len());
            value = body[..length].to_owned();
            rest = &body[(length + usize::from(quote.is_some())).min(body.len())..];
        }
        found.insert(name, value);
        rest = rest.trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_links_and_skips_comments() {
        let html = r#"<link rel="x" href="y">
            <!-- <link data-trunk rel="css" href="no.css"> -->
            <link data-trunk rel="css" href='a.css'/>
            <link data-trunk rel="rust" href="Cargo.toml" data-bin=page data-cargo-profile="page">"#;
        let links = links(html).unwrap_or_default();
        assert_eq!(links.len(), 2);
        assert_eq!((links[0].rel, links[0].href.as_str()), (Rel::Css, "a.css"));
        assert!(html[links[0].at.clone()].ends_with("/>"));
        assert_eq!(links[1].attributes["data-bin"], "page");
        assert_eq!(links[1].attributes["data-cargo-profile"], "page");
    }

    #[test]
    fn unknown_kinds_and_missing_hrefs_are_errors() {
        assert!(links(r#"<link data-trunk rel="tailwind-css" href="a">"#).is_err());
        assert!(links(r#"<link data-trunk rel="css">"#).is_err());
    }
}
