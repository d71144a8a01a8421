//! A run's plots and its card as files, and how many are made at once.

use std::time::Duration;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plots::export::{Asked, File, RunPlot};
use plots::frame::Window;
use plots::html::Document;
use plots::run::{Compared, Measured, View};
use plots::{Style, Theme, Words, raster};
use shared::sentence::LabError;
use shared::{Counted, Definition, ErrorCode, Language, Medium};
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
    /// The whole run as one document.
    Document,
}

impl Subject {
    /// The subject of that name; a card is called `card`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "card" => Some(Subject::Card),
            "document" => Some(Subject::Document),
            name => RunPlot::from_name(name).map(Subject::Plot),
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Subject::Plot(plot) => plot.name(),
            Subject::Card => "card",
            Subject::Document => "document",
        }
    }

    /// Whether a picture of the prompt is part of it.
    pub fn has_picture(self) -> bool {
        matches!(self, Subject::Card | Subject::Document | Subject::Plot(RunPlot::Map))
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As an SVG document.
    Svg,
    /// As a PNG picture.
    Png,
    /// As an HTML document, which a [`Subject::Document`] always is.
    Html,
}

impl Form {
    /// Its kind of content.
    pub const fn content_type(self) -> &'static str {
        match self {
            Form::Svg => "image/svg+xml",
            Form::Png => "image/png",
            Form::Html => "text/html; charset=utf-8",
        }
    }

    /// How names of such files end.
    pub const fn ending(self) -> &'static str {
        match self {
            Form::Svg => "svg",
            Form::Png => "png",
            Form::Html => "html",
        }
    }
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
    /// The language of what is written in it.
    pub language: Language,
    /// How it is looked at.
    pub view: View,
    /// Whether numbers of a run that is not done are shown.
    pub partial: bool,
}

impl Wanted {
    /// Something under a definition, in light and in English, as nobody looks at it in particular.
    pub fn new(subject: Subject, form: Form, definition: Definition) -> Self {
        let view = View { definition, counted: Counted::InTotal, ..View::default() };
        let (theme, language) = (Theme::Light, Language::English);
        Wanted { subject, form, theme, language, view, partial: false }
    }

    /// Which of the prompt's pictures is shown where only one is, from 0.
    pub fn medium(&self, observed: &Observed) -> u8 {
        plots::pictured::medium(&observed.plotted(), &self.view)
    }

    /// The file. `picture` is the prepared picture of [`Wanted::medium`] as PNG, of what
    /// [`Subject::has_picture`].
    ///
    /// # Errors
    /// `internal` where no picture can be made of the drawing.
    pub fn draw(
        &self,
        observed: &Observed,
        address: &str,
        picture: Option<&[u8]>,
    ) -> Result<Vec<u8>, ApiError> {
        let style = Style { words: Words::of(self.language), ..Style::from(self.theme) };
        let version = env!("CARGO_PKG_VERSION");
        let picture = picture.map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png)));
        let asked = Asked { address, version, partial: self.partial, picture: picture.as_deref() };
        let run = observed.plotted();
        self.is_there(&run)?;
        let (file, sharpness): (File, f32) = match self.subject {
            Subject::Document => {
                return self.document(observed, &style, &asked).map(String::into_bytes);
            }
            Subject::Plot(plot) => {
                (plots::export::file(&run, plot, &self.view, &style, &asked), raster::SHARPNESS)
            }
            Subject::Card => (plots::card::card(&run, &self.view, &style, &asked), 1.0),
        };
        match self.form {
            Form::Svg => Ok(file.svg.into_bytes()),
            Form::Png => raster::png(&file.svg, sharpness, &file.title, &file.told)
                .map_err(|why| ApiError::internal(format!("no picture of a drawing: {why:?}"))),
            // Only documents are asked for as HTML: the routes and the command line see to that.
            Form::Html => Err(ApiError::internal("a drawing is no document")),
        }
    }

    /// Whether the run has what is named of it: nothing else is drawn in its place.
    fn is_there(&self, run: &plots::run::Run<'_>) -> Result<(), ApiError> {
        let (view, observation) = (&self.view, run.observation);
        let layers = observation.layers();
        let tokens = observation.tokens.len();
        let media = observation.layout.as_ref().map_or(0, |layout| layout.media.len());
        let refused = |why| Err(ApiError::new(ErrorCode::BadOption, why));
        let named = view.layer.into_iter().chain(view.window.map(|window| window.last));
        if layers > 0 && named.max().is_some_and(|layer| layer >= layers) {
            return refused(LabError::NoLayer { last: layers as u64 - 1 });
        }
        if view.token.is_some_and(|token| token >= tokens) {
            return refused(LabError::NoTokenOfAnswer { tokens: tokens as u64 });
        }
        if view.medium.is_some_and(|medium| usize::from(medium) >= media) {
            return refused(LabError::NoSuchMedium { media: media as u64 });
        }
        let medium = usize::from(plots::pictured::medium(run, view));
        let on = observation.layout.as_ref().and_then(|layout| layout.media.get(medium));
        let wants_map = matches!(self.subject, Subject::Plot(RunPlot::Map));
        if wants_map && layers > 0 && on.and_then(Medium::picture).is_none() {
            return refused(LabError::NoMap);
        }
        Ok(())
    }

    /// The whole run as one document, with its report inside.
    fn document(
        &self,
        observed: &Observed,
        style: &Style,
        asked: &Asked<'_>,
    ) -> Result<String, ApiError> {
        let report = observed.report(&self.view.definition, self.partial);
        let data = serde_json::to_string(&report).map_err(ApiError::internal)?;
        let run = observed.plotted();
        let parts = Document {
            language: self.language,
            data: &data,
            name: "langoverrule-run.json",
            what_ran: &what_ran(&run),
        };
        Ok(plots::html::document(&run, &self.view, style, asked, &parts))
    }
}

/// What a run's numbers rest on, by the names that its report has for it.
fn what_ran(run: &plots::run::Run<'_>) -> Vec<(String, String)> {
    let (model, options) = (run.model, run.options);
    let all = [
        // The report's own names: who reads on finds them there.
        ("model", format!("{} ({})", model.name, model.family)),
        ("hash", model.hash.clone()),
        ("quant", model.quant.name().to_owned()),
        ("device", model.device.clone()),
        ("dtype", model.dtype.clone()),
        ("template", options.template_on(model).to_owned()),
        ("prompt", options.prompt.clone()),
        ("changed", plots::run::changed(options, model)),
    ];
    let there = all.into_iter().filter(|(_, value)| !value.is_empty());
    there.map(|(name, value)| (name.to_owned(), value)).collect()
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
    count: &str,
) -> Result<View, ApiError> {
    let measured = match curve {
        "" | "mdi" => Measured::Mdi,
        "aei" => Measured::Aei,
        other => return Err(none_such(LabError::ACurve, other, &["mdi", "aei"])),
    };
    let counted = match count {
        // As these files were before there was a choice.
        "" | "total" => Counted::InTotal,
        "token" => Counted::PerToken,
        other => return Err(none_such(LabError::ACount, other, &["token", "total"])),
    };
    let (window, medium) = (None, None);
    Ok(View { definition, measured, compared, layer, token, counted, window, medium })
}

/// Reads the layers that are shown, `first-last`; all where none are named.
///
/// # Errors
/// `bad_option`, with how they are written.
pub fn window_of(text: &str) -> Result<Option<Window>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = text
        .split_once('-')
        .and_then(|(first, last)| Some(Window::between(first.parse().ok()?, last.parse().ok()?)));
    read.map(Some).ok_or_else(|| none_such(LabError::ALayers, text, &["4-9"]))
}

/// Reads a language's tag; English where none is named.
///
/// # Errors
/// `bad_option`, naming the languages.
pub fn language_of(tag: &str) -> Result<Language, ApiError> {
    if tag.is_empty() {
        return Ok(Language::English);
    }
    let tags = Language::ALL.map(Language::tag);
    let named = Language::ALL.into_iter().find(|language| language.tag() == tag);
    named.ok_or_else(|| none_such(LabError::ALanguage, tag, &tags))
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
            view_of(Definition::default(), "roc", Compared::default(), (None, None), "").err(),
            view_of(Definition::default(), "", Compared::default(), (None, None), "all").err(),
            language_of("la").err(),
            window_of("4").err(),
        ] {
            let error = error.expect("there is no such thing").0;
            assert_eq!(error.code, ErrorCode::BadOption);
            assert!(error.message.contains("name one of"), "{}", error.message);
        }
        assert_eq!(theme_of("").ok(), Some(Theme::Light));
    }
}
