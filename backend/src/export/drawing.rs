//! A run's plots and its card as files, and how many are made at once.

use std::time::Duration;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plots::export::{Asked, File, RunPlot};
use plots::run::{Compared, Measured, View};
use plots::{Style, Theme, raster};
use shared::sentence::LabError;
use shared::{Definition, ErrorCode};
use tokio::sync::Semaphore;

use super::Observed;
use crate::error::ApiError;

/// Drawings made at once: each has a processor for itself while it is made.
const TURNS: usize = 2;
/// How long somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is drawn of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One of its plots.
    Plot(RunPlot),
    /// Its card.
    Card,
}

impl Subject {
    /// The subject of that name; a card is called `card`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "card" => Some(Subject::Card),
            name => RunPlot::from_name(name).map(Subject::Plot),
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Subject::Plot(plot) => plot.name(),
            Subject::Card => "card",
        }
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As an SVG document.
    Svg,
    /// As a PNG picture.
    Png,
}

/// How a run is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What.
    pub subject: Subject,
    /// As what.
    pub form: Form,
    /// The theme.
    pub theme: Theme,
    /// How it is looked at.
    pub view: View,
    /// Whether numbers of a run that is not done are shown.
    pub partial: bool,
}

impl Wanted {
    /// Something under a definition, in light, as nobody looks at it in particular.
    pub fn new(subject: Subject, form: Form, definition: Definition) -> Self {
        let view = View { definition, ..View::default() };
        Wanted { subject, form, theme: Theme::Light, view, partial: false }
    }

    /// Which of the prompt's pictures a card shows, from 0.
    pub fn medium(&self, observed: &Observed) -> u8 {
        plots::card::medium(&observed.plotted(), &self.view)
    }

    /// The file. `picture` is the prepared picture of [`Wanted::medium`] as PNG, which a card shows.
    ///
    /// # Errors
    /// `internal` where no picture can be made of the drawing.
    pub fn draw(
        &self,
        observed: &Observed,
        address: &str,
        picture: Option<&[u8]>,
    ) -> Result<Vec<u8>, ApiError> {
        let style = Style::from(self.theme);
        let version = env!("CARGO_PKG_VERSION");
        let asked = Asked { address, version, partial: self.partial };
        let run = observed.plotted();
        let (file, sharpness): (File, f32) = match self.subject {
            Subject::Plot(plot) => {
                (plots::export::file(&run, plot, &self.view, &style, &asked), raster::SHARPNESS)
            }
            Subject::Card => {
                let picture =
                    picture.map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png)));
                (plots::card::card(&run, &self.view, &style, &asked, picture.as_deref()), 1.0)
            }
        };
        match self.form {
            Form::Svg => Ok(file.svg.into_bytes()),
            Form::Png => raster::png(&file.svg, sharpness, &file.title, &file.told)
                .map_err(|why| ApiError::internal(format!("no picture of a drawing: {why:?}"))),
        }
    }
}

/// Reads what a curve shows and what lies over it, as links write them.
///
/// # Errors
/// `bad_option`, naming the choices.
pub fn view_of(
    definition: Definition,
    curve: &str,
    compared: Compared,
    (layer, token): (Option<usize>, Option<usize>),
) -> Result<View, ApiError> {
    let measured = match curve {
        "" | "mdi" => Measured::Mdi,
        "aei" => Measured::Aei,
        other => return Err(none_such(LabError::ACurve, other, &["mdi", "aei"])),
    };
    Ok(View { definition, measured, compared, layer, token })
}

/// Reads a theme's name; light where none is named.
///
/// # Errors
/// `bad_option`, naming the themes.
pub fn theme_of(name: &str) -> Result<Theme, ApiError> {
    if name.is_empty() {
        return Ok(Theme::Light);
    }
    let names = Theme::ALL.map(Theme::name);
    Theme::from_name(name).ok_or_else(|| none_such(LabError::ATheme, name, &names))
}

/// Reads a plot's name; the curve where none is named.
///
/// # Errors
/// `bad_option`, naming the plots.
pub fn plot_of(name: &str) -> Result<RunPlot, ApiError> {
    if name.is_empty() {
        return Ok(RunPlot::Curve);
    }
    let names = RunPlot::ALL.map(RunPlot::name);
    RunPlot::from_name(name).ok_or_else(|| none_such(LabError::APlot, name, &names))
}

fn none_such(what: LabError, name: &str, choices: &[&str]) -> ApiError {
    let (what, choices) = (what.into(), choices.join(", "));
    let none = LabError::NoneOfThat { what, name: name.chars().take(40).collect(), choices };
    ApiError::new(ErrorCode::BadOption, none)
}

/// Turns to draw.
#[derive(Debug)]
pub struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Turns(Semaphore::new(TURNS))
    }
}

impl Turns {
    /// Makes something in a turn, off the threads that serve.
    ///
    /// # Errors
    /// `connections_full` where no turn comes in time; what making it says.
    pub async fn draw<F>(&self, make: F) -> Result<Bytes, ApiError>
    where
        F: FnOnce() -> Result<Vec<u8>, ApiError> + Send + 'static,
    {
        let Ok(turn) = tokio::time::timeout(PATIENCE, self.0.acquire()).await else {
            return Err(ApiError::new(ErrorCode::ConnectionsFull, LabError::DrawingFull));
        };
        let _turn = turn.map_err(ApiError::internal)?;
        let made = tokio::task::spawn_blocking(make).await.map_err(ApiError::internal)?;
        made.map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_is_drawn_at_once_than_there_are_turns() {
        let turns = Turns::default();
        let one = turns.0.acquire().await;
        let two = turns.0.acquire().await;
        let refused = turns.draw(|| Ok(vec![1])).await.expect_err("both turns are taken");
        assert_eq!(refused.0.code, ErrorCode::ConnectionsFull);
        drop(one);
        let made = turns.draw(|| Ok(vec![1])).await.expect("there is a turn");
        assert_eq!(&made[..], [1]);
        drop(two);
    }

    #[test]
    fn what_is_not_there_is_named() {
        for error in [
            theme_of("pink").err(),
            plot_of("pie").err(),
            view_of(Definition::default(), "roc", Compared::default(), (None, None)).err(),
        ] {
            let error = error.expect("there is no such thing").0;
            assert_eq!(error.code, ErrorCode::BadOption);
            assert!(error.message.contains("name one of"), "{}", error.message);
        }
        assert_eq!(theme_of("").ok(), Some(Theme::Light));
    }
}
