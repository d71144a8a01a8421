//! Times one question on one model folder: `time FOLDER PICTURE QUANT [PROMPT]`.
//! Medians of 15 runs in milliseconds, observed and unobserved taking turns.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool")]

use std::time::Instant;

use engine::{
    Control, DeviceChoice, EventObserver, LoadOptions, Model, NoObserver, Observer, Picture, Wants,
};
use shared::{Event, Quant, RunOptions};

struct Full;
impl Observer for Full {
    fn wants(&self) -> Wants {
        Wants { flows: true, rows: true, ..Wants::default() }
    }
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let quant = Quant::from_name(&args[3]).unwrap();
    let prompt = args.get(4).cloned().unwrap_or_else(|| "Which animal is it?".to_owned());
    let options = LoadOptions { name: "bench".to_owned(), quant, device: DeviceChoice::Cpu };
    let model = Model::load(&args[1], &options, &mut |_, _| {}).unwrap();
    let bytes = std::fs::read(&args[2]).unwrap();
    let run = RunOptions { prompt, quant, ignore_eos: true, ..RunOptions::default() };
    let (mut observed, mut unobserved, mut first) = (vec![], vec![], vec![]);
    let mut parts = vec![];
    let mut tokens = 0;
    for i in 0..18 {
        let start = Instant::now();
        let picture = Picture::decode(&bytes, &Default::default()).unwrap();
        let prepared = model.prepare(&picture, &run).unwrap();
        tokens = prepared.prompt_tokens();
        let summary = model.run(&prepared, &mut Full).unwrap().unwrap();
        let a = start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        let picture = Picture::decode(&bytes, &Default::default()).unwrap();
        let prepared = model.prepare(&picture, &run).unwrap();
        model.run(&prepared, &mut NoObserver).unwrap();
        let b = start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        let mut at = None;
        let prepared = model.prepare(&picture, &run).unwrap();
        let sink = |e: Event| {
            if matches!(e, Event::PrefillLayer { .. }) {
                at = Some(start.elapsed().as_secs_f64() * 1e3);
                return Control::Break(());
            }
            Control::Continue(())
        };
        let mut observer =
            EventObserver::new(model.info().clone(), run.clone(), sink, || Control::Continue(()));
        model.run(&prepared, &mut observer).unwrap();
        if i > 2 {
            observed.push(a);
            unobserved.push(b);
            first.push(at.unwrap());
            parts.push(summary.timing);
        }
    }
    let part = |f: fn(&shared::Timing) -> f64| median(parts.iter().map(f).collect());
    println!(
        "{} tokens {tokens} observed {:.1} unobserved {:.1} first layer {:.1} (prepare {:.1} vision {:.1} prefill {:.1} decode {:.1})",
        quant.name(),
        median(observed),
        median(unobserved),
        median(first),
        part(|t| t.prepare_ms),
        part(|t| t.vision_ms),
        part(|t| t.prefill_ms),
        part(|t| t.decode_ms),
    );
}
