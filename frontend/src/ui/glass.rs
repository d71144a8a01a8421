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
    /// Plus: shows less, larger.
    Nearer,
    /// Minus: shows more.
    Farther,
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
            "+" | "=" => Key::Nearer,
            "-" => Key::Farther,
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
    /// Takes a stretch that was drawn across the plot; `false` where it is too short, and a click. A glass
    /// without it has only clicks.
    pub brush: Option<Callback<(At, At), bool>>,
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
            brush: None,
        }
    }

    /// The same, and what happens with a stretch that was drawn across the plot.
    #[must_use]
    pub fn brushed(self, brush: impl Fn(At, At) -> bool + Send + Sync + 'static) -> Self {
        Handler { brush: Some(Callback::new(move |(from, to)| brush(from, to))), ..self }
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

/// Fewer pixels between press and release are a click.
const CLICK: f64 = 8.0;

/// The glass: a finger's tap chooses, and only a mouse looks without choosing. Drawn across, where the plot
/// takes that, it is a stretch.
#[component]
pub fn Glass(
    /// What it does.
    handler: Handler,
) -> impl IntoView {
    let Handler { label, testid, reads, look, choose, key, focused, brush } = handler;
    let (role, slider, described_by) = match reads {
        Reads::Slider { last, now, told } => (Some("slider"), Some((last, now, told)), None),
        Reads::Surface { described_by } => (Some("application"), None, Some(described_by)),
        Reads::Nothing => (None, None, None),
    };
    let keyboard = role.is_some();
    // Where it was pressed and where the pointer is since, while that is a stretch.
    let pressed = RwSignal::new(None::<At>);
    let stretch = RwSignal::new(None::<(At, At)>);
    let moved = move |at: At| {
        let Some(from) = pressed.get_untracked() else { return };
        if stretch.get_untracked().is_some() || (at.x - from.x).abs() >= CLICK {
            // A stretch may be drawn past the plot's edge.
            let x = at.x.clamp(0.0, from.size.0);
            stretch.set(Some((from, At { x, y: from.y, size: from.size })));
        }
    };
    // The click that ends a stretch chooses nothing.
    let drawn = StoredValue::new(false);
    let release = move || {
        pressed.set(None);
        if let (Some((from, to)), Some(brush)) = (stretch.get_untracked(), brush) {
            stretch.set(None);
            drawn.set_value(brush.run((from, to)));
        }
    };
    let clicked = move |at: Option<At>| {
        if !drawn.try_update_value(std::mem::take).unwrap_or_default()
            && let Some(at) = at
        {
            choose.run((at,));
        }
    };
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
            on:pointerdown=move |event| if brush.is_some() && event.button() == 0 {
                drawn.set_value(false);
                pressed.set(At::of(&event));
                hold(&event);
            }
            on:pointermove=move |event| if let Some(at) = At::of(&event) {
                moved(at);
                if event.pointer_type() == "mouse" {
                    look.run((Some(at),));
                }
            }
            on:pointerup=move |_| release()
            on:pointercancel=move |_| {
                pressed.set(None);
                stretch.set(None);
            }
            on:pointerleave=move |_| look.run((None,))
            on:click=move |event| clicked(At::of(&event))
            on:focus=move |_| focused.run(())
            on:blur=move |_| look.run((None,))
            on:keydown=move |event| if let Some(pressed) = Key::of(&event.key())
                && !event.ctrl_key() && !event.meta_key() && !event.alt_key()
                && key.run((pressed,))
            {
                event.prevent_default();
            }
        >
            {move || stretch.get().map(|(from, to)| view! {
                <i class="brush"
                    style:left=format!("{}px", from.x.min(to.x))
                    style:width=format!("{}px", (to.x - from.x).abs())></i>
            })}
        </div>
    }
}

/// Keeps a pointer's events coming while it is pressed, also from beside the glass.
fn hold(event: &web_sys::PointerEvent) {
    let glass = event.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    if let Some(glass) = glass {
        // Without it a stretch ends at the plot's edge, that is all.
        let _ = glass.set_pointer_capture(event.pointer_id());
    }
}
