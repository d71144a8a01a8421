//! Between what a person looks at and what a class is shown.

use shared::classroom::{Board, ShownCurve, ShownToken};

use crate::run::link::{Curve, Pick, View};

/// The view that a board shows.
pub fn view_of(board: &Board) -> View {
    View {
        definition: board.definition,
        layer: board.layer.map(|l| l as usize),
        token: match board.token {
            ShownToken::Auto => Pick::Auto,
            ShownToken::Nothing => Pick::Nothing,
            ShownToken::Token(i) => Pick::Token(i as usize),
        },
        curve: match board.curve {
            ShownCurve::Mdi => Curve::Mdi,
            ShownCurve::Aei => Curve::Aei,
        },
        ..View::default()
    }
}

/// What a board shows, looked at as a screen looks at it otherwise: scale, flow and open panels are
/// each screen's own.
#[must_use]
pub fn over(own: View, board: &Board) -> View {
    let View { definition, layer, token, curve, .. } = view_of(board);
    View { definition, layer, token, curve, ..own }
}

/// The board that shows a view; what else a view holds is each screen's own.
#[must_use]
pub fn with_view(board: Board, view: &View) -> Board {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Board {
        definition: view.definition,
        layer: view.layer.map(small),
        token: match view.token {
            Pick::Auto => ShownToken::Auto,
            Pick::Nothing => ShownToken::Nothing,
            Pick::Token(i) => ShownToken::Token(small(i)),
        },
        curve: match view.curve {
            Curve::Mdi => ShownCurve::Mdi,
            Curve::Aei => ShownCurve::Aei,
        },
        ..board
    }
}

/// Whether two views look alike to a class.
pub fn alike(a: &View, b: &View) -> bool {
    with_view(Board::default(), a) == with_view(Board::default(), b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::link::Scale;
    use shared::Preset;

    #[test]
    fn a_view_survives_the_board() {
        for (layer, token) in
            [(None, Pick::Auto), (Some(7), Pick::Nothing), (Some(0), Pick::Token(3))]
        {
            for curve in [Curve::Mdi, Curve::Aei] {
                let definition = Preset::Forward.definition();
                let view = View { definition, layer, token, curve, ..View::default() };
                assert_eq!(view_of(&with_view(Board::default(), &view)), view);
            }
        }
    }

    #[test]
    fn a_step_leaves_a_screen_its_own_settings() {
        let own = View { scale: Scale::Relative, layer: Some(2), ..View::default() };
        let board = Board { layer: Some(5), ..Board::default() };
        assert_eq!(over(own, &board), View { scale: Scale::Relative, layer: Some(5), ..own });
    }

    #[test]
    fn what_a_class_is_not_shown_makes_no_difference() {
        let view = View { layer: Some(2), ..View::default() };
        assert!(alike(&view, &View { scale: Scale::Relative, ..view }));
        assert!(!alike(&view, &View { layer: Some(3), ..view }));
    }
}
