//! Which of the page's panels are open: they are part of what a link shows.

/// A panel that is closed until somebody opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Every choice of a definition.
    Definition,
    /// The table behind the curve.
    LayerTable,
    /// The table behind the map of heads.
    HeadsTable,
    /// The table behind who looks at whom.
    FlowTable,
    /// The table behind word by word.
    TimeTable,
    /// How the run is cited and embedded.
    Cite,
}

impl Panel {
    /// All of them.
    pub const ALL: [Panel; 6] = [
        Panel::Definition,
        Panel::LayerTable,
        Panel::HeadsTable,
        Panel::FlowTable,
        Panel::TimeTable,
        Panel::Cite,
    ];

    /// The name in links, which of a table is its test's name too.
    pub const fn name(self) -> &'static str {
        match self {
            Panel::Definition => "definition",
            Panel::LayerTable => "layer-table",
            Panel::HeadsTable => "heads-table",
            Panel::FlowTable => "flow-table",
            Panel::TimeTable => "time-table",
            Panel::Cite => "cite",
        }
    }

    /// The panel of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Panel::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// The panels that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open(u8);

impl Open {
    /// Whether a panel is among them.
    pub const fn has(self, panel: Panel) -> bool {
        self.0 & (1 << panel as u8) != 0
    }

    /// The same with a panel opened or closed.
    #[must_use]
    pub const fn with(self, panel: Panel, open: bool) -> Self {
        let bit = 1 << panel as u8;
        Open(if open { self.0 | bit } else { self.0 & !bit })
    }

    /// As links write them: `definition.layer-table`; empty for none.
    pub fn to_text(self) -> String {
        let names = Panel::ALL.into_iter().filter(|p| self.has(*p)).map(Panel::name);
        names.collect::<Vec<_>>().join(".")
    }

    /// Reads what [`Open::to_text`] wrote. Panels that this page does not have stay closed: a link
    /// of a later one shows its numbers all the same.
    pub fn from_text(text: &str) -> Self {
        let panels = text.split('.').filter_map(Panel::from_name);
        panels.fold(Open::default(), |open, panel| open.with(panel, true))
    }
}

/// Whether one panel of a run's page is open, as a switch of its own.
#[cfg(target_arch = "wasm32")]
pub fn is_open(run: crate::run::Run, panel: Panel) -> leptos::prelude::RwSignal<bool> {
    use leptos::prelude::*;

    let own = RwSignal::new(run.view.open.get_untracked().has(panel));
    Effect::new(move |_| {
        let open = run.view.open.get().has(panel);
        if own.get_untracked() != open {
            own.set(open);
        }
    });
    Effect::new(move |before: Option<bool>| {
        let open = own.get();
        // What the link says comes first; only what a person does afterwards goes back into it.
        if before.is_some_and(|before| before != open)
            && run.view.open.get_untracked().has(panel) != open
        {
            run.view.open.update(|all| *all = all.with(panel, open));
        }
        open
    });
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_panels_survive_their_link() {
        assert_eq!(Open::default().to_text(), "");
        assert_eq!(Open::from_text(""), Open::default());
        for a in Panel::ALL {
            assert_eq!(Panel::from_name(a.name()), Some(a));
            for b in Panel::ALL {
                let open = Open::default().with(a, true).with(b, true);
                assert_eq!(Open::from_text(&open.to_text()), open);
                assert!(open.has(a) && open.has(b) && !open.with(a, false).has(a));
            }
        }
        let later = Open::from_text("definition.a-panel-of-tomorrow.cite");
        assert_eq!(later.to_text(), "definition.cite");
    }
}
