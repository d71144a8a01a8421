//! Tells cargo that the release binary carries files inside (see `src/assets.rs`): a file that is new
//! in one of the folders is a reason to build again. Files that were there already are known to the
//! compiler, and other profiles read the folders when asked.

use std::fs;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // rust-embed finds out where a folder really is while it compiles, and serves nothing of one that was
    // not there then: without this, a page that is built after the lab would not be shown. Where the folder
    // cannot be made, the lab is built without a page, as before.
    let _ = fs::create_dir_all("../frontend/dist");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        for folder in ["frontend/dist", "models/demo-llava", "models/demo-qwen", "datasets/demo"] {
            println!("cargo::rerun-if-changed=../{folder}");
        }
    }
}
