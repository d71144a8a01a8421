//! The tour: five steps on the run that is on the screen. What each says and where its card
//! stands; drawing it is `ui::tour`.

use crate::language::{fill, t};
use crate::words;

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The picture and what the model saw of it.
    Seen,
    /// The number.
    Number,
    /// The curve, and choosing a layer.
    Curve,
    /// A word of the answer and where it looked.
    Word,
    /// Changing the definition or testing the claim.
    Test,
}

/// What the steps tell of the run on the screen, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Rows and columns of the picture's patches.
    pub patches: Option<(u16, u16)>,
    /// MDI of the late layers.
    pub late: Option<f64>,
    /// Number of layers.
    pub layers: usize,
    /// The chosen word of the answer.
    pub word: Option<String>,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Step; 5] = [Step::Seen, Step::Number, Step::Curve, Step::Word, Step::Test];

    /// The name by which the page marks what the step is about (`data-tour`).
    pub const fn target(self) -> &'static str {
        match self {
            Step::Seen => "seen",
            Step::Number => "number",
            Step::Curve => "curve",
            Step::Word => "answer",
            Step::Test => "test",
        }
    }

    /// The step after this one, or before it.
    #[must_use]
    pub fn beside(self, by: isize) -> Option<Step> {
        let now = Step::ALL.iter().position(|s| *s == self)?;
        now.checked_add_signed(by).and_then(|at| Step::ALL.get(at)).copied()
    }

    /// Its place among all, from 1.
    pub fn number(self) -> usize {
        Step::ALL.iter().position(|s| *s == self).unwrap_or(0) + 1
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Step::Seen => t("The picture, as the model saw it"),
            Step::Number => t("One number for the late layers"),
            Step::Curve => t("The same number, layer by layer"),
            Step::Word => t("Where each word of the answer looked"),
            Step::Test => t("Doubt the number, and test it"),
        }
    }

    /// What it says of the run on the screen.
    pub fn says(self, facts: &Facts) -> String {
        match self {
            Step::Seen => match facts.patches {
                Some((rows, cols)) => fill(
                    "The model cuts the picture into {rows} × {cols} patches and reads each as \
                     one token. The darker a patch, the more the chosen word of the answer looked \
                     at it.",
                    &[("rows", &rows), ("cols", &cols)],
                ),
                None => {
                    t("The model cuts the picture into patches and reads each as one token. The \
                     darker a patch, the more the chosen word of the answer looked at it.")
                    .into()
                }
            },
            Step::Number => match facts.late {
                Some(mdi) => fill(
                    "Here one text token got {mdi} times the attention of one picture token. \
                     Above 1 words draw more, below 1 the picture does. {verdict}",
                    &[("mdi", &words::number(mdi)), ("verdict", &words::verdict(mdi).1)],
                ),
                None => {
                    t("It says how much attention one text token gets for that of one picture \
                     token. Above 1 words draw more, below 1 the picture does.")
                    .into()
                }
            },
            Step::Curve => fill(
                "Orange is above the dashed line: there words draw more per token. Blue is below: \
                 there the picture does. Click one of the {n} layers, and the whole page shows \
                 that layer; Esc lets it go.",
                &[("n", &facts.layers)],
            ),
            Step::Word => match &facts.word {
                Some(word) => fill(
                    "Each word is a button. The picture shows where the row that wrote “{word}” \
                     looked; click another word and watch it move.",
                    &[("word", word)],
                ),
                None => t(
                    "Each word of the answer is a button. Click one, and the picture shows where \
                     the row that wrote it looked.",
                )
                .into(),
            },
            Step::Test => t(
                "The number depends on its definition: take the sink out and see whether it holds. \
                 Attention says where the model looked, not why: “Test it” below the curve asks \
                 again with a blank picture, and tells whether the answer moved.",
            )
            .into(),
        }
    }
}

/// A rectangle in the window: left, top, width, height.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Its left edge.
    pub x: f64,
    /// Its top edge.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

impl Rect {
    fn right(&self) -> f64 {
        self.x + self.width
    }

    fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// Where a card of a size stands beside its target: at the side with room, the right one first;
/// inside the window whatever happens.
pub fn place(target: &Rect, card: (f64, f64), window: (f64, f64), gap: f64) -> (f64, f64) {
    let (width, height) = card;
    let most = (window.0 - width - gap, window.1 - height - gap);
    let inside = |x: f64, y: f64| (x.min(most.0).max(gap), y.min(most.1).max(gap));
    let beside = target.y;
    if target.right() + gap + width + gap <= window.0 {
        inside(target.right() + gap, beside)
    } else if target.x - gap - width >= gap {
        inside(target.x - gap - width, beside)
    } else if target.bottom() + gap + height + gap <= window.1 {
        inside(target.x, target.bottom() + gap)
    } else if target.y - gap - height >= gap {
        inside(target.x, target.y - gap - height)
    } else {
        // Nothing has room: in the corner that covers least of what is above.
        inside(window.0, window.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tour_has_five_steps_in_order() {
        assert_eq!(Step::Seen.beside(-1), None);
        assert_eq!(Step::Seen.beside(1), Some(Step::Number));
        assert_eq!(Step::Test.beside(1), None);
        assert_eq!(Step::ALL.map(Step::number), [1, 2, 3, 4, 5]);
        let mut targets = Step::ALL.map(Step::target).to_vec();
        targets.sort_unstable();
        targets.dedup();
        assert_eq!(targets.len(), 5, "every step is about something else");
    }

    #[test]
    fn steps_speak_of_the_run_on_the_screen() {
        let facts = Facts {
            patches: Some((12, 12)),
            late: Some(1.29),
            layers: 8,
            word: Some("dog".into()),
        };
        let said = Step::ALL.map(|s| s.says(&facts)).join(" ");
        for word in ["12 × 12", "1.29", "8 layers", "“dog”", "the words draw more"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        // Before anything is known it still makes sense.
        let said = Step::ALL.map(|s| s.says(&Facts::default())).join(" ");
        assert!(!said.contains('{'), "{said}");
    }

    #[test]
    fn a_card_covers_its_target_only_where_nothing_else_has_room() {
        let (window, card) = ((1440.0, 900.0), (350.0, 200.0));
        let targets = [
            Rect { x: 20.0, y: 80.0, width: 370.0, height: 420.0 },
            Rect { x: 410.0, y: 80.0, width: 1000.0, height: 180.0 },
            Rect { x: 100.0, y: 500.0, width: 1200.0, height: 380.0 },
        ];
        for target in targets {
            let (x, y) = place(&target, card, window, 12.0);
            let beside = x >= target.right()
                || x + card.0 <= target.x
                || y >= target.bottom()
                || y + card.1 <= target.y;
            assert!(beside, "{target:?}: {x} {y}");
        }
        let all = Rect { x: 0.0, y: 0.0, width: 1440.0, height: 900.0 };
        for target in targets.into_iter().chain([all]) {
            let (x, y) = place(&target, card, window, 12.0);
            assert!(x >= 0.0 && y >= 0.0 && x + card.0 <= window.0 && y + card.1 <= window.1);
        }
    }
}
