//! The decoder of every family: RMSNorm, grouped-query attention, SwiGLU, rotary positions.

#[cfg(test)]
mod tests;

use candle_core::{DType, Device, Result, Tensor};

use crate::attention::{BinKnockout, Blocked, Mask, Seen, Segment, Watch, attend};
use crate::error::EngineError;
use crate::observer::{Control, Wants};
use crate::ops;
use crate::rotary::{Position, Rotary, RotaryConfig};
use crate::sights::Sights;
use crate::weights::{Linear, Loader};

/// Rows that go through a GPU at once: enough to keep it busy, few enough that what lies between
/// layers stays small beside the cache.
pub(crate) const GPU_ROWS: usize = 8192;

/// Rows of a prompt of `n` that go through a GPU at once. Parts are about equal: a single row would
/// be taken for a generated one.
const fn gpu_part(n: usize) -> usize {
    let parts = n.div_ceil(GPU_ROWS);
    if parts == 0 { 1 } else { n.div_ceil(parts) }
}

/// Positions that a cache on a GPU has room for where so many are asked for.
pub(crate) const fn gpu_capacity(positions: usize) -> usize {
    positions.next_multiple_of(64)
}

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
    pub(crate) biases: Biases,
    /// Whether queries and keys are normed head by head (RMSNorm) before they are turned, as in
    /// Qwen3.
    pub(crate) head_norms: bool,
}

/// Whether a decoder's maps have biases; `None` where that is for the weights to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Biases {
    pub(crate) qkv: Option<bool>,
    pub(crate) output: Option<bool>,
    pub(crate) mlp: Option<bool>,
}

impl Biases {
    /// Those that are stored.
    pub(crate) const STORED: Biases = Biases { qkv: None, output: None, mlp: None };

    /// The decoder's maps, by what follows their layer's name, and whether they have biases.
    fn maps(self) -> [(&'static [&'static str], Option<bool>); 3] {
        const QKV: [&str; 3] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
        const MLP: [&str; 3] = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"];
        [(&QKV, self.qkv), (&["self_attn.o_proj"], self.output), (&MLP, self.mlp)]
    }
}

/// A map of a decoder's layer: its parts' names and rows, one below the other, and its columns.
pub(crate) struct LayerMap {
    parts: Vec<(&'static str, usize)>,
    pub(crate) columns: usize,
}

impl LayerMap {
    /// Rows of all parts.
    pub(crate) fn rows(&self) -> usize {
        self.parts.iter().map(|(_, rows)| rows).sum()
    }
}

impl DecoderConfig {
    /// The maps of each layer in the order in which they are read: queries, keys and values; the
    /// attention's output; gate and up; down.
    pub(crate) fn maps(&self) -> [LayerMap; 4] {
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let (hidden, inner) = (self.hidden, self.intermediate);
        let qkv = [("self_attn.q_proj", q), ("self_attn.k_proj", kv), ("self_attn.v_proj", kv)];
        let gate_up = [("mlp.gate_proj", inner), ("mlp.up_proj", inner)];
        let map = |parts: &[_], columns| LayerMap { parts: parts.to_vec(), columns };
        [
            map(&qkv, hidden),
            map(&[("self_attn.o_proj", hidden)], q),
            map(&gate_up, hidden),
            map(&[("mlp.down_proj", hidden)], inner),
        ]
    }
}

#[cfg(test)]
impl DecoderConfig {
    /// Values of all its weights, if `bias` (1 or 0) of its query, key and value maps have biases.
    pub(crate) const fn parameters(&self, bias: usize) -> usize {
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let attention = 2 * self.hidden * (q + kv) + bias * (q + 2 * kv);
        let norms = 2 * self.hidden + if self.head_norms { 2 * self.head_dim } else { 0 };
        let layer = attention + 3 * self.hidden * self.intermediate + norms;
        let tables = if self.tied { 1 } else { 2 };
        self.layers * layer + tables * self.vocab * self.hidden + self.hidden
    }
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
    /// The norms of query and key heads `[head_dim]`, where there are any.
    head_norms: Option<(Tensor, Tensor)>,
    output: Linear,
    mlp_norm: Tensor,
    /// Gate and up rows stacked.
    gate_up: Linear,
    down: Linear,
}

/// What a run has of its own: keys and values of the positions seen so far,
/// `[kv_heads, capacity, head_dim]` a layer, and attention that is knocked out.
pub(crate) struct Cache {
    keys: Vec<Tensor>,
    values: Vec<Tensor>,
    /// Positions filled.
    pub(crate) len: usize,
    /// What rows do not see.
    pub(crate) knockout: Option<BinKnockout>,
    /// What layers saw and the lookout has not been told yet.
    pub(crate) sights: Sights,
}

/// Told what a decoder looks at while it runs.
pub(crate) trait Lookout {
    /// What to compute.
    fn wants(&self) -> Wants;
    /// Bins of all positions up to and including the rows of this pass.
    fn segments(&self) -> &[Segment];
    /// How many bins there are, and which one is of what is generated.
    fn bins(&self) -> (usize, usize);
    /// A layer's attention is done.
    fn layer(&mut self, layer: usize, seen: Seen) -> Control;
    /// A block of a layer's weights: first row, rows, keys, `[heads, rows, keys]`.
    fn map(&mut self, layer: usize, block: (usize, usize, usize), weights: &[f32]);
    /// So many rows have gone through a layer.
    fn passed(&mut self, layer: usize);
    /// Asked after every layer whether to stop.
    fn poll(&mut self) -> Control;
}

impl Decoder {
    /// Reads a decoder whose tensors start with `model` (`…embed_tokens.weight`,
    /// `…layers.0.…`) and whose head is `head` unless tied. A tied head that is stored
    /// nevertheless, and is another matrix, is not tied: transformers 5 does the same.
    pub(crate) fn load(
        loader: &mut Loader,
        config: DecoderConfig,
        model: &str,
        head: &str,
    ) -> std::result::Result<Self, EngineError> {
        let c = &config;
        let table = format!("{model}embed_tokens.weight");
        let embedding = loader.embedding(&table, &[c.vocab, c.hidden])?;
        for (maps, biased) in c.biases.maps() {
            let layers = 0..c.layers;
            let names = layers.flat_map(|i| maps.iter().map(move |map| (i, map)));
            let names = names.map(|(i, map)| format!("{model}layers.{i}.{map}.bias")).collect();
            loader.settle_biases(names, biased)?;
        }
        let mut layers = Vec::with_capacity(c.layers);
        for i in 0..c.layers {
            let at = |name: &str| format!("{model}layers.{i}.{name}");
            let [qkv, output, gate_up, down] = c.maps();
            let read = |loader: &mut Loader, map: &LayerMap| {
                let parts: Vec<_> = map.parts.iter().map(|(n, rows)| (at(n), *rows)).collect();
                loader.decoder_linear(&parts, map.columns)
            };
            layers.push(Layer {
                attention_norm: loader.tensor(&at("input_layernorm.weight"), &[c.hidden])?,
                qkv: read(loader, &qkv)?,
                head_norms: if c.head_norms {
                    let mut norm = |name: &str| loader.tensor(&at(name), &[c.head_dim]);
                    Some((norm("self_attn.q_norm.weight")?, norm("self_attn.k_norm.weight")?))
                } else {
                    None
                },
                output: read(loader, &output)?,
                mlp_norm: loader.tensor(&at("post_attention_layernorm.weight"), &[c.hidden])?,
                gate_up: read(loader, &gate_up)?,
                down: read(loader, &down)?,
            });
        }
        let norm = loader.tensor(&format!("{model}norm.weight"), &[c.hidden])?;
        let head = if c.tied && !loader.has_own_head(&table, head)? {
            loader.tied_head(&table, c.vocab, c.hidden)?
        } else {
            let name = head.strip_suffix(".weight").unwrap_or(head);
            loader.head(name, c.vocab, c.hidden)?
        };
        let rotary = Rotary::new(&c.rotary, c.head_dim);
        Ok(Decoder { embedding, layers, norm, head, rotary, config })
    }

    /// The device the weights lie on.
    pub(crate) fn device(&self) -> Device {
        self.head.device()
    }

    /// What the cache holds and many rows are computed in: 16 bits on a GPU unless the weights are
    /// f32. Sums, norms, scores and the residual stream are f32 everywhere.
    fn compute(&self) -> DType {
        self.layers.first().map_or(DType::F32, |layer| layer.qkv.compute())
    }

    /// The type that queries, keys and values are computed in, as people write it.
    pub(crate) fn dtype_name(&self) -> &'static str {
        if self.compute() == DType::F16 { "f16" } else { "f32" }
    }

    /// An empty cache for `capacity` positions.
    pub(crate) fn cache(&self, capacity: usize) -> Result<Cache> {
        let c = &self.config;
        let device = self.device();
        // Few different sizes leave a GPU's pool fewer pieces that fit nothing.
        let room = if device.is_cuda() { gpu_capacity(capacity) } else { capacity };
        let shape = (c.kv_heads, room, c.head_dim);
        let one = || {
            if !device.is_cuda() {
                return Tensor::zeros(shape, self.compute(), &device);
            }
            // SAFETY: positions are written before they are read; kernels fill tiles beyond them
            // with zeros of their own.
            #[expect(unsafe_code, reason = "memory that is written before it is read")]
            let memory = unsafe { Tensor::empty(shape, self.compute(), &device) };
            memory
        };
        let empty = || -> Result<Vec<Tensor>> { (0..c.layers).map(|_| one()).collect() };
        let sights = Sights::new(c.layers, c.heads, c.head_dim, capacity);
        Ok(Cache { keys: empty()?, values: empty()?, len: 0, knockout: None, sights })
    }

    /// Embeddings `[n, hidden]` of token ids.
    pub(crate) fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        let ids = Tensor::new(ids, self.embedding.device())?;
        self.embedding.index_select(&ids, 0)?.to_dtype(DType::F32)
    }

    /// Runs rows `[n, hidden]` at `positions` through all layers, appending to the cache. The rows
    /// are given up: a GPU adds to them in place.
    ///
    /// Returns the normed hidden states `[n, hidden]`, or `None` when the lookout said stop. On a
    /// GPU long prompts go through in parts, and unless logits of all positions are wanted only
    /// the last part's states come back.
    ///
    /// `deep[k]`, `[n, hidden]` like the rows, is added to them after layer `k`.
    pub(crate) fn forward(
        &self,
        (x, deep): (Tensor, &[Tensor]),
        positions: &[Position],
        cache: &mut Cache,
        lookout: &mut dyn Lookout,
    ) -> Result<Option<Tensor>> {
        let n = positions.len();
        let part = if x.device().is_cuda() { gpu_part(n) } else { n };
        let mut hidden = Vec::new();
        for first in (0..n).step_by(part) {
            let rows = part.min(n - first);
            let last = first + rows == n;
            let cut = |t: &Tensor| if rows == n { Ok(t.clone()) } else { t.narrow(0, first, rows) };
            let deep = deep.iter().map(cut).collect::<Result<Vec<Tensor>>>()?;
            let part = &positions[first..first + rows];
            match self.part((cut(&x)?, &deep), part, last, cache, lookout)? {
                Some(states) if last || lookout.wants().logits => hidden.push(states),
                Some(_) => {}
                None => return Ok(None),
            }
        }
        Ok(Some(if hidden.len() == 1 { hidden.remove(0) } else { Tensor::cat(&hidden, 0)? }))
    }

    fn part(
        &self,
        (mut x, deep): (Tensor, &[Tensor]),
        positions: &[Position],
        last: bool,
        cache: &mut Cache,
        lookout: &mut dyn Lookout,
    ) -> Result<Option<Tensor>> {
        let tables = self.rotary.tables(positions, x.device())?;
        let plain = cache.knockout.is_none();
        cache.sights.begin(x.device(), positions.len(), plain, lookout)?;
        let mut delta = None;
        for i in 0..self.layers.len() {
            let seen;
            (x, delta, seen) = self.layer(i, x, delta, &tables, cache, lookout)?;
            if let Some(features) = deep.get(i) {
                delta = Some(match delta {
                    Some(sum) => (sum + features)?,
                    None => features.clone(),
                });
            }
            lookout.passed(i);
            let told = cache.sights.layer(i, last, seen, lookout)?;
            if told.is_break() || lookout.poll().is_break() {
                return Ok(None);
            }
        }
        cache.len += positions.len();
        if last {
            cache.sights.send(positions.len(), lookout)?;
        }
        let eps = self.config.norm_eps as f32;
        let (_, hidden) = ops::add_norm(x, delta.as_ref(), &self.norm, eps, DType::F32)?;
        Ok(Some(hidden))
    }

    /// One layer: rows, and what is still to be added to them (the GPU adds while it norms).
    fn layer(
        &self,
        index: usize,
        x: Tensor,
        delta: Option<Tensor>,
        tables: &(Tensor, Tensor),
        cache: &mut Cache,
        lookout: &mut dyn Lookout,
    ) -> Result<(Tensor, Option<Tensor>, Option<Seen>)> {
        let (c, layer) = (&self.config, &self.layers[index]);
        let n = x.dim(0)?;
        let eps = c.norm_eps as f32;
        let to = if Linear::few(n) { DType::F32 } else { self.compute() };
        let taken = layer.qkv.takes(n, to);
        // What is dropped makes room for the next product: of a long prompt these are gigabytes.
        let (x, normed) = ops::add_norm(x, delta.as_ref(), &layer.attention_norm, eps, taken)?;
        drop(delta);
        let mut qkv = layer.qkv.forward(&normed, to)?;
        drop(normed);
        if let Some(norms) = &layer.head_norms {
            qkv = ops::norm_heads(&qkv, norms, (c.heads, c.kv_heads), eps)?;
        }
        let past = cache.len;
        let (keys, values) = (&cache.keys[index], &cache.values[index]);
        let q = ops::turn(&qkv, tables, keys, values, past)?;
        drop(qkv);
        let k = keys.narrow(1, 0, past + n)?;
        let v = values.narrow(1, 0, past + n)?;
        let (attended, seen) = Self::attend(index, (&q, &k, &v), cache, lookout)?;
        drop(q);
        let delta = layer.output.forward(&attended, DType::F32)?;
        drop(attended);
        let taken = layer.gate_up.takes(n, to);
        let (x, normed) = ops::add_norm(x, Some(&delta), &layer.mlp_norm, eps, taken)?;
        drop(delta);
        let both = layer.gate_up.forward(&normed, to)?;
        drop(normed);
        let gated = ops::gate(&both, layer.down.takes(n, to) == DType::U8)?;
        drop(both);
        Ok((x, Some(layer.down.forward(&gated, DType::F32)?), seen))
    }

    fn attend(
        index: usize,
        (q, k, v): (&Tensor, &Tensor, &Tensor),
        cache: &Cache,
        lookout: &mut dyn Lookout,
    ) -> Result<(Tensor, Option<Seen>)> {
        let (wants, past) = (lookout.wants(), cache.len);
        let watched = wants.flows || wants.rows || wants.maps || wants.head_rows > 0;
        let knockout = cache.knockout.as_ref().filter(|knockout| knockout.is_in(index as u32));
        let segments = match knockout {
            None if !watched => return attend(q, k, v, Mask::Causal { past }, None),
            _ => lookout.segments().to_vec(),
        };
        let blocked = knockout.map(|knockout| Blocked { knockout, segments: &segments });
        let mask = match &blocked {
            Some(blocked) => Mask::Knockout { past, blocked },
            None => Mask::Causal { past },
        };
        if !watched {
            return attend(q, k, v, mask, None);
        }
        let (bins, _) = lookout.bins();
        let mut map = |first: usize, rows: usize, keys: usize, weights: &[f32]| {
            lookout.map(index, (past + first, rows, keys), weights);
        };
        let watch = Watch {
            segments: &segments,
            bins,
            row: wants.rows,
            by_head: wants.head_rows > 0,
            map: if wants.maps { Some(&mut map) } else { None },
            #[cfg(feature = "cuda")]
            page: cache.sights.page(index),
        };
        attend(q, k, v, mask, Some(watch))
    }

    /// Logits `[n, vocab]` of normed hidden states `[n, hidden]`.
    pub(crate) fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.head.forward(&hidden.contiguous()?, DType::F32)
    }
}
