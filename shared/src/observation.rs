//! An observation: what is known of a run so far, and every number that follows from it.

use crate::bins::{Bin, Bins};
use crate::definition::{Definition, Heads};
use crate::event::{Alternative, Event};
use crate::flow::{LayerFlow, TokenFlow};
use crate::layout::Layout;
use crate::masses::{self, Extent, LayerMasses, Masses};
use crate::measure::{Attention, Measure, Undefined, Value};
use crate::shown::{Shown, shown};
use crate::stage::Stage;

/// A token the model wrote, with what the row that predicted it looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Vocabulary id.
    pub id: u32,
    /// Its text.
    pub text: String,
    /// Its own bytes, where its text is not they.
    pub bytes: Option<Vec<u8>>,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// The most probable other tokens, the most probable first; empty where nobody asked.
    pub alternatives: Vec<Alternative>,
    /// Where its predicting row looked.
    pub flow: TokenFlow,
}

/// How a token of an answer reads in a list; `None` where there is no such token.
pub fn shown_of(tokens: &[Generated], index: usize) -> Option<Shown> {
    let token = tokens.get(index)?;
    if token.bytes.is_none() {
        return Some(Shown { text: token.text.clone(), parts: Vec::new() });
    }
    // Those around it that share characters, or may.
    let before = tokens[..index].iter().rev().take_while(|t| t.bytes.is_some()).count();
    let around = tokens[index - before..].iter().map_while(|t| t.bytes.as_deref());
    let around: Vec<&[u8]> = around.collect();
    shown(&around).into_iter().nth(before)
}

/// Everything observed of one run so far: fold events in, read numbers out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// The prompt; `None` before the layout event.
    pub layout: Option<Layout>,
    /// Prefill flows by layer; `None` where not observed yet.
    pub prefill: Vec<Option<LayerFlow>>,
    /// Generated tokens, in order.
    pub tokens: Vec<Generated>,
}

impl Observation {
    /// Folds one event in. Events that carry no observation are ignored.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Layout { layout, layers, .. } => {
                *self = Observation {
                    layout: Some(layout.clone()),
                    prefill: vec![None; *layers as usize],
                    tokens: Vec::new(),
                };
            }
            Event::PrefillLayer { layer, flow } if flow.is_well_formed(&self.bins()) => {
                if let Some(slot) = self.prefill.get_mut(*layer as usize) {
                    *slot = Some(flow.clone());
                }
            }
            Event::Token { index, id, text, bytes, logprob, alternatives, flow }
                if flow.is_well_formed(&self.bins()) && *index as usize == self.tokens.len() =>
            {
                self.tokens.push(Generated {
                    id: *id,
                    text: text.clone(),
                    bytes: bytes.clone(),
                    logprob: *logprob,
                    alternatives: alternatives.clone(),
                    flow: flow.clone(),
                });
            }
            _ => {}
        }
    }

    /// What the bins of the run are.
    pub fn bins(&self) -> Bins {
        self.layout.as_ref().map(|layout| layout.bins.clone()).unwrap_or_default()
    }

    /// Number of decoder layers, 0 before the layout is known.
    pub fn layers(&self) -> usize {
        self.prefill.len()
    }

    /// Number of attention heads, 0 before a layer is known.
    pub fn heads(&self) -> usize {
        self.prefill.iter().flatten().next().map_or(0, |f| f.heads as usize)
    }

    /// The text the model wrote so far.
    pub fn answer(&self) -> String {
        self.tokens.iter().map(|t| t.text.as_str()).collect()
    }

    /// How a generated token reads in a list: characters that it shares with its neighbours with
    /// their parts, as far as they are written. `None` where there is no such token.
    pub fn shown(&self, index: usize) -> Option<Shown> {
        shown_of(&self.tokens, index)
    }

    /// Rows (predicting generated tokens 1, 2, …) that are generated tokens themselves.
    fn generated_rows(&self) -> &[Generated] {
        self.tokens.get(1..).unwrap_or(&[])
    }

    /// One head's masses in one layer.
    pub(crate) fn of_head(&self, flow: &LayerFlow, layer: usize, head: usize) -> LayerMasses {
        let bins = flow.bins();
        let mut masses = LayerMasses::none(bins);
        for key in 0..bins {
            masses.last[key] = f64::from(flow.last_mass(head, key));
            let rows = self.generated_rows().iter();
            masses.generated[key] = rows.map(|t| f64::from(t.flow.mass(layer, head, key))).sum();
            for query in 0..bins {
                masses.prompt[query][key] = f64::from(flow.mass(head, query, key));
            }
        }
        masses
    }

    /// One layer's masses, averaged over heads.
    fn of_heads(&self, flow: &LayerFlow, layer: usize) -> LayerMasses {
        let heads = flow.heads as usize;
        let mut mean = LayerMasses::none(flow.bins());
        for head in 0..heads {
            mean.add(&self.of_head(flow, layer, head));
        }
        mean.divide(heads as f64);
        mean
    }

    /// How many rows and keys there are.
    fn extent(&self, layout: &Layout) -> Extent {
        Extent::of(layout, self.generated_rows().len() as u32)
    }

    /// What every definition that averages heads first needs of this run, and no more; `None`
    /// before the layout is known.
    pub fn masses(&self) -> Option<Masses> {
        let layers = self.prefill.iter().enumerate();
        let layers = layers.map(|(l, flow)| flow.as_ref().map(|f| self.of_heads(f, l))).collect();
        Some(Masses { extent: self.extent(self.layout.as_ref()?), layers })
    }

    /// Attention sums of one layer under a definition.
    ///
    /// # Errors
    /// [`Undefined`] where the layer is not observed, the definition's queries do not occur, or
    /// its head does not exist.
    pub fn attention(&self, layer: usize, definition: &Definition) -> Result<Attention, Undefined> {
        let layout = self.layout.as_ref().ok_or(Undefined::NotObserved)?;
        let flow =
            self.prefill.get(layer).and_then(Option::as_ref).ok_or(Undefined::NotObserved)?;
        let (text_tokens, image_tokens) = self.extent(layout).tokens(definition)?;
        let heads = flow.heads as usize;
        let (text, image) = match definition.heads {
            Heads::One(h) if (h as usize) < heads => {
                self.of_head(flow, layer, h as usize).sides(&layout.bins, definition)
            }
            Heads::One(_) => return Err(Undefined::NoSuchHead),
            Heads::MeanFirst => self.of_heads(flow, layer).sides(&layout.bins, definition),
            Heads::ShareThenMean => {
                let shares: Vec<f64> = (0..heads)
                    .map(|h| self.of_head(flow, layer, h).sides(&layout.bins, definition))
                    .filter(|(t, o)| t + o > 0.0)
                    .map(|(t, o)| t / (t + o))
                    .collect();
                if shares.is_empty() {
                    return Err(Undefined::NoAttention);
                }
                let share = shares.iter().sum::<f64>() / shares.len() as f64;
                (share, 1.0 - share)
            }
        };
        Ok(Attention { text, image, text_tokens, image_tokens })
    }

    /// MDI, AEI and their parts for one layer.
    pub fn measure(&self, layer: usize, definition: &Definition) -> Measure {
        match self.attention(layer, definition) {
            Ok(attention) => attention.measure(),
            Err(reason) => Measure::undefined(reason),
        }
    }

    /// MDI, AEI and their parts for one layer and head.
    pub fn measure_head(&self, layer: usize, head: u32, definition: &Definition) -> Measure {
        self.measure(layer, &Definition { heads: Heads::One(head), ..*definition })
    }

    /// MDI, AEI and their parts for a stage, averaged over its layers as the definition says.
    ///
    /// As a mean of ratios every value is the mean of the layers' values, and is undefined as soon
    /// as one layer's is: a stage never silently averages fewer layers than it names.
    pub fn stage(&self, stage: Stage, definition: &Definition) -> Measure {
        self.over(stage.layers(definition.stages, self.layers()), definition)
    }

    /// MDI, AEI and their parts over a range of layers.
    pub fn over(&self, layers: std::ops::Range<usize>, definition: &Definition) -> Measure {
        masses::over(layers, definition.layers, |l| self.attention(l, definition))
    }

    /// MDI, AEI and their parts of the one row that predicted generated token `index`, in one
    /// layer or, with `None`, from attention averaged over layers. The definition's queries and
    /// stages do not enter; its text groups and a chosen head do, and heads are averaged first.
    pub fn token_measure(
        &self,
        index: usize,
        layer: Option<usize>,
        definition: &Definition,
    ) -> Measure {
        match self.token_attention(index, layer, definition) {
            Ok(attention) => attention.measure(),
            Err(reason) => Measure::undefined(reason),
        }
    }

    fn token_attention(
        &self,
        index: usize,
        layer: Option<usize>,
        definition: &Definition,
    ) -> Result<Attention, Undefined> {
        let layout = self.layout.as_ref().ok_or(Undefined::NotObserved)?;
        let token = self.tokens.get(index).ok_or(Undefined::NotObserved)?;
        let (layers, heads) = (token.flow.layers as usize, token.flow.heads as usize);
        let layers = match layer {
            Some(l) if l < layers => l..l + 1,
            Some(_) => return Err(Undefined::NotObserved),
            None => 0..layers,
        };
        let heads = match definition.heads {
            Heads::One(h) if (h as usize) < heads => h as usize..h as usize + 1,
            Heads::One(_) => return Err(Undefined::NoSuchHead),
            Heads::MeanFirst | Heads::ShareThenMean => 0..heads,
        };
        let rows = layers.len() * heads.len();
        if rows == 0 {
            return Err(Undefined::NotObserved);
        }
        let on = |key: usize| -> f64 {
            let of_layer = |l| heads.clone().map(move |h| f64::from(token.flow.mass(l, h, key)));
            layers.clone().flat_map(of_layer).sum::<f64>() / rows as f64
        };
        let side = |is: &dyn Fn(Bin) -> bool| -> f64 {
            layout.bins.iter().filter(|(_, bin)| is(*bin)).map(|(key, _)| on(key)).sum()
        };
        // The row sees the tokens generated before it, itself among them, as keys.
        let generated = index as u32;
        let (text_tokens, image_tokens) =
            Extent::of(layout, generated).sides(definition, generated);
        Ok(Attention {
            text: side(&|bin| definition.is_text(bin)),
            image: side(&|bin| definition.is_other(bin)),
            text_tokens,
            image_tokens,
        })
    }

    /// Text's share `P_T` of the attention of the row that predicted generated token `index`; see
    /// [`Observation::token_measure`].
    pub fn token_share(
        &self,
        index: usize,
        layer: Option<usize>,
        definition: &Definition,
    ) -> Value {
        self.token_measure(index, layer, definition).share_text
    }

    /// The head-averaged attention of generated token `index`'s predicting row on every patch of the
    /// picture that is medium `medium`, in one layer: `rows × cols` shares of the row's whole
    /// attention, row-major, summed over replicas; patches that were pruned are `None`.
    pub fn overlay(&self, medium: u8, index: usize, layer: usize) -> Option<Vec<Option<f32>>> {
        self.map(self.mean_rows(), medium, index, layer)
    }
}
