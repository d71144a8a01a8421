//! Datasets by name.

use std::path::{Path, PathBuf};

use shared::experiment::DatasetInfo;

use crate::error::OpenError;
use crate::files::{Files, because};
use crate::folder::{Csv, Folder};
use crate::jsonl::Jsonl;
use crate::mmmu_pro::{MmmuPro, is_configuration};
use crate::places::{Paths, Places};
use crate::sample::Dataset;
use crate::tabular::Tabular;

/// What a folder's pictures are asked where nobody says.
pub(crate) const DEFAULT_PROMPT: &str = "Describe this picture.";

/// Opens a dataset by its name: `KIND`, `KIND:PATH`, and options after a last `?`, written as in a
/// web address (`?key=value&key=value`, `%26` for `&`).
///
/// | name | |
/// | --- | --- |
/// | `demo` | the questions that ship with the lab |
/// | `mmmu-pro`, `mmmu-pro:vision` | MMMU-Pro from the hub, question and options in the picture |
/// | `mmmu-pro:standard-10`, `mmmu-pro:standard-4` | question and options as text |
/// | `mmmu-pro:PATH` | from a folder laid out as the hub's, or from one parquet file; `config=` chooses among a folder's |
/// | … `?prompt=cot` | MMMU-Pro's step-by-step prompts, instead of `direct` |
/// | `folder:PATH` | pictures, with `metadata.jsonl`, `metadata.csv` or captions in `NAME.txt` |
/// | `jsonl:PATH` | one JSON object a line |
/// | `parquet:PATH` | a file or a folder of them; `image=`, `prompt=`, `answer=`, … name columns |
/// | … `?ask=TEXT` | of the last three: what pictures without a prompt of their own are asked |
///
/// # Errors
/// What is wrong with the name, or with what is there; see [`OpenError`].
pub fn open(name: &str, places: &Places) -> Result<Box<dyn Dataset>, OpenError> {
    let name = Name::parse(name.trim());
    match name.kind {
        "demo" if name.path.is_none() => demo(&name, places),
        "jsonl" => jsonl(&name, places),
        "folder" => folder(&name, places),
        "parquet" => Ok(Box::new(Tabular::open(&name, places)?)),
        "mmmu-pro" => Ok(Box::new(MmmuPro::open(&name, places)?)),
        _ => Err(OpenError::Unknown(name.whole.to_owned())),
    }
}

/// The same name, with a path that holds wherever a process runs: relative ones begin in the
/// working directory.
pub fn anywhere(name: &str) -> String {
    with_path(name, |path| Some(std::path::absolute(path).ok()?.to_str()?.to_owned()))
}

/// The same name for people: of a path the last part alone. Links travel, machines' folders do not.
pub fn label(name: &str) -> String {
    with_path(name, |path| {
        let last = path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next()?;
        Some(last.to_owned())
    })
}

/// A name with another path; as it was where it has none, or there is no other.
fn with_path(name: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let whole = name.trim();
    let parsed = Name::parse(whole);
    let place = whole.rsplit_once('?').map_or(whole, |(place, _)| place);
    let path = parsed.path.filter(|path| !path.is_empty() && !is_configuration(parsed.kind, path));
    match path.and_then(change) {
        Some(path) => format!("{}:{path}{}", parsed.kind, &whole[place.len()..]),
        None => whole.to_owned(),
    }
}

/// A dataset's name in its parts.
pub(crate) struct Name<'a> {
    pub whole: &'a str,
    pub kind: &'a str,
    pub path: Option<&'a str>,
    options: Vec<(String, String)>,
}

impl<'a> Name<'a> {
    fn parse(whole: &'a str) -> Name<'a> {
        let (place, options) = whole.rsplit_once('?').unwrap_or((whole, ""));
        let (kind, path) = match place.split_once(':') {
            Some((kind, path)) => (kind, Some(path)),
            None => (place, None),
        };
        let options = form_urlencoded::parse(options.as_bytes()).into_owned().collect();
        Name { whole, kind, path, options }
    }

    /// The options by their names, each at most once, and no others.
    pub fn options<const N: usize>(
        &self,
        known: [&str; N],
    ) -> Result<[Option<String>; N], OpenError> {
        let mut values = [const { None }; N];
        for (key, value) in &self.options {
            let place = known.iter().position(|k| k == key).ok_or_else(|| {
                let among = match known.len() {
                    0 => "has no options".to_owned(),
                    _ => format!("has the options {}", known.join(", ")),
                };
                OpenError::BadOption(format!(
                    "'{}' has the option '{key}'; {} {among}.",
                    self.whole, self.kind
                ))
            })?;
            if values[place].replace(value.clone()).is_some() {
                let why = format!("'{}' names the option '{key}' twice.", self.whole);
                return Err(OpenError::BadOption(why));
            }
        }
        Ok(values)
    }

    /// The path that the name asks for, if that is allowed and something is there.
    pub fn place(&self, places: &Places) -> Result<PathBuf, OpenError> {
        let Some(path) = self.path.filter(|path| !path.is_empty()) else {
            let why = format!("'{}' needs a path: {}:PATH.", self.whole, self.kind);
            return Err(OpenError::BadOption(why));
        };
        let denied = || OpenError::PathsNotAllowed(self.whole.to_owned());
        let absent = |e: std::io::Error| {
            let why = format!("'{path}' {}.", crate::files::because(&e));
            OpenError::absent(self.whole, why)
        };
        match &places.paths {
            Paths::Nowhere => Err(denied()),
            Paths::Anywhere => Path::new(path).canonicalize().map_err(absent),
            Paths::Inside(folder) => {
                let folder = folder.canonicalize().map_err(absent)?;
                let inside = folder.join(path).canonicalize();
                match inside {
                    Ok(place) if place.starts_with(&folder) => Ok(place),
                    // Whether there is something outside is not told.
                    Ok(_) => Err(denied()),
                    Err(_) if Path::new(path).is_absolute() || path.contains("..") => Err(denied()),
                    Err(e) => Err(absent(e)),
                }
            }
        }
    }

    /// The info that a dataset of this name begins with.
    pub fn info(&self, title: impl Into<String>) -> DatasetInfo {
        DatasetInfo { name: self.whole.to_owned(), title: title.into(), ..DatasetInfo::default() }
    }
}

fn demo(name: &Name, places: &Places) -> Result<Box<dyn Dataset>, OpenError> {
    let [] = name.options([])?;
    let info =
        name.info("Questions about small pictures, some with false claims; ships with the lab");
    Ok(Box::new(Jsonl::open(info, places.demo.clone(), "eval.jsonl", None)?))
}

fn jsonl(name: &Name, places: &Places) -> Result<Box<dyn Dataset>, OpenError> {
    let [ask] = name.options(["ask"])?;
    let place = name.place(places)?;
    let parts = (place.parent(), place.file_name().and_then(|n| n.to_str()));
    let (Some(folder), Some(file)) = parts else {
        return Err(OpenError::unreadable(name.whole, "it is no file."));
    };
    let info = name.info(format!("Lines of {file}"));
    Ok(Box::new(Jsonl::open(info, Files::Folder(folder.to_owned()), file, ask)?))
}

fn folder(name: &Name, places: &Places) -> Result<Box<dyn Dataset>, OpenError> {
    let [ask] = name.options(["ask"])?;
    let ask = ask.unwrap_or_else(|| DEFAULT_PROMPT.to_owned());
    let root = name.place(places)?;
    if !root.is_dir() {
        let why = "it is no folder; for a file of rows write jsonl:PATH or parquet:PATH.";
        return Err(OpenError::unreadable(name.whole, why));
    }
    let called = root.file_name().and_then(|n| n.to_str()).unwrap_or("a folder");
    let info = name.info(format!("Pictures in {called}"));
    let files = Files::Folder(root.clone());
    Ok(if root.join("metadata.jsonl").is_file() {
        Box::new(Jsonl::open(info, files, "metadata.jsonl", Some(ask))?)
    } else if root.join("metadata.csv").is_file() {
        Box::new(Csv::open(info, files, "metadata.csv", ask)?)
    } else {
        Box::new(Folder::open(info, &root, ask)?)
    })
}

/// The parquet files that lie in a folder itself.
pub(crate) fn parquet_files(name: &Name, folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let broken = |e| OpenError::unreadable(name.whole, format!("the folder {}.", because(&e)));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(broken)? {
        let path = entry.map_err(broken)?.path();
        // What systems put beside people's files begins with a dot.
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|end| end == "parquet") && path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_is_made_one_that_holds_everywhere() {
        let here = std::env::current_dir().unwrap_or_default();
        let here = here.to_string_lossy();
        for (name, whole) in [
            ("folder:cats", format!("folder:{here}/cats")),
            (" jsonl:a/b.jsonl?ask=What%3F ", format!("jsonl:{here}/a/b.jsonl?ask=What%3F")),
            ("mmmu-pro:mine?config=vision", format!("mmmu-pro:{here}/mine?config=vision")),
            ("parquet:/rows", "parquet:/rows".to_owned()),
            ("mmmu-pro:standard-10?prompt=cot", "mmmu-pro:standard-10?prompt=cot".to_owned()),
            ("demo", "demo".to_owned()),
            ("folder:", "folder:".to_owned()),
        ] {
            assert_eq!(anywhere(name), whole);
        }
    }

    #[test]
    fn people_read_the_end_of_a_path() {
        for (name, read) in [
            ("folder:/home/me/cats/", "folder:cats"),
            ("parquet:/a/rows.parquet?image=photo", "parquet:rows.parquet?image=photo"),
            ("mmmu-pro:/data/mine", "mmmu-pro:mine"),
            ("mmmu-pro:vision?prompt=cot", "mmmu-pro:vision?prompt=cot"),
            ("demo", "demo"),
        ] {
            assert_eq!(label(name), read);
        }
    }
}
