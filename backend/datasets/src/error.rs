//! What can be wrong with a dataset, and with one of its rows.

use shared::ErrorCode;
use shared::experiment::{LeftOut, SampleRef};

use crate::record::shortened;

/// Why a row is no sample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", row_name(reference))]
pub struct RowError {
    /// The sample, as far as it could be read; its row is always right.
    pub reference: Box<SampleRef>,
    /// What is wrong with it.
    pub fault: Fault,
}

fn row_name(reference: &SampleRef) -> String {
    let SampleRef { row, id, .. } = reference;
    let same = id.is_empty() || *id == row.to_string();
    if same { format!("Row {row}") } else { format!("Row {row} ({})", shortened(id)) }
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no such row.
    #[error("the dataset has {rows} rows, numbered from 0.")]
    NoSuchRow {
        /// Rows there are.
        rows: u64,
    },
    /// The row has no picture.
    #[error("{column} holds no picture{hint}; give the row one or leave it out.")]
    NoPicture {
        /// Where it should be.
        column: String,
        /// What is there instead; begins with a comma, or is empty.
        hint: String,
    },
    /// The picture has no bytes.
    #[error("the picture in {column} is empty (0 bytes); store the picture again.")]
    EmptyPicture {
        /// Where it is.
        column: String,
    },
    /// The picture is larger than a sample may be.
    #[error(
        "the picture in {column} has {bytes} bytes and the limit is {limit}; store it smaller."
    )]
    PictureTooLarge {
        /// Where it is.
        column: String,
        /// Its size.
        bytes: u64,
        /// The most it may have.
        limit: u64,
    },
    /// A column of the row holds several pictures where one is read.
    #[error(
        "one of its columns holds {0} pictures, of which one can be read; the row is left out."
    )]
    SeveralPictures(usize),
    /// A text refers to a picture that the row does not have.
    #[error(
        "it refers to {reference} and has one picture; join the pictures into one and name no other, \
         or leave the row out."
    )]
    NoSuchPicture {
        /// The reference as it is written.
        reference: String,
    },
    /// A value that the row cannot do without is missing.
    #[error("{column} has no value; fill it in or leave the row out.")]
    Missing {
        /// The column's or field's name.
        column: String,
    },
    /// A value is there and cannot be used.
    #[error("{column} cannot be read: {why}.")]
    Unreadable {
        /// The column's or field's name, or what else holds the row.
        column: String,
        /// What is wrong with it, without a full stop.
        why: String,
    },
}

impl Fault {
    pub(crate) fn unreadable(column: impl Into<String>, why: impl std::fmt::Display) -> Fault {
        Fault::Unreadable { column: column.into(), why: why.to_string() }
    }

    pub(crate) fn missing(column: impl Into<String>) -> Fault {
        Fault::Missing { column: column.into() }
    }

    pub(crate) fn no_picture(column: impl Into<String>) -> Fault {
        Fault::NoPicture { column: column.into(), hint: String::new() }
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
        let (code, message) = (self.code(), self.to_string());
        LeftOut::new(*self.reference, code, message)
    }
}

/// Why a dataset cannot be opened. The messages name what the person wrote, and nothing else of
/// the machine.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The name is none that the lab knows.
    #[error(
        "There is no dataset '{0}'. Name one of: demo, mmmu-pro, mmmu-pro:standard-10, \
         mmmu-pro:standard-4, mmmu-pro:PATH, folder:PATH, jsonl:PATH, parquet:PATH."
    )]
    Unknown(String),
    /// The name's options are not right.
    #[error("{0}")]
    BadOption(String),
    /// This lab reads no files that a name asks for.
    #[error(
        "The dataset '{0}' is read from a path, which this lab does not allow here: name demo or \
         mmmu-pro, or ask whoever runs the lab."
    )]
    PathsNotAllowed(String),
    /// There is nothing there.
    #[error("The dataset '{name}' is not there: {why}")]
    Absent {
        /// The dataset as it was named.
        name: String,
        /// What is missing and what to do.
        why: String,
    },
    /// Something is there and is no dataset.
    #[error("The dataset '{name}' cannot be read: {why}")]
    Unreadable {
        /// The dataset as it was named.
        name: String,
        /// What is wrong with it and what to do.
        why: String,
    },
}

impl OpenError {
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
