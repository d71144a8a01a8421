//! Generation under observation.

use shared::event::{ALTERNATIVES, Stop};
use shared::rows::head_rows_that_fit;
use shared::{Alternative, F32s, Group, Knockout, LayerFlow, Sampling, TokenFlow, TokenHeads};

use crate::attention::{BinKnockout, Seen, Segment};
use crate::clock::Moment;
use crate::decoder::{Decoder, Lookout};
use crate::error::EngineError;
use crate::family::Input;
use crate::observer::{Control, GeneratedToken, Observer, Wants};
use crate::ops;
use crate::prompt::{PromptTokenizer, TextStream};
use crate::sample::Chooser;
use crate::weighed::Arranged;

/// What generation needs besides its input.
pub(crate) struct Plan<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) tokenizer: &'a PromptTokenizer,
    pub(crate) eos: &'a [u32],
    pub(crate) max_new_tokens: u32,
    pub(crate) ignore_eos: bool,
    pub(crate) sampling: Sampling,
    pub(crate) knockout: Option<&'a Knockout>,
    /// Told what products have arranged of the weights.
    pub(crate) arranged: &'a Arranged,
}

/// What came out.
pub(crate) struct Outcome {
    pub(crate) answer: String,
    pub(crate) tokens: u32,
    pub(crate) stop: Stop,
    pub(crate) prefill_ms: f64,
    pub(crate) decode_ms: f64,
}

/// Collects what one pass of the decoder looks at and hands it to the observer.
struct Watcher<'a> {
    arranged: &'a Arranged,
    observer: &'a mut dyn Observer,
    wants: Wants,
    segments: Vec<Segment>,
    bins: usize,
    /// The bin of what is generated.
    answer: usize,
    prefill: bool,
    layers: usize,
    heads: usize,
    /// The last row of this pass: the row that predicts the next token.
    flow: TokenFlow,
    /// The same row by head.
    by_head: TokenHeads,
}

impl Lookout for Watcher<'_> {
    fn wants(&self) -> Wants {
        self.wants
    }

    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    fn bins(&self) -> (usize, usize) {
        (self.bins, self.answer)
    }

    fn layer(&mut self, layer: usize, seen: Seen) -> Control {
        let wants = self.wants;
        if !wants.flows && !wants.rows && wants.head_rows == 0 {
            return Control::Continue(());
        }
        self.flow.layers = layer as u32 + 1;
        self.flow.heads = self.heads as u32;
        if self.flow.rows.0.is_empty() {
            // Room for all layers at once: growing would copy a long prompt's rows again and again.
            self.flow.mass.0.reserve_exact(self.layers * seen.last.len());
            self.flow.rows.0.reserve_exact(self.layers * seen.row.len());
            self.by_head.weights.0.reserve_exact(self.layers * seen.by_head.len());
        }
        if !seen.by_head.is_empty() {
            (self.by_head.layers, self.by_head.heads) = (self.flow.layers, self.flow.heads);
            self.by_head.weights.0.extend_from_slice(&seen.by_head);
        }
        self.flow.mass.0.extend_from_slice(&seen.last);
        self.flow.rows.0.extend_from_slice(&seen.row);
        if self.prefill && self.wants.flows {
            let flow = LayerFlow {
                heads: self.heads as u32,
                mass: F32s(seen.mass),
                last: F32s(seen.last),
            };
            return self.observer.prefill_layer(layer as u32, flow);
        }
        Control::Continue(())
    }

    fn map(&mut self, layer: usize, block: (usize, usize, usize), weights: &[f32]) {
        let (first, rows, keys) = block;
        self.observer.map(layer as u32, first, rows, keys, weights);
    }

    fn passed(&mut self, layer: usize) {
        self.arranged.layer(layer);
    }

    fn poll(&mut self) -> Control {
        self.observer.poll()
    }
}

impl Watcher<'_> {
    /// Makes room for a generated token's row.
    fn next_row(&mut self, position: usize) {
        self.prefill = false;
        self.flow = TokenFlow::default();
        self.by_head = TokenHeads::default();
        match self.segments.last_mut() {
            Some((bin, _, end)) if *bin == self.answer => *end = position + 1,
            _ => self.segments.push((self.answer, position, position + 1)),
        }
    }
}

/// Generates until the end of the answer. `None` when the observer said stop.
pub(crate) fn generate(
    plan: &Plan,
    input: Input,
    observer: &mut dyn Observer,
) -> Result<Option<Outcome>, EngineError> {
    let start = Moment::now();
    let config = &plan.decoder.config;
    let prompt = input.layout.len();
    // Positions that were left free count too.
    let reached = prompt.max(input.next as usize);
    let room = (config.max_positions - reached).min(plan.max_new_tokens as usize);
    let mut cache = plan.decoder.cache(prompt + room)?;
    let bins = &input.layout.bins;
    cache.knockout = plan.knockout.map(|knockout| BinKnockout::of(knockout, bins));
    let mut chooser = Chooser::new(plan.sampling, input.layout.tokens.iter().map(|t| t.id));
    let mut wants = observer.wants();
    let (layers, heads) = (config.layers as u32, config.heads as u32);
    let with_heads = head_rows_that_fit(layers, heads, prompt, wants.head_rows);
    if with_heads == 0 {
        wants.head_rows = 0;
    }
    let mut watcher = Watcher {
        arranged: plan.arranged,
        observer,
        wants,
        segments: input.layout.bin_segments(),
        bins: bins.len(),
        answer: bins.find(Group::Generated, None).unwrap_or_default(),
        prefill: true,
        layers: config.layers,
        heads: config.heads,
        flow: TokenFlow::default(),
        by_head: TokenHeads::default(),
    };
    let hidden = plan.decoder.forward(
        (input.embeddings, &input.deep),
        &input.positions,
        &mut cache,
        &mut watcher,
    )?;
    let Some(hidden) = hidden else { return Ok(None) };
    if wants.logits {
        let all: Vec<f32> = plan.decoder.logits(&hidden)?.flatten_all()?.to_vec1()?;
        plan.arranged.head();
        watcher.observer.logits(0, prompt, &all);
    }
    let mut last = hidden.narrow(0, hidden.dim(0)? - 1, 1)?;
    let mut prefill_ms = start.ms();
    let (mut stream, mut answer) = (TextStream::default(), String::new());
    let mut stop = Stop::Length;
    let mut tokens = 0;
    while tokens < room as u32 {
        let logits = plan.decoder.logits(&last)?;
        plan.arranged.head();
        if wants.logits && tokens > 0 {
            let values: Vec<f32> = logits.flatten_all()?.to_vec1()?;
            watcher.observer.logits(prompt + tokens as usize - 1, 1, &values);
        }
        let (id, logprob) = chooser.choose(&logits)?;
        let alternatives = if wants.alternatives {
            let others = ops::runners_up(&logits, (id, logprob), ALTERNATIVES)?.into_iter();
            let display = |id| stream.next(plan.tokenizer, id);
            others.map(|(id, logprob)| Alternative { id, text: display(id), logprob }).collect()
        } else {
            Vec::new()
        };
        // What the GPU saw has arrived with the token.
        if cache.sights.finish(&mut watcher)?.is_break() {
            return Ok(None);
        }
        if tokens == 0 {
            prefill_ms = start.ms();
        }
        let ends = plan.eos.contains(&id) && !plan.ignore_eos;
        let is_last = ends || tokens + 1 == room as u32;
        let (text, bytes) = stream.push(plan.tokenizer, id, is_last);
        answer.push_str(&text);
        let flow = std::mem::take(&mut watcher.flow);
        let by_head = std::mem::take(&mut watcher.by_head);
        let token =
            GeneratedToken { index: tokens, id, text, bytes, logprob, alternatives, flow, by_head };
        tokens += 1;
        if tokens == with_heads {
            // The next row by head would not fit.
            watcher.wants.head_rows = 0;
        }
        if watcher.observer.token(token).is_break() {
            return Ok(None);
        }
        if ends {
            stop = Stop::EndOfSequence;
            break;
        }
        if is_last {
            if reached + tokens as usize == config.max_positions {
                stop = Stop::Context;
            }
            break;
        }
        watcher.next_row(prompt + tokens as usize - 1);
        let x = plan.decoder.embed(&[id])?;
        let position = [input.next + tokens - 1; 3];
        match plan.decoder.forward((x, &[]), &[position], &mut cache, &mut watcher)? {
            Some(hidden) => last = hidden,
            None => return Ok(None),
        }
    }
    let decode_ms = start.ms() - prefill_ms;
    Ok(Some(Outcome { answer, tokens, stop, prefill_ms, decode_ms }))
}
