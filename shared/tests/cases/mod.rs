//! Runs `cases.json`: metric cases that do not know who computes them. Compiled natively by
//! `shared/tests/metric_cases.rs` and into a wasm module by `tests/wasm`.

use serde::Deserialize;
use shared::experiment::stats::{Estimate, PairedRatio, Proportion, Rows, SplitMix64};
use shared::measure::{aei_text_of, token_shares_of};
use shared::*;

const CASES: &str = include_str!("cases.json");

/// Fingerprint of [`fingerprint`] on every machine. It changes when a formula or the order of its
/// additions does; then look at why, and put the new one here.
const FINGERPRINT: u64 = 0xa04b_160c_4667_1b55;

/// Fingerprint of [`statistics`] on every machine.
const STATISTICS: u64 = 0xa99e_082f_06f1_2fcd;

#[derive(Deserialize)]
struct Cases {
    measures: Vec<MeasureCase>,
    printed: Cells,
    impossible: Cells,
    scenes: Scenes,
}

#[derive(Deserialize)]
struct MeasureCase {
    name: String,
    text: f64,
    image: f64,
    text_tokens: u32,
    image_tokens: u32,
    mdi: Option<f64>,
    aei_text: Option<f64>,
    undefined: Option<Undefined>,
}

#[derive(Deserialize)]
struct Cells {
    cells: Vec<Cell>,
}

/// A pair as a table prints it, with what is known of the prompt.
#[derive(Deserialize)]
struct Cell {
    name: String,
    mdi: f64,
    aei_text: f64,
    text_tokens: Option<u32>,
    image_tokens: Option<u32>,
    words_per_other: Option<f64>,
    copies: Option<f64>,
    /// How far, as a share of the AEI, the cell may be off beyond its rounding.
    within: Option<f64>,
}

#[derive(Deserialize)]
struct Scenes {
    cases: Vec<Scene>,
}

#[derive(Deserialize)]
struct Scene {
    name: String,
    prompt: String,
    last: Vec<Vec<f64>>,
    #[serde(default)]
    written: Vec<Vec<Vec<f64>>>,
    expect: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    definition: Preset,
    queries: Option<Queries>,
    text: Option<GroupSet>,
    heads: Option<Heads>,
    mdi: Option<f64>,
    aei_text: Option<f64>,
    undefined: Option<Undefined>,
}

/// Half of the last digit the paper prints.
const ROUNDING: f64 = 0.005;

fn same(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}

/// Compares a value with what a case expects of it; nothing expected fits anything.
fn check(
    what: &str,
    value: Value,
    number: Option<f64>,
    reason: Option<Undefined>,
) -> Option<String> {
    let fits = match (value, number, reason) {
        (Ok(v), Some(n), _) => same(v, n, 1e-6),
        (Err(e), None, Some(r)) => e == r,
        (_, None, None) => true,
        _ => false,
    };
    (!fits).then(|| format!("{what}: {value:?}, but {number:?} {reason:?} was expected"))
}

impl MeasureCase {
    fn failures(&self) -> Vec<String> {
        let &MeasureCase { text, image, text_tokens, image_tokens, .. } = self;
        let m = Attention { text, image, text_tokens, image_tokens }.measure();
        let aei_reason = self.undefined.filter(|_| self.aei_text.is_none());
        [
            check(&format!("{}, MDI", self.name), m.mdi, self.mdi, self.undefined),
            check(&format!("{}, AEI", self.name), m.aei_text, self.aei_text, aei_reason),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Cell {
    /// `Q_T`, where the prompt is known.
    fn share(&self) -> Option<f64> {
        match (self.text_tokens, self.image_tokens, self.words_per_other) {
            (Some(t), Some(o), _) => Some(f64::from(t) / f64::from(t + o)),
            (_, _, Some(ratio)) => Some(ratio / (ratio + self.copies.unwrap_or(1.0))),
            _ => None,
        }
    }

    /// Whether the printed pair can come from this prompt: MDI anywhere within its rounding leads
    /// to the printed AEI within its own. AEI rises with MDI, so the two ends bound it.
    fn possible(&self) -> bool {
        let Some(shares) = token_shares_of(self.mdi, self.aei_text, ROUNDING) else {
            return false;
        };
        self.share().is_none_or(|q| {
            if let Some(within) = self.within {
                return same(aei_text_of(self.mdi, q) / self.aei_text, 1.0, within);
            }
            let (low, high) =
                (aei_text_of(self.mdi - ROUNDING, q), aei_text_of(self.mdi + ROUNDING, q));
            let fits = low <= self.aei_text + ROUNDING && high >= self.aei_text - ROUNDING;
            // Solving for the tokens must say the same as solving for the AEI.
            fits == (shares.0 <= q && q <= shares.1) && fits
        })
    }
}

impl Scene {
    fn observation(&self) -> Observation {
        let group = |letter| match letter {
            'B' => Group::Begin,
            'S' => Group::System,
            'T' => Group::Template,
            'M' => Group::Marker,
            'I' => Group::Image,
            _ => Group::Instruction,
        };
        let prompt: Vec<Group> = self.prompt.chars().map(group).collect();
        let masses = |rows: &[Vec<f64>]| -> F32s {
            let of_row = |row: &Vec<f64>| {
                let mut mass = [0.0f64; FEW_BINS];
                for (j, weight) in row.iter().enumerate() {
                    let group = prompt.get(j).copied().unwrap_or(Group::Generated);
                    mass[group.index()] += weight / row.iter().sum::<f64>();
                }
                mass.map(|m| m as f32)
            };
            F32s(rows.iter().flat_map(of_row).collect())
        };
        let heads = self.last.len() as u32;
        let token = |i: usize, group: &Group| {
            let medium = group.is_medium().then_some(0);
            Token { medium, ..Token::text(i as u32, 0, "", *group) }
        };
        let tokens = prompt.iter().enumerate().map(|(i, g)| token(i, g)).collect();
        let last = masses(&self.last);
        let generated = |mass| shared::observation::Generated {
            id: 0,
            text: String::new(),
            bytes: None,
            logprob: 0.0,
            alternatives: Vec::new(),
            flow: TokenFlow { layers: 1, heads, mass, rows: F32s::default() },
        };
        // The first token was predicted by the last prompt row, whose mass the layer holds.
        let first = (!self.written.is_empty()).then(|| last.clone());
        let rest = self.written.iter().map(|rows| masses(rows));
        Observation {
            layout: Some(Layout::new(tokens, Vec::new())),
            prefill: vec![Some(LayerFlow {
                heads,
                mass: F32s(vec![0.0; heads as usize * FEW_BINS * FEW_BINS]),
                last,
            })],
            tokens: first.into_iter().chain(rest).map(generated).collect(),
        }
    }

    fn failures(&self) -> Vec<String> {
        let observation = self.observation();
        let failures = self.expect.iter().flat_map(|e| {
            let mut d = e.definition.definition();
            d.queries = e.queries.unwrap_or(d.queries);
            d.text = e.text.unwrap_or(d.text);
            d.heads = e.heads.unwrap_or(d.heads);
            let m = observation.measure(0, &d);
            let what = format!("{}, {d:?}", self.name);
            [
                check(&what, m.mdi, e.mdi, e.undefined),
                check(&what, m.aei_text, e.aei_text, e.undefined),
            ]
        });
        failures.flatten().collect()
    }
}

/// A hash of the bits of many numbers under many definitions, from maps made by a counter: equal
/// wherever the formulas are the same, since IEEE arithmetic leaves nothing open.
fn fingerprint() -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 + 1.0
    };
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |value: Value| {
        let bits = value.map_or_else(|reason| reason as u64, f64::to_bits);
        hash = (hash ^ bits).wrapping_mul(0x0100_0000_01b3);
    };
    for length in 2..12 {
        let prompt: String = "BSTMIIIIUUIT".chars().take(length).collect();
        let mut rows = |keys: usize| -> Vec<Vec<f64>> {
            (0..3).map(|_| (0..keys).map(|_| next()).collect()).collect()
        };
        let last = rows(length);
        let written = (1..4).map(|t| rows(length + t)).collect();
        let scene = Scene { name: String::new(), prompt, last, written, expect: Vec::new() };
        let observation = scene.observation();
        for preset in Preset::ALL {
            for heads in [Heads::MeanFirst, Heads::ShareThenMean, Heads::One(1)] {
                for queries in
                    [Queries::Predicting, Queries::GeneratedPositions, Queries::LastPrompt]
                {
                    let d = Definition { heads, queries, ..preset.definition() };
                    let m = observation.measure(0, &d);
                    [m.mdi, m.aei_text, m.aei_image, m.share_text].into_iter().for_each(&mut add);
                }
            }
        }
    }
    hash
}

/// The same for statistics, of numbers made by a generator.
fn statistics() -> u64 {
    let mut bits = SplitMix64::new(3);
    let mut rows = Rows::new(2);
    for _ in 0..50 {
        let mut next = || (bits.next_u64() >> 11) as f64 / 1e15 + 0.25;
        rows.push(&[next(), next()]);
    }
    let column: Vec<f64> = rows.column(0).collect();
    let pairs: Vec<(f64, f64)> = rows.column(0).zip(rows.column(1)).collect();
    let (ratios, paired) = (Estimate::of_ratios(&column), PairedRatio::of(&pairs));
    let pooled = Estimate::of_means(&rows, |means| Some(means[0] / means[1]));
    let numbers = [
        ratios.geometric_mean,
        ratios.sd_factor,
        ratios.geometric_low,
        paired.ratio,
        paired.high,
        pooled.mean,
        Estimate::of_shares(&column).low,
        Proportion::new(81, 100).low,
    ];
    numbers.into_iter().flatten().fold(0xcbf2_9ce4_8422_2325, |hash: u64, value| {
        (hash ^ value.to_bits()).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Runs every case: how many there are, or what is wrong with those that fail.
pub fn run() -> Result<usize, Vec<String>> {
    let cases: Cases = serde_json::from_str(CASES).map_err(|e| vec![format!("cases.json: {e}")])?;
    let mut failures: Vec<String> = Vec::new();
    failures.extend(cases.measures.iter().flat_map(MeasureCase::failures));
    failures.extend(cases.scenes.cases.iter().flat_map(Scene::failures));
    let says = |cell: &Cell, what: &str| {
        format!("{}: ({}, {}) is {what}", cell.name, cell.mdi, cell.aei_text)
    };
    let printed = &cases.printed.cells;
    failures.extend(printed.iter().filter(|c| !c.possible()).map(|c| says(c, "not reproduced")));
    let impossible = &cases.impossible.cells;
    failures.extend(impossible.iter().filter(|c| c.possible()).map(|c| says(c, "not detected")));
    let bits = fingerprint();
    if bits != FINGERPRINT {
        failures.push(format!("the numbers' bits have the fingerprint {bits:#x}"));
    }
    let bits = statistics();
    if bits != STATISTICS {
        failures.push(format!("the statistics' bits have the fingerprint {bits:#x}"));
    }
    let expected: usize = cases.scenes.cases.iter().map(|s| s.expect.len()).sum();
    let count = cases.measures.len() + printed.len() + impossible.len() + expected + 2;
    if failures.is_empty() { Ok(count) } else { Err(failures) }
}
