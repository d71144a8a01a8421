//! Asks a model an evaluation set: `evaluate FOLDER EVAL.jsonl [QUANT…]` (default f32 q8_0 q4k).
//!
//! Prints one row per kind and style group: how many answers are right, by the same rule as
//! `training/evaluate.py` (equal to an accepted answer, case, spacing and final dot aside).

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a command-line tool for developers")]

use std::collections::BTreeMap;
use std::path::Path;

use engine::{DeviceChoice, LoadOptions, Model, NoObserver, Picture, PictureLimits};
use shared::{Quant, RunOptions};

#[derive(serde::Deserialize)]
struct Item {
    image: String,
    kind: String,
    style: String,
    prompt: String,
    answers: Vec<String>,
}

fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase().trim_end_matches('.').to_owned()
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (folder, set) = (args.next().unwrap(), args.next().unwrap());
    let quants: Vec<Quant> = args.map(|q| Quant::from_name(&q).unwrap()).collect();
    let quants = if quants.is_empty() { vec![Quant::F32, Quant::Q8_0, Quant::Q4k] } else { quants };
    let at = Path::new(&set).parent().unwrap();
    let text = std::fs::read_to_string(&set).unwrap();
    let items: Vec<Item> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut table: BTreeMap<String, Vec<(u32, u32)>> = BTreeMap::new();
    for (column, quant) in quants.iter().enumerate() {
        let options =
            LoadOptions { name: folder.clone(), quant: *quant, device: DeviceChoice::Cpu };
        let model = Model::load(&folder, &options, &mut |_, _| {}).unwrap();
        for item in &items {
            let bytes = std::fs::read(at.join(&item.image)).unwrap();
            let picture = Picture::decode(&bytes, &PictureLimits::default()).unwrap();
            let run = RunOptions {
                prompt: item.prompt.clone(),
                max_new_tokens: 32,
                ..RunOptions::default()
            };
            let prepared = model.prepare(&picture, &run).unwrap();
            let said = model.run(&prepared, &mut NoObserver).unwrap().unwrap().answer;
            let right = item.answers.iter().any(|a| plain(a) == plain(&said));
            for group in [format!("{} / {}", item.kind, item.style), "all".to_owned()] {
                let row = table.entry(group).or_insert_with(|| vec![(0, 0); quants.len()]);
                row[column].0 += u32::from(right);
                row[column].1 += 1;
            }
        }
    }
    let names: Vec<&str> = quants.iter().map(|q| q.name()).collect();
    println!("| kind / style | n | {} |", names.join(" | "));
    println!("|---|---|{}", "---|".repeat(quants.len()));
    for (group, row) in table {
        let percent =
            |(right, n): &(u32, u32)| format!("{:.1} %", 100.0 * f64::from(*right) / f64::from(*n));
        let cells: Vec<String> = row.iter().map(percent).collect();
        println!("| {group} | {} | {} |", row[0].1, cells.join(" | "));
    }
}
