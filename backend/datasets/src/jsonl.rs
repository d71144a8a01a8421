//! JSON lines: one object a line, pictures in files beside it.
//!
//! | field | |
//! | --- | --- |
//! | `image` (or `file_name`) | the picture's path, relative to the file's folder |
//! | `prompt`, or `question` (or `text`) | a prompt is taken as it is; a question's options are listed after it |
//! | `answer`, or `answers` | accepted texts, blank ones overlooked; with options the right one's letter or text |
//! | `options` | a list of texts, or one in a string as Python or JSON writes it |
//! | `claimed_answers` | the answers of one who believes the prompt's false claim |
//! | `id`, `kind` (or `subject`) | names for people |
//!
//! Other fields are overlooked. Where each line begins is found once; lines are read when asked for.

use std::io::{self, BufRead, SeekFrom};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use shared::experiment::DatasetInfo;

use crate::error::{Fault, OpenError, RowError};
use crate::files::{Files, Text, because, text_of};
use crate::fingerprint::Fingerprint;
use crate::record::{Record, is_text, text};
use crate::sample::{Dataset, Sample};

/// Most bytes a line may have.
const MAX_LINE: usize = 16 << 20;

/// The fields that name a row's picture.
const IMAGE: &[&str] = &["image", "file_name"];

pub(crate) struct Jsonl {
    info: DatasetInfo,
    files: Files,
    /// Where each line begins.
    offsets: Vec<u64>,
    lines: Mutex<Box<dyn Text>>,
    default_prompt: Option<String>,
}

impl Jsonl {
    /// Opens a file of these by its path among them. `info` has name and title; the rest is
    /// filled in.
    pub fn open(
        mut info: DatasetInfo,
        files: Files,
        path: &str,
        default_prompt: Option<String>,
    ) -> Result<Jsonl, OpenError> {
        let broken = |name: &str, error: &io::Error| {
            let why = format!("'{path}' {}.", because(error));
            match error.kind() {
                io::ErrorKind::NotFound => OpenError::absent(name, why),
                _ => OpenError::unreadable(name, why),
            }
        };
        let mut lines = text_of(&files, path).map_err(|e| broken(&info.name, &e))?;
        let mut print = Fingerprint::default();
        print.text(default_prompt.as_deref().unwrap_or_default());
        let (mut offsets, mut at, mut line) = (Vec::new(), 0, Vec::new());
        let mut picture = String::new();
        loop {
            let read = next_line(&mut lines, &mut line).map_err(|e| broken(&info.name, &e))?;
            if read == 0 {
                break;
            }
            if !line.trim_ascii().is_empty() {
                offsets.push(at);
                let object = object(&line).unwrap_or_default();
                info.has_answers |= has_answer(&object);
                // Rows about one picture mostly follow each other.
                if let Ok(Some(path)) = text(&object, IMAGE)
                    && path != picture
                {
                    print.file(&files, &path);
                    picture = path;
                }
            }
            at += read;
        }
        print.content(&mut lines).map_err(|e| broken(&info.name, &e))?;
        info.rows = offsets.len() as u64;
        info.revision = print.finish();
        Ok(Jsonl { info, files, offsets, lines: Mutex::new(lines), default_prompt })
    }

    fn line(&self, row: u64) -> Result<Map<String, Value>, Fault> {
        let offset = usize::try_from(row).ok().and_then(|row| self.offsets.get(row));
        let &offset = offset.ok_or(Fault::NoSuchRow { rows: self.info.rows })?;
        let mut line = Vec::new();
        {
            // A reader is whole again after the next seek, whatever became of its last user.
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            let read = lines.seek(SeekFrom::Start(offset));
            let read = read.and_then(|_| next_line(&mut *lines, &mut line));
            read.map_err(|e| Fault::unreadable("the line", because(&e)))?;
        }
        object(&line)
    }
}

impl Dataset for Jsonl {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn sample(&self, row: u64) -> Result<Sample, RowError> {
        let object = self.line(row).map_err(|fault| fault.at(row))?;
        let mut record = Record::default();
        let picture = record.fill(&object).and_then(|()| match text(&object, IMAGE)? {
            Some(path) if !path.is_empty() => self.files.picture(&path, "image"),
            _ => Err(Fault::no_picture("image")),
        });
        record.sample(row, self.default_prompt.as_deref(), picture)
    }
}

fn has_answer(object: &Map<String, Value>) -> bool {
    let there = |value: &Value| value.as_str().is_none_or(is_text);
    ["answer", "answers"].iter().any(|name| match object.get(*name) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => items.iter().any(there),
        Some(value) => there(value),
    })
}

fn object(line: &[u8]) -> Result<Map<String, Value>, Fault> {
    if line.len() > MAX_LINE {
        return Err(Fault::unreadable("the line", "it is longer than 16 MiB"));
    }
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = std::str::from_utf8(line).map_err(|e| {
        Fault::unreadable("the line", format!("byte {} is not UTF-8", e.valid_up_to() + 1))
    })?;
    match serde_json::from_str(line.trim_end()) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Fault::unreadable("the line", "it is no JSON object")),
        Err(e) => {
            Err(Fault::unreadable("the line", format!("it is not JSON (column {})", e.column())))
        }
    }
}

/// Reads a line into `line`, its end included, and tells how many bytes it took: 0 at the end. Of
/// an overlong line only so much is kept that its length shows.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let mut took = 0;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let end = buffer.iter().position(|&b| b == b'\n');
        let part = end.map_or(buffer.len(), |end| end + 1);
        let room = (MAX_LINE + 1).saturating_sub(line.len());
        line.extend_from_slice(&buffer[..part.min(room)]);
        reader.consume(part);
        took += part as u64;
        if end.is_some() || part == 0 {
            return Ok(took);
        }
    }
}
