//! The page's rooms, folders and single files: whom they take something from leads nobody back to itself.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code, reason = "the catalogue’s tests use the rest")]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Names of the page's rooms that a text takes something from.
fn known(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut names = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                names.extend(list[..list.find('}').unwrap()].split(',').map(|n| name(n.trim())))
            }
            None => _ = names.insert(name(rest)),
        }
    }
    names
}

#[test]
fn arrows_between_the_pages_rooms_lead_nobody_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in source::files(&root, "rs") {
        let first = path.strip_prefix(&root).unwrap().components().next().unwrap().as_os_str();
        let room = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        let others = known(&std::fs::read_to_string(&path).unwrap());
        let others = others.into_iter().filter(|other| *other != room);
        arrows.entry(room.clone()).or_default().extend(others);
    }
    // What this reads is what there is.
    for (from, to) in [("app", "cards"), ("cards", "run"), ("run", "source")] {
        assert!(arrows[from].contains(to), "{from} does not know {to}");
    }
    // Whoever knows nobody is taken away, again and again: what is left goes round.
    loop {
        let rest: BTreeSet<String> = arrows.keys().cloned().collect();
        arrows.values_mut().for_each(|others| others.retain(|other| rest.contains(other)));
        let before = arrows.len();
        arrows.retain(|_, others| !others.is_empty());
        if arrows.len() == before {
            break;
        }
    }
    assert!(arrows.is_empty(), "these lead back to themselves, or to those that do: {arrows:?}");
}
