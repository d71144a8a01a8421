//! Parquet files with named columns.
//!
//! | option | the column of | unless named |
//! | --- | --- | --- |
//! | `image` | the picture: a file's bytes, or the hub's `struct {bytes, path}` | `image` |
//! | `prompt` | the prompt, taken as it is | `prompt` if there is one |
//! | `question` | a question, its options listed after it | `question` if there is one |
//! | `options` | a list of texts, or one in a string as Python or JSON writes it | `options` if there is one |
//! | `answer` | accepted texts, one or a list; with options the right one's letter or text | `answer` or `answers` |
//! | `claimed` | the answers of one who believes the prompt's false claim | `claimed_answers` if there is one |
//! | `id`, `kind` | names for people | `id`; `kind` or `subject` |
//!
//! `ask=TEXT` is the prompt of rows without one.

use shared::experiment::DatasetInfo;

use crate::error::{Fault, OpenError, RowError};
use crate::files::checked;
use crate::fingerprint::Fingerprint;
use crate::name::{Name, parquet_files};
use crate::places::Places;
use crate::record::{Record, answers, listed, written_list};
use crate::sample::{Dataset, Sample};
use crate::table::{Cell, Column, Table};

pub(crate) struct Tabular {
    info: DatasetInfo,
    table: Table,
    image: Column,
    /// The columns of prompt, question, options, answer, claimed, id, kind.
    texts: [Option<Column>; 7],
    default_prompt: Option<String>,
}

/// The options that name columns of texts, and the names they have by themselves.
const TEXTS: [(&str, &[&str]); 7] = [
    ("prompt", &["prompt"]),
    ("question", &["question"]),
    ("options", &["options"]),
    ("answer", &["answer", "answers"]),
    ("claimed", &["claimed_answers"]),
    ("id", &["id"]),
    ("kind", &["kind", "subject"]),
];

impl Tabular {
    pub fn open(name: &Name, places: &Places) -> Result<Tabular, OpenError> {
        let [image, ask, named @ ..]: [Option<String>; 9] = name.options([
            "image", "ask", TEXTS[0].0, TEXTS[1].0, TEXTS[2].0, TEXTS[3].0, TEXTS[4].0, TEXTS[5].0,
            TEXTS[6].0,
        ])?;
        let place = name.place(places)?;
        let files = if place.is_file() { vec![place] } else { parquet_files(name, &place)? };
        if files.is_empty() {
            return Err(OpenError::absent(name.whole, "the folder has no parquet files."));
        }
        let broken = |why: String| OpenError::unreadable(name.whole, why);
        let mut table = Table::open(files).map_err(broken)?;
        let image = table.picture(image.as_deref().unwrap_or("image")).map_err(|why| {
            broken(format!("{why} Name the column of pictures with ?image=COLUMN."))
        })?;
        let mut texts = [None; 7];
        for (place, (wanted, (_, usual))) in texts.iter_mut().zip(named.into_iter().zip(TEXTS)) {
            let usual = || usual.iter().find(|name| table.has(name)).map(|n| (*n).to_owned());
            if let Some(column) = wanted.or_else(usual) {
                *place = Some(table.text(&column).map_err(broken)?);
            }
        }
        let mut print = Fingerprint::default();
        print.text(ask.as_deref().unwrap_or_default());
        table.identify(&mut print).map_err(broken)?;
        let info = DatasetInfo {
            revision: print.finish(),
            rows: table.rows(),
            has_answers: texts[3].is_some(),
            ..name.info("Rows of parquet files")
        };
        if texts[0].or(texts[1]).is_none() && ask.is_none() {
            let columns = listed(table.columns().iter().map(String::as_str));
            return Err(broken(format!(
                "none of its columns is a prompt ({columns}): name one with ?prompt=COLUMN, or ask \
                 the same of every picture with ?ask=TEXT."
            )));
        }
        Ok(Tabular { info, table, image, texts, default_prompt: ask })
    }

    fn fill(&self, row: u64, record: &mut Record) -> Result<(), Fault> {
        let cell = |column: Option<Column>| match column {
            Some(column) => self.table.read_text(column, row),
            None => Ok(None),
        };
        let one = |column| {
            Ok::<_, Fault>(match cell(column)? {
                Some(Cell::Text(text)) => Some(text),
                Some(Cell::List(list)) => Some(list.join(", ")),
                None => None,
            })
        };
        let several = |column| {
            Ok::<_, Fault>(match cell(column)? {
                Some(Cell::Text(text)) => vec![text],
                Some(Cell::List(list)) => list,
                None => Vec::new(),
            })
        };
        let [prompt, question, options, answer, claimed, id, kind] = self.texts;
        record.id = one(id)?;
        record.kind = one(kind)?;
        record.prompt = one(prompt)?;
        record.question = one(question)?;
        record.options = match cell(options)? {
            Some(Cell::Text(text)) => {
                Some(written_list(options.map_or("options", |c| self.table.name(c)), &text)?)
            }
            Some(Cell::List(list)) => Some(list),
            None => None,
        };
        record.answers = answers(several(answer)?);
        record.claimed = answers(several(claimed)?);
        Ok(())
    }
}

impl Dataset for Tabular {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn sample(&self, row: u64) -> Result<Sample, RowError> {
        if row >= self.info.rows {
            return Err(Fault::NoSuchRow { rows: self.info.rows }.at(row));
        }
        let mut record = Record::default();
        let picture = self.fill(row, &mut record).and_then(|()| {
            match self.table.read_picture(self.image, row)? {
                Some(picture) => checked(picture, self.table.name(self.image)),
                None => Err(self.table.no_picture(self.image, row)),
            }
        });
        record.sample(row, self.default_prompt.as_deref(), picture)
    }
}
