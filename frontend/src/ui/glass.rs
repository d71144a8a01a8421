//! What takes pointer, touch and keyboard over a drawing, and what it says to a screen reader.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// A place on a glass, in CSS pixels from its corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// Width and height of the glass.
    pub size: (f64, f64),
}

impl At {
    fn of(event: &web_sys::MouseEvent) -> Option<Self> {
        let glass: web_sys::Element = event.current_target()?.dyn_into().ok()?;
        Some(At {
            x: f64::from(event.offset_x()),
            y: f64::from(event.offset_y()),
            size: (f64::from(glass.client_width()), f64::from(glass.client_height())),
        })
    }
}

/// A key that plots listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// An arrow.
    Left,
    /// An arrow.
    Right,
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Enter or the space bar.
    Choose,
}

impl Key {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "ArrowLeft" => Key::Left,
            "ArrowRight" => Key::Right,
            "ArrowUp" => Key::Up,
            "ArrowDown" => Key::Down,
            "Home" => Key::Home,
            "End" => Key::End,
            "Enter" | " " => Key::Choose,
            _ => return None,
        })
    }
}

/// What a glass is to whoever cannot see it.
#[derive(Clone, Copy)]
pub enum Reads {
    /// A value between 0 and an end, with what it means in words.
    Slider {
        /// The last value there is.
        last: Signal<usize>,
        /// The value.
        now: Signal<Option<usize>>,
        /// What it means.
        told: Signal<Option<String>>,
    },
    /// A surface with its own keys, described by the element of this id.
    Surface {
        /// The element's id.
        described_by: &'static str,
    },
    /// Nothing: what it shows is in the table behind the plot.
    Nothing,
}

/// What a glass does. Escape is the page's: it lets go of everything.
#[derive(Clone, Copy)]
pub struct Handler {
    /// What it is called; says which keys do what where that is not usual.
    pub label: &'static str,
    /// For tests.
    pub testid: Option<&'static str>,
    /// What a screen reader says.
    pub reads: Reads,
    /// Looks at what a mouse is over; `None` when it has left or the focus goes.
    pub look: Callback<(Option<At>,)>,
    /// Chooses what was clicked or tapped.
    pub choose: Callback<(At,)>,
    /// Takes a key; `false` where it does nothing with it.
    pub key: Callback<(Key,), bool>,
    /// The focus has come.
    pub focused: Callback<()>,
}

impl Handler {
    /// A glass that only looks and chooses.
    pub fn new(
        label: &'static str,
        reads: Reads,
        look: impl Fn(Option<At>) + Send + Sync + 'static,
        choose: impl Fn(At) + Send + Sync + 'static,
    ) -> Self {
        Handler {
            label,
            testid: None,
            reads,
            look: Callback::new(move |(at,)| look(at)),
            choose: Callback::new(move |(at,)| choose(at)),
            key: Callback::new(|_| false),
            focused: Callback::new(|()| ()),
        }
    }

    /// The same, with keys.
    #[must_use]
    pub fn keys(self, key: impl Fn(Key) -> bool + Send + Sync + 'static) -> Self {
        Handler { key: Callback::new(move |(pressed,)| key(pressed)), ..self }
    }

    /// The same, and what happens when the focus comes.
    #[must_use]
    pub fn on_focus(self, focused: impl Fn() + Send + Sync + 'static) -> Self {
        Handler { focused: Callback::new(move |()| focused()), ..self }
    }

    /// The same, with a name for tests.
    #[must_use]
    pub fn named(self, testid: &'static str) -> Self {
        Handler { testid: Some(testid), ..self }
    }
}

/// The glass: a finger's tap chooses, and only a mouse looks without choosing.
#[component]
pub fn Glass(
    /// What it does.
    handler: Handler,
) -> impl IntoView {
    let Handler { label, testid, reads, look, choose, key, focused } = handler;
    let (role, slider, described_by) = match reads {
        Reads::Slider { last, now, told } => (Some("slider"), Some((last, now, told)), None),
        Reads::Surface { described_by } => (Some("application"), None, Some(described_by)),
        Reads::Nothing => (None, None, None),
    };
    let keyboard = role.is_some();
    view! {
        <div
            class="glass"
            data-testid=testid
            data-keys=keyboard.then_some("")
            role=role
            tabindex=keyboard.then_some("0")
            aria-label=keyboard.then_some(label)
            aria-describedby=described_by
            aria-valuemin=slider.map(|_| "0")
            aria-valuemax=move || slider.map(|s| s.0.get())
            aria-valuenow=move || slider.and_then(|s| s.1.get())
            aria-valuetext=move || slider.and_then(|s| s.2.get())
            on:pointermove=move |event| if event.pointer_type() == "mouse" {
                look.run((At::of(&event),));
            }
            on:pointerleave=move |_| look.run((None,))
            on:click=move |event| if let Some(at) = At::of(&event) {
                choose.run((at,));
            }
            on:focus=move |_| focused.run(())
            on:blur=move |_| look.run((None,))
            on:keydown=move |event| if let Some(pressed) = Key::of(&event.key())
                && key.run((pressed,))
            {
                event.prevent_default();
            }
        ></div>
    }
}
