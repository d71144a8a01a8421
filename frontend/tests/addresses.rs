//! The lab may lie below a path of its host: no address of the page's may be given to a browser as if it
//! lay at the top. `base::at` makes what a browser is given.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

/// What a browser is given an address by.
const GIVEN: [&str; 9] = [
    "href=\"/",
    "src=\"/",
    "href=format!(\"/",
    "src=format!(\"/",
    "href=move || format!(\"/",
    "src=move || format!(\"/",
    "Request::get(\"/",
    "Request::post(\"/",
    "Request::post(&format!(\"/",
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_address_goes_through_the_base() {
    let mut files = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 50);
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let given = GIVEN.iter().any(|way| line.contains(way));
            // The origin alone leaves the path out; `browser::absolute` has both.
            let origin = line.contains(".origin()") && !line.contains("at(");
            if given || origin {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "use base::at:\n{}", wrong.join("\n"));
}
