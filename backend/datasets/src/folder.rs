//! Folders of pictures, with captions or a list beside them.
//!
//! The Hugging Face `imagefolder` convention: a `metadata.jsonl` or `metadata.csv` has one row for
//! each picture, with `file_name` and the fields that [`crate::jsonl`] names (`text`, the usual
//! caption, is the prompt). Without such a list every picture in the folder and its subfolders is a
//! row, in the order of their paths, but those whose names begin with a dot, and `NAME.txt` beside `NAME.png` is its prompt. What has no
//! prompt is asked `ask=TEXT`, or to describe the picture.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use shared::experiment::DatasetInfo;

use crate::error::{Fault, OpenError, RowError};
use crate::files::{Files, Text, because, not_utf8, text_of};
use crate::fingerprint::Fingerprint;
use crate::record::{Record, listed, shortened, text};
use crate::sample::{Dataset, Sample};

/// Endings of the formats that the lab's models are given.
const PICTURES: [&str; 7] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "jfif"];
/// Endings of pictures that it is not; how many there are is said.
const UNREAD: [&str; 17] = [
    "heic", "heif", "hif", "avif", "tif", "tiff", "jxl", "jp2", "svg", "psd", "tga", "ico", "dng",
    "cr2", "cr3", "nef", "arw",
];
/// Most bytes a caption may have.
const MAX_CAPTION: u64 = 1 << 20;
/// Deepest folders that are looked into.
const DEEPEST: usize = 16;

/// Pictures without a list.
pub(crate) struct Folder {
    info: DatasetInfo,
    files: Files,
    /// The pictures' paths in the folder.
    paths: Vec<String>,
    default_prompt: String,
}

impl Folder {
    pub fn open(mut info: DatasetInfo, root: &Path, ask: String) -> Result<Folder, OpenError> {
        let files = Files::Folder(root.to_owned());
        let (mut paths, mut unread) = (Vec::new(), Vec::new());
        collect(root, "", DEEPEST, &mut paths, &mut unread).map_err(|e| {
            OpenError::unreadable(&info.name, format!("the folder {}.", because(&e)))
        })?;
        paths.sort();
        unread.sort();
        let note = match &unread[..] {
            [] => String::new(),
            [one] => format!("'{}' is of a format that is not read", shortened(one)),
            [first, rest @ ..] => format!(
                "'{}' and {} more are of formats that are not read",
                shortened(first),
                rest.len()
            ),
        };
        if paths.is_empty() {
            let and = if note.is_empty() { "" } else { "; " };
            let kinds = PICTURES.join(", ");
            let why = format!("the folder holds no pictures ({kinds}){and}{note}.");
            return Err(OpenError::absent(&info.name, why));
        }
        info.note = note;
        let mut print = Fingerprint::default();
        print.text(&ask);
        for path in &paths {
            print.file(&files, path);
            print.file(&files, &caption_of(path));
        }
        info.rows = paths.len() as u64;
        info.revision = print.finish();
        Ok(Folder { info, files, paths, default_prompt: ask })
    }

    fn caption(&self, path: &str) -> Result<Option<String>, Fault> {
        let file = match self.files.open(&caption_of(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Fault::unreadable("the caption", because(&error))),
        };
        let mut bytes = Vec::new();
        let read = file.take(MAX_CAPTION + 1).read_to_end(&mut bytes);
        read.map_err(|e| Fault::unreadable("the caption", because(&e)))?;
        if bytes.len() as u64 > MAX_CAPTION {
            return Err(Fault::unreadable("the caption", "it is longer than 1 MiB"));
        }
        if let Some(why) = not_utf8(&bytes) {
            return Err(Fault::unreadable("the caption", format!("it {why}")));
        }
        let caption = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to() + 1;
            Fault::unreadable("the caption", format!("its byte {at} is not UTF-8"))
        })?;
        let caption = caption.trim_start_matches('\u{feff}').trim();
        Ok((!caption.is_empty()).then(|| caption.to_owned()))
    }
}

impl Dataset for Folder {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn sample(&self, row: u64) -> Result<Sample, RowError> {
        let path = usize::try_from(row).ok().and_then(|row| self.paths.get(row));
        let path = path.ok_or_else(|| Fault::NoSuchRow { rows: self.info.rows }.at(row))?;
        let mut record = Record { id: Some(path.clone()), ..Record::default() };
        let picture = self.caption(path).and_then(|caption| {
            record.prompt = caption;
            self.files.picture(path, "the file")
        });
        record.sample(row, Some(&self.default_prompt), picture)
    }
}

/// Adds the pictures under a folder; folders that are links are not entered.
fn collect(
    folder: &Path,
    inside: &str,
    deep: usize,
    paths: &mut Vec<String>,
    unread: &mut Vec<String>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What systems put beside people's files, such as `._a.png` on foreign disks.
        if name.starts_with('.') {
            continue;
        }
        let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if kind.is_dir() {
            if deep > 0 {
                collect(&entry.path(), &path, deep - 1, paths, unread)?;
            }
        } else if let Some((_, ending)) = path.rsplit_once('.') {
            let is_one_of =
                |endings: &[&str]| endings.iter().any(|known| known.eq_ignore_ascii_case(ending));
            match ending {
                _ if is_one_of(&PICTURES) => paths.push(path),
                _ if is_one_of(&UNREAD) => unread.push(path),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The caption file that belongs to a picture.
fn caption_of(path: &str) -> String {
    format!("{}.txt", path.rsplit_once('.').map_or(path, |(stem, _)| stem))
}

/// Pictures listed in a `metadata.csv`.
pub(crate) struct Csv {
    info: DatasetInfo,
    files: Files,
    names: csv::StringRecord,
    /// Where each row begins.
    places: Vec<csv::Position>,
    reader: Mutex<csv::Reader<Box<dyn Text>>>,
    default_prompt: String,
}

impl Csv {
    pub fn open(
        mut info: DatasetInfo,
        files: Files,
        path: &str,
        ask: String,
    ) -> Result<Csv, OpenError> {
        let name = info.name.clone();
        let broken = |why: String| OpenError::unreadable(&name, format!("'{path}' {why}."));
        let file = text_of(&files, path).map_err(|e| broken(because(&e)))?;
        // A row with too few or too many fields is that row's fault.
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let header = reader.byte_headers().map_err(|e| broken(format!("has no header ({e})")))?;
        let names = header.iter().map(|n| String::from_utf8_lossy(n).into_owned());
        let names: csv::StringRecord = names.collect();
        let first = names.get(0).map(|n| n.trim_start_matches('\u{feff}').to_owned());
        let names: csv::StringRecord =
            first.into_iter().chain(names.iter().skip(1).map(str::to_owned)).collect();
        let Some(file_name) = names.iter().position(|n| n == "file_name" || n == "image") else {
            return Err(broken(format!("has no column 'file_name', only {}", listed(&names))));
        };
        info.has_answers = names.iter().any(|n| n == "answer" || n == "answers");
        let mut print = Fingerprint::default();
        print.text(&ask);
        let (mut places, mut record) = (Vec::new(), csv::ByteRecord::new());
        while reader.read_byte_record(&mut record).map_err(|e| broken(e.to_string()))? {
            places.extend(record.position().cloned());
            if let Some(Ok(path)) = record.get(file_name).map(std::str::from_utf8) {
                print.file(&files, path);
            }
        }
        let list = files.open(path).and_then(|file| print.content(file));
        list.map_err(|e| broken(because(&e)))?;
        info.rows = places.len() as u64;
        info.revision = print.finish();
        Ok(Csv { info, files, names, places, reader: Mutex::new(reader), default_prompt: ask })
    }

    /// A row as the object that a line of JSON would be; empty fields are not there.
    fn object(&self, row: u64) -> Result<Map<String, Value>, Fault> {
        let place = usize::try_from(row).ok().and_then(|row| self.places.get(row));
        let place = place.ok_or(Fault::NoSuchRow { rows: self.info.rows })?;
        let mut record = csv::ByteRecord::new();
        {
            let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            let read =
                reader.seek(place.clone()).and_then(|()| reader.read_byte_record(&mut record));
            read.map_err(|e| Fault::unreadable("the row", e))?;
        }
        if record.len() != self.names.len() {
            let why = format!("it has {} fields and the header {}", record.len(), self.names.len());
            return Err(Fault::unreadable("the row", why));
        }
        let fields = self.names.iter().zip(record.iter()).filter(|(_, field)| !field.is_empty());
        fields
            .map(|(name, field)| {
                let field = std::str::from_utf8(field).map_err(|e| {
                    let at = e.valid_up_to() + 1;
                    Fault::unreadable(name, format!("its byte {at} is not UTF-8"))
                })?;
                let list = name == "answers" || name == "claimed_answers";
                let value = if list && field.starts_with(['[', '(']) {
                    let items = crate::literal::list(field);
                    Value::from(items.map_err(|why| Fault::unreadable(name, why))?)
                } else {
                    Value::from(field)
                };
                Ok((name.to_owned(), value))
            })
            .collect()
    }
}

impl Dataset for Csv {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn sample(&self, row: u64) -> Result<Sample, RowError> {
        let object = self.object(row).map_err(|fault| fault.at(row))?;
        let mut record = Record::default();
        let picture =
            record.fill(&object).and_then(|()| match text(&object, &["file_name", "image"])? {
                Some(path) => self.files.picture(&path, "file_name"),
                None => Err(Fault::no_picture("file_name")),
            });
        record.sample(row, Some(&self.default_prompt), picture)
    }
}
