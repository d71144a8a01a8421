//! Words and formulas of LangOverrule Lab.
//!
//! Everything a number on the page, in an export or in a table means is defined here, once:
//! which [`Group`] a token belongs to, what a [`LayerFlow`] sums, what a [`Definition`] chooses and
//! how MDI and AEI follow from it ([`measure`]). The backend and the page call the same functions,
//! so that switching a definition in the page agrees with the server to the last bit.
//!
//! The crate is pure: no IO, no clock, no randomness, no framework.

pub mod api;
pub mod bins;
pub mod classroom;
pub mod definition;
pub mod error;
pub mod even;
pub mod event;
pub mod experiment;
pub mod finding;
pub mod flow;
pub mod glance;
pub mod group;
pub mod hex;
pub mod intervention;
pub mod label;
pub mod language;
pub mod layout;
pub mod lesson;
pub mod listing;
pub mod looks;
pub mod masses;
pub mod measure;
pub mod media;
pub mod moved;
pub mod observation;
pub mod options;
pub mod pair;
pub mod picture;
pub mod repeat;
pub mod report;
pub mod rows;
pub mod sampling;
pub mod sentence;
pub mod shown;
pub mod stage;

pub use bins::{Bin, Bins, FEW_BINS, MOST_BINS, MOST_MEDIA};
pub use definition::{Definition, Heads, Media, Preset, Queries, Ratio, Stages};
pub use error::{ErrorBody, ErrorCode};
pub use even::Seen;
pub use event::{Alternative, Envelope, Event, Summary, Timing};
pub use experiment::{Condition, ExperimentSpec, Grid};
pub use finding::{Echo, Extremes};
pub use flow::{F32s, LayerFlow, TokenFlow};
pub use glance::{Counted, Followed, Glance, Split, followed};
pub use group::{Counts, GROUPS, Group, GroupSet};
pub use hex::hex;
pub use intervention::{Knockout, LayerBand, PictureUse, PruneBy};
pub use label::{Label, LabelChange};
pub use language::Language;
pub use layout::{Layout, Token};
pub use looks::FlowMatrix;
pub use masses::Masses;
pub use measure::{Attention, Measure, Undefined, Value};
pub use media::{
    Cell, FILM_MANIFEST, Medium, Moment, Place, PreparedPicture, Span, film_type, sound_type,
};
pub use moved::Moved;
pub use observation::Observation;
pub use options::{
    AfterFilm, AskedOptions, Changed, CopyPositions, FilmOptions, FilmSampling, FrameOrder,
    ImageFit, KnownModel, ModelDefaults, ModelInfo, ModelTraits, PruneCount, PrunePositions, Quant,
    Resizing, RunOptions, WhyChanged,
};
pub use repeat::{Repeat, RepeatTable, Sampled};
pub use report::Report;
pub use rows::{HeadRows, HeadRowsKept, Looks, Rows, Target, TokenHeads};
pub use sampling::Sampling;
pub use sentence::{Message, Sentence};
pub use shown::{CharPart, Shown};
pub use stage::Stage;
