//! The few things the page asks of the browser itself.

use js_sys::{Function, Reflect};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{
    DomRectReadOnly, File, HtmlElement, HtmlTextAreaElement, ResizeObserver, ResizeObserverEntry,
    Url,
};

use crate::base::{at, inside};
use crate::language::{InForce, Language};
use plots::{Palette, Rgb};

/// A theme; without one the page follows the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// Dark on white in large type, for the back row.
    Projector,
}

impl Theme {
    /// All themes.
    pub const ALL: [Theme; 3] = [Theme::Light, Theme::Dark, Theme::Projector];

    /// The name the style sheet knows it by.
    pub const fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
            Theme::Projector => "projector",
        }
    }

    /// The theme in force; `theme.js` has set it before the page's first paint.
    pub fn current() -> Self {
        let root = document().document_element();
        let name = root.and_then(|r| r.get_attribute("data-theme")).unwrap_or_default();
        Theme::ALL.into_iter().find(|t| t.name() == name).unwrap_or(Theme::Light)
    }

    /// Puts the theme in force and keeps the choice for the next visit.
    pub fn apply(self) {
        self.show();
        store("theme", self.name());
    }

    /// Puts the theme in force for this page alone.
    pub fn show(self) {
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", self.name());
        }
    }
}

/// The language that the page was opened in; `theme.js` has found it before the first paint.
pub fn language() -> Language {
    let root = document().document_element();
    let tag = root.and_then(|r| r.get_attribute("lang")).unwrap_or_default();
    Language::of(&tag).unwrap_or_default()
}

/// Puts a language in force and keeps the choice for the next visit.
pub fn choose_language(language: Language) {
    language.apply();
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", language.tag());
    }
    store("language", language.tag());
    // What the address asked for is over once a person has chosen.
    if let Ok(Some(storage)) = window().session_storage() {
        let _ = storage.remove_item("language");
    }
}

/// The colours and the plots' type size of the theme in force, from the style sheet.
pub fn read_theme() -> (Palette, f64) {
    let style = document()
        .document_element()
        .and_then(|root| window().get_computed_style(&root).ok().flatten());
    let get = |name: &str| {
        style.as_ref().and_then(|s| s.get_property_value(name).ok()).unwrap_or_default()
    };
    let plain = Palette::default();
    let colour = |name: &str, other: Rgb| Rgb::parse(&get(name)).unwrap_or(other);
    let palette = Palette {
        words: colour("--words", plain.words),
        picture: colour("--picture", plain.picture),
        neutral: colour("--neutral", plain.neutral),
        ink: colour("--ink", plain.ink),
        muted: colour("--muted", plain.muted),
        line: colour("--line", plain.line),
        band: colour("--band", plain.band),
        surface: colour("--surface", plain.surface),
        tints: (colour("--words-tint", plain.tints.0), colour("--picture-tint", plain.tints.1)),
        scale: (colour("--scale-low", plain.scale.0), colour("--scale-high", plain.scale.1)),
    };
    let rem: f64 = get("font-size").trim_end_matches("px").parse().unwrap_or(16.0);
    (palette, rem * 0.75)
}

/// Keeps a small value in this browser; a browser that keeps nothing is no error.
pub fn store(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(key, value);
    }
}

/// A value kept with [`store`].
pub fn stored(key: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(key).ok().flatten()
}

/// Forgets a value kept with [`store`].
pub fn forget(key: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.remove_item(key);
    }
}

/// The key under which a run's owner token is kept.
pub fn owner_key(id: &str) -> String {
    format!("owner:{id}")
}

/// An address to show a file by.
pub fn url_of(file: &File) -> String {
    Url::create_object_url_with_blob(file).unwrap_or_default()
}

/// Gives an address from [`url_of`] back.
pub fn forget_url(url: &str) {
    let _ = Url::revoke_object_url(url);
}

/// Puts the focus on the first element of a selector that can take it.
pub fn focus(selector: &str) {
    let element = document().query_selector(selector).ok().flatten();
    if let Some(element) = element.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// The query of the address, with its `?`.
pub fn query() -> String {
    window().location().search().unwrap_or_default()
}

/// An address of this lab with the lab's own in front, as others can open it.
pub fn absolute(address: &str) -> String {
    format!("{}{}", window().location().origin().unwrap_or_default(), at(address))
}

/// The address's path.
pub fn pathname() -> String {
    window().location().pathname().unwrap_or_default()
}

/// A moment, RFC 3339, by this device's clock and to the minute; empty for what is none.
pub fn local_time(moment: &str) -> String {
    let date = js_sys::Date::new(&moment.into());
    if date.get_time().is_nan() {
        return String::new();
    }
    let (year, month, day) = (date.get_full_year(), date.get_month() + 1, date.get_date());
    format!("{year}-{month:02}-{day:02} {:02}:{:02}", date.get_hours(), date.get_minutes())
}

/// Milliseconds since some moment, by this device's clock.
pub fn now() -> f64 {
    js_sys::Date::now()
}

/// Waits a while.
pub async fn sleep(time: std::time::Duration) {
    let waited = js_sys::Promise::new(&mut |resolve, _| {
        let over = move || {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        };
        set_timeout(over, time);
    });
    let _ = wasm_bindgen_futures::JsFuture::from(waited).await;
}

/// Replaces the query of the address as [`replace_query`] does, where the address is still, or
/// already, one of the page's: while a page comes or goes it is another's.
pub fn replace_query_of(page: &str, query: &str) {
    if inside(&pathname()).starts_with(page) {
        replace_query(query);
    }
}

/// Replaces the query of the address without a step in the history; the router's own state of the
/// entry is kept.
pub fn replace_query(query: &str) {
    let (Ok(history), location) = (window().history(), window().location()) else { return };
    let path = location.pathname().unwrap_or_default();
    let url = if query.is_empty() { path } else { format!("{path}?{query}") };
    let state = history.state().unwrap_or(JsValue::NULL);
    let _ = history.replace_state_with_url(&state, "", Some(&url));
}

/// Copies a text; `false` where the browser does not allow it, as on plain HTTP from elsewhere.
pub async fn copy(text: &str) -> bool {
    let navigator = window().navigator();
    let there = Reflect::get(&navigator, &"clipboard".into()).is_ok_and(|c| !c.is_undefined());
    if there {
        let promise = navigator.clipboard().write_text(text);
        if wasm_bindgen_futures::JsFuture::from(promise).await.is_ok() {
            return true;
        }
    }
    copy_selected(text).unwrap_or(false)
}

/// Copies what is selected, as browsers did before there was a clipboard: the only way where the lab is
/// served without encryption under another name than this machine's own.
fn copy_selected(text: &str) -> Option<bool> {
    let focused = document().active_element().and_then(|e| e.dyn_into::<HtmlElement>().ok());
    let area: HtmlTextAreaElement = document().create_element("textarea").ok()?.dyn_into().ok()?;
    area.set_value(text);
    area.set_read_only(true);
    area.set_class_name("sr-only");
    // In an open dialog nothing outside it can be selected.
    let dialog = document().query_selector("dialog[open]").ok().flatten();
    let place = dialog.or_else(|| document().body().map(Into::into))?;
    place.append_child(&area).ok()?;
    area.select();
    let copy = Reflect::get(&document(), &"execCommand".into()).ok()?;
    let copied = copy.dyn_into::<Function>().ok()?.call1(&document(), &"copy".into());
    area.remove();
    if let Some(focused) = focused {
        let _ = focused.focus();
    }
    Some(copied.is_ok_and(|copied| copied.is_truthy()))
}

/// Width and height of a picture as it is shown: upright.
pub async fn picture_size(url: &str) -> Option<(u32, u32)> {
    let image = web_sys::HtmlImageElement::new().ok()?;
    image.set_src(url);
    wasm_bindgen_futures::JsFuture::from(image.decode()).await.ok()?;
    let size = (image.natural_width(), image.natural_height());
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// Whether a key event goes to a control that has its own use for letters and arrows.
pub fn in_a_control(event: &web_sys::KeyboardEvent) -> bool {
    event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()).is_some_and(|e| {
        matches!(e.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT" | "SUMMARY")
            || e.closest("[data-keys]").is_ok_and(|k| k.is_some())
    })
}

/// Whether a key event goes to a dialog, which has its own keys.
pub fn in_a_dialog(event: &web_sys::KeyboardEvent) -> bool {
    let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|e| e.closest("dialog, [role=dialog]").is_ok_and(|d| d.is_some()))
}

/// Whether a key event goes to a button or a link, which have their own use for space and enter.
pub fn on_a_button(event: &web_sys::KeyboardEvent) -> bool {
    let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|e| matches!(e.tag_name().as_str(), "BUTTON" | "A"))
}

/// Cards, and blocks of cards, so that nothing moves inside of them either.
fn blocks() -> Vec<HtmlElement> {
    const CSS: &str = ".lab .card, .lab .card > *, .lab .number-main > *, .lab .tests";
    let Ok(found) = document().query_selector_all(CSS) else { return Vec::new() };
    (0..found.length()).filter_map(|i| found.item(i)?.dyn_into().ok()).collect()
}

/// Keeps everything where it is while a run takes another's place: what is emptied keeps the height
/// it had, until the next time.
pub fn hold_still() {
    // First all are let go, then measured, then held: one change of the layout.
    let_go();
    let blocks = blocks();
    let heights: Vec<i32> = blocks.iter().map(HtmlElement::offset_height).collect();
    for (block, height) in blocks.iter().zip(heights) {
        let _ = block.style().set_property("min-height", &format!("{height}px"));
    }
}

/// Lets go of what [`hold_still`] holds: the window has another size.
pub fn let_go() {
    for block in blocks() {
        let _ = block.style().remove_property("min-height");
    }
}

/// Does something again and again while `wanted`, as long as the page that asked for it is there.
pub fn every(
    period: std::time::Duration,
    wanted: impl Fn() -> bool + 'static,
    act: impl Fn() + Copy + 'static,
) {
    let timer = StoredValue::new(None::<IntervalHandle>);
    let stop = move || {
        if let Some(Some(timer)) = timer.try_update_value(Option::take) {
            timer.clear();
        }
    };
    Effect::new(move |_| {
        stop();
        if wanted() {
            timer.set_value(set_interval_with_handle(act, period).ok());
        }
    });
    on_cleanup(stop);
}

/// Whether nothing of an element is on the screen: it is scrolled away, not shown, or not there.
pub fn is_out_of_sight(selector: &str) -> bool {
    let Ok(Some(element)) = document().query_selector(selector) else { return true };
    let (seen, height) = (element.get_bounding_client_rect(), window().inner_height());
    let height = height.ok().and_then(|height| height.as_f64()).unwrap_or(f64::INFINITY);
    seen.height() == 0.0 || seen.bottom() <= 0.0 || seen.top() >= height
}

/// Scrolls to what has just been opened, once it is there.
pub fn bring_into_sight(selector: &'static str) {
    let scroll = move || {
        if let Ok(Some(element)) = document().query_selector(selector) {
            element.scroll_into_view_with_bool(false);
        }
    };
    set_timeout(scroll, std::time::Duration::from_millis(30));
}

/// Scrolls to the beginning of the page.
pub fn to_the_top() {
    window().scroll_to_with_x_and_y(0.0, 0.0);
}

/// Scrolls so that the first element of a selector stands at the top of the window.
pub fn to_the_top_of(selector: &str) {
    if let Ok(Some(element)) = document().query_selector(selector) {
        element.scroll_into_view();
    }
}

/// Keeps `width` at the element's own, so that a plot is drawn at its true size.
pub fn watch_width(holder: NodeRef<html::Div>, width: RwSignal<f64>) {
    watch(holder, width, |rect| rect.width());
}

/// Keeps `height` at the element's own, for a plot that fills what its frame leaves it.
pub fn watch_height(holder: NodeRef<html::Div>, height: RwSignal<f64>) {
    watch(holder, height, |rect| rect.height());
}

fn watch(holder: NodeRef<html::Div>, extent: RwSignal<f64>, of: fn(&DomRectReadOnly) -> f64) {
    Effect::new(move |_| {
        let Some(element) = holder.get() else { return };
        extent.set(of(&element.get_bounding_client_rect()));
        let report = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
            let entry: ResizeObserverEntry = entries.get(0).unchecked_into();
            let now = of(&entry.content_rect());
            if now > 0.0 && extent.try_get_untracked().is_some_and(|e| (e - now).abs() > 0.5) {
                extent.set(now);
            }
        });
        if let Ok(observer) = ResizeObserver::new(report.as_ref().unchecked_ref()) {
            observer.observe(&element);
            let kept = StoredValue::new_local((observer, report));
            on_cleanup(move || kept.with_value(|(observer, _)| observer.disconnect()));
        }
    });
}
