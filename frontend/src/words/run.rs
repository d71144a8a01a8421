//! A run in words: what was done to it, what became of its picture, what observing it changed.

use std::fmt::Display;

use shared::report::{Comparison, Fidelity};
use shared::{
    Changed, CopyPositions, Group, GroupSet, ImageFit, Knockout, ModelInfo, PictureUse,
    PreparedPicture, PruneBy, PrunePositions, Quant, RunOptions, Sampling, WhyChanged,
};

use super::{group, list, number, percent};
use crate::language::{fill, message, t};

/// What the comparison with an unobserved run says: in a few words, and in full.
pub fn fidelity(fidelity: &Fidelity, quant: Quant) -> (String, String) {
    let off = |c: &Comparison| {
        let n = c.largest_logit_difference;
        if n == 0.0 { "0".to_owned() } else { number(f64::from(n)) }
    };
    let tokens = |c: &Comparison| {
        let values: [(&str, &dyn Display); 2] = [("same", &c.same_tokens), ("all", &c.tokens)];
        fill("{same} of {all} tokens equal", &values)
    };
    let c = &fidelity.observed;
    let short = if c.agrees() && c.largest_logit_difference == 0.0 {
        fill(
            "Observing changed nothing: {tokens}, largest logit difference 0",
            &[("tokens", &tokens(c))],
        )
    } else if c.agrees() {
        fill(
            "Observing changed no token: {tokens}, largest logit difference {off}",
            &[("tokens", &tokens(c)), ("off", &off(c))],
        )
    } else {
        fill("Observing changed the answer: {tokens}", &[("tokens", &tokens(c))])
    };
    let mut full = fill(
        "The same question ran again with nobody looking. {tokens}; over {rows} positions the \
         logits differ by at most {off} (the largest logit is {largest}).",
        &[
            ("tokens", &tokens(c)),
            ("rows", &c.rows),
            ("off", &off(c)),
            ("largest", &number(f64::from(c.largest_logit))),
        ],
    );
    if let Some(q) = &fidelity.quantized {
        full += " ";
        full += &fill(
            "Against the same model in f32, {quant} gives {tokens}, and the logits differ by at \
             most {off}.",
            &[("quant", &quant.name()), ("tokens", &tokens(q)), ("off", &off(q))],
        );
    }
    if let Some(why) = fidelity.uncompared_said() {
        full += " ";
        full += &fill("Not compared with f32: {why}", &[("why", &message(&why))]);
    }
    if let Some((late, layers)) = fidelity.moved.and_then(|m| Some((m.late.mdi?, m.layers?))) {
        let percent = |ratio: f64| format!("{:+.2}", 100.0 * (ratio - 1.0));
        let values: [(&str, &dyn Display); 5] = [
            ("quant", &quant.name()),
            ("late", &percent(late)),
            ("mean", &percent(layers.mean)),
            ("most", &percent(layers.farthest)),
            ("layer", &layers.layer),
        ];
        full += " ";
        full += &fill(
            "{quant} moved the late layers’ MDI (paper’s definition) by {late} %; layer by layer \
             by {mean} % on average, and by {most} % in layer {layer}.",
            &values,
        );
    }
    (short, full)
}

/// How tokens are chosen, in a few words.
pub fn sampling(of: &Sampling) -> String {
    let mut parts = Vec::new();
    if of.temperature > 0.0 {
        let values: [(&str, &dyn Display); 3] =
            [("t", &of.temperature), ("p", &of.top_p), ("seed", &of.seed)];
        parts.push(fill("drawn at temperature {t}, top-p {p}, seed {seed}", &values));
    } else {
        parts.push(t("most probable token").into());
    }
    if of.repetition_penalty != 1.0 {
        parts.push(fill("repetition penalty {penalty}", &[("penalty", &of.repetition_penalty)]));
    }
    parts.join(", ")
}

/// What a run used, everything that decides its numbers: a name and a value for each.
pub fn what_ran(options: &RunOptions, model: &ModelInfo) -> Vec<(&'static str, String)> {
    let mut all = vec![
        (t("Model"), format!("{} ({})", model.name, model.family)),
        (t("Weights"), super::quant(model.quant).to_owned()),
        (t("Activations"), model.dtype.clone()),
        (t("Device"), model.device.clone()),
        (t("Prompt template"), options.template_on(model).to_owned()),
    ];
    if options.picture != PictureUse::None {
        match options.max_pixels {
            Some(pixels) => all.push((t("Most pixels of the picture"), pixels.to_string())),
            // Models that read any size have a limit, and no frame.
            None => {
                let fit = match options.fit {
                    ImageFit::Crop => t("cropped"),
                    ImageFit::Pad => t("padded"),
                };
                all.push((t("Not square"), fit.to_owned()));
            }
        }
        all.push((t("Resized as by"), options.resize.name().to_owned()));
    }
    all.push((t("Next token"), sampling(&options.sampling)));
    all.push((t("Longest answer in tokens"), options.max_new_tokens.to_string()));
    all
}

/// What was done to the picture and to the attention on it, beyond asking; a sentence for each.
pub fn interventions(options: &RunOptions, model: &ModelInfo) -> Vec<String> {
    let mut done = Vec::new();
    if options.prune > 0.0 {
        let share = percent(f64::from(options.prune));
        let values: [(&str, &dyn Display); 2] = [("share", &share), ("score", &model.prune_score)];
        done.push(match options.prune_positions.or(model.prune_positions) {
            _ if options.prune_by != PruneBy::Score => {
                fill("{share} of the picture’s tokens were dropped, drawn by chance.", &values)
            }
            Some(PrunePositions::Kept) => fill(
                "{share} of the picture’s tokens were dropped, ranked by {score}; those left \
                 stand where they stood.",
                &values,
            ),
            Some(PrunePositions::Repacked) => fill(
                "{share} of the picture’s tokens were dropped, ranked by {score}; those left \
                 stand packed.",
                &values,
            ),
            None => {
                fill("{share} of the picture’s tokens were dropped, ranked by {score}.", &values)
            }
        });
    }
    if options.replicate > 1 {
        let n = options.replicate;
        done.push(match options.copies {
            CopyPositions::New => {
                fill("The picture’s tokens stand {n} times, one after the other.", &[("n", &n)])
            }
            CopyPositions::Shared => fill(
                "The picture’s tokens stand {n} times, all where the first stands.",
                &[("n", &n)],
            ),
        });
    }
    if options.fit == ImageFit::Pad {
        done.push(t("The picture was padded to a square first.").into());
    }
    if let Some(pixels) = options.max_pixels.filter(|n| model.max_pixels.is_none_or(|own| *n < own))
    {
        done.push(fill("The picture was made smaller, to at most {n} pixels.", &[("n", &pixels)]));
    }
    // A limit above the one where nobody asks is a model's that cuts pictures into tiles.
    if let Some(pixels) =
        options.max_pixels.filter(|n| model.max_pixels.is_some_and(|own| *n > own))
    {
        done.push(fill(
            "The picture could be cut into tiles, of at most {n} pixels together.",
            &[("n", &pixels)],
        ));
    }
    match options.picture {
        PictureUse::Own => {}
        PictureUse::Blank => done.push(t("The model saw a blank picture instead.").into()),
        PictureUse::Noise(seed) => {
            done.push(fill("The model saw noise instead (seed {seed}).", &[("seed", &seed)]));
        }
        PictureUse::None => {
            done.push(t("The model saw no picture, only the question.").into());
        }
    }
    if let Some(what) = &options.knockout {
        done.push(knockout(what));
    }
    done.extend(chosen(&options.sampling));
    done.extend(
        options
            .repeat
            .as_ref()
            .map(|repeat| fill("The question was asked {n} times.", &[("n", &repeat.times)])),
    );
    done.extend(options.changed.iter().map(changed));
    done
}

/// How tokens were chosen, where it was not simply the most probable one each time.
fn chosen(of: &Sampling) -> Vec<String> {
    let mut said = Vec::new();
    if of.temperature > 0.0 {
        let values: [(&str, &dyn Display); 3] =
            [("t", &of.temperature), ("p", &of.top_p), ("seed", &of.seed)];
        said.push(fill(
            "The answer’s tokens were drawn at temperature {t}, top-p {p}, seed {seed}.",
            &values,
        ));
    }
    if of.repetition_penalty != 1.0 {
        let values: [(&str, &dyn Display); 1] = [("penalty", &of.repetition_penalty)];
        said.push(fill(
            "Tokens that had come before were held back by a repetition penalty of {penalty}.",
            &values,
        ));
    }
    said
}

/// What was asked for and is not used as asked.
fn changed(what: &Changed) -> String {
    let values: [(&str, &dyn Display); 3] =
        [("option", &what.option), ("asked", &what.asked), ("used", &what.used)];
    match what.why {
        WhyChanged::AboveModelLimit => fill(
            "{option} {asked} was asked: above the model’s own limit, so {used} holds.",
            &values,
        ),
        WhyChanged::ReadsAnySize => fill(
            "{option} {asked} was asked and has no effect: this model reads pictures at any size.",
            &values,
        ),
    }
}

/// What a knockout keeps from whom, with the notation that the command line takes.
pub fn knockout(of: &Knockout) -> String {
    let prompt = GroupSet::of(&[
        Group::Begin,
        Group::System,
        Group::Template,
        Group::Marker,
        Group::Instruction,
    ]);
    let who = |set: GroupSet| match set {
        set if set == prompt => t("the words of the prompt").to_owned(),
        set if set == prompt.with(Group::Generated) => t("the prompt and the answer").to_owned(),
        set if set == GroupSet::EMPTY.with(Group::Image) => t("the picture").to_owned(),
        set => list(&set.iter().map(|g| group(g).to_owned()).collect::<Vec<_>>()),
    };
    let layers = match of.layers {
        None => t("in all layers").to_owned(),
        Some(band) if band.first == band.last => fill("in layer {n}", &[("n", &band.first)]),
        Some(band) => {
            fill("in layers {first} to {last}", &[("first", &band.first), ("last", &band.last)])
        }
    };
    let heads: Vec<String> = of.heads.iter().map(u32::to_string).collect();
    let place = match heads.as_slice() {
        [] => layers,
        heads => fill("{layers}, heads {heads}", &[("layers", &layers), ("heads", &list(heads))]),
    };
    fill(
        "Attention was knocked out {place}: {from} could not see {to} ({code}).",
        &[("place", &place), ("from", &who(of.from)), ("to", &who(of.to)), ("code", of)],
    )
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
        (_, true) => Some(t("padded")),
        (true, false) => Some(t("cropped")),
        (false, false) => None,
    }
}

/// What became of the picture on its way into the model.
pub fn preparation(p: &PreparedPicture) -> String {
    let [_, _, width, height] = p.covers;
    let source = format!("{} × {}", p.source_width, p.source_height);
    let shown = format!("{} × {}", p.width, p.height);
    let middle = format!("{width:.0} × {height:.0}");
    let values: [(&str, &dyn Display); 3] =
        [("source", &source), ("shown", &shown), ("middle", &middle)];
    match fit(p) {
        (_, true) => fill("{source} pixels, padded; the model saw it as {shown}.", &values),
        (true, false) => fill(
            "Cropped to the middle {middle} of {source} pixels; the model saw it as {shown}.",
            &values,
        ),
        (false, false) => fill("{source} pixels; the model saw it as {shown}.", &values),
    }
}

#[cfg(test)]
mod tests {
    use shared::Resizing;
    use shared::moved::{LayersShift, Moved, Shift};

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
        let moved = |quantized: Option<Comparison>| {
            let late = Shift { mdi: Some(1.02), ..Shift::default() };
            let layers = LayersShift { layers: 8, mean: 1.004, farthest: 0.97, layer: 3 };
            quantized.map(|_| Moved { late, layers: Some(layers), ..Moved::default() })
        };
        let said = |observed, quantized| {
            let moved = moved(quantized);
            let uncompared = quantized.is_none().then(|| "No room.".to_owned());
            let of = Fidelity { quantized, moved, uncompared, ..Fidelity::of(observed) };
            fidelity(&of, Quant::Q8_0)
        };
        let (short, full) = said(equal, Some(near));
        assert_eq!(
            short,
            "Observing changed nothing: 20 of 20 tokens equal, largest logit difference 0"
        );
        assert!(full.contains("over 190 positions"), "{full}");
        assert!(full.contains("q8_0 gives 17 of 20 tokens equal"), "{full}");
        assert!(full.contains("at most 0.50"), "{full}");
        assert!(full.contains("by +2.00 %; layer by layer by +0.40 %"), "{full}");
        assert!(full.contains("-3.00 % in layer 3"), "{full}");
        assert!(!full.contains("Not compared"), "{full}");
        let alone = said(equal, None).1;
        assert!(alone.ends_with("Not compared with f32: No room."), "{alone}");
        assert_eq!(said(near, None).0, "Observing changed the answer: 17 of 20 tokens equal");
        let off = Comparison { largest_logit_difference: 0.001, ..equal };
        assert!(said(off, None).0.starts_with("Observing changed no token"));
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
            fit: ImageFit::Pad,
            sampling: Sampling { repetition_penalty: 1.05, temperature: 0.7, top_p: 0.9, seed: 41 },
            changed: vec![Changed {
                option: "max_pixels".into(),
                asked: "2000000".into(),
                used: "38016".into(),
                why: WhyChanged::AboveModelLimit,
            }],
            ..RunOptions::default()
        };
        let said = interventions(&options, &model).join(" ");
        for word in ["75", "cls-attention", "packed", "5 times", "seed 1", "text>image@3-4"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        for word in ["temperature 0.7", "top-p 0.9", "seed 41", "penalty of 1.05"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        for word in ["padded", "max_pixels 2000000", "38016 holds"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }

    #[test]
    fn what_ran_names_resizing_and_the_choice_of_tokens() {
        let model = ModelInfo { template: "vicuna-v1".into(), ..ModelInfo::default() };
        let of = |options: &RunOptions| {
            let all = what_ran(options, &model).into_iter();
            all.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("; ")
        };
        let sampling = Sampling { temperature: 0.7, top_p: 0.9, seed: 3, repetition_penalty: 1.05 };
        let resize = Resizing::Torchvision;
        let said =
            of(&RunOptions { sampling, resize, fit: ImageFit::Pad, ..RunOptions::default() });
        for words in [
            "Prompt template: vicuna-v1",
            "Not square: padded",
            "Resized as by: torchvision",
            "Next token: drawn at temperature 0.7, top-p 0.9, seed 3, repetition penalty 1.05",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        // Runs that were stored without a choice.
        let said = of(&RunOptions { max_pixels: Some(38_016), ..RunOptions::default() });
        assert!(said.contains("pillow-13") && said.contains("Next token: most probable token"));
        assert!(said.contains("38016") && !said.contains("Not square"), "{said}");
        let alone = RunOptions { picture: PictureUse::None, ..RunOptions::default() };
        assert!(!of(&alone).contains("Resized"), "nothing was resized");
    }

    /// A model's own limit is no intervention; runs of earlier labs name a limit only where one was
    /// asked for.
    #[test]
    fn a_smaller_picture_is_said_and_the_models_own_size_is_not() {
        let options = RunOptions { max_pixels: Some(38_016), ..RunOptions::default() };
        let of = |own: Option<u32>| {
            interventions(&options, &ModelInfo { max_pixels: own, ..ModelInfo::default() }).len()
        };
        assert_eq!([of(Some(38_016)), of(Some(1_003_520)), of(None)], [0, 1, 1]);
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
