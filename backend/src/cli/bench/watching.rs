//! An observer that misses nothing: what it saw is checked and folded into one number.

use std::time::Instant;

use engine::{Control, GeneratedToken, Model, Observer, Prepared, Wants};
use serde::{Deserialize, Serialize};
use shared::rows::HEAD_ROWS_BUDGET;
use shared::{Group, LayerFlow, Layout, Medium, TokenFlow};

use super::super::Failure;

/// What a model of this shape made of the prompt, checked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// A fold of every flow's bits: equal where everything that was observed is.
    pub(super) flows_checksum: String,
    layers: u32,
    heads: u32,
    parameters: u64,
    /// Image tokens, and the grid they stand in.
    pub(super) image_tokens: usize,
    grid: (u16, u16),
    /// Tokens in each group.
    groups: Vec<(Group, u32)>,
    /// Weights that are held otherwise than asked.
    fallbacks: usize,
    /// Tokens whose rows by head were handed out, where they were asked for.
    by_head: Option<usize>,
}

/// Asks for flows and rows of everything, notes when the first layer came, and checks that nothing
/// is missing of what was looked at.
pub(super) struct Watching {
    start: Instant,
    pub(super) first_layer_ms: Option<f64>,
    layout: Option<Layout>,
    layers: u32,
    checksum: u64,
    tokens: Vec<TokenFlow>,
    by_head: Option<usize>,
    wrong: Option<String>,
}

impl Watching {
    /// `by_head`: whether rows by head are asked for too.
    pub(super) fn new(by_head: bool) -> Self {
        Watching {
            start: Instant::now(),
            first_layer_ms: None,
            layout: None,
            layers: 0,
            checksum: 0xCBF2_9CE4_8422_2325,
            tokens: Vec::new(),
            by_head: by_head.then_some(0),
            wrong: None,
        }
    }

    /// FNV-1a over the bits, 32 at a time.
    fn fold(&mut self, values: &[f32]) {
        for value in values {
            let mixed = self.checksum ^ u64::from(value.to_bits());
            self.checksum = mixed.wrapping_mul(0x0100_0000_01B3);
        }
    }

    /// The mass that leaves a group must be its number of tokens: `Σ_k F[h,g,k] = |g|`.
    fn check(&mut self, layer: u32, flow: &LayerFlow) {
        let Some(layout) = &self.layout else {
            self.wrong = Some("a layer came before the layout".to_owned());
            return;
        };
        let (counts, bins) = (layout.counts(), &layout.bins);
        for head in 0..flow.heads as usize {
            for group in Group::ALL.into_iter().filter(|g| *g != Group::Generated) {
                let sum: f32 =
                    Group::ALL.into_iter().map(|key| flow.get(bins, head, group, key)).sum();
                let tokens = counts.get(group) as f32;
                if (sum - tokens).abs() > 1e-3 * tokens.max(1.0) {
                    self.wrong = Some(format!(
                        "in layer {layer}, head {head}, {tokens} tokens of group {} look with a \
                         mass of {sum}",
                        group.name()
                    ));
                }
            }
        }
    }

    /// What was seen, if all of it was there.
    pub(super) fn seen(&mut self, model: &Model, prepared: &Prepared) -> Result<Seen, Failure> {
        for flow in std::mem::take(&mut self.tokens) {
            self.fold(&flow.mass.0);
            self.fold(&flow.rows.0);
        }
        let info = model.info();
        let layout = self.layout.as_ref().ok_or("no layout was handed out")?;
        let picture = layout.picture().ok_or("the layout has no picture")?;
        let counts = layout.counts();
        let groups: Vec<(Group, u32)> =
            Group::ALL.into_iter().map(|g| (g, counts.get(g))).filter(|(_, n)| *n > 0).collect();
        let image_tokens = counts.get(Group::Image) as usize;
        let cells: u32 = layout.media.iter().map(Medium::picture_tokens).sum();
        let cells = cells as usize;
        let wrong = match &self.wrong {
            Some(wrong) => Some(wrong.clone()),
            None if groups.iter().map(|(_, n)| *n as usize).sum::<usize>()
                != prepared.prompt_tokens() =>
            {
                Some("the groups do not add up to the prompt".to_owned())
            }
            None if cells != image_tokens || image_tokens != prepared.image_tokens() => {
                Some(format!("{image_tokens} image tokens stand in a grid of {cells}"))
            }
            None if self.layers != info.layers => {
                Some(format!("{} of {} layers were observed", self.layers, info.layers))
            }
            None => None,
        };
        match wrong {
            Some(wrong) => Err(format!("the observation is not right: {wrong}")),
            None => Ok(Seen {
                flows_checksum: format!("{:016x}", self.checksum),
                layers: info.layers,
                heads: info.heads,
                parameters: info.parameters,
                image_tokens,
                grid: (picture.rows, picture.cols),
                groups,
                fallbacks: info.fallbacks.len(),
                by_head: self.by_head,
            }),
        }
    }
}

impl Seen {
    pub(super) fn words(&self) -> String {
        if self.groups.is_empty() {
            return "not observed".to_owned();
        }
        let groups: Vec<String> =
            self.groups.iter().map(|(g, n)| format!("{} {n}", g.name())).collect();
        let mut words = format!(
            "{} layers × {} heads, {:.2} G parameters; image grid {} × {}; {}",
            self.layers,
            self.heads,
            self.parameters as f64 / 1e9,
            self.grid.0,
            self.grid.1,
            groups.join(", ")
        );
        if let Some(tokens) = self.by_head {
            words += &format!("; rows by head of {tokens} tokens");
        }
        if self.fallbacks > 0 {
            words += &format!("; {} maps held otherwise than asked", self.fallbacks);
        }
        words
    }
}

impl Observer for Watching {
    fn wants(&self) -> Wants {
        let head_rows = if self.by_head.is_some() { HEAD_ROWS_BUDGET } else { 0 };
        Wants { flows: true, rows: true, head_rows, ..Wants::default() }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        self.layout = Some(layout.clone());
        Control::Continue(())
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        if layer == 0 {
            self.first_layer_ms = Some(self.start.elapsed().as_secs_f64() * 1e3);
        }
        tracing::debug!(layer, "prefilled");
        self.layers += 1;
        self.check(layer, &flow);
        self.fold(&flow.mass.0);
        self.fold(&flow.last.0);
        Control::Continue(())
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        // Folded when the clock has stopped.
        self.tokens.push(token.flow);
        if let Some(count) = &mut self.by_head {
            *count += usize::from(token.by_head.bytes() > 0);
        }
        Control::Continue(())
    }
}
