//! How numbers and terms are put into words, in one place.

use shared::report::{Comparison, Fidelity};
use shared::{
    CopyPositions, Definition, Group, GroupSet, Heads, Measure, ModelInfo, PictureUse,
    PreparedPicture, Preset, PrunePositions, Quant, Queries, Ratio, RunOptions, Stages,
};

use crate::colour::Role;

/// A number with three significant digits, as a person would write it.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "∞".into()
    } else if size >= 9_999.5 {
        format!("{value:.2e}")
    } else if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.0995 || size == 0.0 {
        format!("{value:.2}")
    } else {
        let places = ((-size.log10()).ceil() as usize + 1).min(8);
        format!("{value:.places$}")
    }
}

/// A share as a percentage, with a thin space.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let digits = match value {
        v if v >= 10.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v if v >= 0.01 || v == 0.0 => format!("{v:.2}"),
        _ => return "< 0.01\u{2009}%".into(),
    };
    format!("{digits}\u{2009}%")
}

/// A size in bytes.
pub fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n >= 1024.0 * 1024.0 * 1024.0 => format!("{:.2} GiB", n / 1024f64.powi(3)),
        n if n >= 1024.0 * 1024.0 => format!("{:.1} MiB", n / 1024f64.powi(2)),
        n if n >= 1024.0 => format!("{:.0} KiB", n / 1024.0),
        n => format!("{n:.0} bytes"),
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

/// `1 token`, `2 tokens`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Who draws more attention per token, in words: a statement about attention, not about the answer.
/// Within 10 % of 1 nobody does: less than a change of prompt template moves it.
pub fn verdict(mdi: f64) -> (Option<Role>, &'static str) {
    if mdi > 1.1 {
        (Some(Role::Words), "Token for token, the words draw more.")
    } else if mdi < 1.0 / 1.1 {
        (Some(Role::Picture), "Token for token, the picture draws more.")
    } else {
        (None, "Words and picture draw about as much.")
    }
}

/// How far something that should be zero is from it.
pub fn residual(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.0e}") }
}

/// What the shares of a measure are, by their symbols.
pub fn shares(measure: &Measure) -> String {
    let said = |value: shared::Value, words: fn(f64) -> String| {
        value.map_or_else(|reason| format!("undefined ({reason})"), words)
    };
    format!(
        "Q_T {}: the tokens that are text, of text and picture tokens. P_T {}: the attention on \
         them. AEI is P over Q, and Q_T·AEI_T + Q_O·AEI_O is 1 (off by {}).",
        said(measure.share_tokens_text, percent),
        said(measure.share_text, percent),
        said(measure.identity_residual(), residual)
    )
}

/// What the comparison with an unobserved run says: in a few words, and in full.
pub fn fidelity(fidelity: &Fidelity, quant: Quant) -> (String, String) {
    let off = |c: &Comparison| {
        let n = c.largest_logit_difference;
        if n == 0.0 { "0".to_owned() } else { number(f64::from(n)) }
    };
    let tokens = |c: &Comparison| format!("{} of {} tokens equal", c.same_tokens, c.tokens);
    let c = &fidelity.observed;
    let short = if c.agrees() && c.largest_logit_difference == 0.0 {
        format!("Observing changed nothing: {}, largest logit difference 0", tokens(c))
    } else if c.agrees() {
        format!("Observing changed no token: {}, largest logit difference {}", tokens(c), off(c))
    } else {
        format!("Observing changed the answer: {}", tokens(c))
    };
    let mut full = format!(
        "The same question ran again with nobody looking. {}; over {} positions the logits differ \
         by at most {} (the largest logit is {}).",
        tokens(c),
        c.rows,
        off(c),
        number(f64::from(c.largest_logit))
    );
    if let Some(q) = &fidelity.quantized {
        full += &format!(
            " Against the same model in f32, {} gives {}, and the logits differ by at most {}.",
            quant.name(),
            tokens(q),
            off(q)
        );
    }
    (short, full)
}

/// A group's name for people.
pub const fn group(group: Group) -> &'static str {
    match group {
        Group::Begin => "begin (sink)",
        Group::System => "system",
        Group::Template => "template",
        Group::Marker => "markers",
        Group::Image => "picture",
        Group::Instruction => "your words",
        Group::Generated => "answer",
    }
}

/// A group's name where there is little room.
pub const fn group_short(group: Group) -> &'static str {
    match group {
        Group::Begin => "begin",
        Group::System => "system",
        Group::Template => "templ.",
        Group::Marker => "marks",
        Group::Image => "picture",
        Group::Instruction => "yours",
        Group::Generated => "answer",
    }
}

/// What a group is.
pub const fn group_note(group: Group) -> &'static str {
    match group {
        Group::Begin => "Position 0, whatever it holds. Models park attention there: the sink.",
        Group::System => "Text of the system turn.",
        Group::Template => "Role words and line breaks around the turn.",
        Group::Marker => "Special delimiters such as <|vision_start|>.",
        Group::Image => "One token per patch of the picture.",
        Group::Instruction => "What you typed.",
        Group::Generated => "What the model wrote.",
    }
}

/// Names of the queries.
pub const QUERIES: [(Queries, &str, &str); 5] = [
    (
        Queries::Predicting,
        "predicting",
        "Rows that predict the answer: the last prompt token, then each token written.",
    ),
    (
        Queries::GeneratedPositions,
        "generated",
        "Rows of the written tokens that predicted another.",
    ),
    (Queries::LastPrompt, "last prompt token", "The row that predicts the first token alone."),
    (Queries::PromptText, "prompt text", "Rows of the system, template and typed tokens."),
    (Queries::AllPrompt, "all prompt", "Every row of the prompt, picture included."),
];

/// The name of a choice of queries.
pub fn queries(choice: Queries) -> &'static str {
    QUERIES.iter().find(|q| q.0 == choice).map_or("", |q| q.1)
}

/// The name of a way to combine heads.
pub fn heads(heads: Heads) -> String {
    match heads {
        Heads::MeanFirst => "mean first".into(),
        Heads::ShareThenMean => "share, then mean".into(),
        Heads::One(h) => format!("head {h} only"),
    }
}

/// The name of a choice of stages.
pub const fn stages(stages: Stages) -> &'static str {
    match stages {
        Stages::Two => "two layers each",
        Stages::Thirds => "thirds",
        Stages::All => "all layers",
    }
}

/// The name of a way to average.
pub const fn ratio(ratio: Ratio) -> &'static str {
    match ratio {
        Ratio::MeanOfRatios => "mean of ratios",
        Ratio::RatioOfMeans => "ratio of means",
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
        return "all but picture".into();
    }
    let names: Vec<&str> =
        set.iter().filter(|g| !matches!(g, Group::Begin | Group::Image)).map(group).collect();
    match names.as_slice() {
        [] if set.contains(Group::Begin) => "the sink alone".into(),
        [] => "nothing".into(),
        names => names.join(" + "),
    }
}

/// What a change of definition does, as the beginning of a sentence; empty where nothing changed.
pub fn changed(before: &Definition, now: &Definition) -> String {
    let mut parts: Vec<String> = Vec::new();
    let named = |g: Group| match g {
        Group::Begin => "the sink",
        Group::System => "the system prompt",
        Group::Template => "the template’s words",
        Group::Marker => "the markers",
        Group::Instruction => "your words",
        Group::Generated => "the answer",
        Group::Image => "the picture",
    };
    for (word, from, to) in [("without", before.text, now.text), ("with", now.text, before.text)] {
        let names: Vec<&str> = from.iter().filter(|g| !to.contains(*g)).map(named).collect();
        if !names.is_empty() {
            parts.push(format!("{word} {}", names.join(" and ")));
        }
    }
    if before.queries != now.queries {
        parts.push(format!("looking from {}", queries(now.queries)));
    }
    if before.heads != now.heads {
        parts.push(format!("heads: {}", heads(now.heads)));
    }
    if before.stages != now.stages {
        parts.push(format!("stages of {}", stages(now.stages)));
    }
    if before.layers != now.layers {
        parts.push(format!("as {}", ratio(now.layers)));
    }
    let text = parts.join(", ");
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What was done to the picture and to the attention on it, beyond asking; a sentence for each.
pub fn interventions(options: &RunOptions, model: &ModelInfo) -> Vec<String> {
    let mut done = Vec::new();
    if options.prune > 0.0 {
        let kept = match options.prune_positions.or(model.prune_positions) {
            Some(PrunePositions::Kept) => "; those left stand where they stood",
            Some(PrunePositions::Repacked) => "; those left stand packed",
            None => "",
        };
        done.push(format!(
            "{} of the picture’s tokens were dropped, ranked by {}{kept}.",
            percent(f64::from(options.prune)),
            model.prune_score,
        ));
    }
    if options.replicate > 1 {
        let at = match options.copies {
            CopyPositions::New => "one after the other",
            CopyPositions::Shared => "all where the first stands",
        };
        done.push(format!("The picture’s tokens stand {} times, {at}.", options.replicate));
    }
    if let Some(pixels) = options.max_pixels {
        done.push(format!("The picture was made smaller, to at most {pixels} pixels."));
    }
    match options.picture {
        PictureUse::Own => {}
        PictureUse::Blank => done.push("The model saw a blank picture instead.".into()),
        PictureUse::Noise(seed) => {
            done.push(format!("The model saw noise instead (seed {seed})."));
        }
        PictureUse::None => done.push("The model saw no picture, only the question.".into()),
    }
    if let Some(knockout) = &options.knockout {
        done.push(format!("Attention was knocked out: {knockout}."));
    }
    done
}

/// Where a number went, in words.
pub fn moved(from: f64, to: f64) -> String {
    let (a, b) = (number(from), number(to));
    match () {
        () if a == b => format!("stays at {b}"),
        () if to > from => format!("rises from {a} to {b}"),
        () => format!("falls from {a} to {b}"),
    }
}

/// What a preset stands for.
pub const fn preset_note(preset: Preset) -> &'static str {
    match preset {
        Preset::Paper => {
            "Best reading of the paper: rows that predict the answer; every prompt token that is \
             not picture counts as text, the sink included."
        }
        Preset::Reimplementation => {
            "As the public reimplementation counts: the same without the sink."
        }
        Preset::Forward => {
            "What one forward pass measures: rows of the prompt text; neither sink nor markers \
             count."
        }
    }
}

/// A quantization's label.
pub const fn quant(quant: Quant) -> &'static str {
    quant.name()
}

/// A token's text as a chip shows it: line breaks and blanks made visible.
pub fn token(text: &str) -> String {
    let text = text.replace('\u{2581}', " ").replace("\r\n", "↵").replace(['\n', '\r'], "↵");
    let text = text.replace("<0x0A>", "↵");
    let shown = text.replace('\t', "⇥");
    match shown.trim() {
        "" if shown.is_empty() => "[end]".into(),
        "" => "␣".repeat(shown.chars().count()),
        word => word.chars().map(|c| if c.is_control() { '�' } else { c }).collect(),
    }
}

/// Whether the prepared picture leaves a part of the given one out, and whether it reaches beyond.
fn fit(p: &PreparedPicture) -> (bool, bool) {
    let [x, y, width, height] = p.covers;
    let (right, bottom) = (p.source_width as f32, p.source_height as f32);
    // Half a pixel is rounding, not cropping.
    let cropped = x > 0.5 || y > 0.5 || x + width < right - 0.5 || y + height < bottom - 0.5;
    let padded = x < -0.5 || y < -0.5 || x + width > right + 0.5 || y + height > bottom + 0.5;
    (cropped, padded)
}

/// One word for how the picture met the model's frame, where it did not simply fit.
pub fn fitted(p: &PreparedPicture) -> Option<&'static str> {
    match fit(p) {
        (_, true) => Some("padded"),
        (true, false) => Some("cropped"),
        (false, false) => None,
    }
}

/// What became of the picture on its way into the model.
pub fn preparation(p: &PreparedPicture) -> String {
    let [_, _, width, height] = p.covers;
    let source = format!("{} × {}", p.source_width, p.source_height);
    let shown = format!("{} × {}", p.width, p.height);
    match fit(p) {
        (_, true) => format!("{source} pixels, padded; the model saw it as {shown}."),
        (true, false) => format!(
            "Cropped to the middle {width:.0} × {height:.0} of {source} pixels; the model saw it \
             as {shown}."
        ),
        (false, false) => format!("{source} pixels; the model saw it as {shown}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fidelity_says_what_differs() {
        let equal = Comparison {
            same_tokens: 20,
            tokens: 20,
            largest_logit_difference: 0.0,
            largest_logit: 12.0,
            rows: 190,
        };
        let near = Comparison { same_tokens: 17, largest_logit_difference: 0.5, ..equal };
        let said = |observed, quantized| fidelity(&Fidelity { observed, quantized }, Quant::Q8_0);
        let (short, full) = said(equal, Some(near));
        assert_eq!(
            short,
            "Observing changed nothing: 20 of 20 tokens equal, largest logit difference 0"
        );
        assert!(full.contains("over 190 positions"), "{full}");
        assert!(full.contains("q8_0 gives 17 of 20 tokens equal"), "{full}");
        assert!(full.contains("at most 0.50"), "{full}");
        assert_eq!(said(near, None).0, "Observing changed the answer: 17 of 20 tokens equal");
        let off = Comparison { largest_logit_difference: 0.001, ..equal };
        assert!(said(off, None).0.starts_with("Observing changed no token"));
    }

    #[test]
    fn numbers_have_three_digits() {
        let cases = [
            (17.37, "17.4"),
            (4.229, "4.23"),
            (0.3149, "0.31"),
            (0.042, "0.042"),
            (0.000_123, "0.00012"),
            (123.4, "123"),
            (99.96, "100"),
            (9.999, "10.0"),
            (0.0, "0.00"),
            (12_345.0, "1.23e4"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn shares_and_sizes() {
        assert_eq!(percent(0.767), "77\u{2009}%");
        assert_eq!(percent(0.0423), "4.2\u{2009}%");
        assert_eq!(percent(0.000_01), "< 0.01\u{2009}%");
        assert_eq!(percent(0.0), "0.00\u{2009}%");
        assert_eq!(bytes(14 * 1024 * 1024), "14.0 MiB");
        assert_eq!(millis(617.0), "617 ms");
        assert_eq!(count(1, "token"), "1 token");
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
        assert_eq!(token("a\u{7}b"), "a�b");
    }

    #[test]
    fn what_was_done_is_said() {
        let model = ModelInfo { prune_score: "cls-attention".into(), ..ModelInfo::default() };
        assert!(interventions(&RunOptions::default(), &model).is_empty());
        let options = RunOptions {
            prune: 0.75,
            prune_positions: Some(PrunePositions::Repacked),
            replicate: 5,
            picture: PictureUse::Noise(1),
            knockout: "text>image@3-4".parse().ok(),
            ..RunOptions::default()
        };
        let said = interventions(&options, &model).join(" ");
        for word in ["75", "cls-attention", "packed", "5 times", "seed 1", "text>image@3-4"] {
            assert!(said.contains(word), "{word}: {said}");
        }
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
        assert_eq!(text_groups(GroupSet::EMPTY), "nothing");
    }

    #[test]
    fn cropping_and_padding_are_said() {
        let square = PreparedPicture {
            width: 96,
            height: 96,
            source_width: 640,
            source_height: 480,
            covers: [80.0, 0.0, 480.0, 480.0],
            rows: 8,
            cols: 8,
        };
        assert!(preparation(&square).contains("middle 480 × 480 of 640 × 480"));
        let padded = PreparedPicture { covers: [0.0, -80.0, 640.0, 640.0], ..square };
        assert!(preparation(&padded).contains("padded"));
        assert_eq!([square, padded].map(|p| fitted(&p)), [Some("cropped"), Some("padded")]);
        let whole = PreparedPicture { covers: [0.0, 0.0, 640.0, 480.0], ..square };
        assert!(preparation(&whole).starts_with("640 × 480 pixels; the"));
    }
}
