//! Random causal attention maps, and the numbers taken from them the plain way.
//!
//! Nothing here knows how `shared` computes: a whole map is kept, and a definition is a choice of
//! rows and columns in it.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use shared::*;

/// The groups of a prompt with one picture, which are its bins.
pub const SEVEN: [Group; 7] = [
    Group::Begin,
    Group::System,
    Group::Template,
    Group::Marker,
    Group::Image,
    Group::Instruction,
    Group::Generated,
];

/// Everything a run attends to, kept whole.
#[derive(Clone, Debug)]
pub struct Maps {
    /// What each prompt position is.
    pub prompt: Vec<Group>,
    /// How many tokens the model wrote.
    pub written: usize,
    /// `[layer][head][row][key]`; a row for every prompt position and for every written token but
    /// the last, which predicts nothing.
    pub p: Vec<Vec<Vec<Vec<f64>>>>,
}

impl Maps {
    pub fn layers(&self) -> usize {
        self.p.len()
    }

    pub fn heads(&self) -> usize {
        self.p[0].len()
    }

    /// What a position of prompt and answer is.
    pub fn group(&self, position: usize) -> Group {
        self.prompt.get(position).copied().unwrap_or(Group::Generated)
    }

    pub fn layout(&self) -> Layout {
        let tokens = self.prompt.iter().enumerate().map(|(i, group)| {
            let medium = group.is_medium().then_some(0);
            Token { medium, ..Token::text(i as u32, i as u32, format!("t{i}"), *group) }
        });
        Layout::new(tokens.collect(), Vec::new())
    }

    /// Mass of one row on a group, by naive summation.
    fn mass(&self, l: usize, h: usize, row: usize, group: Group) -> f64 {
        let keys = self.p[l][h][row].iter().enumerate();
        keys.filter(|(j, _)| self.group(*j) == group).map(|(_, v)| v).sum()
    }

    pub fn layer_flow(&self, l: usize) -> LayerFlow {
        let (mut mass, mut last) = (Vec::new(), Vec::new());
        for h in 0..self.heads() {
            for q in SEVEN {
                for k in SEVEN {
                    let rows = (0..self.prompt.len()).filter(|i| self.prompt[*i] == q);
                    mass.push(rows.map(|i| self.mass(l, h, i, k)).sum::<f64>() as f32);
                }
            }
            for k in SEVEN {
                last.push(self.mass(l, h, self.prompt.len() - 1, k) as f32);
            }
        }
        LayerFlow { heads: self.heads() as u32, mass: F32s(mass), last: F32s(last) }
    }

    /// What the row that predicted written token `t` saw.
    pub fn token_flow(&self, t: usize) -> TokenFlow {
        let row = self.prompt.len() - 1 + t;
        let (mut mass, mut rows) = (Vec::new(), Vec::new());
        for l in 0..self.layers() {
            for h in 0..self.heads() {
                mass.extend(SEVEN.map(|k| self.mass(l, h, row, k) as f32));
            }
            let heads = self.heads() as f64;
            rows.extend(
                (0..=row).map(|j| {
                    (self.p[l].iter().map(|head| head[row][j]).sum::<f64>() / heads) as f32
                }),
            );
        }
        TokenFlow {
            layers: self.layers() as u32,
            heads: self.heads() as u32,
            mass: F32s(mass),
            rows: F32s(rows),
        }
    }

    /// The events a run with these maps sends, without its end.
    pub fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Layout {
            layout: self.layout(),
            layers: self.layers() as u32,
            heads: self.heads() as u32,
            model: ModelInfo::default(),
            options: RunOptions::default(),
        }];
        events.extend(
            (0..self.layers())
                .map(|l| Event::PrefillLayer { layer: l as u32, flow: self.layer_flow(l) }),
        );
        events.extend((0..self.written).map(|t| Event::Token {
            index: t as u32,
            id: 100 + t as u32,
            text: format!(" w{t}"),
            bytes: None,
            logprob: -0.5,
            alternatives: Vec::new(),
            flow: self.token_flow(t),
        }));
        events
    }

    pub fn observation(&self) -> Observation {
        let mut observation = Observation::default();
        self.events().iter().for_each(|e| observation.apply(e));
        observation
    }

    /// The rows a definition looks from.
    fn rows(&self, queries: Queries) -> Vec<usize> {
        let (s, n) = (self.prompt.len(), self.written);
        let text = [Group::System, Group::Template, Group::Instruction];
        match queries {
            Queries::Predicting => (s - 1..s + n.max(1) - 1).collect(),
            Queries::GeneratedPositions => (s..s + n.max(1) - 1).collect(),
            Queries::LastPrompt => vec![s - 1],
            Queries::PromptText => (0..s).filter(|i| text.contains(&self.prompt[*i])).collect(),
            Queries::AllPrompt => (0..s).collect(),
        }
    }

    /// `(A_T, A_O, n_T, n_O)` of one layer, straight from the map.
    pub fn plain(&self, l: usize, d: &Definition) -> Option<(f64, f64, usize, usize)> {
        let rows = self.rows(d.queries);
        // The keys are the positions up to the last row's own.
        let keys: Vec<Group> = match d.queries {
            Queries::Predicting | Queries::GeneratedPositions => {
                (0..self.prompt.len() + self.written.max(1) - 1).map(|j| self.group(j)).collect()
            }
            _ => self.prompt.clone(),
        };
        let is_text = |g: Group| g != Group::Image && d.text.contains(g);
        let count = |f: &dyn Fn(Group) -> bool| keys.iter().filter(|g| f(**g)).count();
        let (n_t, n_o) = (count(&is_text), count(&|g| g == Group::Image));
        let of_head = |h: usize, f: &dyn Fn(Group) -> bool| -> f64 {
            let row = |i: &usize| self.p[l][h][*i].iter().enumerate();
            rows.iter().flat_map(row).filter(|(j, _)| f(self.group(*j))).map(|(_, v)| v).sum()
        };
        let pair = |h: usize| (of_head(h, &is_text), of_head(h, &|g| g == Group::Image));
        let heads = self.heads() as f64;
        let (t, o) = match d.heads {
            Heads::One(h) => pair(h as usize),
            Heads::MeanFirst => {
                let all = (0..self.heads()).map(pair).collect::<Vec<_>>();
                let sum = |f: fn(&(f64, f64)) -> f64| all.iter().map(f).sum::<f64>() / heads;
                (sum(|a| a.0), sum(|a| a.1))
            }
            Heads::ShareThenMean => {
                let shares = (0..self.heads()).map(pair).filter(|(t, o)| t + o > 0.0);
                let shares = shares.map(|(t, o)| t / (t + o)).collect::<Vec<_>>();
                let share = shares.iter().sum::<f64>() / shares.len() as f64;
                (share, 1.0 - share)
            }
        };
        (!rows.is_empty() && t + o > 0.0).then_some((t, o, n_t, n_o))
    }
}

/// Softmax over random scores: causal, every row summing to 1.
fn maps_of(
    prompt: Vec<Group>,
    written: usize,
    layers: usize,
    heads: usize,
    scores: &[f64],
) -> Maps {
    let rows = prompt.len() + written.max(1) - 1;
    let mut next = scores.iter().cycle();
    let mut row = |i: usize| -> Vec<f64> {
        let e: Vec<f64> = (0..=i).map(|_| next.next().unwrap().exp()).collect();
        let sum: f64 = e.iter().sum();
        e.iter().map(|v| v / sum).collect()
    };
    let mut head = || (0..rows).map(&mut row).collect::<Vec<_>>();
    let p = (0..layers).map(|_| (0..heads).map(|_| head()).collect()).collect();
    Maps { prompt, written, p }
}

/// Random maps over a random prompt that begins, holds words and, mostly, a picture.
pub fn maps() -> impl Strategy<Value = Maps> {
    let group = prop::sample::select(&Group::ALL[1..6]);
    let prompt = prop::collection::vec(group, 1..14);
    // A prime number of scores, so that no two rows or layers repeat them in step.
    let scores = prop::collection::vec(-6.0f64..6.0, 1009);
    (prompt, 0usize..5, 1usize..8, 1usize..4, scores).prop_map(
        |(mut prompt, written, layers, heads, scores)| {
            prompt.insert(0, Group::Begin);
            maps_of(prompt, written, layers, heads, &scores)
        },
    )
}

/// Random definitions for a model with `heads` heads.
pub fn definition() -> impl Strategy<Value = Definition> {
    let queries = prop::sample::select(
        &[
            Queries::Predicting,
            Queries::GeneratedPositions,
            Queries::LastPrompt,
            Queries::PromptText,
            Queries::AllPrompt,
        ][..],
    );
    let heads = prop_oneof![
        Just(Heads::MeanFirst),
        Just(Heads::ShareThenMean),
        Just(Heads::One(0)),
        Just(Heads::One(1))
    ];
    let stages = prop::sample::select(&[Stages::Two, Stages::Thirds, Stages::All][..]);
    let layers = prop::sample::select(&[Ratio::MeanOfRatios, Ratio::RatioOfMeans][..]);
    let text = prop::collection::vec(prop::sample::select(&Group::ALL[..]), 0..8);
    let any = (queries, text, heads, stages, layers).prop_map(
        |(queries, text, heads, stages, layers)| Definition {
            queries,
            text: GroupSet::from(text),
            heads,
            stages,
            layers,
            ..Definition::default()
        },
    );
    let preset = prop::sample::select(&Preset::ALL[..]).prop_map(Preset::definition);
    prop_oneof![3 => any, 1 => preset]
}

/// Equal but for f32 rounding of the flows.
pub fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 2e-5 * a.abs().max(b.abs()).max(1e-3)
}
