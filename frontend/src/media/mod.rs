//! How each kind of medium is looked at: a lens a kind, found here and nowhere else.

pub mod audio;
pub mod picture;
pub mod video;

use leptos::prelude::*;
use shared::Group;

use crate::run::Run;

/// A medium's map in the band that opens a run's page.
pub struct Map {
    /// The medium with the map over it.
    pub medium: AnyView,
    /// What is said of both, under it.
    pub below: AnyView,
}

/// How one kind of medium is looked at.
#[derive(Clone, Copy)]
pub struct Lens {
    /// The medium that the view names, as the model saw it, with the map over it; before there is a
    /// layout, what is going to be asked about.
    pub map: fn(Run) -> Map,
    /// The medium of a number, as the model saw it, with the map over it and nothing to do.
    pub still: fn(Run, Signal<u8>) -> AnyView,
    /// The medium of a number as it was given, with nothing over it.
    pub given: fn(Run, u8) -> AnyView,
}

/// Every kind that the page has a lens for. Pictures come first: theirs is what a prompt without
/// media, or one that is still to be asked, is looked at through.
const LENSES: [(Group, Lens); 3] =
    [(Group::Image, picture::LENS), (Group::Video, video::LENS), (Group::Audio, audio::LENS)];

/// The lens for a kind of medium.
pub fn lens(kind: Group) -> Lens {
    let found = LENSES.iter().find(|(of, _)| *of == kind);
    found.map_or(LENSES[0].1, |(_, lens)| *lens)
}
