//! The licence texts of everything that a release carries: `cargo xtask licences OUT`.
//!
//! What the binary and the page are built from is what `cargo metadata` says, without what only tests
//! and build scripts need. Texts come from the packages themselves, each text once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::say;

/// How names of files with licences begin.
const BEGINNINGS: [&str; 7] =
    ["LICENSE", "LICENCE", "UNLICENSE", "COPYING", "COPYRIGHT", "NOTICE", "AUTHORS"];
/// What packages carry of others, beside their own.
const INSIDE: [(&str, &str); 1] = [("zstd-sys", "zstd/LICENSE")];
/// What no package says.
const OTHERS: &str = "The binary also holds the Rust standard library (MIT or Apache-2.0, \
    copyright The Rust Project Developers), SQLite (in the public domain), on the page of its \
    API Swagger UI (Apache-2.0) and, in its drawings, the fonts Inter and Plots Hangul, a part of Pretendard, whose licences stand below. The demo models learned from drawings that have authors \
    and licences of their own: see ATTRIBUTION-demo-llava.md and ATTRIBUTION-demo-qwen.md.\n";

/// A package that the release is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
    repository: String,
    authors: String,
    folder: PathBuf,
}

/// Writes the texts to a file.
pub fn write(out: &Path) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace folder")?;
    let mut packages = needed(root, "langoverrule", "x86_64-unknown-linux-gnu")?;
    packages.extend(needed(root, "langoverrule", "aarch64-unknown-linux-gnu")?);
    packages.extend(needed(root, "frontend", "wasm32-unknown-unknown")?);
    let mut texts = texts(root, &packages)?;
    for font in ["Inter", "PlotsHangul"] {
        let file = root.join(format!("shared/plots/fonts/LICENSE-{font}.txt"));
        let licence = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        texts.entry(licence).or_default().insert(format!("{font} (fonts)"));
    }
    texts.entry(crate::api_page::licence()?).or_default().insert("Swagger UI".to_owned());

    let mut text = format!(
        "LangOverrule Lab is MIT or Apache-2.0. What follows are the licences of the {} packages that \
         it is built from.\n\n{OTHERS}\n",
        packages.len()
    );
    for package in &packages {
        let Package { name, version, licence, .. } = package;
        writeln!(text, "{name} {version}: {licence}")?;
    }
    let mut ordered: Vec<_> = texts.into_iter().collect();
    ordered.sort_by(|(_, a), (_, b)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    for (licence, of) in ordered {
        let of: Vec<String> = of.into_iter().collect();
        write!(text, "\n{}\n{}\n\n{}\n", "─".repeat(78), of.join(", "), licence.trim_end())?;
    }
    fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))?;
    say(&format!("licences of {} packages in {}", packages.len(), out.display()));
    Ok(())
}

/// The packages of registries that a package of this workspace is built from.
fn needed(root: &Path, package: &str, target: &str) -> Result<BTreeSet<Package>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target])
        .current_dir(root)
        .output()
        .context("cargo cannot be called")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    reachable(&serde_json::from_slice(&output.stdout)?, package)
}

fn reachable(metadata: &Value, package: &str) -> Result<BTreeSet<Package>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: HashMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|p| (text(&p["id"]), p)).collect();
    let nodes: HashMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|n| (text(&n["id"]), n)).collect();
    let own = |p: &Value| p["source"].is_null();
    let root = packages.iter().find(|(_, p)| own(p) && p["name"] == package);
    let mut open = vec![root.with_context(|| format!("no package {package}"))?.0.clone()];
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let package = packages.get(&id).with_context(|| format!("{id} is not described"))?;
        if !own(package) {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            found.insert(Package {
                name: text(&package["name"]),
                version: text(&package["version"]),
                licence: text(&package["license"]),
                repository: text(&package["repository"]),
                authors: list(&package["authors"]).iter().map(text).collect::<Vec<_>>().join(", "),
                folder: manifest.parent().context("a manifest lies in a folder")?.to_owned(),
            });
        }
        for needs in list(&nodes.get(&id).with_context(|| format!("{id} is not resolved"))?["deps"])
        {
            // Neither tests nor build scripts go into what is built.
            if list(&needs["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                open.push(text(&needs["pkg"]));
            }
        }
    }
    Ok(found)
}

/// Every licence text, with the packages that it is of.
fn texts(root: &Path, packages: &BTreeSet<Package>) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let apache = fs::read_to_string(root.join("LICENSE-APACHE"))?;
    let mit = fs::read_to_string(root.join("LICENSE-MIT"))?;
    for package in packages {
        let mut own = files(&package.folder)?;
        for (_, inside) in INSIDE.iter().filter(|(name, _)| *name == package.name) {
            let file = package.folder.join(inside);
            own.push(fs::read_to_string(&file).with_context(|| file.display().to_string())?);
        }
        if own.is_empty() {
            // Packages of one repository have its licence, though not each carries the file.
            let sibling = |p: &&Package| {
                !p.repository.is_empty()
                    && p.repository == package.repository
                    && p.licence == package.licence
            };
            for other in packages.iter().filter(sibling) {
                own = files(&other.folder)?;
                if !own.is_empty() {
                    break;
                }
            }
        }
        // A package that offers a licence by its name alone: the text of that licence.
        let offered = choices(&package.licence);
        if own.is_empty() && offered.contains(&"Apache-2.0") {
            own.push(apache.clone());
        } else if own.is_empty() && offered.contains(&"MIT") {
            own.push(mit_of(&mit, package));
        }
        let Package { name, version, licence, .. } = package;
        if own.is_empty() {
            bail!(
                "{name} {version} ({licence}) carries no licence text, nor does its repository's other packages"
            );
        }
        for text in own {
            texts.entry(text).or_default().insert(format!("{name} {version}"));
        }
    }
    Ok(texts)
}

/// The MIT licence with a package's authors in the place of this project's.
fn mit_of(text: &str, package: &Package) -> String {
    let authors = match &package.authors[..] {
        "" => format!("the authors of {}", package.name),
        authors => authors.to_owned(),
    };
    let lines = text.lines().map(|line| match line.starts_with("Copyright") {
        true => format!("Copyright (c) {authors}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The licences that one may choose from; none where several hold at once.
fn choices(expression: &str) -> Vec<&str> {
    if expression.contains(" AND ") {
        return Vec::new();
    }
    expression.split([' ', '/']).filter(|word| !word.is_empty() && *word != "OR").collect()
}

/// The texts in a package's folder, and in a folder of licences in it.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if !BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
            continue;
        }
        if path.is_dir() {
            let mut inside: Vec<_> =
                fs::read_dir(&path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
            inside.sort();
            for file in inside.into_iter().filter(|file| file.is_file()) {
                found.push(String::from_utf8_lossy(&fs::read(&file)?).into_owned());
            }
        } else {
            found.push(String::from_utf8_lossy(&fs::read(&path)?).into_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_binary_is_built_from_is_found_and_what_builds_it_is_not() {
        let package = |name: &str, source: Value| {
            serde_json::json!({
                "id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": source,
                "repository": "r", "manifest_path": format!("/p/{name}/Cargo.toml"),
            })
        };
        let dep = |name: &str, kind: Value| serde_json::json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = serde_json::json!({
            "packages": [
                package("lab", Value::Null), package("engine", Value::Null), package("a", "r".into()),
                package("b", "r".into()), package("cc", "r".into()), package("tests", "r".into()),
            ],
            "resolve": { "nodes": [
                { "id": "lab", "deps": [dep("engine", Value::Null), dep("tests", "dev".into())] },
                { "id": "engine", "deps": [dep("a", Value::Null), dep("cc", "build".into())] },
                { "id": "a", "deps": [dep("b", Value::Null)] },
                { "id": "b", "deps": [] }, { "id": "cc", "deps": [] }, { "id": "tests", "deps": [] },
            ] },
        });
        let found = reachable(&metadata, "lab").expect("a graph");
        let names: Vec<&str> = found.iter().map(|p| &p.name[..]).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(reachable(&metadata, "none").is_err());
    }

    #[test]
    fn a_choice_is_told_from_what_holds_at_once() {
        assert_eq!(choices("MIT OR Apache-2.0"), ["MIT", "Apache-2.0"]);
        assert_eq!(choices("Apache-2.0/MIT"), ["Apache-2.0", "MIT"]);
        assert_eq!(choices("Apache-2.0 AND ISC"), Vec::<&str>::new());
    }
}
