//! What whole-system tests stand on: a lab started as a person starts it, and a real browser.
//!
//! Everything a test starts ends with the value that holds it, also when the test panics, and
//! nothing has a fixed port or a fixed folder, so tests may run side by side.

mod axe;
mod browser;
mod devtools;
mod gallery;
mod picture;
mod process;
mod proxy;
mod server;
pub mod views;

pub use axe::Axe;
pub use browser::{Browser, LARGE, PHONE, PROJECTOR};
pub use gallery::Gallery;
pub use proxy::Proxy;
pub use server::{Server, program};

use std::path::{Path, PathBuf};

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A file of the project.
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// Where pictures of the page are put: the build folder.
pub fn screenshots() -> PathBuf {
    build_folder().join("screenshots")
}

/// The build folder.
pub fn build_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    // target/debug/deps/browser-…, or target/debug/examples/pictures
    test.ancestors().nth(3).unwrap_or(root()).to_owned()
}
