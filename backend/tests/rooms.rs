//! The lab's rooms: whom each may know.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rooms from the ground up: each may know those before it and itself, and none after it. The ground
/// is single files that know no room.
const ROOMS: [&str; 9] =
    ["fair", "store", "classroom", "models", "workers", "runs", "experiments", "http", "cli"];
/// Rooms that stand side by side: the first of each pair does not know the second either, though it
/// comes later. Runs and experiments meet at the workers and in the doors above them.
const APART: [(&str, &str); 6] = [
    ("experiments", "runs"),
    ("experiments", "classroom"),
    ("workers", "classroom"),
    ("models", "classroom"),
    ("models", "store"),
    ("classroom", "store"),
];
/// Chores of the whole lab, above its rooms and below the command line.
const CHORES: [&str; 2] = ["backup", "retention"];
/// What is made of finished runs: above them, below the doors.
const OF_RUNS: &str = "export";

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(read).filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

/// Names of modules at the crate's root that a text takes something from.
fn known(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.flat_map(|line| [line, "\n"]).collect();
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
fn arrows_between_the_labs_rooms_point_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut arrows: BTreeMap<(String, String), BTreeSet<PathBuf>> = BTreeMap::new();
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let room = first.trim_end_matches(".rs").to_owned();
        for other in known(&std::fs::read_to_string(&path).unwrap()) {
            arrows.entry((room.clone(), other)).or_default().insert(inside.to_owned());
        }
    }
    let floor_of = |name: &str| ROOMS.iter().position(|room| *room == name).unwrap() + 1;
    let floor = |name: &str| match ROOMS.iter().position(|room| *room == name) {
        Some(at) if name == "cli" => at + 2,
        Some(at) => at + 1,
        None if CHORES.contains(&name) => ROOMS.len(),
        None if name == OF_RUNS => floor_of("experiments"),
        None if name == "main" => usize::MAX,
        None => 0,
    };
    // What this reads is what there is: a room that was renamed would be no room here.
    for room in ROOMS {
        assert!(root.join(room).join("mod.rs").exists(), "there is no room {room}");
        assert!(arrows.keys().any(|(from, _)| from == room), "{room} takes nothing of others");
    }
    let wrong = arrows.into_iter().filter(|((from, to), _)| {
        let apart = APART.contains(&(from.as_str(), to.as_str()));
        (floor(from) < floor(to) || apart) && from != to && from != "lib"
    });
    let wrong: Vec<String> =
        wrong.map(|((from, to), files)| format!("{from} knows {to}: {files:?}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_of_modules_are_found_in_lists_too() {
    let text = "use crate::{clock, lock};\nuse crate::store::Store;\n// crate::cli::x\nlet a = crate::runs::Run;";
    let names: Vec<_> = known(text).into_iter().collect();
    assert_eq!(names, ["clock", "lock", "runs", "store"]);
}
