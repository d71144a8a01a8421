//! The page of the API, `api.html`: the lab's own head, and Swagger UI from the archive that the crate
//! `utoipa-swagger-ui-vendored` carries, so that Cargo.lock pins it and nothing is downloaded.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

/// Files of Swagger UI that the page names, as they are called there.
const SHIPPED: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];
/// The most that one of them may unpack into.
const LARGEST: u64 = 8 << 20;

/// Puts Swagger UI's files under names that follow their contents, and those names into the page.
pub fn with_swagger_ui(
    mut html: String,
    url: &str,
    named: impl Fn(&Path, &[u8]) -> Result<PathBuf>,
) -> Result<(String, BTreeMap<PathBuf, Vec<u8>>)> {
    let mut files = BTreeMap::new();
    for name in SHIPPED {
        let bytes = packed(&format!("dist/{name}"))?;
        let placed = named(Path::new(name), &bytes)?;
        let (from, to) = (format!("\"{url}{name}\""), format!("\"{url}{}\"", placed.display()));
        ensure!(html.matches(&from).count() == 1, "api.html does not name {name} once");
        html = html.replace(&from, &to);
        files.insert(placed, bytes);
    }
    Ok((html, files))
}

/// The licence and the notice of Swagger UI.
pub fn licence() -> Result<String> {
    let text = |name| packed(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(format!("{}\n{}", text("NOTICE")?.trim_end(), text("LICENSE")?))
}

/// A file of the archive, by its path behind the archive's only folder, as long and with the checksum that
/// the archive says.
fn packed(name: &str) -> Result<Vec<u8>> {
    let archive = ZipArchive::from_slice(SWAGGER_UI_VENDORED)?;
    let mut entries = archive.entries();
    while let Some(header) = entries.next_entry()? {
        let path = header.file_path().try_normalize()?;
        if path.as_ref().split_once('/').is_none_or(|(_, rest)| rest != name) {
            continue;
        }
        let how = header.compression_method();
        let entry = archive.get_entry(header.wayfinder())?;
        let mut bytes = Vec::new();
        match how {
            CompressionMethod::STORE => {
                entry.verifying_reader(entry.data()).take(LARGEST).read_to_end(&mut bytes)?;
            }
            CompressionMethod::DEFLATE => {
                let unpacked = entry.verifying_reader(DeflateDecoder::new(entry.data()));
                unpacked.take(LARGEST).read_to_end(&mut bytes)?;
            }
            other => bail!("{name} is packed in a way that is not known here: {other:?}"),
        }
        ensure!(!bytes.is_empty() && (bytes.len() as u64) < LARGEST, "{name} has an odd size");
        return Ok(bytes);
    }
    bail!("Swagger UI lacks {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_what_lies_beside_it() {
        let html = r#"<link href="/swagger-ui.css"><script src="/swagger-ui-bundle.js">"#;
        let named = |name: &Path, bytes: &[u8]| {
            Ok(PathBuf::from(format!("{}-{}", bytes.len(), name.display())))
        };
        let (html, files) = with_swagger_ui(html.to_owned(), "/", named).unwrap_or_default();
        assert_eq!(files.len(), 2);
        for (name, bytes) in &files {
            assert!(html.contains(&format!("\"/{}\"", name.display())), "{html}");
            assert!(bytes.len() > 100_000, "{}", name.display());
        }
        assert!(with_swagger_ui(String::new(), "/", named).is_err(), "a page that names neither");
        assert!(licence().is_ok_and(|text| text.contains("Apache License")));
    }
}
