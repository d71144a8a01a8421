//! Flows: attention mass from queries to keys, by bins.

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bins::Bins;
use crate::group::Group;

/// A vector of `f32`: a list of numbers in JSON, little-endian bytes in MessagePack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct F32s(pub Vec<f32>);

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for F32s {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <Vec<f32> as utoipa::PartialSchema>::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for F32s {}

impl Serialize for F32s {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_seq(&self.0)
        } else {
            let bytes: Vec<u8> = self.0.iter().flat_map(|v| v.to_le_bytes()).collect();
            serializer.serialize_bytes(&bytes)
        }
    }
}

impl<'de> Deserialize<'de> for F32s {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = F32s;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a list of numbers, or their little-endian f32 bytes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<F32s, A::Error> {
                let mut values = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1 << 16));
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(F32s(values))
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<F32s, E> {
                let (words, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err(E::invalid_length(bytes.len(), &"a multiple of four bytes"));
                }
                Ok(F32s(words.iter().map(|w| f32::from_le_bytes(*w)).collect()))
            }
        }
        // Not by `is_human_readable`: inside a tagged enum serde hands over a buffer that calls
        // itself readable whatever the format was. Both formats say which form comes.
        deserializer.deserialize_any(Either)
    }
}

/// What one decoder layer did in the prefill.
///
/// `mass[h, q, k]` is `F[h,q,k] = Σ_{i∈q} Σ_{j∈k} P[h,i,j]` over all prompt rows `i` of bin `q`
/// and all keys `j` of bin `k` (`Layout::bins` says what each is); `last[h, k]` is the same for the last prompt row alone, the row
/// that predicts the first output token. Rows of `P` sum to 1, so `Σ_k mass[h,q,k]` is the number
/// of prompt tokens in `q`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LayerFlow {
    /// Number of attention heads `H`.
    pub heads: u32,
    /// `[H, B, B]`, row-major: head, query bin, key bin.
    pub mass: F32s,
    /// `[H, B]`: head, key bin; the last prompt row.
    pub last: F32s,
}

impl LayerFlow {
    /// Number of bins `B`; 0 where there is no head.
    pub fn bins(&self) -> usize {
        self.last.0.len().checked_div(self.heads as usize).unwrap_or(0)
    }

    /// Mass from a query bin to a key bin in one head; 0 for what does not exist.
    pub fn mass(&self, head: usize, query: usize, key: usize) -> f32 {
        let bins = self.bins();
        if query >= bins || key >= bins {
            return 0.0;
        }
        self.mass.0.get((head * bins + query) * bins + key).copied().unwrap_or(0.0)
    }

    /// Mass from the last prompt row to a key bin in one head.
    pub fn last_mass(&self, head: usize, key: usize) -> f32 {
        let bins = self.bins();
        if key >= bins {
            return 0.0;
        }
        self.last.0.get(head * bins + key).copied().unwrap_or(0.0)
    }

    /// Mass from a query group to a key group in one head: over the bins that are theirs.
    pub fn get(&self, bins: &Bins, head: usize, query: Group, key: Group) -> f32 {
        let to = |q| bins.of_group(key).map(move |k| self.mass(head, q, k));
        bins.of_group(query).flat_map(to).sum()
    }

    /// Mass from the last prompt row to a key group in one head.
    pub fn last(&self, bins: &Bins, head: usize, key: Group) -> f32 {
        bins.of_group(key).map(|k| self.last_mass(head, k)).sum()
    }

    /// Whether there is a head and the buffers have the sizes that heads and bins ask for.
    pub fn is_well_formed(&self, bins: &Bins) -> bool {
        let (heads, bins) = (u64::from(self.heads), bins.len() as u64);
        heads > 0
            && self.mass.0.len() as u64 == heads * bins * bins
            && self.last.0.len() as u64 == heads * bins
    }
}

/// What the row that predicted one token looked at, in every layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenFlow {
    /// Number of layers `L`.
    pub layers: u32,
    /// Number of attention heads `H`.
    pub heads: u32,
    /// `[L, H, B]`: mass on every key bin.
    pub mass: F32s,
    /// `[L, keys]`: head-averaged attention on every key the row could see (prompt, then tokens
    /// generated before); empty when rows were not kept.
    pub rows: F32s,
}

impl TokenFlow {
    /// Number of bins `B`; 0 where there is no layer or head.
    pub fn bins(&self) -> usize {
        let cells = (self.layers as usize).saturating_mul(self.heads as usize);
        self.mass.0.len().checked_div(cells).unwrap_or(0)
    }

    /// Mass on a key bin in one layer and head; 0 for what does not exist.
    pub fn mass(&self, layer: usize, head: usize, key: usize) -> f32 {
        let (heads, bins) = (self.heads as usize, self.bins());
        if head >= heads || key >= bins {
            return 0.0;
        }
        self.mass.0.get((layer * heads + head) * bins + key).copied().unwrap_or(0.0)
    }

    /// Mass on a key group in one layer and head: over the bins that are its own.
    pub fn get(&self, bins: &Bins, layer: usize, head: usize, key: Group) -> f32 {
        bins.of_group(key).map(|k| self.mass(layer, head, k)).sum()
    }

    /// The head-averaged row of one layer, or `None` when rows were not kept.
    pub fn row(&self, layer: usize) -> Option<&[f32]> {
        crate::rows::row_of(&self.rows, self.layers, layer)
    }

    /// Whether the buffers have the sizes that layers, heads and bins ask for.
    pub fn is_well_formed(&self, bins: &Bins) -> bool {
        // Saturating: sizes that overflow fit no buffer.
        let cells = u64::from(self.layers) * u64::from(self.heads);
        self.mass.0.len() as u64 == cells.saturating_mul(bins.len() as u64)
            && (self.layers == 0 || self.rows.0.len().is_multiple_of(self.layers as usize))
    }
}
