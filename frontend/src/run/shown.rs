//! Whose attention the maps show: the mean of heads, or one head's; and why not the head's, where
//! it was asked for.

use shared::{HeadRows, HeadRowsKept, ModelInfo};

use crate::language::{fill, t};
use crate::words;

/// Why a head's own rows are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// They are on their way.
    Coming,
    /// They are kept of the answer's first so many tokens, and this is a later one.
    Later(u32),
    /// They would take so many bytes for one token.
    TooLarge(u64),
    /// An earlier lab kept none.
    Earlier,
    /// The lab did not hand them out.
    Unreachable,
}

/// Whose attention the maps show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The mean of all heads, as chosen.
    Mean,
    /// One head's.
    Head(u32),
    /// The mean, though one head was chosen.
    MeanInstead(u32, Missing),
}

impl Shown {
    /// What is shown of one token's row in a run whose prompt has so many tokens. `fetched` is what
    /// the lab handed out so far, `failed` whether it handed out less than it said to keep.
    pub fn of(
        head: Option<u32>,
        token: usize,
        (model, prompt): (&ModelInfo, usize),
        fetched: &HeadRows,
        failed: bool,
    ) -> Self {
        let Some(head) = head else { return Shown::Mean };
        if fetched.head == head && fetched.row(token, 0).is_some() {
            return Shown::Head(head);
        }
        let why = match HeadRowsKept::of(model, prompt) {
            HeadRowsKept::First(tokens) if token >= tokens as usize => Missing::Later(tokens),
            HeadRowsKept::First(_) if failed => Missing::Unreachable,
            HeadRowsKept::First(_) => Missing::Coming,
            HeadRowsKept::TooLarge(bytes) => Missing::TooLarge(bytes),
            HeadRowsKept::NotHandedOut => Missing::Earlier,
        };
        Shown::MeanInstead(head, why)
    }

    /// Whether it is a head's own.
    pub const fn is_head(self) -> bool {
        matches!(self, Shown::Head(_))
    }

    /// In a few words.
    pub fn name(self) -> String {
        match self {
            Shown::Mean | Shown::MeanInstead(..) => t("mean of heads").to_owned(),
            Shown::Head(head) => fill("head {head}", &[("head", &head)]),
        }
    }

    /// Why it is not the head that was chosen, as a sentence.
    pub fn reason(self) -> Option<String> {
        let Shown::MeanInstead(head, why) = self else { return None };
        let budget = words::bytes(shared::rows::HEAD_ROWS_BUDGET);
        let head: (&str, &dyn std::fmt::Display) = ("head", &head);
        Some(match why {
            Missing::Coming => {
                fill("Head {head}’s own map is on its way; this is the mean.", &[head])
            }
            Missing::Later(tokens) => fill(
                "Head {head}’s own maps are kept of the first {n} tokens, as many as fit {budget}; \
                 this is the mean of all heads.",
                &[head, ("n", &tokens), ("budget", &budget)],
            ),
            Missing::TooLarge(bytes) => fill(
                "Maps of single heads are not kept of this run: one token’s would take {bytes}, and \
                 a run’s may take {budget}. This is the mean of all heads.",
                &[("bytes", &words::bytes(bytes)), ("budget", &budget)],
            ),
            Missing::Earlier => t(
                "This run was made before the lab kept maps of single heads: run it again to see \
                 them. This is the mean of all heads.",
            )
            .to_owned(),
            Missing::Unreachable => fill(
                "The lab did not hand out head {head}’s own map; this is the mean of all heads.",
                &[head],
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::F32s;

    use super::*;

    fn model(heads: u32, head_rows: bool) -> ModelInfo {
        ModelInfo { layers: 2, heads, head_rows, ..ModelInfo::default() }
    }

    fn fetched(head: u32, tokens: usize) -> HeadRows {
        let row = F32s(vec![0.5; 6]);
        HeadRows { head, layers: 2, from: 0, tokens: vec![row; tokens] }
    }

    #[test]
    fn a_heads_map_is_shown_where_it_is_there_and_else_it_is_said_why_not() {
        let small = model(8, true);
        let of = |head, token, model: &ModelInfo, rows: &HeadRows, failed| {
            Shown::of(head, token, (model, 100), rows, failed)
        };
        assert_eq!(of(None, 0, &small, &fetched(3, 2), false), Shown::Mean);
        assert_eq!(of(Some(3), 1, &small, &fetched(3, 2), false), Shown::Head(3));
        let instead = |why| Shown::MeanInstead(3, why);
        assert_eq!(of(Some(3), 2, &small, &fetched(3, 2), false), instead(Missing::Coming));
        assert_eq!(of(Some(3), 0, &small, &fetched(2, 2), false), instead(Missing::Coming));
        assert_eq!(of(Some(3), 2, &small, &fetched(3, 2), true), instead(Missing::Unreachable));
        let later = of(Some(3), 1 << 20, &small, &fetched(3, 2), false);
        assert!(matches!(later, Shown::MeanInstead(3, Missing::Later(n)) if n > 100), "{later:?}");
        let none = HeadRows::default();
        let huge = model(1 << 20, true);
        let bytes = 2 * (1 << 20) * 100 * 4;
        assert_eq!(of(Some(3), 0, &huge, &none, false), instead(Missing::TooLarge(bytes)));
        let older = model(8, false);
        assert_eq!(of(Some(3), 0, &older, &none, false), instead(Missing::Earlier));
        assert_eq!(
            (instead(Missing::Earlier).reason().is_some(), Shown::Head(3).reason()),
            (true, None)
        );
    }

    #[test]
    fn every_reason_names_its_numbers() {
        let reason = |why| Shown::MeanInstead(3, why).reason().expect("a reason");
        assert!(reason(Missing::Later(11)).contains("first 11 tokens"));
        assert!(reason(Missing::Later(11)).contains("32.0 MiB"));
        assert!(reason(Missing::TooLarge(81_920_000)).contains("78.1 MiB"));
        assert!(reason(Missing::Coming).contains("Head 3"));
        assert_eq!(Shown::Head(3).name(), "head 3");
    }
}
