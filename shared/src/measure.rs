//! MDI and AEI from attention sums (PAPER.md 1.2, equations 1 to 4).

use serde::{Deserialize, Serialize};

/// Why a value does not exist. Never replaced by 0 or by a huge number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Undefined {
    /// The prompt has no image tokens.
    #[error("there are no picture tokens")]
    NoImageTokens,
    /// The definition's text groups hold no token.
    #[error("no token counts as text under this definition")]
    NoTextTokens,
    /// No attention reaches the picture, so nothing can be divided by it.
    #[error("no attention reaches the picture")]
    NoImageAttention,
    /// Neither text nor picture receives attention.
    #[error("neither text nor picture receives attention")]
    NoAttention,
    /// The definition's queries do not occur in this run.
    #[error("this run has no rows of the kind this definition looks from")]
    NoQueries,
    /// The definition names a head the model does not have.
    #[error("the model has no such head")]
    NoSuchHead,
    /// The definition asks for heads one by one, and only their average was kept.
    #[error("only the average over heads was kept of this sample")]
    HeadsAveraged,
    /// The layer has not been observed (yet).
    #[error("this layer has not been observed yet")]
    NotObserved,
    /// The run did not finish, so that only a part of what the number is made of was seen.
    #[error("the run did not finish, and only a part of it was seen")]
    Unfinished,
}

/// A number, or the reason why there is none.
pub type Value = Result<f64, Undefined>;

/// Attention sums and token counts of one layer under one definition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// `A_T`: attention on text keys, summed over queries, averaged over heads.
    pub text: f64,
    /// `A_O`: attention on image keys, likewise.
    pub image: f64,
    /// `n_T`: tokens that count as text.
    pub text_tokens: u32,
    /// `n_O`: image tokens.
    pub image_tokens: u32,
}

impl Attention {
    /// The measures of these sums.
    pub fn measure(&self) -> Measure {
        Measure {
            mdi: self.mdi(),
            aei_text: self.aei(self.text, self.text_tokens),
            aei_image: self.aei(self.image, self.image_tokens),
            share_text: self.share_text(),
            share_tokens_text: self.share_tokens_text(),
            attention: Ok(*self),
        }
    }

    fn tokens(&self) -> Result<f64, Undefined> {
        if self.image_tokens == 0 {
            Err(Undefined::NoImageTokens)
        } else if self.text_tokens == 0 {
            Err(Undefined::NoTextTokens)
        } else {
            Ok(f64::from(self.text_tokens) + f64::from(self.image_tokens))
        }
    }

    /// `A_T + A_O`. A sum that is not a number is no attention either: it must not travel on as
    /// a value.
    fn sum(&self) -> Result<f64, Undefined> {
        let sum = self.text + self.image;
        if sum.is_finite() && sum > 0.0 { Ok(sum) } else { Err(Undefined::NoAttention) }
    }

    /// `MDI = (A_T / n_T) / (A_O / n_O)`.
    pub fn mdi(&self) -> Value {
        self.tokens()?;
        self.sum()?;
        if self.image <= 0.0 {
            return Err(Undefined::NoImageAttention);
        }
        Ok((self.text / f64::from(self.text_tokens)) / (self.image / f64::from(self.image_tokens)))
    }

    /// `P_T = A_T / (A_T + A_O)`.
    pub fn share_text(&self) -> Value {
        Ok(self.text / self.sum()?)
    }

    /// `Q_T = n_T / (n_T + n_O)`.
    pub fn share_tokens_text(&self) -> Value {
        Ok(f64::from(self.text_tokens) / self.tokens()?)
    }

    /// `AEI = (A / (A_T + A_O)) / (n / (n_T + n_O))` for one side.
    fn aei(&self, attention: f64, count: u32) -> Value {
        let tokens = self.tokens()?;
        Ok((attention / self.sum()?) / (f64::from(count) / tokens))
    }
}

/// MDI, AEI and what they were computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// Modality dominance index: above 1 text dominates, below 1 the picture.
    pub mdi: Value,
    /// Attention efficiency index of text.
    pub aei_text: Value,
    /// Attention efficiency index of the picture.
    pub aei_image: Value,
    /// `P_T`: text's share of the attention on text and picture.
    pub share_text: Value,
    /// `Q_T`: text's share of the tokens of text and picture.
    pub share_tokens_text: Value,
    /// The sums themselves.
    pub attention: Result<Attention, Undefined>,
}

impl Measure {
    /// A measure none of whose values exists.
    pub const fn undefined(reason: Undefined) -> Self {
        Measure {
            mdi: Err(reason),
            aei_text: Err(reason),
            aei_image: Err(reason),
            share_text: Err(reason),
            share_tokens_text: Err(reason),
            attention: Err(reason),
        }
    }

    /// `|Q_T·AEI_T + Q_O·AEI_O − 1|`: 0 but for rounding; shown with every result.
    pub fn identity_residual(&self) -> Value {
        let q = self.share_tokens_text?;
        Ok((q * self.aei_text? + (1.0 - q) * self.aei_image? - 1.0).abs())
    }
}

/// The AEI of text that one sample and layer with this MDI and token share `Q_T` must have:
/// `m / (1 + Q_T(m − 1))`.
pub fn aei_text_of(mdi: f64, share_tokens_text: f64) -> f64 {
    mdi / (1.0 + share_tokens_text * (mdi - 1.0))
}

/// The token shares `Q_T` that an MDI and an AEI of text printed with this rounding (half of the
/// last digit) leave possible, least and greatest; `None` where the two cannot both be right for
/// one sample and layer, whatever the prompt was.
pub fn token_shares_of(mdi: f64, aei_text: f64, rounding: f64) -> Option<(f64, f64)> {
    let (m, a) = ([mdi - rounding, mdi + rounding], [aei_text - rounding, aei_text + rounding]);
    if m[0] <= 1.0 && 1.0 <= m[1] {
        // Balance says nothing of the tokens: AEI is 1 whatever Q_T is.
        return (a[0] <= 1.0 && 1.0 <= a[1]).then_some((0.0, 1.0));
    }
    // Q_T = (m − a) / (a(m − 1)) is monotone in m and in a, so the corners bound it.
    let corners = m.iter().flat_map(|m| a.iter().map(move |a| (m - a) / (a * (m - 1.0))));
    let (low, high) = corners
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), q| (low.min(q), high.max(q)));
    (low < 1.0 && high > 0.0).then_some((low.max(0.0), high.min(1.0)))
}
