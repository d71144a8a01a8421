//! A run's plots as files: the same bytes whether page, server or command line writes them.

use shared::report::Numbers;
use shared::{Counted, Measure, RepeatTable, Stage, Undefined};

use crate::bars::{self, Grid as BarGrid};
use crate::curve::{self, Plot};
use crate::flow::{self, Flow, Ribbons};
use crate::frame::Frame;
use crate::heat::{self, Grid, Heat};
use crate::lit::{self, Lines, Lit};
use crate::marks::{self, Marked};
use crate::pictured::{self, Place};
use crate::run::{self, Run, View};
use crate::sheet::{Bar, Sheet, Told};
use crate::text;
use crate::theme::Style;

/// Width of a plot's file in pixels: that of a page of paper.
pub(crate) const WIDTH: f64 = 960.0;
/// Size of its type.
pub(crate) const TYPE_SIZE: f64 = 14.0;
/// Height of the plots whose height does not follow from what they show.
const HEIGHT: f64 = 340.0;

/// Which plot of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPlot {
    /// MDI or AEI by layer.
    Curve,
    /// MDI by head and layer.
    Heads,
    /// Who looks at whom in a layer.
    Flow,
    /// Where the rows looked that predicted the answer.
    Words,
    /// Where the token that is looked at looked on the picture.
    Map,
    /// How much each token of prompt and answer drew from the one that is looked at.
    Tokens,
    /// MDI by layer over several answers; of a run that is asked once, its curve.
    Repeat,
}

impl RunPlot {
    /// All of them.
    pub const ALL: [RunPlot; 7] = [
        RunPlot::Curve,
        RunPlot::Heads,
        RunPlot::Flow,
        RunPlot::Words,
        RunPlot::Map,
        RunPlot::Tokens,
        RunPlot::Repeat,
    ];

    /// The name used in files and links.
    pub const fn name(self) -> &'static str {
        match self {
            RunPlot::Curve => "curve",
            RunPlot::Heads => "heads",
            RunPlot::Flow => "flow",
            RunPlot::Words => "words",
            RunPlot::Map => "map",
            RunPlot::Tokens => "tokens",
            RunPlot::Repeat => "repeat",
        }
    }

    /// The plot of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        RunPlot::ALL.into_iter().find(|plot| plot.name() == name)
    }
}

/// A plot's file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// What it shows, in a line.
    pub title: String,
    /// The SVG document.
    pub svg: String,
    /// What the file says of itself, as JSON; it stands in the document, too.
    pub told: String,
    /// Its size in pixels.
    pub size: (f64, f64),
}

/// Where a run can be looked at, and whether its numbers are wanted though it did not finish.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The run's address.
    pub address: &'a str,
    /// Version of the lab.
    pub version: &'a str,
    /// Whether numbers of a run that is not done are shown.
    pub partial: bool,
    /// The address of the prepared picture that [`pictured::medium`] names, or the picture itself as a data
    /// address; without it the map lies on an empty ground.
    pub picture: Option<&'a str>,
}

/// A drawing and what stands around it.
struct Drawn {
    title: String,
    svg: String,
    marks: String,
    size: (f64, f64),
    margin: f64,
    heads: Vec<Vec<Option<f64>>>,
    bar: Option<Bar>,
}

/// The file of one of a run's plots.
pub fn file(run: &Run<'_>, plot: RunPlot, view: &View, style: &Style, asked: &Asked<'_>) -> File {
    let shown = asked.partial || run.is_done();
    let hidden = Measure::undefined(Undefined::Unfinished);
    let measures = match shown {
        true => run.measures(&view.definition),
        false => vec![hidden; run.observation.layers()],
    };
    let repeat = || {
        let sampled = if shown { run.sampled } else { &[] };
        RepeatTable::new(run.options, sampled, &view.definition)
    };
    let repeat = if plot == RunPlot::Repeat { repeat() } else { None };
    let drawn = match plot {
        RunPlot::Curve => drawn_curve(run, &measures, view, style),
        RunPlot::Heads => drawn_heads(run, view, style, shown),
        RunPlot::Flow => drawn_flow(run, view, style, shown),
        RunPlot::Words => drawn_words(run, view, style, shown),
        RunPlot::Map => drawn_map(run, view, style, asked.picture, shown),
        RunPlot::Tokens => drawn_tokens(run, view, style, shown),
        RunPlot::Repeat => match &repeat {
            Some(table) => drawn_repeat(run, table, view, style),
            None => drawn_curve(run, &measures, view, style),
        },
    };
    let stages = Stage::ALL.map(|stage| match shown {
        true => run.observation.stage(stage, &view.definition),
        false => hidden,
    });
    let told = Told {
        plot: plot.name().to_owned(),
        address: asked.address.to_owned(),
        version: asked.version.to_owned(),
        status: run.status.to_owned(),
        label: run.label.clone(),
        model: run.model.clone(),
        options: run.options.clone(),
        definition: view.definition,
        definition_name: run::definition_to_text(&view.definition),
        layers: measures.iter().map(Numbers::from).collect(),
        stages: stages.iter().map(Numbers::from).collect(),
        heads: drawn.heads,
        repeat,
    };
    let title = match told.label.name.as_str() {
        "" => drawn.title,
        name => format!("{name}: {}", drawn.title),
    };
    // What is told holds only strings, numbers and names.
    let json = serde_json::to_string(&told).unwrap_or_default();
    let sheet = Sheet {
        title: &text::fit(&text::one_line(&title), WIDTH - 2.0 * TYPE_SIZE, TYPE_SIZE * 1.15, true),
        source: &source(run, &told, style, shown),
        drawing: &drawn.svg,
        marks: &drawn.marks,
        size: drawn.size,
        margin: drawn.margin,
        type_size: TYPE_SIZE,
        bar: drawn.bar.as_ref(),
        palette: &style.palette,
        told: &json,
    };
    File { svg: sheet.svg(), size: sheet.outer(), title, told: json }
}

fn drawn_curve(run: &Run<'_>, measures: &[Measure], view: &View, style: &Style) -> Drawn {
    let window = view.window.and_then(|window| window.of(run.observation.layers()));
    let frame = Frame::new(WIDTH, TYPE_SIZE).windowed(window);
    let what = (view.measured, view.compared);
    let plot: Plot = run::curve(run, measures, &view.definition, what, &style.words).within(window);
    let marked: Marked = run::marked(run.model, measures, view.measured, view.layer);
    let title = match view.measured {
        run::Measured::Mdi => style.words.mdi_by_layer,
        run::Measured::Aei => style.words.aei_by_layer,
    };
    Drawn {
        title: title.to_owned(),
        svg: curve::svg(&plot, &frame, style),
        marks: marks::svg(&marked, &plot, &frame, &style.palette),
        size: (frame.width, frame.height),
        margin: 0.0,
        heads: Vec::new(),
        bar: None,
    }
}

fn drawn_repeat(run: &Run<'_>, table: &RepeatTable, view: &View, style: &Style) -> Drawn {
    let frame = Frame::new(WIDTH, TYPE_SIZE);
    let plot = run::repeat(table, run.options, &view.definition, &style.words);
    Drawn {
        title: style.words.mdi_of_answers.replace("{n}", &table.answered.to_string()),
        svg: curve::svg(&plot, &frame, style),
        marks: String::new(),
        size: (frame.width, frame.height),
        margin: 0.0,
        heads: Vec::new(),
        bar: None,
    }
}

fn drawn_heads(run: &Run<'_>, view: &View, style: &Style, shown: bool) -> Drawn {
    let mut heat: Heat = run::heat(run.observation, &view.definition);
    if !shown {
        heat.values.fill(None);
    }
    let window = view.window.and_then(|window| window.of(heat.layers));
    let grid = Grid::new(WIDTH - 2.0 * TYPE_SIZE, TYPE_SIZE, heat.layers, heat.heads.max(1));
    let grid = grid.windowed(window);
    let rows = (0..heat.layers).map(|l| (0..heat.heads).map(|h| heat.get(l, h)).collect());
    let ends = [style.words.picture_draws_more, style.words.words_draw_more].map(str::to_owned);
    Drawn {
        title: style.words.mdi_by_head.to_owned(),
        svg: heat::svg(&heat, &grid, style),
        marks: String::new(),
        size: (grid.width, grid.height),
        margin: TYPE_SIZE,
        heads: rows.collect(),
        bar: Some(Bar::dominance(&style.palette, ends.into())),
    }
}

fn drawn_flow(run: &Run<'_>, view: &View, style: &Style, shown: bool) -> Drawn {
    let layer = run.layer(view);
    let heads = view.definition.heads;
    let matrix = layer.filter(|_| shown).and_then(|layer| {
        let masses = run.observation.masses()?;
        run.observation.flow_matrix(&masses, layer, heads).ok()
    });
    let flow =
        matrix.map_or_else(Flow::default, |m| run::flow(&m, &view.definition, view.counted, style));
    let plot = Ribbons::new(&flow, WIDTH - 2.0 * TYPE_SIZE, TYPE_SIZE, HEIGHT);
    Drawn {
        title: counted(of_layer(style.words.who_looks_at_whom, layer, view, style), view, style),
        svg: flow::svg(&flow, &plot, style),
        marks: String::new(),
        size: (plot.width, plot.height),
        margin: TYPE_SIZE,
        heads: Vec::new(),
        bar: None,
    }
}

fn drawn_words(run: &Run<'_>, view: &View, style: &Style, shown: bool) -> Drawn {
    let columns = match shown {
        true => run::columns(run, &view.definition, view.layer, view.counted, style),
        false => bars::Columns::default(),
    };
    let grid = BarGrid::new(WIDTH - 2.0 * TYPE_SIZE, HEIGHT, TYPE_SIZE, columns.words.len());
    Drawn {
        title: counted(of_layer(style.words.word_by_word, view.layer, view, style), view, style),
        svg: bars::svg(&columns, &grid, style),
        marks: bars::legend(&columns, &grid, style),
        size: (grid.width, grid.height + bars::LEGEND * TYPE_SIZE),
        margin: TYPE_SIZE,
        heads: Vec::new(),
        bar: None,
    }
}

/// Side of the square that the picture of a map is fitted into.
const SQUARE: f64 = 560.0;

fn drawn_map(
    run: &Run<'_>,
    view: &View,
    style: &Style,
    picture: Option<&str>,
    shown: bool,
) -> Drawn {
    let medium = pictured::medium(run, view);
    let corner = ((WIDTH - 2.0 * TYPE_SIZE - SQUARE) / 2.0, 0.0);
    let place = Place::in_square(run, medium, picture, corner, SQUARE);
    let at = pictured::looked(run, view).filter(|_| shown);
    let top = pictured::top(run);
    let map = place.zip(at).and_then(|(place, at)| place.map(run, at, top, style));
    let bar = map.is_some().then(|| Bar::attention(style.palette.scale, f64::from(top)));
    let title = match at {
        Some(at) => {
            format!("{}: {}", style.words.where_it_looked, pictured::caption(run, at, style))
        }
        None => style.words.where_it_looked.to_owned(),
    };
    let picture = place.map(|place| place.picture(style)).unwrap_or_default();
    let high = place.map_or(0.0, |place| place.at[1] + place.at[3]);
    Drawn {
        title,
        svg: String::new(),
        marks: picture + &map.unwrap_or_default(),
        size: (WIDTH - 2.0 * TYPE_SIZE, high),
        margin: TYPE_SIZE,
        heads: Vec::new(),
        bar,
    }
}

fn drawn_tokens(run: &Run<'_>, view: &View, style: &Style, shown: bool) -> Drawn {
    let lit = if shown { run::lit(run, view, style) } else { Lit::default() };
    let lines = Lines::new(&lit, WIDTH - 2.0 * TYPE_SIZE, TYPE_SIZE);
    let at = pictured::looked(run, view).filter(|_| shown);
    let title = match at {
        Some(at) => format!("{}: {}", style.words.tokens_lit, pictured::caption(run, at, style)),
        None => style.words.tokens_lit.to_owned(),
    };
    let palette = &style.palette;
    let bar = at.map(|_| Bar::attention((palette.surface, palette.words), lit.end));
    Drawn {
        title,
        svg: String::new(),
        marks: lit::elements(&lit, &lines, style),
        size: (lines.width, lines.height),
        margin: TYPE_SIZE,
        heads: Vec::new(),
        bar,
    }
}

/// A title with the layer and the head that it is about.
fn of_layer(title: &str, layer: Option<usize>, view: &View, style: &Style) -> String {
    let mut title = title.to_owned();
    if let Some(layer) = layer {
        title += &format!(" · {} {layer}", style.words.layer);
    }
    if let shared::Heads::One(head) = view.definition.heads {
        title += &format!(" · {} {head}", style.words.head);
    }
    title
}

/// A title with what attention on sides is counted by.
fn counted(title: String, view: &View, style: &Style) -> String {
    let [per_token, in_total] = style.words.counted;
    let by = match view.counted {
        Counted::PerToken => per_token,
        Counted::InTotal => in_total,
    };
    format!("{title} · {by}")
}

/// Where it comes from, in lines that fit.
fn source(run: &Run<'_>, told: &Told, style: &Style, shown: bool) -> Vec<String> {
    let (model, options) = (&told.model, &told.options);
    let answer = run.observation.answer();
    let mut second = format!(
        "{}, {} · {} {}",
        model.name,
        model.quant.name(),
        style.words.definition,
        told.definition_name
    );
    if let Some(partial) = style.words.partial(run.status) {
        second += &format!(" · {}", if shown { partial } else { style.words.unfinished });
    }
    let lines = [
        format!("“{}” → “{}”", text::short(&options.prompt, 70), text::short(answer.trim(), 40)),
        second,
        run::changed(options, model),
        format!("LangOverrule Lab {} · {}", told.version, told.address),
    ];
    let fit = |line: String| text::fit(&line, WIDTH - 2.0 * TYPE_SIZE, TYPE_SIZE * 0.9, false);
    lines.into_iter().filter(|line| !line.is_empty()).map(fit).collect()
}
