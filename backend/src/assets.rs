//! Files that come with the lab: the built page, the demo models and the demo dataset.
//!
//! A release binary carries them inside. Other builds read the folders they were built from, so
//! that a rebuilt page shows up at once.

use std::borrow::Cow;
use std::path::{Component, Path};

use axum::body::Bytes;
use rust_embed::{Embed, EmbeddedFile, Filenames};

/// Whether this binary carries its files inside, as those built without debug assertions do.
const INSIDE: bool = cfg!(not(debug_assertions));

/// A folder of files that come with the lab.
#[derive(Clone, Copy)]
pub struct Assets {
    get: fn(&str) -> Option<EmbeddedFile>,
    names: fn() -> Filenames,
    folder: &'static str,
}

impl std::fmt::Debug for Assets {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Assets").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A file that comes with the lab.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its content.
    pub data: Bytes,
    /// The content's SHA-256.
    pub sha256: [u8; 32],
}

/// A folder beside this crate's as [`Assets`]; empty where it is missing.
macro_rules! assets {
    ($files:ident, $folder:literal) => {{
        #[derive(Embed)]
        #[folder = $folder]
        #[allow_missing = true]
        struct $files;
        Assets {
            get: <$files as Embed>::get,
            names: <$files as Embed>::iter,
            folder: if INSIDE { "" } else { concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder) },
        }
    }};
}

/// The built page; empty until it is built.
pub const PAGE: Assets = assets!(Page, "../frontend/dist");

/// The demo model with the samples, in Hugging Face layout.
pub const DEMO: Assets = assets!(DemoLlava, "../models/demo-llava");

/// The demo model of the other family, in Hugging Face layout.
pub const DEMO_QWEN: Assets = assets!(DemoQwen, "../models/demo-qwen");

/// The demo dataset.
pub const DEMO_DATASET: Assets = assets!(DemoDataset, "../datasets/demo");

impl Assets {
    /// A file by its path inside the folder, with forward slashes.
    pub fn get(&self, path: &str) -> Option<Asset> {
        // Nothing outside the folder and one path for each file, wherever the files are.
        let names = Path::new(path).components().map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        if names.collect::<Option<Vec<_>>>()?.join("/") != path {
            return None;
        }
        let file = (self.get)(path)?;
        let data = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Some(Asset { data, sha256: file.metadata.sha256_hash() })
    }

    /// The paths and contents of all files, wherever they are.
    pub fn files(&self) -> impl Iterator<Item = (Cow<'static, str>, Cow<'static, [u8]>)> {
        let get = self.get;
        (self.names)().filter_map(move |name| get(&name).map(|file| (name, file.data)))
    }

    /// The paths and contents of all files carried inside the binary.
    pub fn embedded(&self) -> impl Iterator<Item = (&'static str, &'static [u8])> {
        let names = INSIDE.then_some(self.names);
        let get = self.get;
        names.into_iter().flat_map(|names| names()).filter_map(move |name| {
            match (get(&name)?.data, name) {
                (Cow::Borrowed(bytes), Cow::Borrowed(name)) => Some((name, bytes)),
                _ => None,
            }
        })
    }

    /// The folder on disk that stands in where nothing is embedded.
    pub fn folder(&self) -> Option<&'static Path> {
        (!INSIDE).then_some(Path::new(self.folder))
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

/// The content type of a picture, sound or film file by what it holds, for the formats the engine decodes.
pub fn picture_type(bytes: &[u8]) -> &'static str {
    let known = shared::picture::picture_type(bytes).or(shared::sound_type(bytes));
    let known = known.or(shared::film_type(bytes));
    known.unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_served() {
        assert!(DEMO.get("config.json").is_some() && DEMO.get("samples/cat-far.png").is_some());
        for path in [
            "",
            "../demo-qwen/config.json",
            "/etc/hostname",
            "samples/../../demo-qwen/config.json",
            "samples/../config.json",
            "./config.json",
            "samples//cat-far.png",
            "samples/cat-far.png/",
            "samples",
        ] {
            assert!(DEMO.get(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_file_comes_with_its_checksum() {
        use sha2::{Digest, Sha256};
        let file = DEMO.get("config.json").expect("it ships");
        assert_eq!(file.sha256, <[u8; 32]>::from(Sha256::digest(&file.data)));
        assert!(!file.data.is_empty());
    }
}
