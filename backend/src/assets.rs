//! Files that come with the lab: the built page, the demo model and the demo dataset.
//!
//! A release binary carries both inside. Other builds read the folders they were built from, so
//! that a rebuilt page shows up at once.

use axum::body::Bytes;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// A folder of files that come with the lab.
#[derive(Clone, Copy, Debug)]
pub struct Assets {
    files: &'static [(&'static str, &'static [u8])],
    #[cfg(not(embedded))]
    folder: &'static str,
}

/// The built page; empty until it is built.
pub const PAGE: Assets = Assets {
    files: embedded::PAGE,
    #[cfg(not(embedded))]
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend/dist"),
};

/// The demo model with its samples, in Hugging Face layout.
pub const DEMO: Assets = Assets {
    files: embedded::DEMO,
    #[cfg(not(embedded))]
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/../models/demo-llava"),
};

/// The demo dataset.
pub const DEMO_DATASET: Assets = Assets {
    files: embedded::DEMO_DATASET,
    #[cfg(not(embedded))]
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/demo"),
};

impl Assets {
    /// A file by its path inside the folder, with forward slashes.
    pub fn get(&self, path: &str) -> Option<Bytes> {
        let embedded = self.files.iter().find(|(name, _)| *name == path);
        if let Some((_, bytes)) = embedded {
            return Some(Bytes::from_static(bytes));
        }
        #[cfg(not(embedded))]
        {
            use std::path::{Component, Path};
            let inside = Path::new(path);
            // Nothing outside the folder, however the path is written.
            if path.is_empty() || !inside.components().all(|c| matches!(c, Component::Normal(_))) {
                return None;
            }
            std::fs::read(Path::new(self.folder).join(inside)).ok().map(Bytes::from)
        }
        #[cfg(embedded)]
        None
    }

    /// The paths of all files carried inside the binary.
    pub fn embedded(&self) -> impl Iterator<Item = (&'static str, &'static [u8])> {
        self.files.iter().copied()
    }

    /// The folder on disk that stands in where nothing is embedded.
    pub fn folder(&self) -> Option<&'static std::path::Path> {
        #[cfg(not(embedded))]
        return Some(std::path::Path::new(self.folder));
        #[cfg(embedded)]
        None
    }
}

/// The content type that goes with a file name.
pub fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The content type of a picture file by what it holds, for the formats the engine decodes.
pub fn picture_type(bytes: &[u8]) -> &'static str {
    shared::picture::picture_type(bytes).unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_served() {
        for path in ["", "../Cargo.toml", "/etc/hostname", "a/../../Cargo.toml", "./index.html"] {
            assert!(PAGE.get(path).is_none(), "{path}");
        }
    }
}
