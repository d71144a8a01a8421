//! Lists what the release binary carries inside: the built page, the demo model and its dataset.
//!
//! Any folder may be missing; its list is then empty and the build still succeeds. Other
//! profiles carry nothing and read the folders when asked, so that a changed page needs no
//! rebuild; `LANGOVERRULE_EMBED=1` makes them carry it too.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LANGOVERRULE_EMBED");
    println!("cargo::rustc-check-cfg=cfg(embedded)");
    let asked = env::var("LANGOVERRULE_EMBED").is_ok_and(|v| v == "1");
    let embed = asked || env::var("PROFILE").is_ok_and(|p| p == "release");
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let mut code = String::new();
    for (name, folder) in [
        ("PAGE", "../frontend/dist"),
        ("DEMO", "../models/demo-llava"),
        ("DEMO_DATASET", "../datasets/demo"),
    ] {
        let folder = here.join(folder);
        let mut files = Vec::new();
        if embed {
            println!("cargo::rerun-if-changed={}", folder.display());
            collect(&folder, &folder, &mut files)?;
            files.sort();
        }
        let _ = writeln!(code, "pub(super) static {name}: &[(&str, &[u8])] = &[");
        for (inside, file) in files {
            let _ = writeln!(code, "    ({inside:?}, include_bytes!({:?})),", file.display());
        }
        code.push_str("];\n");
    }
    if embed {
        println!("cargo::rustc-cfg=embedded");
    }
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("embedded.rs"), code)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}

/// Every file under `folder`, with its path inside `root` in forward slashes.
fn collect(root: &Path, folder: &Path, into: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, into)?;
        } else if let Ok(inside) = path.strip_prefix(root) {
            let inside = inside.to_string_lossy().replace('\\', "/");
            into.push((inside, path.canonicalize()?));
        }
    }
    Ok(())
}
