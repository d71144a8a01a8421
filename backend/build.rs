//! Tells cargo that the release binary carries files inside (see `src/assets.rs`): a file that is new
//! in one of the folders is a reason to build again. Files that were there already are known to the
//! compiler, and other profiles read the folders when asked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        for folder in ["frontend/dist", "models/demo-llava", "models/demo-qwen", "datasets/demo"] {
            println!("cargo::rerun-if-changed=../{folder}");
        }
    }
}
