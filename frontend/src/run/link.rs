//! What a person looks at, as the query of an address, so that a link carries the view.
//!
//! `?def=paper&layer=9&token=2&curve=aei&scale=relative`; what is at its default is left out. A
//! custom definition is written out: `def=predicting.begin-system.mean_first.two.mean_of_ratios`.

use plots::frame::Window;
use serde::de::DeserializeOwned;
use shared::{Counted, Definition, Group, GroupSet, Heads, Target};

pub use plots::run::{Compared, Measured as Curve, definition_to_text, name_of};

use crate::run::panels::Open;

/// Which token's attention lies over the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// Nobody chose: the newest while the run is live, the longest word afterwards.
    #[default]
    Auto,
    /// None on purpose.
    Nothing,
    /// This one.
    Token(usize),
}

/// How the maps' colours are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// One scale for all tokens and layers of the run.
    #[default]
    Absolute,
    /// Each map to its own maximum.
    Relative,
}

/// How the flow between groups is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowStyle {
    /// Ribbons between sides.
    #[default]
    Ribbons,
    /// Shares by group.
    Matrix,
    /// Shares over what even attention would give.
    Even,
}

/// The view of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// What counts as what.
    pub definition: Definition,
    /// The pinned layer.
    pub layer: Option<usize>,
    /// The chosen token.
    pub token: Pick,
    /// The chart's curve.
    pub curve: Curve,
    /// The maps' scale.
    pub scale: Scale,
    /// What is laid over the chart.
    pub compared: Compared,
    /// How the flow is shown.
    pub flow: FlowStyle,
    /// The panels that are open.
    pub open: Open,
    /// The patch or position whose looks are shown.
    pub target: Option<Target>,
    /// Which of the prompt's pictures is shown, from 0.
    pub medium: u8,
    /// The head whose attention is looked at; the definition's where nobody chose one.
    pub look: Option<u32>,
    /// What attention is counted by.
    pub counted: Counted,
    /// The layers that curve and heads show, where those are not all.
    pub window: Option<Window>,
}

impl View {
    /// The query string, without `?`; empty for the default view.
    pub fn to_query(&self) -> String {
        let mut parts = Vec::new();
        // One head of an otherwise usual definition is shorter said apart.
        let all = Definition { heads: Heads::MeanFirst, ..self.definition };
        match self.definition.heads {
            Heads::One(head) if all.to_text().is_some() => {
                if all != Definition::default() {
                    parts.push(format!("def={}", definition_to_text(&all)));
                }
                parts.push(format!("head={head}"));
            }
            _ if self.definition != Definition::default() => {
                parts.push(format!("def={}", definition_to_text(&self.definition)));
            }
            _ => {}
        }
        if let Some(layer) = self.layer {
            parts.push(format!("layer={layer}"));
        }
        match self.token {
            Pick::Auto => {}
            Pick::Nothing => parts.push("token=none".into()),
            Pick::Token(i) => parts.push(format!("token={i}")),
        }
        if self.curve == Curve::Aei {
            parts.push("curve=aei".into());
        }
        if self.scale == Scale::Relative {
            parts.push("scale=relative".into());
        }
        if !self.compared.paper {
            parts.push("paper=off".into());
        }
        if !self.compared.even {
            parts.push("even=off".into());
        }
        match self.flow {
            FlowStyle::Ribbons => {}
            FlowStyle::Matrix => parts.push("flow=matrix".into()),
            FlowStyle::Even => parts.push("flow=even".into()),
        }
        if self.medium > 0 {
            parts.push(format!("picture={}", u32::from(self.medium) + 1));
        }
        if let Some(head) = self.look {
            parts.push(format!("look={head}"));
        }
        if self.counted == Counted::InTotal {
            parts.push("count=total".into());
        }
        if let Some(Window { first, last }) = self.window {
            parts.push(format!("layers={first}-{last}"));
        }
        match self.target {
            None => {}
            Some(Target::Patch { medium: 0, row, col }) => {
                parts.push(format!("patch={row}.{col}"));
            }
            Some(Target::Patch { medium, row, col }) => {
                parts.push(format!("patch={row}.{col}.{}", u32::from(medium) + 1));
            }
            Some(Target::Position(at)) => parts.push(format!("at={at}")),
        }
        if self.open != Open::default() {
            parts.push(format!("open={}", self.open.to_text()));
        }
        parts.join("&")
    }

    /// Reads a query string; what it does not say or says wrongly stays at its default.
    pub fn from_query(query: &str) -> Self {
        Self::read(query).0
    }

    /// Reads a query string, and names what in it cannot be read: a link that asks for one
    /// definition must not silently show another's numbers.
    pub fn read(query: &str) -> (Self, Vec<String>) {
        let (mut view, mut wrong) = (View::default(), Vec::new());
        let mut head = None;
        for part in query.trim_start_matches('?').split('&') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match (key, value) {
                ("def", text) => match definition_from_text(text) {
                    Some(definition) => view.definition = definition,
                    None => wrong.push(part.to_owned()),
                },
                ("layer", n) => match n.parse() {
                    Ok(layer) => view.layer = Some(layer),
                    Err(_) => wrong.push(part.to_owned()),
                },
                ("token", "none") => view.token = Pick::Nothing,
                ("token", n) => match n.parse() {
                    Ok(token) => view.token = Pick::Token(token),
                    Err(_) => wrong.push(part.to_owned()),
                },
                ("head", n) => match n.parse() {
                    Ok(n) => head = Some(n),
                    Err(_) => wrong.push(part.to_owned()),
                },
                ("patch", cell) => match patch_from_text(cell) {
                    Some(patch) => view.target = Some(patch),
                    None => wrong.push(part.to_owned()),
                },
                ("picture", n) => match n.parse::<u8>().ok().and_then(|n| n.checked_sub(1)) {
                    Some(medium) => view.medium = medium,
                    None => wrong.push(part.to_owned()),
                },
                ("at", n) => match n.parse() {
                    Ok(at) => view.target = Some(Target::Position(at)),
                    Err(_) => wrong.push(part.to_owned()),
                },
                ("look", n) => match n.parse() {
                    Ok(head) => view.look = Some(head),
                    Err(_) => wrong.push(part.to_owned()),
                },
                ("layers", range) => match window_from_text(range) {
                    Some(window) => view.window = Some(window),
                    None => wrong.push(part.to_owned()),
                },
                ("count", "total") => view.counted = Counted::InTotal,
                ("curve", "aei") => view.curve = Curve::Aei,
                ("scale", "relative") => view.scale = Scale::Relative,
                ("paper", "off") => view.compared.paper = false,
                ("even", "off") => view.compared.even = false,
                ("flow", "matrix") => view.flow = FlowStyle::Matrix,
                ("flow", "even") => view.flow = FlowStyle::Even,
                ("open", panels) => view.open = Open::from_text(panels),
                // Other settings may come from whoever passed the link on, and say nothing here.
                _ => {}
            }
        }
        if let Some(head) = head {
            view.definition.heads = Heads::One(head);
        }
        (view, wrong)
    }
}

/// Reads `row.column`, and of another picture than the first its number: `row.column.number`.
fn patch_from_text(text: &str) -> Option<Target> {
    let (row, col) = text.split_once('.')?;
    let (col, medium) = match col.split_once('.') {
        Some((col, number)) => (col, number.parse::<u8>().ok()?.checked_sub(1)?),
        None => (col, 0),
    };
    Some(Target::Patch { medium, row: row.parse().ok()?, col: col.parse().ok()? })
}

/// Reads `first-last`.
fn window_from_text(text: &str) -> Option<Window> {
    let (first, last) = text.split_once('-')?;
    Some(Window::between(first.parse().ok()?, last.parse().ok()?))
}

/// Letters of a run's random name.
const LENGTH: usize = 26;

/// Whether a text can be a run's name.
pub fn is_name(text: &str) -> bool {
    let random = text.len() == LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
    random || text == "sample"
}

/// Reads what [`definition_to_text`] wrote.
pub fn definition_from_text(text: &str) -> Option<Definition> {
    if let Ok(definition) = Definition::from_text(text) {
        return Some(definition);
    }
    let parts: Vec<&str> = text.split('.').collect();
    let ([queries, groups, heads, stages, layers], sides) = match parts.as_slice() {
        [parts @ .., sides] if parts.len() == 5 => (<[&str; 5]>::try_from(parts).ok()?, *sides),
        parts => (<[&str; 5]>::try_from(parts).ok()?, "all"),
    };
    let (instead, other) = match sides.split_once('/') {
        Some((instead, other)) => (Some(instead.parse().ok()?), other),
        None => (None, sides),
    };
    let mut set = GroupSet::EMPTY;
    for name in groups.split('-').filter(|n| !n.is_empty()) {
        set = set.with(Group::ALL.into_iter().find(|g| g.name() == name)?);
    }
    Some(Definition {
        queries: of_name(queries)?,
        text: set,
        heads: match heads.strip_prefix("head") {
            Some(h) => Heads::One(h.parse().ok()?),
            None => of_name(heads)?,
        },
        stages: of_name(stages)?,
        layers: of_name(layers)?,
        other: other.parse().ok()?,
        instead,
    })
}

/// The unit variant of that name.
pub fn of_name<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Preset, Queries, Ratio, Stages};

    fn there_and_back(view: View) {
        assert_eq!(View::from_query(&view.to_query()), view, "{}", view.to_query());
    }

    #[test]
    fn a_view_survives_its_link() {
        there_and_back(View::default());
        assert_eq!(View::default().to_query(), "");
        there_and_back(View {
            definition: Preset::Forward.definition(),
            layer: Some(9),
            token: Pick::Token(2),
            curve: Curve::Aei,
            scale: Scale::Relative,
            compared: Compared { paper: false, even: false },
            flow: FlowStyle::Even,
            target: Some(Target::Patch { medium: 0, row: 3, col: 11 }),
            open: Open::from_text("definition.time-table"),
            medium: 1,
            look: Some(31),
            counted: Counted::InTotal,
            window: Some(Window { first: 4, last: 9 }),
        });
        there_and_back(View { target: Some(Target::Position(17)), ..View::default() });
        there_and_back(View { flow: FlowStyle::Matrix, ..View::default() });
        for heads in [Heads::MeanFirst, Heads::ShareThenMean, Heads::One(7)] {
            for text in [GroupSet::EMPTY, GroupSet::of(&[Group::Begin, Group::Generated])] {
                there_and_back(View {
                    definition: Definition {
                        queries: Queries::AllPrompt,
                        text,
                        heads,
                        stages: Stages::Thirds,
                        layers: Ratio::RatioOfMeans,
                        ..Definition::default()
                    },
                    token: Pick::Nothing,
                    ..View::default()
                });
            }
        }
    }

    #[test]
    fn sides_and_pictures_travel() {
        for text in ["paper:2", "forward:1/2", "reimplementation:image"] {
            let definition = Definition::from_text(text).unwrap_or_default();
            there_and_back(View { definition, ..View::default() });
            assert_eq!(definition_to_text(&definition), text);
            let custom = Definition { stages: Stages::All, ..definition };
            there_and_back(View { definition: custom, ..View::default() });
        }
        let target = Some(Target::Patch { medium: 1, row: 3, col: 4 });
        there_and_back(View { target, ..View::default() });
        assert_eq!(View { target, ..View::default() }.to_query(), "patch=3.4.2");
        assert_eq!(View::read("patch=3.4.0").1, ["patch=3.4.0"]);
    }

    #[test]
    fn links_are_short_and_readable() {
        let view = View::from_query("?def=reimplementation&layer=9&token=2");
        assert_eq!(view.definition.preset(), Some(Preset::Reimplementation));
        assert_eq!((view.layer, view.token), (Some(9), Pick::Token(2)));
        assert_eq!(view.to_query(), "def=reimplementation&layer=9&token=2");
        let view = View::from_query("def=forward&head=3&patch=0.11");
        assert_eq!(
            view.definition,
            Definition { heads: Heads::One(3), ..Preset::Forward.definition() }
        );
        assert_eq!(view.target, Some(Target::Patch { medium: 0, row: 0, col: 11 }));
        assert_eq!(view.to_query(), "def=forward&head=3&patch=0.11");
        // A head that is looked at is none of the definition's.
        let view = View::from_query("look=3&count=total");
        assert_eq!(view, View { look: Some(3), counted: Counted::InTotal, ..View::default() });
        // A head as earlier links wrote it is the same head.
        let groups = "begin-system-template-marker-instruction-generated";
        let old = format!("def=predicting.{groups}.head3.two.mean_of_ratios");
        assert_eq!(View::from_query(&old).definition.heads, Heads::One(3));
    }

    /// Addresses that were given out. They are never edited, only added to: whatever a page of
    /// today writes, these must open as they did.
    #[test]
    fn addresses_that_were_given_out_keep_opening() {
        let forward = Preset::Forward.definition();
        let custom = Definition {
            queries: Queries::PromptText,
            text: GroupSet::of(&[Group::System, Group::Template, Group::Instruction]),
            heads: Heads::One(3),
            stages: Stages::Thirds,
            layers: Ratio::RatioOfMeans,
            ..Definition::default()
        };
        let usual = View::default();
        for (query, expected) in [
            ("", usual),
            ("def=paper", usual),
            (
                "def=forward&layer=9&token=2",
                View { definition: forward, layer: Some(9), token: Pick::Token(2), ..usual },
            ),
            (
                "layer=0&token=none&curve=aei&scale=relative",
                View {
                    layer: Some(0),
                    token: Pick::Nothing,
                    curve: Curve::Aei,
                    scale: Scale::Relative,
                    ..usual
                },
            ),
            (
                "def=prompt_text.system-template-instruction.head3.thirds.ratio_of_means",
                View { definition: custom, ..usual },
            ),
            (
                "paper=off&even=off&flow=matrix",
                View {
                    compared: Compared { paper: false, even: false },
                    flow: FlowStyle::Matrix,
                    ..usual
                },
            ),
            (
                "def=reimplementation&flow=even&patch=3.11&open=definition.layer-table",
                View {
                    definition: Preset::Reimplementation.definition(),
                    flow: FlowStyle::Even,
                    target: Some(Target::Patch { medium: 0, row: 3, col: 11 }),
                    open: Open::from_text("layer-table.definition"),
                    ..usual
                },
            ),
        ] {
            assert_eq!(View::read(query), (expected, vec![]), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let wrong = |query: &str| View::read(query).1;
        assert!(wrong("?def=paper&layer=3&token=none&utm_source=mail&curve=mdi").is_empty());
        assert_eq!(wrong("def=papr"), ["def=papr"]);
        assert_eq!(wrong("def=&layer=x&token=2"), ["def=", "layer=x"]);
        assert_eq!(wrong("patch=3&open=nothing.here"), ["patch=3"]);
        assert_eq!(wrong("head=a&patch=3&at=-1"), ["head=a", "patch=3", "at=-1"]);
        assert_eq!(wrong("look=a&count=token"), ["look=a"]);
    }

    #[test]
    fn nonsense_is_the_default() {
        for query in ["def=x.y", "def=&layer=-1&token=abc&&=", "def=a.b.c.d.e", "curve=%00"] {
            assert_eq!(View::from_query(query), View::default(), "{query}");
        }
    }
}
