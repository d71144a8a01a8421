//! A report as a table for people.

use std::fmt::Write as _;

use shared::report::{Comparison, Numbers};
use shared::{
    AfterFilm, CopyPositions, FrameOrder, Group, Medium, Moved, PictureUse, PreparedPicture,
    PruneBy, PruneCount, Report,
};

/// A picture as the model saw it, and what was done to its tokens.
fn picture(report: &Report, p: Option<PreparedPicture>) -> String {
    let Some(p) = p else {
        return "none: the question alone".to_owned();
    };
    let options = &report.options;
    let mut text = format!("{} × {} pixels", p.width, p.height);
    match options.picture {
        PictureUse::Own => {
            let _ =
                write!(text, " (fit {}, resized as {})", options.fit.name(), options.resize.name());
        }
        PictureUse::Blank | PictureUse::Noise(_) | PictureUse::None => {}
    }
    let _ = write!(text, ", {} × {} tokens", p.rows, p.cols);
    match options.picture {
        PictureUse::Own | PictureUse::None => {}
        PictureUse::Blank => text += ", blank (the mean colour)",
        PictureUse::Noise(seed) => {
            let _ = write!(text, ", noise of seed {seed}");
        }
    }
    text += &levers(report);
    text
}

/// A sound of so many milliseconds as the model heard it, and what was done to its tokens.
fn sound(report: &Report, length: u32) -> String {
    let mut text = format!("{:.2} seconds heard", f64::from(length) / 1e3);
    if report.options.picture == PictureUse::Blank {
        text += ", as silence";
    }
    text + &levers(report)
}

/// A film as the model saw it: which frames, at which rate and by which rule, and what was done to its tokens.
fn film(report: &Report, medium: &Medium) -> String {
    let Medium::Video { view, times, frames, of, rate, rule } = medium else {
        return String::new();
    };
    let mut text = format!(
        "{} of {of} frames, {rate} a second, by the rule {}, {} × {} pixels, {} × {} × {} tokens",
        frames.len(),
        rule.name(),
        view.width,
        view.height,
        times.len(),
        view.rows,
        view.cols,
    );
    match report.options.picture {
        PictureUse::Own | PictureUse::None => {}
        PictureUse::Blank => text += ", black",
        PictureUse::Noise(seed) => _ = write!(text, ", noise of seed {seed}"),
    }
    if report.options.film.order != FrameOrder::Own {
        let _ = write!(text, ", {}", report.options.film.order);
    }
    if report.options.film.after != AfterFilm::default() {
        let _ = write!(text, ", text {}", report.options.film.after.name());
    }
    text + &levers(report)
}

/// What was done to the tokens of media.
fn levers(report: &Report) -> String {
    let (options, mut text) = (&report.options, String::new());
    if options.prune > 0.0 {
        let percent = 100.0 * options.prune;
        let by = match options.prune_by {
            PruneBy::Score => report.model.prune_score.clone(),
            random => format!("chance ({random})"),
        };
        let _ = write!(text, "; {percent:.0} % pruned by {by}");
        if options.prune_count == PruneCount::Floor {
            text += ", count rounded down";
        }
        if let Some(positions) = options.prune_positions {
            let _ = write!(text, ", positions {}", positions.name());
        }
    }
    if options.replicate > 1 {
        let _ = write!(text, "; repeated {} times", options.replicate);
        if options.copies == CopyPositions::Shared {
            text += " at the same positions";
        }
    }
    text
}

/// What the number of picture tokens does to MDI by itself, where some were dropped or repeated: with each side's
/// share of the attention as it was, MDI would follow the count alone.
fn counts_alone(report: &Report) -> Option<String> {
    let whole: u32 = report.layout.media.iter().map(Medium::picture_tokens).sum();
    if whole == 0 {
        return None;
    }
    let now = report.layout.counts.iter().find(|(group, _)| *group == Group::Image)?.1;
    let factor = f64::from(now) / f64::from(whole);
    (now != whole && now > 0).then(|| {
        format!(
            "{now} picture tokens instead of {whole}: had the shares of attention stayed (P_T), this alone \
             would give {factor:.3} times the MDI"
        )
    })
}

/// The report as text.
pub(super) fn table(report: &Report) -> String {
    let mut out = String::new();
    let model = &report.model;
    let _ = writeln!(
        out,
        "model       {} ({}, {} layers × {} heads, {}, {})",
        model.name,
        model.family,
        model.layers,
        model.heads,
        model.quant.name(),
        model.device
    );
    if !model.fallbacks.is_empty() {
        let n = model.fallbacks.len();
        let quant = model.quant.name();
        let _ = writeln!(
            out,
            "            {n} groups of tensors do not fit {quant}; --json names them"
        );
    }
    let media = report.layout.media.as_slice();
    let hears = !media.is_empty() && media.iter().all(|m| matches!(m, Medium::Audio { .. }));
    let watches = !media.is_empty() && media.iter().all(|m| matches!(m, Medium::Video { .. }));
    if !model.jpeg_decoder.is_empty() && !hears {
        let _ = writeln!(out, "            JPEG files are decoded by {}", model.jpeg_decoder);
    }
    for note in &model.notes {
        let _ = writeln!(out, "note        {note}");
    }
    let counts: Vec<String> = report
        .layout
        .counts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(group, n)| format!("{} {n}", group.name()))
        .collect();
    let tokens = report.layout.tokens.len();
    let _ = writeln!(out, "prompt      {tokens} tokens: {}", counts.join(", "));
    let _ = writeln!(out, "template    {}", report.options.template_on(model));
    match media {
        several @ [_, _, ..] => {
            for (number, medium) in (1..).zip(several) {
                match medium {
                    Medium::Audio { length } => {
                        let _ = writeln!(out, "sound {number}     {}", sound(report, *length));
                    }
                    Medium::Video { .. } => {
                        let _ = writeln!(out, "film {number}      {}", film(report, medium));
                    }
                    _ => {
                        let seen = picture(report, medium.picture());
                        let _ = writeln!(out, "picture {number}   {seen}");
                    }
                }
            }
        }
        [Medium::Audio { length }] => {
            let _ = writeln!(out, "sound       {}", sound(report, *length));
        }
        [medium @ Medium::Video { .. }] => {
            let _ = writeln!(out, "film        {}", film(report, medium));
        }
        _ => _ = writeln!(out, "picture     {}", picture(report, report.layout.picture)),
    }
    if let Some(alone) = counts_alone(report) {
        let _ = writeln!(out, "            {alone}");
    }
    if let Some(knockout) = &report.options.knockout {
        let _ = writeln!(out, "knockout    {knockout}: these rows do not see these keys");
    }
    if report.options.sampling != shared::Sampling::default() {
        let _ = writeln!(out, "tokens      {}", report.options.sampling);
    }
    let ends = report.layout.tokens.iter().filter(|t| t.group == Group::Image && t.place.is_none());
    let ends = ends.count();
    if ends > 0 {
        let _ = writeln!(out, "line ends   {ends} of the picture tokens (n_O), on no part of it");
    }
    let _ = writeln!(out, "definition  {}", report.definition_name);
    let generated = report.generated.ids.len();
    let _ = writeln!(out, "answer      {} ({generated} tokens)", report.generated.text.trim());
    let _ = writeln!(
        out,
        "\n{:>7}  {:>9} {:>9} {:>9}  {:>5} {:>5} {:>6} {:>6}",
        "layer",
        "MDI",
        "AEI text",
        match (hears, watches) {
            (true, _) => "AEI sound",
            (_, true) => "AEI film",
            _ => "AEI pict.",
        },
        "n_T",
        "n_O",
        "P_T",
        "Q_T"
    );
    for layer in &report.layers {
        let _ = writeln!(out, "{}", line(&layer.index.to_string(), &layer.numbers));
    }
    out.push('\n');
    let stages = &report.stages;
    for (name, n) in [("early", &stages.early), ("middle", &stages.middle), ("late", &stages.late)]
    {
        let _ = writeln!(out, "{}", line(name, n));
    }
    let residual = report.layers.iter().filter_map(|l| l.numbers.identity_residual);
    if let Some(worst) = residual.reduce(f64::max) {
        let _ = writeln!(out, "\nQ_T·AEI_T + Q_O·AEI_O is 1, off by at most {worst:.0e}");
    }
    if let Some(fidelity) = &report.fidelity {
        out.push('\n');
        let _ = writeln!(out, "{}", compared("observed against unobserved", &fidelity.observed));
        if let Some(quantized) = &fidelity.quantized {
            let what = format!("{} against f32", model.quant.name());
            let _ = writeln!(out, "{}", compared(&what, quantized));
        }
        if let Some(why) = &fidelity.uncompared {
            let _ = writeln!(out, "not compared with f32: {why}");
        }
        if let Some(moved) = &fidelity.moved {
            let _ = writeln!(out, "{}", shifts(model.quant.name(), moved));
        }
    }
    if let Some(t) = &report.timing {
        let _ = writeln!(
            out,
            "\ntime        {:.1} ms: prepare {:.1}, vision {:.1}, prompt {:.1}, answer {:.1}",
            t.total_ms, t.prepare_ms, t.vision_ms, t.prefill_ms, t.decode_ms
        );
    }
    out
}

/// How far MDI and AEI moved from f32, stage by stage and over all layers.
fn shifts(quant: &str, moved: &Moved) -> String {
    let percent = |ratio: f64| format!("{:+.2} %", 100.0 * (ratio - 1.0));
    let of = |ratio: Option<f64>| ratio.map_or_else(|| "undefined".to_owned(), percent);
    let mut out =
        format!("{quant} moved MDI, AEI of text and AEI of the picture (paper's definition):");
    for (name, s) in [("early", moved.early), ("middle", moved.middle), ("late", moved.late)] {
        let (mdi, text, image) = (of(s.mdi), of(s.aei_text), of(s.aei_image));
        let _ = write!(out, "\n{name:>7}  {mdi:>10} {text:>10} {image:>10}");
    }
    if let Some(l) = moved.layers {
        let _ = write!(
            out,
            "\n MDI of {} layers: {} on average (geometric), at most {} in layer {}",
            l.layers,
            percent(l.mean),
            percent(l.farthest),
            l.layer
        );
    }
    out
}

fn line(name: &str, n: &Numbers) -> String {
    let real =
        |v: Option<f64>, decimals: usize| v.map_or("–".to_owned(), |v| format!("{v:.decimals$}"));
    let whole = |v: Option<u32>| v.map_or("–".to_owned(), |v| v.to_string());
    let mut line = format!(
        "{name:>7}  {:>9} {:>9} {:>9}  {:>5} {:>5} {:>6} {:>6}",
        real(n.mdi, 3),
        real(n.aei_text, 3),
        real(n.aei_image, 3),
        whole(n.text_tokens),
        whole(n.image_tokens),
        real(n.share_text, 3),
        real(n.share_tokens_text, 3),
    );
    if let Some(reason) = n.undefined {
        let _ = write!(line, "  {reason}");
    }
    line
}

/// A comparison as a line.
fn compared(what: &str, c: &Comparison) -> String {
    format!(
        "{what}: {} of {} tokens the same, largest logit difference {:.2e} (largest logit {:.1})",
        c.same_tokens, c.tokens, c.largest_logit_difference, c.largest_logit
    )
}
