//! How numbers and terms are put into words, in one place.

mod plots;
mod run;

use shared::{
    Counted, Definition, Group, GroupSet, Heads, Measure, Preset, Quant, Queries, Ratio, Stage,
    Stages, Undefined,
};

use crate::language::{fill, mark, t};
use ::plots::Role;

pub use run::{fidelity, fitted, interventions, knockout, preparation, sampling, what_ran};

pub use ::plots::words::{drawn, number, percent};
pub use plots::plot_words;

/// A size in bytes.
pub fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n >= 1024.0 * 1024.0 * 1024.0 => format!("{:.2} GiB", n / 1024f64.powi(3)),
        n if n >= 1024.0 * 1024.0 => format!("{:.1} MiB", n / 1024f64.powi(2)),
        n if n >= 1024.0 => format!("{:.0} KiB", n / 1024.0),
        n => fill("{n} bytes", &[("n", &format!("{n:.0}"))]),
    }
}

/// A time in milliseconds.
pub fn millis(ms: f64) -> String {
    if ms >= 10_000.0 {
        format!("{:.1} s", ms / 1000.0)
    } else if ms >= 1000.0 {
        format!("{:.2} s", ms / 1000.0)
    } else {
        format!("{ms:.0} ms")
    }
}

/// A time that somebody waits, in whole seconds.
pub fn seconds(ms: f64) -> String {
    let seconds = (ms / 1000.0).round().max(0.0) as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min", (seconds + 30) / 60),
    }
}

/// `1 token`, `2 tokens`.
pub fn tokens(n: usize) -> String {
    if n == 1 { t("1 token").into() } else { fill("{n} tokens", &[("n", &n)]) }
}

/// `1 picture token`, `2 picture tokens`.
pub fn picture_tokens(n: usize) -> String {
    if n == 1 { t("1 picture token").into() } else { fill("{n} picture tokens", &[("n", &n)]) }
}

/// What a token is that lies in no cell of its picture's map.
pub fn line_end() -> &'static str {
    t("end of a line of the map")
}

/// How many such tokens there are.
pub fn line_ends(n: u32) -> String {
    match n {
        1 => t("1 of them ends a line").into(),
        _ => fill("{n} of them end lines", &[("n", &n)]),
    }
}

/// Several things as a sentence lists them.
pub fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => {
            fill("{most} and {last}", &[("most", &most.join(", ")), ("last", last)])
        }
    }
}

/// Why a value is undefined, as the end of a sentence.
pub fn reason(reason: Undefined) -> &'static str {
    match reason {
        Undefined::NoImageTokens => t("there are no picture tokens"),
        Undefined::NoTextTokens => t("no token counts as text under this definition"),
        Undefined::NoImageAttention => t("no attention reaches the picture"),
        Undefined::NoAttention => t("neither text nor picture receives attention"),
        Undefined::NoQueries => t("this run has no rows of the kind this definition looks from"),
        Undefined::NoSuchHead => t("the model has no such head"),
        Undefined::HeadsAveraged => t("only the average over heads was kept of this sample"),
        Undefined::NotObserved => t("this layer has not been observed yet"),
        Undefined::Unfinished => t("the run did not finish, and only a part of it was seen"),
    }
}

/// A stage's name.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Early => t("early"),
        Stage::Middle => t("middle"),
        Stage::Late => t("late"),
    }
}

/// Who draws more attention per token, in words: a statement about attention, not about the answer.
/// Within 10 % of 1 nobody does: less than a change of prompt template moves it.
pub fn verdict(mdi: f64) -> (Option<Role>, &'static str) {
    plot_words().verdict(mdi)
}

/// How far something that should be zero is from it.
pub fn residual(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.0e}") }
}

/// What attention is counted by.
pub fn counted(by: Counted) -> &'static str {
    match by {
        Counted::PerToken => t("per token"),
        Counted::InTotal => t("in total"),
    }
}

/// What the shares of a measure are, by their symbols.
pub fn shares(measure: &Measure) -> String {
    let said = |value: shared::Value, words: fn(f64) -> String| {
        value.map_or_else(|why| fill("undefined ({reason})", &[("reason", &reason(why))]), words)
    };
    fill(
        "Q_T {q}: the tokens that are text, of text and picture tokens. P_T {p}: the attention on \
         them. AEI is P over Q, and Q_T·AEI_T + Q_O·AEI_O is 1 (off by {off}).",
        &[
            ("q", &said(measure.share_tokens_text, percent)),
            ("p", &said(measure.share_text, percent)),
            ("off", &said(measure.identity_residual(), residual)),
        ],
    )
}

/// A group's name for people.
pub fn group(group: Group) -> &'static str {
    match group {
        Group::Begin => t("begin (sink)"),
        Group::System => t("system"),
        Group::Template => t("template"),
        Group::Marker => t("markers"),
        Group::Image => t("picture"),
        Group::Instruction => t("your words"),
        Group::Generated => t("answer"),
        Group::Video => t("film"),
        Group::Audio => t("sound"),
        Group::Series => t("series"),
    }
}

/// A group's name where there is little room.
pub fn group_short(group: Group) -> &'static str {
    match group {
        Group::Begin => t("begin"),
        Group::System => t("system"),
        Group::Template => t("templ."),
        Group::Marker => t("marks"),
        Group::Image => t("picture"),
        Group::Instruction => t("yours"),
        Group::Generated => t("answer"),
        Group::Video => t("film"),
        Group::Audio => t("sound"),
        Group::Series => t("series"),
    }
}

/// What a group is.
pub fn group_note(group: Group) -> &'static str {
    match group {
        Group::Begin => t("Position 0, whatever it holds. Models park attention there: the sink."),
        Group::System => t("Text of the system turn."),
        Group::Template => t("Role words and line breaks around the turn."),
        Group::Marker => t("Special delimiters such as <|vision_start|>."),
        Group::Image => t("One token per patch of the picture."),
        Group::Instruction => t("What you typed."),
        Group::Generated => t("What the model wrote."),
        Group::Video => t("Tokens of the film."),
        Group::Audio => t("Tokens of the sound."),
        Group::Series => t("Tokens of the series of numbers."),
    }
}

/// Names of the queries.
pub const QUERIES: [(Queries, &str, &str); 5] = [
    (
        Queries::Predicting,
        mark("predicting"),
        mark("Rows that predict the answer: the last prompt token, then each token written."),
    ),
    (
        Queries::GeneratedPositions,
        mark("generated"),
        mark("Rows of the written tokens that predicted another."),
    ),
    (
        Queries::LastPrompt,
        mark("last prompt token"),
        mark("The row that predicts the first token alone."),
    ),
    (
        Queries::PromptText,
        mark("prompt text"),
        mark("Rows of the system, template and typed tokens."),
    ),
    (Queries::AllPrompt, mark("all prompt"), mark("Every row of the prompt, picture included.")),
];

/// The name of a choice of queries.
pub fn queries(choice: Queries) -> &'static str {
    QUERIES.iter().find(|q| q.0 == choice).map_or("", |q| t(q.1))
}

/// The name of a way to combine heads.
pub fn heads(heads: Heads) -> String {
    match heads {
        Heads::MeanFirst => t("mean first").into(),
        Heads::ShareThenMean => t("share, then mean").into(),
        Heads::One(h) => fill("head {n} only", &[("n", &h)]),
    }
}

/// The name of a choice of stages.
pub fn stages(stages: Stages) -> &'static str {
    match stages {
        Stages::Two => t("two layers each"),
        Stages::Thirds => t("thirds"),
        Stages::All => t("all layers"),
    }
}

/// The name of a way to average.
pub fn ratio(ratio: Ratio) -> &'static str {
    match ratio {
        Ratio::MeanOfRatios => t("mean of ratios"),
        Ratio::RatioOfMeans => t("ratio of means"),
    }
}

/// The groups that can count as text.
pub const TEXT_GROUPS: [Group; 6] = [
    Group::Begin,
    Group::System,
    Group::Template,
    Group::Marker,
    Group::Instruction,
    Group::Generated,
];

/// A choice of text groups in a few words.
pub fn text_groups(set: GroupSet) -> String {
    let paper = Preset::Paper.definition().text;
    if set == paper || set == paper.without(Group::Begin) {
        return t("all but picture").into();
    }
    let names: Vec<&str> =
        set.iter().filter(|g| !matches!(g, Group::Begin | Group::Image)).map(group).collect();
    match names.as_slice() {
        [] if set.contains(Group::Begin) => t("the sink alone").into(),
        [] => t("no token").into(),
        names => names.join(" + "),
    }
}

/// What a change of definition does, as the beginning of a sentence; empty where nothing changed.
pub fn changed(before: &Definition, now: &Definition) -> String {
    let mut parts: Vec<String> = Vec::new();
    let named = |g: Group| match g {
        Group::Begin => t("the sink"),
        Group::System => t("the system prompt"),
        Group::Template => t("the template’s words"),
        Group::Marker => t("the markers"),
        Group::Instruction => t("your words"),
        Group::Generated => t("the answer"),
        Group::Image => t("the picture"),
        Group::Video => t("film"),
        Group::Audio => t("sound"),
        Group::Series => t("series"),
    };
    let names = |from: GroupSet, to: GroupSet| -> Option<String> {
        let names: Vec<String> =
            from.iter().filter(|g| !to.contains(*g)).map(|g| named(g).to_owned()).collect();
        (!names.is_empty()).then(|| list(&names))
    };
    if let Some(names) = names(before.text, now.text) {
        parts.push(fill("without {names}", &[("names", &names)]));
    }
    if let Some(names) = names(now.text, before.text) {
        parts.push(fill("with {names}", &[("names", &names)]));
    }
    if before.queries != now.queries {
        parts.push(fill("looking from {rows}", &[("rows", &queries(now.queries))]));
    }
    if before.heads != now.heads {
        parts.push(fill("heads: {way}", &[("way", &heads(now.heads))]));
    }
    if before.stages != now.stages {
        parts.push(fill("stages of {layers}", &[("layers", &stages(now.stages))]));
    }
    if before.layers != now.layers {
        parts.push(fill("as {average}", &[("average", &ratio(now.layers))]));
    }
    let text = parts.join(", ");
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Where a number went, in words.
pub fn moved(from: f64, to: f64) -> String {
    let (a, b) = (number(from), number(to));
    match () {
        () if a == b => fill("stays at {b}", &[("b", &b)]),
        () if to > from => fill("rises from {a} to {b}", &[("a", &a), ("b", &b)]),
        () => fill("falls from {a} to {b}", &[("a", &a), ("b", &b)]),
    }
}

/// What a preset stands for.
pub fn preset_note(preset: Preset) -> &'static str {
    match preset {
        Preset::Paper => t(
            "Best reading of the paper: rows that predict the answer; every prompt token that is \
             not picture counts as text, the sink included.",
        ),
        Preset::Reimplementation => {
            t("As the public reimplementation counts: the same without the sink.")
        }
        Preset::Forward => {
            t("What one forward pass measures: rows of the prompt text; neither sink nor markers \
             count.")
        }
    }
}

/// A quantization's label.
pub const fn quant(quant: Quant) -> &'static str {
    quant.name()
}

/// A token's text as a chip shows it: line breaks and blanks made visible.
pub fn token(text: &str) -> String {
    ::plots::words::token(text, &plot_words())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted() {
        assert_eq!(bytes(14 * 1024 * 1024), "14.0 MiB");
        assert_eq!(millis(617.0), "617 ms");
        let waited = [400.0, 61_400.0, 150_000.0].map(seconds);
        assert_eq!(waited, ["0 s", "61 s", "3 min"].map(str::to_owned));
        assert_eq!((tokens(1), picture_tokens(2)), ("1 token".into(), "2 picture tokens".into()));
        assert_eq!(list(&["a", "b", "c"].map(str::to_owned)), "a, b and c");
    }

    #[test]
    fn near_one_nobody_leads() {
        assert_eq!(verdict(1.08).0, None);
        assert_eq!(verdict(0.92).0, None);
        assert_eq!(verdict(1.15).0, Some(Role::Words));
        assert_eq!(verdict(0.85).0, Some(Role::Picture));
    }

    #[test]
    fn tokens_show_what_cannot_be_seen() {
        assert_eq!(token(" dog"), "dog");
        assert_eq!(token("\n"), "↵");
        assert_eq!(token("<0x0A>"), "↵");
        assert_eq!(token(""), "[end]");
        assert_eq!(token("  "), "␣␣");
        assert_eq!(token("a\u{7}b"), "a␇b");
        assert_eq!([token("\u{200D}"), token("👩\u{200D}👧")], ["U+200D", "👩\u{200D}👧"]);
    }

    #[test]
    fn a_change_of_definition_is_said() {
        let paper = Preset::Paper.definition();
        let sink = Preset::Reimplementation.definition();
        let forward = Preset::Forward.definition();
        assert_eq!(changed(&paper, &sink), "Without the sink");
        assert_eq!(changed(&sink, &paper), "With the sink");
        assert_eq!(
            changed(&paper, &forward),
            "Without the sink and the markers, looking from prompt text"
        );
        assert_eq!(changed(&paper, &paper), "");
        assert_eq!(moved(17.37, 4.0), "falls from 17.4 to 4.00");
        assert_eq!(moved(1.0, 1.0001), "stays at 1.00");
    }

    #[test]
    fn groups_are_summed_up() {
        let paper = Preset::Paper.definition().text;
        assert_eq!(text_groups(paper), "all but picture");
        assert_eq!(text_groups(paper.without(Group::Begin)), "all but picture");
        assert_eq!(text_groups(GroupSet::of(&[Group::Instruction])), "your words");
        assert_eq!(text_groups(GroupSet::of(&[Group::Begin])), "the sink alone");
        assert_eq!(text_groups(GroupSet::EMPTY), "no token");
    }
}
