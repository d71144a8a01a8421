//! How a run is looked at: what a link of it holds, as signals.
//!
//! [`View`] is the same as values, which [`super::link`] writes into addresses and reads from them. Whatever
//! a person may pass on belongs here and nowhere else; what the pointer does meanwhile does not.

use leptos::prelude::*;
use plots::frame::Window;
use shared::{Counted, Definition, Target};

use super::kept::forget_gone;
use super::link::{Compared, Curve, FlowStyle, Pick, Scale, View};
use super::maps::head_of;
use super::panels::Open;

/// How a run is looked at.
#[derive(Clone, Copy)]
pub struct ViewSignals {
    /// What counts as what.
    pub definition: RwSignal<Definition>,
    /// The layer that stays chosen.
    pub layer: RwSignal<Option<usize>>,
    /// The chosen token.
    pub token: RwSignal<Pick>,
    /// The chart's curve.
    pub curve: RwSignal<Curve>,
    /// The maps' scale.
    pub scale: RwSignal<Scale>,
    /// What is laid over the chart to compare with.
    pub compared: RwSignal<Compared>,
    /// How the flow between groups is shown.
    pub flow: RwSignal<FlowStyle>,
    /// The panels that are open.
    pub open: RwSignal<Open>,
    /// The patch or the token of the prompt that stays chosen to see who looked at it.
    pub target: RwSignal<Option<Target>>,
    /// Which of the prompt's media is shown, from 0.
    pub medium: RwSignal<u8>,
    /// The head whose attention is looked at; no part of the number's definition.
    pub look: RwSignal<Option<u32>>,
    /// What attention is counted by.
    pub counted: RwSignal<Counted>,
    /// The layers that curve and heads show, where those are not all.
    pub window: RwSignal<Option<Window>>,
}

impl ViewSignals {
    /// A view as a link says.
    pub fn new(view: View) -> Self {
        ViewSignals {
            definition: RwSignal::new(view.definition),
            layer: RwSignal::new(view.layer),
            token: RwSignal::new(view.token),
            curve: RwSignal::new(view.curve),
            scale: RwSignal::new(view.scale),
            compared: RwSignal::new(view.compared),
            flow: RwSignal::new(view.flow),
            open: RwSignal::new(view.open),
            target: RwSignal::new(view.target),
            medium: RwSignal::new(view.medium),
            look: RwSignal::new(view.look),
            counted: RwSignal::new(view.counted),
            window: RwSignal::new(view.window),
        }
    }

    /// What a link of it holds; whoever reads is told of every change.
    pub fn get(&self) -> View {
        View {
            definition: self.definition.get(),
            layer: self.layer.get(),
            token: self.token.get(),
            curve: self.curve.get(),
            scale: self.scale.get(),
            compared: self.compared.get(),
            flow: self.flow.get(),
            open: self.open.get(),
            target: self.target.get(),
            medium: self.medium.get(),
            look: self.look.get(),
            counted: self.counted.get(),
            window: self.window.get(),
        }
    }

    /// The head that stays chosen: one that is looked at, else the definition's.
    pub fn pinned_head(&self) -> Option<u32> {
        self.look.get().or_else(|| head_of(self.definition.get().heads))
    }

    /// Looks at the run as a link says.
    pub fn set(&self, view: View) {
        self.definition.set(view.definition);
        self.layer.set(view.layer);
        self.token.set(view.token);
        self.curve.set(view.curve);
        self.scale.set(view.scale);
        self.compared.set(view.compared);
        self.flow.set(view.flow);
        self.open.set(view.open);
        self.target.set(view.target);
        self.medium.set(view.medium);
        self.look.set(view.look);
        self.counted.set(view.counted);
        self.window.set(view.window);
    }

    /// Lets go of what was chosen in a run that another one replaces; how things are shown stays.
    pub(super) fn reset(&self) {
        self.layer.set(None);
        self.token.set(Pick::Auto);
        self.target.set(None);
        self.medium.set(0);
        self.look.set(None);
        self.window.set(None);
    }

    /// Lets go of everything that stays chosen, a head too; the definition stays.
    pub(super) fn release(&self) {
        self.look.set(None);
        self.layer.set(None);
        self.target.set(None);
        self.window.set(None);
    }

    /// Chooses what is looked at, or lets go of it where it is chosen already.
    pub fn aim(&self, target: Target) {
        self.target.update(|now| *now = if *now == Some(target) { None } else { Some(target) });
    }

    /// Takes the readers of the run that was there off every signal that its tokens read.
    pub(super) fn forget_gone(&self) {
        forget_gone(self.definition);
        forget_gone(self.layer);
        forget_gone(self.token);
        forget_gone(self.target);
        forget_gone(self.medium);
        forget_gone(self.look);
        forget_gone(self.counted);
        forget_gone(self.window);
        forget_gone(self.scale);
        forget_gone(self.compared);
    }
}
