//! Where runs come from: the only part of the page that knows addresses and sockets
//! (`frontend/tests/addresses.rs` fails where another part does).
//!
//! What a run needs goes through [`Source`]: create one, follow its events from a number on, read what
//! is kept of it, its rows by head, its pictures and files, and the models that answer. Experiments,
//! classes and prepared samples are the lab's alone and have modules of their own.

mod failure;
pub mod log;

#[cfg(target_arch = "wasm32")]
pub mod class_line;
#[cfg(target_arch = "wasm32")]
pub mod classroom;
#[cfg(target_arch = "wasm32")]
pub mod experiments;
#[cfg(target_arch = "wasm32")]
pub mod follow;
#[cfg(target_arch = "wasm32")]
mod http;
#[cfg(target_arch = "wasm32")]
mod remote;
#[cfg(target_arch = "wasm32")]
pub mod samples;
#[cfg(target_arch = "wasm32")]
mod socket;
#[cfg(target_arch = "wasm32")]
pub mod texts;

pub use failure::Failure;
#[cfg(target_arch = "wasm32")]
pub use follow::{Following, Told};

/// The address of the page that describes the lab's interface for programs.
#[cfg(target_arch = "wasm32")]
pub fn api_page() -> String {
    crate::base::at("/api")
}

/// Where a run is made and kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The lab that this page came from, over HTTP and websockets.
    #[default]
    Remote,
}

#[cfg(target_arch = "wasm32")]
mod of_runs {
    use plots::export::RunPlot;
    use plots::run::View;
    use shared::api::{ModelEntry, RunCreated, RunRecord};
    use shared::listing::RunsListed;
    use shared::{AskedOptions, Definition, HeadRows, Label, LabelChange};
    use web_sys::Blob;

    use super::{Failure, Following, Source, Told, remote};

    impl Source {
        /// The models on offer.
        pub async fn models(self) -> Result<Vec<ModelEntry>, Failure> {
            match self {
                Source::Remote => remote::models().await,
            }
        }

        /// Starts bringing a model to where it runs.
        pub async fn pull(self, model: &str) -> Result<(), Failure> {
            match self {
                Source::Remote => remote::pull(model).await,
            }
        }

        /// Stops that.
        pub async fn stop_pull(self, model: &str) -> Result<(), Failure> {
            match self {
                Source::Remote => remote::stop_pull(model).await,
            }
        }

        /// Creates a run of pictures with their files' names; in the name of a class's presenter where
        /// a token is given.
        pub async fn create(
            self,
            pictures: &[(Blob, String)],
            options: &AskedOptions,
            presenter: Option<&str>,
        ) -> Result<RunCreated, Failure> {
            match self {
                Source::Remote => remote::create(pictures, options, presenter).await,
            }
        }

        /// Tells a run's events from a number on, each once and in order, until the last one or
        /// [`Following::stop`].
        pub fn follow(self, id: String, from: u64, told: impl Fn(Told) + 'static) -> Following {
            match self {
                Source::Remote => Following::of(id, from, told),
            }
        }

        /// A run with all its events so far.
        pub async fn record(self, id: &str) -> Result<RunRecord, Failure> {
            match self {
                Source::Remote => remote::record(id).await,
            }
        }

        /// What a list says of runs, at most [`shared::listing::MOST_LISTED`] of them.
        pub async fn listed(self, ids: Vec<String>) -> Result<RunsListed, Failure> {
            match self {
                Source::Remote => remote::listed(ids).await,
            }
        }

        /// One head's rows of an answer, from a token on.
        pub async fn head_rows(self, id: &str, head: u32, from: u32) -> Result<HeadRows, Failure> {
            match self {
                Source::Remote => remote::head_rows(id, head, from).await,
            }
        }

        /// Calls a run something else, in the name of its owner.
        pub async fn label(
            self,
            id: &str,
            change: &LabelChange,
            owner: &str,
        ) -> Result<Label, Failure> {
            match self {
                Source::Remote => remote::label(id, change, owner).await,
            }
        }

        /// Stops a run, in the name of its owner.
        pub async fn cancel(self, id: &str, owner: &str) -> Result<(), Failure> {
            match self {
                Source::Remote => remote::cancel(id, owner).await,
            }
        }

        /// Deletes a run, in the name of its owner.
        pub async fn delete(self, id: &str, owner: &str) -> Result<(), Failure> {
            match self {
                Source::Remote => remote::delete(id, owner).await,
            }
        }

        /// One of a run's pictures as it was sent, from 0.
        pub async fn picture(self, id: &str, medium: u8) -> Result<Blob, Failure> {
            match self {
                Source::Remote => remote::picture(id, medium).await,
            }
        }

        /// The same, as bytes.
        pub async fn picture_bytes(self, id: &str, medium: u8) -> Result<Vec<u8>, Failure> {
            match self {
                Source::Remote => remote::picture_bytes(id, medium).await,
            }
        }

        /// The address to show one of a run's pictures by, as it was sent.
        pub fn picture_url(self, id: &str, medium: u8) -> String {
            match self {
                Source::Remote => remote::picture_url(id, medium),
            }
        }

        /// The address of a run's card.
        pub fn card_url(self, id: &str) -> String {
            match self {
                Source::Remote => remote::card_url(id),
            }
        }

        /// The address to show one of a run's pictures by, as the model received it.
        pub fn prepared_url(self, id: &str, medium: u8) -> String {
            match self {
                Source::Remote => remote::prepared_url(id, medium),
            }
        }

        /// The address of a sound as it was given.
        pub fn sound_url(self, id: &str, medium: u8) -> String {
            // A sound is kept where a picture is.
            self.picture_url(id, medium)
        }

        /// A sound as it was given.
        pub async fn sound_bytes(self, id: &str, medium: u8) -> Result<Vec<u8>, Failure> {
            self.picture_bytes(id, medium).await
        }

        /// The address of a run's numbers as a file, under a definition.
        pub fn export_url(self, id: &str, format: &str, definition: &Definition) -> String {
            match self {
                Source::Remote => remote::export_url(id, format, definition),
            }
        }

        /// The address of a run's document (`html`), or of one of its plots as it is looked at.
        pub fn drawn_url(
            self,
            id: &str,
            format: &str,
            view: &View,
            plot: Option<RunPlot>,
        ) -> String {
            match self {
                Source::Remote => remote::drawn_url(id, format, view, plot),
            }
        }

        /// The address of several runs beside each other as a file.
        pub fn comparison_url(self, runs: &[String], format: &str, view: &View) -> String {
            match self {
                Source::Remote => remote::comparison_url(runs, format, view),
            }
        }
    }
}
