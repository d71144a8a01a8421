//! `Trunk.toml`: the part of it that building the page needs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The `[build]` table; paths are relative to the file.
#[derive(Debug, PartialEq)]
pub struct Build {
    /// The index page that drives the build.
    pub target: PathBuf,
    /// Where the result goes.
    pub dist: PathBuf,
    /// Where the result will be served from.
    pub public_url: String,
}

/// Reads `Trunk.toml` in `root`.
pub fn read(root: &Path) -> Result<Build> {
    let file = root.join("Trunk.toml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text, root).with_context(|| format!("in {}", file.display()))
}

fn parse(text: &str, root: &Path) -> Result<Build> {
    let table: toml::Table = text.parse()?;
    let get = |key: &str| {
        table
            .get("build")
            .and_then(|b| b.get(key))
            .and_then(toml::Value::as_str)
            .with_context(|| format!("[build] has no {key}"))
    };
    Ok(Build {
        target: root.join(get("target")?),
        dist: root.join(get("dist")?),
        public_url: get("public_url")?.trim_end_matches('/').to_owned() + "/",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file() {
        let build = parse(
            "[build]\ntarget = \"a/index.html\"\ndist = \"a/dist\"\npublic_url = \"/\"",
            Path::new("/w"),
        );
        assert_eq!(
            build.ok(),
            Some(Build {
                target: "/w/a/index.html".into(),
                dist: "/w/a/dist".into(),
                public_url: "/".into()
            })
        );
        assert!(parse("[build]\ndist = \"d\"", Path::new("/")).is_err());
    }
}
