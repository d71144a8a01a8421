//! MMMU-Pro (Yue et al., 2024): multiple-choice questions about pictures, as `MMMU/MMMU_Pro` on the
//! hub has them in parquet files.
//!
//! | configuration | folder | columns that are read |
//! | --- | --- | --- |
//! | `vision` | `vision` | id, image, options, answer, subject |
//! | `standard-10` | `standard (10 options)` | id, question, options, answer, subject, image_1 to image_7 |
//! | `standard-4` | `standard (4 options)` | the same |
//!
//! `options` is a Python list in a string, `answer` a letter. Prompts are those of MMMU-Pro's own
//! `prompts.yaml`, put together as its `infer_transformers.py` does: question, options and
//! instruction, each `<image k>` replaced by `[image]`; the picture follows where the model's
//! template puts it.
//!
//! Where a row has several pictures, those that question and options refer to are taken, in the order
//! of their numbers, and all where they refer to none. A row that refers to one that is not there is
//! left out.

use std::path::PathBuf;

use shared::experiment::DatasetInfo;

use crate::error::{Fault, OpenError, RowError};
use crate::expected::Choice;
use crate::files::checked;
use crate::fingerprint::Fingerprint;
use crate::literal;
use crate::name::{Name, parquet_files};
use crate::places::Places;
use crate::prompts::Style;
use crate::published::{PUBLISHED, Published, VISION};
use crate::record::{Record, is_text};
use crate::references;
use crate::sample::{Dataset, Sample};
use crate::table::{Cell, Column, Table};

/// The configuration of that name.
fn configuration(name: &str) -> Option<&'static Published> {
    PUBLISHED.iter().find(|p| p.kind == "mmmu-pro" && p.config == name)
}

/// Whether what follows a kind's colon names a configuration rather than a path.
pub(crate) fn is_configuration(kind: &str, name: &str) -> bool {
    kind == "mmmu-pro" && configuration(name).is_some()
}

pub(crate) struct MmmuPro {
    info: DatasetInfo,
    table: Table,
    columns: Columns,
    style: Style,
}

struct Columns {
    id: Column,
    options: Column,
    answer: Column,
    subject: Option<Column>,
    /// Where the question is text.
    question: Option<Column>,
    /// The only picture, or `image_1` and on.
    pictures: Vec<Column>,
}

impl Columns {
    fn find(table: &mut Table, vision: bool) -> Result<Columns, String> {
        let mut pictures = vec![table.picture(if vision { "image" } else { "image_1" })?];
        for name in (2..=7).map(|k| format!("image_{k}")).filter(|_| !vision) {
            if table.has(&name) {
                pictures.push(table.picture(&name)?);
            }
        }
        Ok(Columns {
            id: table.text("id")?,
            options: table.text("options")?,
            answer: table.text("answer")?,
            subject: table.has("subject").then(|| table.text("subject")).transpose()?,
            question: (!vision).then(|| table.text("question")).transpose()?,
            pictures,
        })
    }
}

impl MmmuPro {
    pub fn open(name: &Name, places: &Places) -> Result<MmmuPro, OpenError> {
        let [config, prompt] = name.options(["config", "prompt"])?;
        let style = match prompt.as_deref() {
            None | Some("direct") => Style::Direct,
            Some("cot") => Style::Cot,
            Some(other) => {
                let why = format!("MMMU-Pro has no prompt '{other}': name direct or cot.");
                return Err(OpenError::BadOption(why));
            }
        };
        let config = match config.as_deref() {
            None => None,
            Some(wanted) => Some(configuration(wanted).ok_or_else(|| {
                let why = format!(
                    "MMMU-Pro has no configuration '{wanted}': name vision, standard-10 or \
                     standard-4."
                );
                OpenError::BadOption(why)
            })?),
        };
        let (config, commit, files) = match name.path {
            Some(path) if configuration(path).is_none() => local(name, places, config)?,
            path => {
                let named = path.and_then(configuration);
                if named.is_some() && config.is_some() && named != config {
                    let why = format!("'{}' names two configurations.", name.whole);
                    return Err(OpenError::BadOption(why));
                }
                let wanted = named.or(config).unwrap_or(&VISION);
                let hub = places.hub.ok_or_else(|| absent_hub(name, wanted))?;
                let pulled = hub.parquet(wanted.repository, wanted.folder);
                let pulled = pulled.map_err(|why| OpenError::absent(name.whole, why))?;
                (Some(wanted.config), Some(pulled.commit), pulled.files)
            }
        };
        let broken = |why: String| OpenError::unreadable(name.whole, why);
        if files.is_empty() {
            return Err(OpenError::absent(name.whole, "there are no parquet files."));
        }
        let mut table = Table::open(files).map_err(broken)?;
        let vision = table.has("image");
        if let Some(config) = config.filter(|config| vision != (*config == "vision")) {
            let other = if vision { "vision" } else { "standard" };
            return Err(broken(format!("asked for {config}, its columns are {other}'s.")));
        }
        let columns = Columns::find(&mut table, vision).map_err(broken)?;
        let revision = match commit {
            Some(commit) => commit,
            None => {
                let mut print = Fingerprint::default();
                table.identify(&mut print).map_err(broken)?;
                print.finish()
            }
        };
        let config = config.unwrap_or(if vision { "vision" } else { "standard" });
        let info = DatasetInfo {
            revision,
            rows: table.rows(),
            has_answers: true,
            ..name.info(format!("MMMU-Pro, {config}"))
        };
        Ok(MmmuPro { info, table, columns, style })
    }

    fn text(&self, column: Column, row: u64) -> Result<Option<String>, Fault> {
        Ok(match self.table.read_text(column, row)? {
            None => None,
            Some(Cell::Text(text)) => Some(text),
            Some(Cell::List(list)) => Some(list.join(", ")),
        })
    }

    /// Reads all but the pictures, and says which of them are referred to.
    fn fill(&self, row: u64, record: &mut Record) -> Result<Vec<usize>, Fault> {
        record.id = self.text(self.columns.id, row)?;
        record.kind = self.columns.subject.map(|c| self.text(c, row)).transpose()?.flatten();
        let mut referred = Vec::new();
        let needed = |value: Option<String>, column: &str| {
            value.filter(|v| is_text(v)).ok_or_else(|| Fault::missing(column))
        };
        let question = match self.columns.question {
            Some(column) => Some(needed(self.text(column, row)?, "question")?),
            None => None,
        };
        let options = match self.table.read_text(self.columns.options, row)? {
            Some(Cell::List(options)) => options,
            Some(Cell::Text(text)) => {
                literal::list(&text).map_err(|why| Fault::unreadable("options", why))?
            }
            None => return Err(Fault::missing("options")),
        };
        if options.is_empty() {
            return Err(Fault::missing("options"));
        }
        let options: Vec<String> = match question {
            None => {
                // The picture shows the whole question, with every picture that it refers to.
                record.whole = true;
                record.prompt = Some(self.style.vision().to_owned());
                options
            }
            Some(question) => {
                let body = format!("{question}\n{}", Choice::listed(&options));
                let body = without_references(&body, &mut referred);
                record.prompt = Some(format!("{body}\n{}", self.style.standard()));
                options.iter().map(|option| without_references(option, &mut Vec::new())).collect()
            }
        };
        record.options = Some(options);
        record.answers = vec![needed(self.text(self.columns.answer, row)?, "answer")?];
        Ok(referred)
    }

    /// The files of the pictures that a row is about; at least one.
    fn pictures(&self, row: u64, referred: &[usize]) -> Result<Vec<Vec<u8>>, Fault> {
        let mut there = Vec::new();
        for (number, &column) in (1..).zip(&self.columns.pictures) {
            if let Some(picture) = self.table.read_picture(column, row)? {
                there.push((number, column, picture));
            }
        }
        if there.is_empty() {
            return Err(self.table.no_picture(self.columns.pictures[0], row));
        }
        let missing = |k: &&usize| !there.iter().any(|(number, ..)| number == *k);
        if let Some(k) = referred.iter().find(missing) {
            return Err(Fault::no_picture(format!("image_{k}")));
        }
        let is_meant = |number: &usize| referred.is_empty() || referred.contains(number);
        let meant = there.into_iter().filter(|(number, ..)| is_meant(number));
        let checked = meant.map(|(_, column, picture)| checked(picture, self.table.name(column)));
        checked.collect()
    }
}

impl Dataset for MmmuPro {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn sample(&self, row: u64) -> Result<Sample, RowError> {
        if row >= self.info.rows {
            return Err(Fault::NoSuchRow { rows: self.info.rows }.at(row));
        }
        let mut record = Record::default();
        let mut pictures =
            self.fill(row, &mut record).and_then(|referred| self.pictures(row, &referred));
        let more = match &mut pictures {
            Ok(pictures) => pictures.split_off(1),
            Err(_) => Vec::new(),
        };
        let first = pictures.map(|pictures| pictures.into_iter().flatten().collect());
        record.sample(row, None, first).map(|sample| Sample { more, ..sample })
    }
}

type Files = (Option<&'static str>, Option<String>, Vec<PathBuf>);

/// The files that a path means: itself, those in it, or those in a configuration's folder.
fn local(
    name: &Name,
    places: &Places,
    config: Option<&'static Published>,
) -> Result<Files, OpenError> {
    let place = name.place(places)?;
    let label = config.map(|config| config.config);
    if place.is_file() {
        return Ok((label, None, vec![place]));
    }
    let wanted = config.unwrap_or(&VISION);
    let inside = place.join(wanted.folder);
    if inside.is_dir() {
        return Ok((Some(wanted.config), None, parquet_files(name, &inside)?));
    }
    let files = parquet_files(name, &place)?;
    if files.is_empty() {
        let why = format!(
            "there is neither a folder '{}' nor a parquet file; copy the hub's {} there, or name \
             another configuration with ?config=.",
            wanted.folder, wanted.repository
        );
        return Err(OpenError::absent(name.whole, why));
    }
    Ok((label, None, files))
}

fn absent_hub(name: &Name, wanted: &Published) -> OpenError {
    let Published { repository, folder, .. } = wanted;
    OpenError::absent(
        name.whole,
        format!(
            "nothing here fetches it from the hub. Fetch it with `hf download {repository} --repo-type \
             dataset --include '{folder}/*' --local-dir PATH` and name mmmu-pro:PATH."
        ),
    )
}

/// A text with `[image]` for every `<image k>`; each k once, as they come.
fn without_references(text: &str, referred: &mut Vec<usize>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, number, after)) = references::first(rest) {
        out.push_str(before);
        out.push_str("[image]");
        // A number that is too large for any is no picture's, as the largest is none's.
        let number = number.unwrap_or(usize::MAX);
        if !referred.contains(&number) {
            referred.push(number);
        }
        rest = after;
    }
    out + rest
}
