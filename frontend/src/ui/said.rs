//! Sentences with views in them: a bold word, a value that changes.
//!
//! Languages order their words differently, so a sentence is one text with named places, never
//! pieces put one after another.

use leptos::prelude::*;

use crate::language::{Piece, pieces, t};

/// A text in the language in force, with views in the places of their `{names}`.
pub fn views<const N: usize>(
    text: &'static str,
    places: [(&'static str, AnyView); N],
) -> impl IntoView + use<N> {
    let mut places = places.map(|(name, view)| (name, Some(view)));
    let mut after_place = false;
    let piece = |piece: Piece<'static>| match piece {
        // A button may be followed by a new line, though never before a comma.
        Piece::Words(words)
            if std::mem::take(&mut after_place) && words.starts_with([',', '.']) =>
        {
            format!("\u{2060}{words}").into_any()
        }
        Piece::Words(words) => words.into_any(),
        Piece::Place(name) => {
            after_place = true;
            let place = places.iter_mut().find(|(n, _)| *n == name);
            place.and_then(|(_, view)| view.take()).into_any()
        }
    };
    pieces(t(text)).into_iter().map(piece).collect_view()
}
