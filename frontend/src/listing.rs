//! How the runs of one's own are listed: what is searched for, which of them, in which order.

use std::cmp::Ordering;

use crate::own::{OwnRun, Standing};

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Column {
    /// When they were asked.
    #[default]
    When,
    /// What they are called, or ask.
    Question,
    /// What came out.
    Answer,
    /// The late layers' MDI.
    Mdi,
    /// Where they stand.
    Status,
    /// The model.
    Model,
}

impl Column {
    /// All columns, in the order of the table.
    pub const ALL: [Column; 6] = [
        Column::Question,
        Column::Answer,
        Column::Mdi,
        Column::Status,
        Column::Model,
        Column::When,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Column::When => "when",
            Column::Question => "question",
            Column::Answer => "answer",
            Column::Mdi => "mdi",
            Column::Status => "status",
            Column::Model => "model",
        }
    }

    /// The column of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Column::ALL.into_iter().find(|column| column.name() == name)
    }

    /// Whether the largest comes first when the column is chosen: the newest, the highest number.
    const fn falls(self) -> bool {
        matches!(self, Column::When | Column::Mdi)
    }
}

/// How the runs are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Words that all must stand somewhere in a run's row.
    pub search: String,
    /// The one model, where one is chosen.
    pub model: Option<String>,
    /// The one standing, where one is chosen.
    pub standing: Option<Standing>,
    /// The one tag, where one is chosen.
    pub tag: Option<String>,
    /// What it is ordered by.
    pub column: Column,
    /// Whether the largest comes first.
    pub falling: bool,
}

impl Default for Listing {
    fn default() -> Self {
        Listing {
            search: String::new(),
            model: None,
            standing: None,
            tag: None,
            column: Column::When,
            falling: true,
        }
    }
}

impl Listing {
    /// Orders by a column; by the one that is chosen already, the other way round.
    pub fn order_by(&mut self, column: Column) {
        self.falling = if self.column == column { !self.falling } else { column.falls() };
        self.column = column;
    }

    /// Whether some runs may be left out.
    pub fn narrows(&self) -> bool {
        let chosen = self.model.is_some() || self.standing.is_some() || self.tag.is_some();
        chosen || !self.search.trim().is_empty()
    }

    /// Leaves none out any more; the order stays.
    pub fn widen(&mut self) {
        *self = Listing { column: self.column, falling: self.falling, ..Listing::default() };
    }

    /// The runs that fit, in order. Runs that are alike keep their order, and those without a number
    /// come last whichever way it goes.
    pub fn of<'r>(&self, runs: &'r [OwnRun]) -> Vec<&'r OwnRun> {
        let words: Vec<String> = self.search.split_whitespace().map(str::to_lowercase).collect();
        let mut fitting: Vec<&OwnRun> = runs.iter().filter(|run| self.fits(run, &words)).collect();
        fitting.sort_by(|a, b| {
            if self.column == Column::Mdi {
                return match (a.told.late_mdi, b.told.late_mdi) {
                    (Some(a), Some(b)) => self.turned(a.total_cmp(&b)),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                };
            }
            self.turned(self.compared(a, b))
        });
        fitting
    }

    fn turned(&self, order: Ordering) -> Ordering {
        if self.falling { order.reverse() } else { order }
    }

    fn compared(&self, a: &OwnRun, b: &OwnRun) -> Ordering {
        let text = |a: &str, b: &str| a.to_lowercase().cmp(&b.to_lowercase());
        match self.column {
            // RFC 3339 in one time zone orders as text.
            Column::When => a.asked.cmp(&b.asked),
            Column::Question => text(a.title(), b.title()),
            Column::Answer => text(&a.answer, &b.answer),
            Column::Status => a.told.standing.cmp(&b.told.standing),
            Column::Model => text(&a.model, &b.model),
            Column::Mdi => Ordering::Equal,
        }
    }

    fn fits(&self, run: &OwnRun, words: &[String]) -> bool {
        let chosen = self.model.as_ref().is_none_or(|model| *model == run.model)
            && self.standing.is_none_or(|standing| standing == run.told.standing)
            && self.tag.as_ref().is_none_or(|tag| run.tags.contains(tag));
        if !chosen {
            return false;
        }
        let fields = [&run.name, &run.prompt, &run.answer, &run.model];
        let all: Vec<String> =
            fields.into_iter().chain(&run.tags).map(|text| text.to_lowercase()).collect();
        words.iter().all(|word| all.iter().any(|field| field.contains(word.as_str())))
    }
}

/// Each of some texts once, in order.
pub fn each_once<'t>(texts: impl IntoIterator<Item = &'t String>) -> Vec<String> {
    let mut all: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).cloned().collect();
    all.sort_by_key(|text| text.to_lowercase());
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::ToldOf;

    fn run(id: &str, prompt: &str, model: &str, mdi: Option<f64>) -> OwnRun {
        let standing = if mdi.is_some() { Standing::Done } else { Standing::Failed };
        OwnRun {
            id: id.into(),
            prompt: prompt.into(),
            model: model.into(),
            asked: format!("2026-01-0{id}T00:00:00Z"),
            told: ToldOf { standing, late_mdi: mdi, ..ToldOf::default() },
            ..OwnRun::default()
        }
    }

    fn runs() -> Vec<OwnRun> {
        vec![
            OwnRun { tags: vec!["class 7b".into()], ..run("3", "A dog?", "qwen", Some(0.8)) },
            run("2", "a Cat?", "llava", None),
            OwnRun { answer: "고양이".into(), ..run("1", "Which animal?", "llava", Some(2.5)) },
        ]
    }

    fn ids(listing: &Listing) -> String {
        let runs = runs();
        listing.of(&runs).iter().map(|run| run.id.as_str()).collect()
    }

    #[test]
    fn the_newest_are_first_and_every_column_orders_both_ways() {
        let mut listing = Listing::default();
        assert_eq!(ids(&listing), "321");
        listing.order_by(Column::When);
        assert_eq!(ids(&listing), "123");
        for (column, orders) in [
            (Column::Question, ["231", "132"]),
            (Column::Mdi, ["132", "312"]),
            (Column::Model, ["213", "321"]),
            (Column::Status, ["312", "231"]),
            (Column::Answer, ["321", "132"]),
        ] {
            for order in orders {
                listing.order_by(column);
                assert_eq!(ids(&listing), order, "{column:?}");
            }
        }
    }

    #[test]
    fn all_words_that_are_searched_for_stand_somewhere_in_the_row() {
        let of = |search: &str| ids(&Listing { search: search.into(), ..Listing::default() });
        assert_eq!(of(" CAT "), "2");
        assert_eq!(of("llava which"), "1");
        assert_eq!(of("고양이"), "1");
        assert_eq!(of("7B"), "3");
        assert_eq!(of("llava dog"), "");
        assert_eq!(of(""), "321");
    }

    #[test]
    fn a_list_is_narrowed_and_widened_and_keeps_its_order() {
        let mut listing = Listing { model: Some("llava".into()), ..Listing::default() };
        assert_eq!((ids(&listing).as_str(), listing.narrows()), ("21", true));
        listing.standing = Some(Standing::Done);
        assert_eq!(ids(&listing), "1");
        listing.order_by(Column::Mdi);
        listing.widen();
        assert_eq!((ids(&listing).as_str(), listing.narrows()), ("132", false));
        listing.tag = Some("class 7b".into());
        assert_eq!(ids(&listing), "3");
    }

    #[test]
    fn choices_come_once_and_in_order() {
        let texts = ["b", "A", "", "b"].map(str::to_owned);
        assert_eq!(each_once(&texts), ["A", "b"]);
    }
}
