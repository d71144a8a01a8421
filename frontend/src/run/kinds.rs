//! The kinds of a prompt's media.

use leptos::prelude::*;
use shared::{Group, Medium};

use super::Run;
use crate::language::t;

/// The kind of the medium that a run's view names; none where the prompt has no such medium.
pub fn kind_of(run: Run) -> Option<Group> {
    let medium = usize::from(run.view.medium.get());
    run.facts.observation.with(|o| o.layout.as_ref()?.media.get(medium).map(Medium::group))
}

/// What the medium that a run's view names is called: picture, film or sound.
pub fn name_of(run: Run) -> &'static str {
    match kind_of(run) {
        Some(Group::Video) => t("film"),
        Some(Group::Audio) => t("sound"),
        _ => t("picture"),
    }
}

/// The kinds of all of a run's media, in the prompt's order.
pub fn kinds(run: Run) -> Vec<Group> {
    let of = |o: &shared::Observation| {
        o.layout.as_ref().map(|l| l.media.iter().map(Medium::group).collect())
    };
    run.facts.observation.with(of).unwrap_or_default()
}
