//! Attention maps for `--dump-attention`: every layer, head, row and key, where that fits.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use shared::{ModelInfo, Token};

use super::Failure;

/// Attention maps of one run, as they are written to the file.
#[derive(Debug)]
pub(super) struct Maps {
    layers: usize,
    heads: usize,
    prompt: usize,
    /// `[L, H, S, S]`.
    prefill: Vec<f32>,
    /// For each generated token that was a query, `[L, H, S + k + 1]`.
    generated: Vec<Vec<f32>>,
}

impl Maps {
    /// Room for the maps of a run.
    ///
    /// # Errors
    /// The maps would need more than `budget` bytes; the sentence names how many.
    pub(super) fn new(
        model: &ModelInfo,
        prompt: usize,
        most_tokens: u32,
        budget: u64,
    ) -> Result<Maps, Failure> {
        let (layers, heads) = (u64::from(model.layers), u64::from(model.heads));
        let (s, n) = (prompt as u64, u64::from(most_tokens));
        let steps = n.saturating_sub(1);
        let cells = s
            .saturating_mul(s)
            .saturating_add(steps.saturating_mul(s + steps))
            .saturating_mul(layers * heads);
        // Twice: for writing, the maps are laid out once more.
        let bytes = cells.saturating_mul(2 * 4);
        if bytes > budget {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            return Err(format!(
                "over_budget: the attention maps of {layers} layers × {heads} heads at {s} prompt \
                 and up to {n} generated tokens take {} MiB, more than the budget of {} MiB; \
                 raise --map-budget-mib or ask for fewer tokens",
                mib(bytes),
                mib(budget)
            ));
        }
        let (layers, heads) = (layers as usize, heads as usize);
        let prefill = vec![0.0; layers * heads * prompt * prompt];
        Ok(Maps { layers, heads, prompt, prefill, generated: Vec::new() })
    }

    /// Takes one layer's rows `[heads, rows, keys]`.
    pub(super) fn add(
        &mut self,
        layer: usize,
        first_row: usize,
        rows: usize,
        keys: usize,
        values: &[f32],
    ) {
        for (h, of_head) in values.chunks_exact(rows * keys).enumerate() {
            for (r, row) in of_head.chunks_exact(keys).enumerate() {
                self.add_row(layer, h, first_row + r, row);
            }
        }
    }

    fn add_row(&mut self, layer: usize, head: usize, position: usize, row: &[f32]) {
        let s = self.prompt;
        let at = layer * self.heads + head;
        let into = if position < s {
            let start = (at * s + position) * s;
            &mut self.prefill[start..start + s]
        } else {
            let (k, width) = (position - s, position + 1);
            let (layers, heads) = (self.layers, self.heads);
            while self.generated.len() <= k {
                let width = s + self.generated.len() + 1;
                self.generated.push(vec![0.0; layers * heads * width]);
            }
            &mut self.generated[k][at * width..(at + 1) * width]
        };
        let seen = row.len().min(into.len());
        into[..seen].copy_from_slice(&row[..seen]);
    }

    /// Writes the file. `tokens` were generated; the last was the query of nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(self, file: &Path, prompt: &[Token], tokens: usize) -> Result<(), Failure> {
        let (l, h, s) = (self.layers, self.heads, self.prompt);
        let steps = tokens.saturating_sub(1);
        let width = s + steps;
        let mut generated = vec![0.0f32; l * h * steps * width];
        for (k, step) in self.generated.iter().take(steps).enumerate() {
            for (at, row) in step.chunks_exact(s + k + 1).enumerate() {
                let start = (at * steps + k) * width;
                generated[start..start + row.len()].copy_from_slice(row);
            }
        }
        drop(self.generated);
        let ids: Vec<u8> = prompt.iter().flat_map(|t| i64::from(t.id).to_le_bytes()).collect();
        let (prefill, generated) = (bytes(&self.prefill), bytes(&generated));
        let failed = |e: safetensors::SafeTensorError| {
            format!("the attention maps cannot be written to {}: {e}", file.display())
        };
        let tensors = [
            ("generated", Dtype::F32, vec![l, h, steps, width], &generated),
            ("input_ids", Dtype::I64, vec![s], &ids),
            ("prefill", Dtype::F32, vec![l, h, s, s], &prefill),
        ];
        let mut views = Vec::new();
        for (name, dtype, shape, data) in tensors {
            views.push((name, TensorView::new(dtype, shape, data).map_err(failed)?));
        }
        safetensors::serialize_to_file(views, None, file).map_err(failed)
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use shared::Group;

    use super::*;

    fn prompt(s: u32) -> Vec<Token> {
        let token = |index| Token::text(index, 7 + index, "", Group::Instruction);
        (0..s).map(token).collect()
    }

    #[test]
    fn blocks_land_where_they_belong() {
        let model = ModelInfo { layers: 2, heads: 2, ..ModelInfo::default() };
        let prompt = prompt(3);
        let mut maps = Maps::new(&model, prompt.len(), 3, 1 << 20).expect("small");
        // Value of a cell: its layer, head, query and key as decimal digits.
        let value =
            |l: usize, h: usize, q: usize, k: usize| (l * 1000 + h * 100 + q * 10 + k) as f32;
        let block = |l: usize, first: usize, rows: usize, keys: usize| -> Vec<f32> {
            let mut values = Vec::new();
            for h in 0..2 {
                for q in first..first + rows {
                    values.extend((0..keys).map(|k| if k <= q { value(l, h, q, k) } else { 0.0 }));
                }
            }
            values
        };
        for l in 0..2 {
            // Two blocks of rows; the first sees only the keys up to its end.
            maps.add(l, 0, 2, 2, &block(l, 0, 2, 2));
            maps.add(l, 2, 1, 3, &block(l, 2, 1, 3));
        }
        for q in [3, 4] {
            for l in 0..2 {
                maps.add(l, q, 1, q + 1, &block(l, q, 1, q + 1));
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("maps.safetensors");
        maps.write(&file, &prompt, 3).expect("written");
        let data = std::fs::read(&file).expect("there");
        let tensors = safetensors::SafeTensors::deserialize(&data).expect("readable");
        let floats = |name: &str| -> (Vec<usize>, Vec<f32>) {
            let t = tensors.tensor(name).expect("there");
            let words = t.data().as_chunks::<4>().0;
            (t.shape().to_vec(), words.iter().map(|w| f32::from_le_bytes(*w)).collect())
        };
        let (shape, prefill) = floats("prefill");
        assert_eq!(shape, [2, 2, 3, 3]);
        let (wide, generated) = floats("generated");
        assert_eq!(wide, [2, 2, 2, 5]);
        for l in 0..2 {
            for h in 0..2 {
                for q in 0..5 {
                    for k in 0..5 {
                        let expected = if k <= q { value(l, h, q, k) } else { 0.0 };
                        let at = l * 2 + h;
                        let found = match q {
                            0..3 if k < 3 => prefill[(at * 3 + q) * 3 + k],
                            0..3 => continue,
                            _ => generated[(at * 2 + q - 3) * 5 + k],
                        };
                        assert_eq!(found, expected, "layer {l} head {h} query {q} key {k}");
                    }
                }
            }
        }
        let ids = tensors.tensor("input_ids").expect("there");
        assert_eq!((ids.dtype(), ids.shape()), (Dtype::I64, &[3][..]));
        assert_eq!(ids.data()[..8], 7i64.to_le_bytes());
    }

    #[test]
    fn over_the_budget_names_the_size() {
        let model = ModelInfo { layers: 32, heads: 32, ..ModelInfo::default() };
        let failure = Maps::new(&model, 2586, 20, 1 << 30).expect_err("55 GB");
        assert!(failure.contains("52632 MiB") && failure.contains("1024 MiB"), "{failure}");
    }
}
