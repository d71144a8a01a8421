//! The files of a folder, of which there may be several for one table: the hub's `datasets` writes
//! `test-00000-of-00002.parquet`, so a name tells how many there must be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Deeper folders than this are none that a repository of tables has.
const DEPTH: usize = 8;

/// Whether a file lies in a folder, or in one of the folders in it, and has that extension.
pub(super) fn is_in(name: &str, folder: &str, extension: &str) -> bool {
    let inside = name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    inside.is_some_and(|name| has_extension(name, extension))
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == extension)
}

/// Those files in a snapshot, by their names in the repository, sorted. A link whose blob is gone
/// is no file.
pub(super) fn here(snapshot: &Path, folder: &str, extension: &str) -> Vec<String> {
    let mut names = Vec::new();
    collect(&snapshot.join(folder), folder, extension, DEPTH, &mut names);
    names.sort();
    names
}

fn collect(place: &Path, name: &str, extension: &str, depth: usize, names: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let Ok(last) = entry.file_name().into_string() else { continue };
        let name = format!("{name}/{last}");
        // Not asked of what a link leads to: a snapshot's folders are folders.
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            if depth > 0 {
                collect(&entry.path(), &name, extension, depth - 1, names);
            }
        } else if has_extension(&name, extension) && entry.path().is_file() {
            names.push(name);
        }
    }
}

/// Whether there are files, and none of a numbered set is missing: a pull or a `snapshot_download`
/// that was stopped leaves some of them.
pub(super) fn are_whole(names: &[String]) -> bool {
    let mut sets: BTreeMap<(&str, u32), BTreeSet<u32>> = BTreeMap::new();
    for (set, number, count) in names.iter().filter_map(|name| numbered(name)) {
        sets.entry((set, count)).or_default().insert(number);
    }
    !names.is_empty()
        && sets.iter().all(|((_, count), there)| (0..*count).all(|n| there.contains(&n)))
}

/// The `test`, 0 and 2 of `test-00000-of-00002.parquet`.
fn numbered(name: &str) -> Option<(&str, u32, u32)> {
    let (stem, _) = name.rsplit_once('.')?;
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (set, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    (digits(number) && digits(count)).then_some(())?;
    Some((set, number.parse().ok()?, count.parse().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_set_is_whole_when_all_its_numbers_are_there() {
        let whole = |names: &[&str]| {
            are_whole(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        let shard = |n: u32, of: u32| format!("v/test-{n:05}-of-{of:05}.parquet");
        let (first, second) = (shard(0, 2), shard(1, 2));
        assert!(whole(&[&first, &second]) && whole(&[&second, &first]));
        assert!(!whole(&[&first]) && !whole(&[&second]) && !whole(&[]));
        assert!(whole(&[&shard(0, 1)]) && !whole(&[&shard(2, 2), &first]));
        // Each set by itself: another split, another folder.
        assert!(!whole(&[&first, "v/dev-00001-of-00002.parquet"]));
        assert!(!whole(&[&first, "w/test-00001-of-00002.parquet"]));
        assert!(whole(&[&first, &second, "v/dev-00000-of-00001.parquet"]));
        // Names without numbers say nothing of others.
        assert!(whole(&["v/data.parquet"]) && whole(&["v/1-of-2.parquet"]));
        assert!(!whole(&["v/data.parquet", &first]));
    }

    #[test]
    fn files_are_in_a_folder_by_whole_names() {
        for (name, is) in [
            ("standard (10 options)/a.parquet", true),
            ("standard (10 options)/more/a.parquet", true),
            ("standard (10 options)/a.parquet.lock", false),
            ("standard (10 options)/README.md", false),
            ("standard (10 options)", false),
            ("standard (4 options)/a.parquet", false),
            ("standard (10 options)2/a.parquet", false),
            ("a.parquet", false),
        ] {
            assert_eq!(is_in(name, "standard (10 options)", "parquet"), is, "{name}");
        }
        let snapshot = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = snapshot.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        };
        ["v/b.parquet", "v/in/a.parquet", "v/c.json", "w/d.parquet"].into_iter().for_each(put);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("gone", snapshot.path().join("v/e.parquet")).unwrap();
            std::os::unix::fs::symlink("..", snapshot.path().join("v/round")).unwrap();
        }
        assert_eq!(here(snapshot.path(), "v", "parquet"), ["v/b.parquet", "v/in/a.parquet"]);
        assert!(here(snapshot.path(), "nothing", "parquet").is_empty());
    }
}
