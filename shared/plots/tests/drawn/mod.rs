//! The shipped run's plots and card as they are drawn everywhere: run natively by
//! `shared/plots/tests/shipped.rs`, and compiled into a wasm module by `tests/wasm`.

use plots::export::{Asked, RunPlot, file};
use plots::run::{Measured, Run, View};
use plots::{Style, Theme};
use serde::Deserialize;
use shared::{Definition, Envelope, Event, Label, Observation, Preset, Repeat, Sampled};

/// Fingerprint of [`documents`] on every machine. It changes when a drawing does; then look at it
/// (`LOOK=DIR cargo test -p plots --features png --test shipped`), and put the new one here.
const FINGERPRINT: u64 = 0xb557_9b9b_2532_f76d;

const RUN: &str = include_str!("../../../../models/demo-llava/samples/run.json");

#[derive(Deserialize)]
struct Record {
    events: Vec<Envelope>,
}

/// What is drawn, by name: every plot and the card in every theme, and some of them looked at
/// otherwise.
pub fn documents(picture: Option<&str>) -> Vec<(String, plots::export::File)> {
    let Ok(record) = serde_json::from_str::<Record>(RUN) else { return Vec::new() };
    let mut observation = Observation::default();
    let mut known = None;
    for Envelope { event, .. } in &record.events {
        observation.apply(event);
        if let Event::Layout { model, options, .. } = event {
            known = Some((model.clone(), options.clone()));
        }
    }
    let Some((model, options)) = known else { return Vec::new() };
    let label = Label::default();
    let run = |options| Run {
        observation: &observation,
        model: &model,
        options,
        label: &label,
        status: "done",
        sampled: &[],
    };
    let address = "http://127.0.0.1:8080/r/sample";
    let asked = Asked { address, version: "0", partial: false, picture };
    let mut all = Vec::new();
    for theme in Theme::ALL {
        let style = Style::from(theme);
        for plot in RunPlot::ALL {
            let drawn = file(&run(&options), plot, &View::default(), &style, &asked);
            all.push((format!("{}-{}", plot.name(), theme.name()), drawn));
        }
        let card = plots::card::card(&run(&options), &View::default(), &style, &asked);
        all.push((format!("card-{}", theme.name()), card));
    }
    let style = Style::default();
    let definition = Definition { ..Preset::Forward.definition() };
    let aei = View { definition, measured: Measured::Aei, layer: Some(3), ..View::default() };
    all.push(("curve-aei".into(), file(&run(&options), RunPlot::Curve, &aei, &style, &asked)));
    // What people type, at its longest.
    let mut korean = options.clone();
    korean.prompt =
        "이 사진에서 고양이가 어디에 앉아 있는지, 그리고 그 옆에 무엇이 놓여 있는지 아주 자세히 \
        설명해 주시고 배경의 색깔도 알려 주세요. 가능하면 왼쪽부터 차례로 말해 주세요."
            .into();
    let mut english = options.clone();
    english.prompt = "Describe everything that can be seen in the picture from the left to the right, with its \
        colour, its size and its distance, and then say which of the animals looks at the camera <b>&</b> why."
        .into();
    for (name, options) in [("korean", &korean), ("english", &english)] {
        let view = View { layer: Some(5), ..View::default() };
        let card = plots::card::card(&run(options), &view, &style, &asked);
        all.push((format!("card-{name}"), card));
        let curve = file(&run(options), RunPlot::Curve, &view, &style, &asked);
        all.push((format!("curve-{name}"), curve));
    }
    // Answers that part: each ends one token earlier.
    let one = |index: usize| {
        let mut fewer = observation.clone();
        fewer.tokens.truncate(observation.tokens.len().saturating_sub(index));
        let (answer, masses) = (fewer.answer(), fewer.masses().unwrap_or_default());
        Sampled { index: index as u32, answer, masses, ..Sampled::default() }
    };
    let sampled: Vec<Sampled> = (0..4).map(one).collect();
    let repeat = Some(Repeat { times: 4, claim: String::new() });
    let sampling = shared::Sampling { temperature: 0.7, ..options.sampling };
    let asked_again = shared::RunOptions { repeat, sampling, ..options.clone() };
    let several = Run { sampled: &sampled, ..run(&asked_again) };
    let drawn = file(&several, RunPlot::Repeat, &View::default(), &style, &asked);
    all.push(("repeat-four".into(), drawn));
    let running = Run { status: "running", ..run(&options) };
    all.push((
        "card-running".into(),
        plots::card::card(&running, &View::default(), &style, &asked),
    ));
    all.push((
        "heads-running".into(),
        file(&running, RunPlot::Heads, &View::default(), &style, &asked),
    ));
    all
}

/// Compares the documents' fingerprint (FNV-1a) with the one that was written down.
///
/// # Errors
/// What differs, in a sentence.
pub fn run() -> Result<usize, String> {
    let all = documents(None);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (name, file) in &all {
        for byte in name.bytes().chain(file.svg.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    match hash == FINGERPRINT && !all.is_empty() {
        true => Ok(all.len()),
        false => Err(format!("the drawings' fingerprint is {hash:#x}, not {FINGERPRINT:#x}")),
    }
}
