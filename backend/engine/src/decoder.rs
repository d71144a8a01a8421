//! The decoder of every family: RMSNorm, grouped-query attention, SwiGLU, rotary positions.

use candle_core::{DType, Result, Tensor};

use crate::attention::{Mask, Seen, Segment, Watch, attend};
use crate::error::EngineError;
use crate::observer::{Control, Wants};
use crate::rotary::{Position, Rotary, RotaryConfig};
use crate::weights::{Linear, Loader};

/// Sizes of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DecoderConfig {
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) vocab: usize,
    pub(crate) norm_eps: f64,
    pub(crate) rotary: RotaryConfig,
    pub(crate) tied: bool,
    pub(crate) max_positions: usize,
}

/// Weights of a decoder.
pub(crate) struct Decoder {
    pub(crate) config: DecoderConfig,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Linear,
    rotary: Rotary,
}

struct Layer {
    attention_norm: Tensor,
    /// Query, key and value rows stacked.
    qkv: Linear,
    output: Linear,
    mlp_norm: Tensor,
    /// Gate and up rows stacked.
    gate_up: Linear,
    down: Linear,
}

/// Keys and values of the positions seen so far, `[kv_heads, capacity, head_dim]` a layer.
pub(crate) struct Cache {
    keys: Vec<Tensor>,
    values: Vec<Tensor>,
    /// Positions filled.
    pub(crate) len: usize,
}

/// Told what a decoder looks at while it runs.
pub(crate) trait Lookout {
    /// What to compute.
    fn wants(&self) -> Wants;
    /// Groups of all positions up to and including the rows of this pass.
    fn segments(&self) -> &[Segment];
    /// A layer's attention is done.
    fn layer(&mut self, layer: usize, seen: Seen) -> Control;
    /// A block of a layer's weights: first row, rows, keys, `[heads, rows, keys]`.
    fn map(&mut self, layer: usize, block: (usize, usize, usize), weights: &[f32]);
    /// Asked after every layer whether to stop.
    fn poll(&mut self) -> Control;
}

impl Decoder {
    /// Reads a decoder whose tensors start with `model` (`…embed_tokens.weight`,
    /// `…layers.0.…`) and whose head is `head` unless tied.
    pub(crate) fn load(
        loader: &mut Loader,
        config: DecoderConfig,
        model: &str,
        head: &str,
    ) -> std::result::Result<Self, EngineError> {
        let c = &config;
        let table = format!("{model}embed_tokens.weight");
        let embedding = loader.embedding(&table, &[c.vocab, c.hidden])?;
        let (q, kv) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
        let mut layers = Vec::with_capacity(c.layers);
        for i in 0..c.layers {
            let at = |name: &str| format!("{model}layers.{i}.{name}");
            layers.push(Layer {
                attention_norm: loader.tensor(&at("input_layernorm.weight"), &[c.hidden])?,
                qkv: loader.decoder_linear(
                    &[
                        (at("self_attn.q_proj"), q),
                        (at("self_attn.k_proj"), kv),
                        (at("self_attn.v_proj"), kv),
                    ],
                    c.hidden,
                )?,
                output: loader.decoder_linear(&[(at("self_attn.o_proj"), c.hidden)], q)?,
                mlp_norm: loader.tensor(&at("post_attention_layernorm.weight"), &[c.hidden])?,
                gate_up: loader.decoder_linear(
                    &[(at("mlp.gate_proj"), c.intermediate), (at("mlp.up_proj"), c.intermediate)],
                    c.hidden,
                )?,
                down: loader.decoder_linear(&[(at("mlp.down_proj"), c.hidden)], c.intermediate)?,
            });
        }
        let norm = loader.tensor(&format!("{model}norm.weight"), &[c.hidden])?;
        let head = if c.tied {
            loader.tied_head(&table, c.vocab, c.hidden)?
        } else {
            let name = head.strip_suffix(".weight").unwrap_or(head);
            loader.decoder_linear(&[(name.to_owned(), c.vocab)], c.hidden)?
        };
        let rotary = Rotary::new(&c.rotary, c.head_dim);
        Ok(Decoder { embedding, layers, norm, head, rotary, config })
    }

    /// An empty cache for `capacity` positions.
    pub(crate) fn cache(&self, capacity: usize) -> Result<Cache> {
        let c = &self.config;
        let shape = (c.kv_heads, capacity, c.head_dim);
        let device = self.head.device();
        let empty = || -> Result<Vec<Tensor>> {
            (0..c.layers).map(|_| Tensor::zeros(shape, DType::F32, &device)).collect()
        };
        Ok(Cache { keys: empty()?, values: empty()?, len: 0 })
    }

    /// Embeddings `[n, hidden]` of token ids.
    pub(crate) fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        let ids = Tensor::new(ids, self.embedding.device())?;
        self.embedding.index_select(&ids, 0)?.to_dtype(DType::F32)
    }

    /// Runs rows `[n, hidden]` at `positions` through all layers, appending to the cache.
    ///
    /// Returns the normed hidden states `[n, hidden]`, or `None` when the lookout said stop.
    pub(crate) fn forward(
        &self,
        mut x: Tensor,
        positions: &[Position],
        cache: &mut Cache,
        lookout: &mut dyn Lookout,
    ) -> Result<Option<Tensor>> {
        let tables = self.rotary.tables(positions, x.device())?;
        for i in 0..self.layers.len() {
            x = match self.layer(i, x, &tables, cache, lookout)? {
                Some(x) if lookout.poll().is_continue() => x,
                _ => return Ok(None),
            };
        }
        cache.len += positions.len();
        Ok(Some(candle_nn::ops::rms_norm(&x, &self.norm, self.config.norm_eps as f32)?))
    }

    fn layer(
        &self,
        index: usize,
        x: Tensor,
        tables: &(Tensor, Tensor),
        cache: &mut Cache,
        lookout: &mut dyn Lookout,
    ) -> Result<Option<Tensor>> {
        let (c, layer) = (&self.config, &self.layers[index]);
        let n = x.dim(0)?;
        let normed = candle_nn::ops::rms_norm(&x, &layer.attention_norm, c.norm_eps as f32)?;
        let qkv = layer.qkv.forward(&normed)?;
        let heads = |first: usize, count: usize| -> Result<Tensor> {
            let part = qkv.narrow(1, first * c.head_dim, count * c.head_dim)?;
            part.reshape((n, count, c.head_dim))?.transpose(0, 1)?.contiguous()
        };
        let q = Rotary::apply(&heads(0, c.heads)?, tables)?;
        let k = Rotary::apply(&heads(c.heads, c.kv_heads)?, tables)?;
        let v = heads(c.heads + c.kv_heads, c.kv_heads)?;
        let past = cache.len;
        cache.keys[index].slice_set(&k, 1, past)?;
        cache.values[index].slice_set(&v, 1, past)?;
        let k = cache.keys[index].narrow(1, 0, past + n)?;
        let v = cache.values[index].narrow(1, 0, past + n)?;
        let (attended, seen) = self.attend(index, &q, &k, &v, past, lookout)?;
        if let Some(seen) = seen
            && lookout.layer(index, seen).is_break()
        {
            return Ok(None);
        }
        let x = (x + layer.output.forward(&attended)?)?;
        let normed = candle_nn::ops::rms_norm(&x, &layer.mlp_norm, c.norm_eps as f32)?;
        let gated = candle_nn::ops::swiglu(&layer.gate_up.forward(&normed)?)?;
        Ok(Some((x + layer.down.forward(&gated)?)?))
    }

    fn attend(
        &self,
        index: usize,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        past: usize,
        lookout: &mut dyn Lookout,
    ) -> Result<(Tensor, Option<Seen>)> {
        let wants = lookout.wants();
        let mask = Mask::Causal { past };
        if !(wants.flows || wants.rows || wants.maps) {
            return attend(q, k, v, mask, None);
        }
        let segments = lookout.segments().to_vec();
        let mut map = |first: usize, rows: usize, keys: usize, weights: &[f32]| {
            lookout.map(index, (past + first, rows, keys), weights);
        };
        let watch = Watch {
            segments: &segments,
            row: wants.rows,
            map: if wants.maps { Some(&mut map) } else { None },
        };
        attend(q, k, v, mask, Some(watch))
    }

    /// Logits `[n, vocab]` of normed hidden states `[n, hidden]`.
    pub(crate) fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.head.forward(&hidden.contiguous()?)
    }
}
