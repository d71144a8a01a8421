//! Vision towers of the kind of CLIP and SigLIP: patches with learned positions, blocks of attention
//! and an MLP with LayerNorm before each.

use candle_core::{DType, Device, Result, Tensor};

use shared::Group;

use super::{Activation, Features, split_heads};
use crate::attention::{Mask, Watch, attend, block_values};
use crate::error::EngineError;
use crate::weights::{Linear, Loader};

/// Sizes of a vision tower.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VitConfig {
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) image_size: usize,
    pub(crate) patch_size: usize,
    pub(crate) norm_eps: f64,
    pub(crate) activation: Activation,
    /// Whether a class token goes before the patches: CLIP's, and not SigLIP's.
    pub(crate) class_token: bool,
    /// Whether there is a norm before the blocks.
    pub(crate) pre_norm: bool,
    /// Whether the norm after the blocks is applied to the features.
    pub(crate) post_norm: bool,
    /// Whether the map of patches has a bias.
    pub(crate) patch_bias: bool,
}

impl VitConfig {
    /// CLIP ViT-L/14 at 336 pixels, up to the layer that LLaVA takes.
    pub(crate) const CLIP_L: VitConfig = VitConfig {
        hidden: 1024,
        intermediate: 4096,
        layers: 24,
        heads: 16,
        image_size: 336,
        patch_size: 14,
        norm_eps: 1e-5,
        activation: Activation::QuickGelu,
        class_token: true,
        pre_norm: true,
        post_norm: false,
        patch_bias: false,
    };

    /// Patches along one edge.
    pub(crate) fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Bytes that the tower works with: rows of a block's widest step, where a product in 16 bits
    /// is joined from blocks and the activation takes three tensors, and a block of weights.
    pub(crate) fn working(&self) -> usize {
        let rows = self.grid() * self.grid() + usize::from(self.class_token);
        let block = block_values(self.heads, rows, rows, self.hidden);
        let pixels = 2 * 3 * self.image_size * self.image_size;
        4 * (rows * (3 * self.hidden + 4 * self.intermediate) + block + pixels)
    }
}

/// The tower up to its feature layer.
pub(crate) struct VitTower {
    config: VitConfig,
    class: Option<Tensor>,
    patch: Linear,
    position: Tensor,
    pre_norm: Option<Norm>,
    blocks: Vec<Block>,
    post_norm: Option<Norm>,
}

/// A LayerNorm.
pub(crate) struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl Norm {
    /// Reads `name.weight` and `name.bias`, both of this width.
    pub(crate) fn load(
        loader: &mut Loader,
        name: &str,
        (width, eps): (usize, f64),
    ) -> std::result::Result<Self, EngineError> {
        Ok(Norm {
            weight: loader.tensor(&format!("{name}.weight"), &[width])?,
            bias: loader.tensor(&format!("{name}.bias"), &[width])?,
            eps: eps as f32,
        })
    }

    /// Of rows of its width.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// The width and the epsilon of a tower's norms.
fn norm_of(c: &VitConfig) -> (usize, f64) {
    (c.hidden, c.norm_eps)
}

/// What adds up the attention that each key receives, averaged over heads: from the first row where
/// that is a class token's, which is left out of the keys; else from every row, averaged over rows, too.
/// To be told a layer's weights block by block ([`Watch::map`]).
pub(crate) fn tally(
    scores: &mut Vec<f32>,
    heads: usize,
    class_token: bool,
) -> impl FnMut(usize, usize, usize, &[f32]) + '_ {
    move |first, rows, keys, weights| {
        // Of a tower with [CLS] its row counts, which is the first; of others, every row.
        let (of_class, counted) = if class_token { (1, 1) } else { (0, keys) };
        if first == 0 {
            *scores = vec![0.0; keys - of_class];
        }
        let rows_counted = counted.saturating_sub(first).min(rows);
        for head in weights.chunks(rows * keys) {
            for row in head.chunks(keys).take(rows_counted) {
                for (score, w) in scores.iter_mut().zip(&row[of_class..keys]) {
                    *score += w / (heads * counted) as f32;
                }
            }
        }
    }
}

struct Block {
    norm1: Norm,
    qkv: Linear,
    output: Linear,
    norm2: Norm,
    fc1: Linear,
    fc2: Linear,
}

impl VitTower {
    /// Reads `blocks` blocks of a tower whose tensors start with `at`.
    pub(crate) fn load(
        loader: &mut Loader,
        config: VitConfig,
        blocks: usize,
        at: &str,
    ) -> std::result::Result<Self, EngineError> {
        let c = config.clone();
        let grid = c.grid();
        let patch_name = format!("{at}embeddings.patch_embedding");
        let patch_shape = [c.hidden, 3, c.patch_size, c.patch_size];
        let patch = loader.patches(&patch_name, &patch_shape, c.patch_bias)?;
        let mut loaded = Vec::with_capacity(blocks);
        for i in 0..blocks {
            let name = |n: &str| format!("{at}encoder.layers.{i}.{n}");
            let square = |n: &str| (name(n), c.hidden);
            loaded.push(Block {
                norm1: Norm::load(loader, &name("layer_norm1"), norm_of(&c))?,
                qkv: loader.dense_linear(
                    &[
                        square("self_attn.q_proj"),
                        square("self_attn.k_proj"),
                        square("self_attn.v_proj"),
                    ],
                    c.hidden,
                )?,
                output: loader.dense_linear(&[square("self_attn.out_proj")], c.hidden)?,
                norm2: Norm::load(loader, &name("layer_norm2"), norm_of(&c))?,
                fc1: loader.dense_linear(&[(name("mlp.fc1"), c.intermediate)], c.hidden)?,
                fc2: loader.dense_linear(&[square("mlp.fc2")], c.intermediate)?,
            });
        }
        let class = match c.class_token {
            true => Some(loader.tensor(&format!("{at}embeddings.class_embedding"), &[c.hidden])?),
            false => None,
        };
        let positions = grid * grid + usize::from(c.class_token);
        let table = format!("{at}embeddings.position_embedding.weight");
        let position = loader.tensor(&table, &[positions, c.hidden])?;
        let mut norm = |is_there: bool, name: &str| -> std::result::Result<_, EngineError> {
            let norm = is_there.then(|| Norm::load(loader, &format!("{at}{name}"), norm_of(&c)));
            norm.transpose()
        };
        // The misspelling is the checkpoint's.
        let pre_norm = norm(c.pre_norm, "pre_layrnorm")?;
        let post_norm = norm(c.post_norm, "post_layernorm")?;
        Ok(VitTower { class, patch, position, pre_norm, blocks: loaded, post_norm, config })
    }

    /// The device it runs on.
    pub(crate) fn device(&self) -> Device {
        self.patch.device()
    }

    /// What [`VitTower::forward`] ranks patches by; `None` without a block, which has no attention.
    pub(crate) fn score(&self) -> Option<&'static str> {
        let score = match self.config.class_token {
            true => "cls-attention",
            false => "attention-received-in-last-block",
        };
        (!self.blocks.is_empty()).then_some(score)
    }

    /// Features `[patches, hidden]` of normalised pixels `[3, image_size, image_size]` at the
    /// feature layer, [CLS] dropped. Scores are FasterVLM's: the [CLS] row's attention on each
    /// patch in the block whose output the features are, averaged over heads; in a tower without
    /// [CLS], the attention that a patch receives there, averaged over heads and queries.
    pub(crate) fn forward(&self, pixels: &Tensor, scored: bool) -> Result<Features> {
        let c = &self.config;
        let (g, p) = (c.grid(), c.patch_size);
        // The convolution's stride is its size: cut into patches and multiply.
        let patches = pixels
            .narrow(1, 0, g * p)?
            .narrow(2, 0, g * p)?
            .reshape((3, g, p, g, p))?
            .permute((1, 3, 0, 2, 4))?
            .reshape((g * g, 3 * p * p))?;
        let mut x = self.patch.forward(&patches, DType::F32)?;
        if let Some(class) = &self.class {
            x = Tensor::cat(&[&class.unsqueeze(0)?, &x], 0)?;
        }
        x = (x + &self.position)?;
        if let Some(norm) = &self.pre_norm {
            x = norm.apply(&x)?;
        }
        let mut scores = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            let watched = scored && i + 1 == self.blocks.len();
            x = block.forward(&x, c, if watched { Some(&mut scores) } else { None })?;
        }
        if let Some(norm) = &self.post_norm {
            x = norm.apply(&x)?;
        }
        let rows = x.narrow(0, usize::from(c.class_token), g * g)?.contiguous()?;
        Ok(Features { rows, deep: Vec::new(), scores })
    }
}

impl Block {
    fn forward(&self, x: &Tensor, c: &VitConfig, scores: Option<&mut Vec<f32>>) -> Result<Tensor> {
        let n = x.dim(0)?;
        let qkv = self.qkv.forward(&self.norm1.apply(x)?, self.qkv.compute())?;
        let heads = |part: usize| split_heads(&qkv, part, c.heads);
        let segments = [(Group::Image.index(), 0, n)];
        let mut keep = scores.map(|scores| tally(scores, c.heads, c.class_token));
        let watch = keep.as_mut().map(|keep| Watch::map(&segments, keep));
        let (attended, _) = attend(&heads(0)?, &heads(1)?, &heads(2)?, Mask::None, watch)?;
        let x = (x + self.output.forward(&attended, DType::F32)?)?;
        let inner = c.activation.apply(&self.fc1.forward(&self.norm2.apply(&x)?, DType::F32)?)?;
        x + self.fc2.forward(&inner, DType::F32)?
    }
}

#[cfg(test)]
mod tests {
    use shared::Quant;

    use super::*;
    use crate::weights::{Random, Source};

    /// Random weights, but norms that are not all ones and zeros.
    const WEIGHTS: Random = Random { biased: &["t."] };
    struct Uneven;
    impl Source for Uneven {
        fn has(&self, _: &str) -> bool {
            true
        }
        fn shape(&self, _: &str) -> Option<&[usize]> {
            None
        }
        fn size(&self, _: &str) -> u64 {
            0
        }
        fn bytes(&self) -> u64 {
            0
        }
        fn read_f32(
            &self,
            name: &str,
            shape: &[usize],
        ) -> std::result::Result<Vec<f32>, EngineError> {
            // A name without "norm" is drawn; ten times as wide, that products are not all small.
            let drawn = WEIGHTS.read_f32(&name.replace("norm", "n"), shape)?;
            let base = if name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
            Ok(drawn.into_iter().map(|v| base + 10.0 * v).collect())
        }
    }

    fn get(name: &str, n: usize) -> Vec<f64> {
        let all = Uneven.read_f32(&format!("t.{name}"), &[n]).expect("values");
        all.into_iter().map(f64::from).collect()
    }

    fn linear(name: &str, row: &[f64], out: usize) -> Vec<f64> {
        let (w, b) =
            (get(&format!("{name}.weight"), out * row.len()), get(&format!("{name}.bias"), out));
        let product = |w: &[f64]| w.iter().zip(row).map(|(w, x)| w * x).sum::<f64>();
        w.chunks(row.len()).zip(b).map(|(w, b)| product(w) + b).collect()
    }

    fn norm(name: &str, row: &[f64], eps: f64) -> Vec<f64> {
        let n = row.len() as f64;
        let mean = row.iter().sum::<f64>() / n;
        let var = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let (w, b) =
            (get(&format!("{name}.weight"), row.len()), get(&format!("{name}.bias"), row.len()));
        let one = |((x, w), b): ((&f64, f64), f64)| (x - mean) / (var + eps).sqrt() * w + b;
        row.iter().zip(w).zip(b).map(one).collect()
    }

    fn gelu_tanh(x: f64) -> f64 {
        0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
    }

    fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| a + b).collect()
    }

    /// SigLIP's tower as transformers' `SiglipVisionModel` computes it, row by row in f64, and the
    /// attention that each patch receives in its last block.
    fn siglip(c: &VitConfig, pixels: &[f32]) -> (Vec<Vec<f64>>, Vec<f64>) {
        let (side, p, g) = (c.image_size, c.patch_size, c.grid());
        let positions = get("embeddings.position_embedding.weight", g * g * c.hidden);
        let patch = |at: usize| -> Vec<f64> {
            let (top, left) = (at / g * p, at % g * p);
            let lines = (0..3 * p).flat_map(|i| {
                let from = (i / p * side + top + i % p) * side + left;
                pixels[from..from + p].iter().map(|x| f64::from(*x))
            });
            let row = linear("embeddings.patch_embedding", &lines.collect::<Vec<_>>(), c.hidden);
            sum(&row, &positions[at * c.hidden..(at + 1) * c.hidden])
        };
        let mut rows: Vec<Vec<f64>> = (0..g * g).map(patch).collect();
        let mut received = Vec::new();
        for i in 0..c.layers {
            let at = |name: &str| format!("encoder.layers.{i}.{name}");
            let normed: Vec<_> =
                rows.iter().map(|r| norm(&at("layer_norm1"), r, c.norm_eps)).collect();
            let all = |n: &str| -> Vec<Vec<f64>> {
                normed
                    .iter()
                    .map(|r| linear(&at(&format!("self_attn.{n}_proj")), r, c.hidden))
                    .collect()
            };
            let (q, k, v) = (all("q"), all("k"), all("v"));
            let width = c.hidden / c.heads;
            received = vec![0.0; rows.len()];
            let mut joined = vec![vec![0.0; c.hidden]; rows.len()];
            for head in 0..c.heads {
                let cut = |r: &Vec<f64>| r[head * width..(head + 1) * width].to_vec();
                for (joined, query) in joined.iter_mut().zip(&q) {
                    let dot = |key: &Vec<f64>| {
                        cut(query).iter().zip(cut(key)).map(|(a, b)| a * b).sum::<f64>()
                    };
                    let exps: Vec<f64> =
                        k.iter().map(|key| (dot(key) / (width as f64).sqrt()).exp()).collect();
                    let total: f64 = exps.iter().sum();
                    for (key, e) in exps.iter().enumerate() {
                        received[key] += e / total / (c.heads * rows.len()) as f64;
                        for (d, value) in cut(&v[key]).iter().enumerate() {
                            joined[head * width + d] += e / total * value;
                        }
                    }
                }
            }
            for (row, joined) in rows.iter_mut().zip(&joined) {
                *row = sum(row, &linear(&at("self_attn.out_proj"), joined, c.hidden));
                let inner = norm(&at("layer_norm2"), row, c.norm_eps);
                let inner = linear(&at("mlp.fc1"), &inner, c.intermediate);
                let inner: Vec<f64> = inner.into_iter().map(gelu_tanh).collect();
                *row = sum(row, &linear(&at("mlp.fc2"), &inner, c.hidden));
            }
        }
        (rows.iter().map(|r| norm("post_layernorm", r, c.norm_eps)).collect(), received)
    }

    #[test]
    fn a_tower_without_a_class_token_equals_the_formulas() {
        let c = VitConfig {
            hidden: 12,
            intermediate: 20,
            layers: 2,
            heads: 3,
            image_size: 14,
            patch_size: 4,
            norm_eps: 1e-6,
            activation: Activation::GeluTanh,
            class_token: false,
            pre_norm: false,
            post_norm: true,
            patch_bias: true,
        };
        let mut progress = |_, _| {};
        let mut loader = Loader::new(&Uneven, Quant::F32, &Device::Cpu, &mut progress);
        let tower = VitTower::load(&mut loader, c.clone(), c.layers, "t.").expect("loads");
        let pixels = WEIGHTS.read_f32("pixels", &[3 * 14 * 14]).expect("values");
        let pixels: Vec<f32> = pixels.into_iter().map(|x| 30.0 * x).collect();
        let (want, received) = siglip(&c, &pixels);
        let pixels = Tensor::from_vec(pixels, (3, 14, 14), &Device::Cpu).expect("pixels");
        let Features { rows, scores, .. } = tower.forward(&pixels, true).expect("runs");
        let rows = rows.to_vec2::<f32>().expect("rows");
        // 14 pixels have room for three patches of four, and two that nobody sees.
        assert_eq!((rows.len(), scores.len()), (9, 9));
        for (got, want) in rows.iter().flatten().zip(want.iter().flatten()) {
            assert!((f64::from(*got) - want).abs() < 1e-5, "{got} is not {want}");
        }
        for (got, want) in scores.iter().zip(received) {
            assert!((f64::from(*got) - want).abs() < 1e-6, "{got} is not {want}");
        }
    }
}
