//! Builds the page: compiles the crate for wasm32, cuts it into parts (wasm_split), runs wasm-bindgen as a
//! library, and lays the result out: content-hashed names, but for the two scripts that name each other.
//!
//! The one build description is `Trunk.toml` with the `data-trunk` links of the index page. Nothing is to be
//! installed but the Rust target; Cargo.lock pins wasm-bindgen to the very version the page is compiled
//! against.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use sha2::{Digest, Sha256};

use crate::index::{self, Link, Rel};
use crate::{api_page, say, trunk};

const TARGET: &str = "wasm32-unknown-unknown";

/// Settings on top of the page's own profile that make building fast and the page large.
const DEV: [&str; 6] = [
    r#"profile.page-dev.inherits="page""#,
    r#"profile.page-dev.lto="off""#,
    "profile.page-dev.opt-level=1",
    "profile.page-dev.codegen-units=16",
    "profile.page-dev.incremental=true",
    "profile.page-dev.strip=false",
];

/// How to build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Small: what ships.
    Release,
    /// Quick to build.
    Dev,
}

/// Files of the finished page by path relative to its folder.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Builds the page.
pub fn build(mode: Mode) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace folder")?;
    let config = trunk::read(root)?;
    let html = fs::read_to_string(&config.target)
        .with_context(|| format!("cannot read {}", config.target.display()))?;
    let folder = config.target.parent().context("the index page has no folder")?;
    let links = index::links(&html)?;
    let Some(rust) = links.iter().find(|l| l.rel == Rel::Rust) else {
        bail!("{} has no data-trunk link of rel \"rust\"", config.target.display());
    };

    let wasm_file = compile(folder, rust, mode)?;
    let wasm =
        fs::read(&wasm_file).with_context(|| format!("cannot read {}", wasm_file.display()))?;
    let assets = read_assets(folder, &links)?;
    let api = ApiPage::read(folder)?;

    // The stamp covers every input and this builder itself; the answer to "is anything new?" costs
    // a few milliseconds.
    let all = assets.values().chain(api.assets.values());
    let stamp = stamp(&[&html, &api.html], &wasm, all)?;
    let stamp_file = wasm_file.with_extension("page-stamp");
    // The folder may have been emptied meanwhile.
    let standing = fs::read(config.dist.join("index.html")).unwrap_or_default();
    let mark = |page: &[u8]| format!("{stamp} {}", hex(&Sha256::digest(page)));
    let fresh = fs::read_to_string(&stamp_file).is_ok_and(|s| s == mark(&standing));
    if fresh {
        say(&format!("page: up to date in {}", config.dist.display()));
        return Ok(());
    }

    let name = wasm_file.file_stem().and_then(|s| s.to_str()).context("the wasm has no name")?;
    let mut files = Files::new();
    let boot = bindgen((name, &stamp[..16]), &wasm, &config.public_url, mode, &mut files)?;
    let html = lay_out(&html, &links, &assets, &boot, &config.public_url, &mut files)?;
    api.lay_out(&config.public_url, &mut files)?;
    let mark = mark(html.as_bytes());
    files.insert("index.html".into(), html.into_bytes());
    compress(&mut files, mode)?;
    write(&config.dist, &files)?;
    fs::write(&stamp_file, mark).context("cannot write the build stamp")
}

/// Compiles the crate and returns the path of the module.
fn compile(folder: &Path, rust: &Link, mode: Mode) -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("cannot run rustc")?;
    let libdir = String::from_utf8_lossy(&libdir.stdout).trim().to_owned();
    if !Path::new(&libdir).is_dir() {
        bail!("the Rust target {TARGET} is not installed. Run: rustup target add {TARGET}");
    }

    let manifest = folder.join(&rust.href);
    let profile = rust.attributes.get("data-cargo-profile").map_or("release", String::as_str);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("build").args(["--target", TARGET]).arg("--manifest-path").arg(&manifest);
    match mode {
        // Stripping is left to wasm-bindgen: rustc would strip what it reads the enabled
        // WebAssembly features from.
        Mode::Release => cargo
            .args(["--profile", profile])
            .args(["--config", &format!("profile.{profile}.strip=false")]),
        Mode::Dev => {
            cargo.args(["--profile", "page-dev"]).args(DEV.iter().flat_map(|c| ["--config", c]))
        }
    };
    // What the program is cut by: see `split`.
    cargo.args(["--config", &format!("target.{TARGET}.rustflags=['-Clink-args=--emit-relocs']")]);
    if let Some(bin) = rust.attributes.get("data-bin") {
        cargo.args(["--bin", bin]);
    }
    let output = cargo
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "the page does not compile; see above");
    // Each message is one line; only the artifact's path is wanted, and it is the only string that
    // ends in .wasm.
    let messages = String::from_utf8_lossy(&output.stdout);
    let path = messages
        .lines()
        .filter(|line| line.contains("\"compiler-artifact\""))
        .flat_map(|line| line.split('"'))
        .rfind(|text| text.ends_with(".wasm"))
        .context("cargo built no .wasm file")?;
    Ok(PathBuf::from(path.replace("\\\\", "\\")))
}

/// Cuts the program at the functions that are marked with `wasm_split`: what only those behind a click need
/// goes into files of its own, which a script beside the main one brings. Returns where the main part lies.
fn split(
    (name, version): (&str, &str),
    wasm: &[u8],
    folder: &Path,
    files: &mut Files,
) -> Result<PathBuf> {
    let main = folder.join(format!("{name}.wasm"));
    // Both scripts name each other, so their names cannot follow from what they hold.
    let script = format!("{name}-parts-{version}.js");
    let (link, bound) = (format!("./{script}"), format!("./{name}-{version}.js"));
    let mut options = wasm_split_cli_support::Options::new(wasm);
    options.output_dir = folder;
    options.main_out_path = &main;
    options.link_name = &link;
    options.main_module = &bound;
    let parts = wasm_split_cli_support::transform(options);
    let parts = parts.map_err(|why| anyhow!("the program cannot be split: {why:?}"))?;
    let mut text = fs::read_to_string(folder.join(&script)).context("no script of the parts")?;
    for part in parts.split_modules {
        let bytes = fs::read(&part).with_context(|| part.display().to_string())?;
        let named = part.file_name().and_then(|n| n.to_str()).context("a part has no name")?;
        let stem = named.trim_end_matches(".wasm");
        let own = hashed(&format!("{name}-{stem}"), "wasm", &bytes);
        ensure!(text.contains(named), "the script of the parts does not name {named}");
        text = text.replace(&format!("{named}\""), &format!("{own}\""));
        files.insert(own.into(), bytes);
    }
    files.insert(script.into(), text.into_bytes());
    Ok(main)
}

/// Splits the program and runs wasm-bindgen on its main part, as its command line does for `--target web`;
/// returns the tags that start the page.
fn bindgen(
    (name, version): (&str, &str),
    wasm: &[u8],
    url: &str,
    mode: Mode,
    files: &mut Files,
) -> Result<String> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let main = split((name, version), wasm, folder.path(), files)?;
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(&main).out_name(name).typescript(false);
    // The parts share the main one's table of functions and its stack.
    bindgen.keep_lld_exports(true);
    // Names make a panic's trace readable and are a third of the module.
    bindgen.remove_name_section(mode == Mode::Release).remove_producers_section(true);
    bindgen.web(true).context("wasm-bindgen")?;
    let mut output = bindgen.generate_output().context("wasm-bindgen")?;
    // JavaScript that dependencies bring; the main script imports it from these very places.
    for (crate_name, texts) in output.snippets() {
        for (i, text) in texts.iter().enumerate() {
            let path = format!("snippets/{crate_name}/inline{i}.js");
            files.insert(path.into(), text.clone().into_bytes());
        }
    }
    for (path, text) in output.local_modules() {
        files.insert(Path::new("snippets").join(path), text.clone().into_bytes());
    }
    let js = output.js().as_bytes().to_vec();
    let wasm = output.wasm_mut().emit_wasm();
    let js_name = format!("{name}-{version}.js");
    let wasm_name = hashed(&format!("{name}_bg"), "wasm", &wasm);
    // In a file of its own, so that a content security policy needs no 'unsafe-inline'.
    // Relative to this file, wherever the lab lies below its host.
    let boot = format!(
        "import init from \"./{js_name}\";\n\
         init({{ module_or_path: new URL(\"./{wasm_name}\", import.meta.url) }}).catch((error) => {{\n\
         \x20 console.error(error);\n\
         \x20 document.documentElement.classList.add(\"boot-failed\");\n\
         }});\n"
    )
    .into_bytes();
    let boot_name = hashed("boot", "js", &boot);
    let tags = format!(
        "<link rel=\"modulepreload\" href=\"{url}{js_name}\">\n    \
         <link rel=\"preload\" href=\"{url}{wasm_name}\" as=\"fetch\" type=\"application/wasm\" crossorigin>\n    \
         <script type=\"module\" src=\"{url}{boot_name}\"></script>"
    );
    files.insert(js_name.into(), js);
    files.insert(wasm_name.into(), wasm);
    files.insert(boot_name.into(), boot);
    Ok(tags)
}

/// The bytes behind every link but the crate's, by the link's place.
fn read_assets(folder: &Path, links: &[Link]) -> Result<BTreeMap<usize, Files>> {
    let mut assets = BTreeMap::new();
    for (i, link) in links.iter().enumerate().filter(|(_, l)| l.rel != Rel::Rust) {
        let source = folder.join(&link.href);
        let mut files = Files::new();
        let name = source.file_name().context("a data-trunk link names no file")?;
        if link.rel == Rel::CopyDir {
            read_folder(&source, Path::new(name), &mut files)?;
        } else if link.rel == Rel::Texts {
            let mut parts = Files::new();
            read_folder(&source, Path::new(name), &mut parts)?;
            files.insert(Path::new(name).with_extension("json"), joined(&parts)?);
        } else {
            let bytes = fs::read(&source)
                .with_context(|| format!("index.html names {}", source.display()))?;
            files.insert(name.into(), bytes);
        }
        assets.insert(i, files);
    }
    Ok(assets)
}

/// The members of JSON objects as one object.
fn joined(parts: &Files) -> Result<Vec<u8>> {
    let members = parts.iter().map(|(name, bytes)| {
        let text = std::str::from_utf8(bytes)?.trim();
        let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        inside.map(str::trim).with_context(|| format!("{} is no object", name.display()))
    });
    let members = members.collect::<Result<Vec<_>>>()?;
    Ok(format!("{{{}}}", members.join(",\n")).into_bytes())
}

fn read_folder(source: &Path, into: &Path, files: &mut Files) -> Result<()> {
    let entries =
        fs::read_dir(source).with_context(|| format!("index.html names {}", source.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, name) = (entry.path(), into.join(entry.file_name()));
        if path.is_dir() {
            read_folder(&path, &name, files)?;
        } else {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

/// Replaces every data-trunk link by what the browser understands and collects the files.
fn lay_out(
    html: &str,
    links: &[Link],
    assets: &BTreeMap<usize, Files>,
    boot: &str,
    url: &str,
    files: &mut Files,
) -> Result<String> {
    let mut page = String::with_capacity(html.len() + boot.len());
    let mut from = 0;
    for (i, link) in links.iter().enumerate() {
        page.push_str(&html[from..link.at.start]);
        from = link.at.end;
        match link.rel {
            Rel::Rust => page.push_str(boot),
            Rel::CopyFile | Rel::CopyDir | Rel::Texts => files.extend(assets[&i].clone()),
            Rel::Css | Rel::Icon => {
                let (name, bytes) = assets[&i].first_key_value().context("a link without file")?;
                let part = |p: Option<&std::ffi::OsStr>| {
                    p.and_then(|s| s.to_str()).map(str::to_owned).context("a file without name")
                };
                let name = hashed(&part(name.file_stem())?, &part(name.extension())?, bytes);
                let rel = if link.rel == Rel::Css { "stylesheet" } else { "icon" };
                page.push_str(&format!("<link rel=\"{rel}\" href=\"{url}{name}\">"));
                files.insert(name.into(), bytes.clone());
            }
        }
    }
    page.push_str(&html[from..]);
    Ok(page)
}

/// `name-0123456789abcdef.ext`: a changed file has a new name, so that browsers may keep it for ever.
fn hashed(name: &str, extension: &str, bytes: &[u8]) -> String {
    format!("{name}-{}.{extension}", &hex(&Sha256::digest(bytes))[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn stamp<'a>(
    html: &[&str],
    wasm: &[u8],
    assets: impl Iterator<Item = &'a Files>,
) -> Result<String> {
    let mut hash = Sha256::new();
    let builder = std::env::current_exe().and_then(fs::read).context("cannot read this builder")?;
    let html = html.iter().map(|html| html.as_bytes());
    for part in [builder.as_slice(), wasm].into_iter().chain(html) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    for (name, bytes) in assets.flatten() {
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    Ok(hex(&hash.finalize()))
}

/// The page of the API, which runs no program of this project.
struct ApiPage {
    html: String,
    links: Vec<Link>,
    assets: BTreeMap<usize, Files>,
}

impl ApiPage {
    fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("api.html");
        let html = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let links = index::links(&html)?;
        let assets = read_assets(folder, &links)?;
        Ok(ApiPage { html, links, assets })
    }

    fn lay_out(&self, url: &str, files: &mut Files) -> Result<()> {
        let html = lay_out(&self.html, &self.links, &self.assets, "", url, files)?;
        let named = |name: &Path, bytes: &[u8]| {
            let name = name.to_str().and_then(|name| name.rsplit_once('.'));
            let (stem, end) = name.context("a file without name")?;
            Ok(PathBuf::from(hashed(stem, end, bytes)))
        };
        let (html, more) = api_page::with_swagger_ui(html, url, named)?;
        files.extend(more);
        files.insert("api.html".into(), html.into_bytes());
        Ok(())
    }
}

/// Replaces the folder's content. Everything was built before, so a failed build leaves the last
/// page standing.
fn write(dist: &Path, files: &Files) -> Result<()> {
    if dist.exists() {
        fs::remove_dir_all(dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    for (name, bytes) in files {
        let path = dist.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Compresses what is worth it, for servers that send `name.br` to browsers that take it, and
/// prints what was built and what it weighs on the wire.
fn compress(files: &mut Files, mode: Mode) -> Result<()> {
    let (mut total, mut total_packed) = (0, 0);
    let mut packed_files = Files::new();
    say(&format!("{:<44}{:>12}{:>12}", "page", "bytes", "brotli"));
    for (name, bytes) in files.iter() {
        // Quality 11 takes seconds on a large module: worth it only for what ships.
        let packed = brotli(bytes, if mode == Mode::Release { 11 } else { 5 })?;
        let (size, packed_size) = (bytes.len(), packed.len());
        say(&format!("{:<44}{size:>12}{packed_size:>12}", name.display().to_string()));
        total += size;
        total_packed += packed_size;
        if packed_size < size {
            let mut name = name.clone().into_os_string();
            name.push(".br");
            packed_files.insert(name.into(), packed);
        }
    }
    say(&format!("{:<44}{total:>12}{total_packed:>12}", "together"));
    files.extend(packed_files);
    Ok(())
}

fn brotli(bytes: &[u8], quality: u32) -> Result<Vec<u8>> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 1 << 16, quality, 22);
    writer.write_all(bytes)?;
    Ok(writer.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_tags_and_files() {
        let html = r#"<head><link data-trunk rel="css" href="a.css"><link data-trunk rel="copy-file" href="r.txt"><link data-trunk rel="rust" href="Cargo.toml"></head>"#;
        let links = index::links(html).unwrap_or_default();
        let assets = BTreeMap::from([
            (0, Files::from([("a.css".into(), b"p{}".to_vec())])),
            (1, Files::from([("r.txt".into(), b"r".to_vec())])),
        ]);
        let mut files = Files::new();
        let page = lay_out(html, &links, &assets, "<boot>", "/", &mut files).unwrap_or_default();
        let css = hashed("a", "css", b"p{}");
        assert_eq!(page, format!("<head><link rel=\"stylesheet\" href=\"/{css}\"><boot></head>"));
        assert_eq!(
            files.keys().map(|p| p.display().to_string()).collect::<Vec<_>>(),
            [css.as_str(), "r.txt"]
        );
    }

    #[test]
    fn a_hashed_name_follows_the_content() {
        assert_eq!(hashed("a", "css", b"x"), hashed("a", "css", b"x"));
        assert_ne!(hashed("a", "css", b"x"), hashed("a", "css", b"y"));
    }
}
