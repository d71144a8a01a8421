//! What can be wrong with a dataset, and with one of its rows.

use shared::experiment::{LeftOut, SampleRef};
use shared::sentence::DatasetText;
use shared::{ErrorCode, Message};

use crate::record::shortened;

/// Why a row is no sample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", said(reference, fault))]
pub struct RowError {
    /// The sample, as far as it could be read; its row is always right.
    pub reference: Box<SampleRef>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// A row and what is wrong with it.
fn said(reference: &SampleRef, fault: &Fault) -> Message {
    let (row, fault) = (reference.row, fault.said());
    let same = reference.id.is_empty() || reference.id == row.to_string();
    match same {
        true => DatasetText::OfRow { row, fault }.into(),
        false => {
            let id = shortened(&reference.id);
            DatasetText::OfNamedRow { row, id, fault }.into()
        }
    }
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.said())]
pub enum Fault {
    /// There is no such row.
    NoSuchRow {
        /// Rows there are.
        rows: u64,
    },
    /// The row has no picture.
    NoPicture {
        /// Where it should be.
        column: String,
        /// The file outside of the table that is named there instead.
        elsewhere: Option<String>,
    },
    /// The picture has no bytes.
    EmptyPicture {
        /// Where it is.
        column: String,
    },
    /// The picture is larger than a sample may be.
    PictureTooLarge {
        /// Where it is.
        column: String,
        /// Its size.
        bytes: u64,
        /// The most it may have.
        limit: u64,
    },
    /// A column of the row holds several pictures where one is read.
    SeveralPictures(usize),
    /// A text refers to a picture that the row does not have.
    NoSuchPicture {
        /// The reference as it is written.
        reference: String,
    },
    /// A value that the row cannot do without is missing.
    Missing {
        /// The column's or field's name.
        column: String,
    },
    /// A value is there and cannot be used.
    Unreadable {
        /// The column's or field's name, or what else holds the row.
        column: String,
        /// What is wrong with it, without a full stop.
        why: String,
    },
}

impl Fault {
    /// The fault as a sentence.
    fn said(&self) -> Message {
        let said = match self.clone() {
            Fault::NoSuchRow { rows } => DatasetText::NoSuchRow { rows },
            Fault::NoPicture { column, elsewhere: None } => DatasetText::NoPicture { column },
            Fault::NoPicture { column, elsewhere: Some(path) } => {
                DatasetText::PictureElsewhere { column, path }
            }
            Fault::EmptyPicture { column } => DatasetText::EmptyPicture { column },
            Fault::PictureTooLarge { column, bytes, limit } => {
                DatasetText::PictureTooLarge { column, bytes, limit }
            }
            Fault::SeveralPictures(n) => DatasetText::SeveralPictures { n: n as u64 },
            Fault::NoSuchPicture { reference } => DatasetText::NoSuchPicture { reference },
            Fault::Missing { column } => DatasetText::Missing { column },
            Fault::Unreadable { column, why } => DatasetText::Unreadable { column, why },
        };
        said.into()
    }
}

impl Fault {
    pub(crate) fn unreadable(column: impl Into<String>, why: impl std::fmt::Display) -> Fault {
        Fault::Unreadable { column: column.into(), why: why.to_string() }
    }

    pub(crate) fn missing(column: impl Into<String>) -> Fault {
        Fault::Missing { column: column.into() }
    }

    pub(crate) fn no_picture(column: impl Into<String>) -> Fault {
        Fault::NoPicture { column: column.into(), elsewhere: None }
    }

    /// The fault of this row.
    pub(crate) fn of(self, reference: SampleRef) -> RowError {
        RowError { reference: Box::new(reference), fault: self }
    }

    /// The fault of this row, of which nothing could be read.
    pub(crate) fn at(self, row: u64) -> RowError {
        self.of(SampleRef { row, id: row.to_string(), ..SampleRef::default() })
    }
}

impl RowError {
    /// The code that fits.
    pub fn code(&self) -> ErrorCode {
        match self.fault {
            Fault::NoSuchRow { .. } => ErrorCode::NotFound,
            Fault::NoPicture { .. } | Fault::NoSuchPicture { .. } => ErrorCode::PictureMissing,
            Fault::EmptyPicture { .. } => ErrorCode::PictureEmpty,
            Fault::PictureTooLarge { .. } => ErrorCode::PictureTooLarge,
            Fault::SeveralPictures(_) | Fault::Missing { .. } | Fault::Unreadable { .. } => {
                ErrorCode::SampleUnusable
            }
        }
    }

    /// The row as an experiment lists it among those left out.
    pub fn left_out(self) -> LeftOut {
        let (code, said) = (self.code(), self.said());
        LeftOut::new(*self.reference, code, said)
    }

    /// What is wrong, as a sentence.
    pub fn said(&self) -> Message {
        said(&self.reference, &self.fault)
    }
}

/// Why a dataset cannot be opened. The messages name what the person wrote, and nothing else of
/// the machine.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.said())]
pub enum OpenError {
    /// The name is none that the lab knows.
    Unknown(String),
    /// The name's options are not right.
    BadOption(String),
    /// This lab reads no files that a name asks for.
    PathsNotAllowed(String),
    /// There is nothing there.
    Absent {
        /// The dataset as it was named.
        name: String,
        /// What is missing and what to do.
        why: String,
    },
    /// Something is there and is no dataset.
    Unreadable {
        /// The dataset as it was named.
        name: String,
        /// What is wrong with it and what to do.
        why: String,
    },
}

impl OpenError {
    /// What is wrong, as a sentence; what is wrong with a name's options is told in English alone.
    pub fn said(&self) -> Message {
        match self {
            OpenError::Unknown(name) => DatasetText::Unknown { name: name.clone() }.into(),
            OpenError::BadOption(why) => why.as_str().into(),
            OpenError::PathsNotAllowed(name) => {
                DatasetText::PathsNotAllowed { name: name.clone() }.into()
            }
            OpenError::Absent { name, why } => {
                DatasetText::Absent { name: name.clone(), why: why.clone() }.into()
            }
            OpenError::Unreadable { name, why } => {
                DatasetText::CannotBeRead { name: name.clone(), why: why.clone() }.into()
            }
        }
    }

    /// The code that fits.
    pub fn code(&self) -> ErrorCode {
        match self {
            OpenError::Unknown(_) | OpenError::Absent { .. } => ErrorCode::UnknownDataset,
            OpenError::BadOption(_) | OpenError::PathsNotAllowed(_) => ErrorCode::BadOption,
            OpenError::Unreadable { .. } => ErrorCode::DatasetUnusable,
        }
    }

    pub(crate) fn absent(name: &str, why: impl std::fmt::Display) -> OpenError {
        OpenError::Absent { name: name.to_owned(), why: why.to_string() }
    }

    pub(crate) fn unreadable(name: &str, why: impl std::fmt::Display) -> OpenError {
        OpenError::Unreadable { name: name.to_owned(), why: why.to_string() }
    }
}
