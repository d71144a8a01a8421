//! The cards of a run's page, a folder each, and the one list that the page draws them from.

pub mod answer;
pub mod ask;
pub mod caveat;
pub mod curve;
pub mod flow;
pub mod heads;
pub mod looked;
pub mod number;
pub mod opener;
pub mod repeat;
pub mod seen;
pub mod stages;
pub mod test_it;
pub mod this_run;
pub mod time;
pub mod tokens;

use leptos::prelude::*;

/// Where a card stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Above everything.
    First,
    /// In the column beside the plots.
    Beside,
    /// Among the plots, as wide as they are.
    Wide,
    /// Among the plots, half as wide: the next card stands beside it.
    Half,
}

/// A card of the page.
struct Card {
    place: Place,
    draw: fn() -> AnyView,
}

const fn card(place: Place, draw: fn() -> AnyView) -> Card {
    Card { place, draw }
}

/// Every card, in the order of the page.
const CARDS: [Card; 15] = [
    card(Place::First, || opener::Opener().into_any()),
    card(Place::Beside, || ask::Ask().into_any()),
    card(Place::Wide, || this_run::RunName().into_any()),
    card(Place::Wide, || number::NumberCard().into_any()),
    card(Place::Wide, || curve::CurveCard().into_any()),
    card(Place::Wide, || repeat::RepeatCard().into_any()),
    card(Place::Wide, || test_it::TestItCard().into_any()),
    card(Place::Half, || heads::HeadsCard().into_any()),
    card(Place::Half, || stages::StageCard().into_any()),
    card(Place::Half, || flow::FlowCard().into_any()),
    card(Place::Half, || time::TimeCard().into_any()),
    card(Place::Wide, || looked::LookedCard().into_any()),
    card(Place::Wide, || tokens::Tokens().into_any()),
    card(Place::Wide, || caveat::Caveat().into_any()),
    card(Place::Wide, || this_run::ThisRun().into_any()),
];

/// What the page opens with.
pub fn first() -> Vec<AnyView> {
    at(Place::First)
}

/// The cards beside the plots.
pub fn beside() -> Vec<AnyView> {
    at(Place::Beside)
}

fn at(place: Place) -> Vec<AnyView> {
    CARDS.iter().filter(|c| c.place == place).map(|c| (c.draw)()).collect()
}

/// The plots and what belongs to them.
pub fn plots() -> Vec<AnyView> {
    let mut drawn = Vec::new();
    let mut cards = CARDS.iter().filter(|c| matches!(c.place, Place::Wide | Place::Half));
    while let Some(card) = cards.next() {
        drawn.push(match card.place {
            Place::Half => {
                let pair = [(card.draw)()].into_iter().chain(cards.next().map(|c| (c.draw)()));
                view! { <div class="pair">{pair.collect_view()}</div> }.into_any()
            }
            _ => (card.draw)(),
        });
    }
    drawn
}
