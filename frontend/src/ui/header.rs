//! The header: name, theme, exports, link.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_location;
use wasm_bindgen::JsCast;

use crate::actions;
use crate::base::{at, inside};
use crate::browser::{self, Theme};
use crate::lab::{Lab, use_lab};
use crate::language::{Language, t};
use crate::run::SHIPPED;
use crate::run::phase::Phase;
use crate::source::texts;
use crate::ui::files::PlotFiles;
use crate::ui::help::Help;

/// The header, with what the page adds to it at its end.
#[component]
pub fn Header(
    /// The page's own buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let lab = use_lab();
    let path = use_location().pathname;
    // An experiment belongs to the experiments, a run to the lab.
    let among = move || {
        path.with(|p| inside(p).starts_with("/experiments") || inside(p).starts_with("/e/"))
    };
    let own = move || path.with(|p| inside(p).starts_with("/runs"));
    let comparing = move || path.with(|p| inside(p).starts_with("/compare"));
    let in_class = move || {
        path.with(|p| {
            ["/lessons", "/present", "/j"].iter().any(|place| inside(p).starts_with(place))
        })
    };
    let elsewhere = move || own() || among() || comparing() || in_class();
    let current = move |here: bool| here.then_some("page");
    // Pages lead from the run on the screen to the run on the screen.
    let compare = move || match lab.run.facts.id.get() {
        Some(id) if !comparing() => at(&format!("/compare?runs={id}")),
        _ => at("/compare"),
    };
    let home = move || match lab.run.facts.id.get() {
        Some(id) if elsewhere() && id != SHIPPED => at(&format!("/r/{id}")),
        _ => at("/"),
    };
    // What tabs, history and bookmarks call the page.
    let run = lab.run;
    let title = move || {
        let page = if own() {
            t("Runs").to_owned()
        } else if among() {
            t("Experiments").to_owned()
        } else if comparing() {
            t("Compare").to_owned()
        } else if in_class() {
            t("Lessons").to_owned()
        } else {
            let named = run.facts.label.with(|l| l.name.clone());
            let asked = run.facts.options.with(|o| o.prompt.clone());
            if named.is_empty() { asked } else { named }
        };
        match page.is_empty() {
            true => "LangOverrule Lab".to_owned(),
            false => format!("{page} · LangOverrule Lab"),
        }
    };
    Effect::new(move |_| document().set_title(&title()));
    view! {
        <header class="top">
            <a class="brand" href=at("/") aria-label="LangOverrule Lab">
                <svg viewBox="0 0 30 20" aria-hidden="true">
                    <circle class="words" cx="10.5" cy="10" r="8.5"/>
                    <circle class="picture" cx="19.5" cy="10" r="8.5"/>
                </svg>
                <span>"LangOverrule Lab"</span>
            </a>
            <nav aria-label=t("Pages")>
                <a href=home aria-current=move || current(!elsewhere())>{t("Lab")}</a>
                <a href=at("/runs") data-testid="nav-runs" aria-current=move || current(own())>{t("Runs")}</a>
                <a href=at("/experiments") data-testid="nav-experiments" aria-current=move || current(among())>
                    {t("Experiments")}
                </a>
                <a href=compare data-testid="nav-compare" aria-current=move || current(comparing())>
                    {t("Compare")}
                </a>
                <a href=at("/lessons") data-testid="nav-lessons" aria-current=move || current(in_class())>
                    {t("Lessons")}
                </a>
            </nav>
            <Help tour=Signal::derive(move || !elsewhere())/>
            <LanguageSwitch lab/>
            <ThemeSwitch lab/>
            {children.map(|children| children())}
            <div class="said" role="status" class:shown=move || lab.said.with(|s| s.starts_with("http"))>
                {move || lab.said.get()}
            </div>
        </header>
    }
}

/// What can be done with the run on the screen: its files, its link.
#[component]
pub fn RunActions() -> impl IntoView {
    let lab = use_lab();
    let has_run = move || lab.run.facts.id.with(Option::is_some);
    view! {
        <a class="button present-link" data-testid="present" href=move || present_address(lab)>{t("Present")}</a>
        <Exports lab/>
        <ShareButton lab disabled=Signal::derive(move || !has_run()) share=Callback::new(move |()| actions::share(lab))/>
    }
}

/// Where the run on the screen is presented, as it is looked at.
pub fn present_address(lab: Lab) -> String {
    match lab.run.facts.id.get() {
        Some(id) => {
            let view = lab.run.view.get().to_query();
            at(format!("/present?run={id}&{view}").trim_end_matches('&'))
        }
        None => at("/present"),
    }
}

/// Copies the link of what is on the screen.
#[component]
pub fn ShareButton(
    /// The page's state.
    lab: Lab,
    /// Whether there is nothing to share.
    disabled: Signal<bool>,
    /// Copies the link.
    share: Callback<()>,
) -> impl IntoView {
    let copied = move || lab.said.with(|s| s == t("Link copied"));
    view! {
        <button
            type="button"
            class="button strong"
            data-testid="share-link"
            // Begins as the text does, which a phone has no room for.
            aria-label=move || if copied() { t("Link copied") } else { t("Copy link of this view") }
            disabled=move || disabled.get()
            on:click=move |_| share.run(())
        >
            <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M8.3 11.7a3.4 3.4 0 0 0 4.8 0l3-3a3.4 3.4 0 0 0-4.8-4.8l-1 1M11.7 8.3a3.4 3.4 0 0 0-4.8 0l-3 3a3.4 3.4 0 0 0 4.8 4.8l1-1"/></svg>
            <span>{move || if copied() { t("Link copied") } else { t("Copy link") }}</span>
        </button>
    }
}

/// The page's languages, each by its own name.
#[component]
fn LanguageSwitch(lab: Lab) -> impl IntoView {
    let choose = move |language: Language| {
        if language == lab.language.get_untracked() {
            return;
        }
        spawn_local(async move {
            texts::bring(language).await;
            browser::choose_language(language);
            lab.said.set(String::new());
            lab.language.set(language);
            // The button that was pressed is gone; its successor takes the focus.
            set_timeout(
                move || browser::focus(&format!("[data-language={}]", language.tag())),
                std::time::Duration::ZERO,
            );
        });
    };
    let buttons = Language::ALL.map(|language| {
        view! {
            <button
                type="button"
                lang=language.tag()
                title=language.name()
                data-language=language.tag()
                data-testid=format!("language-{}", language.tag())
                aria-pressed=move || (lab.language.get() == language).to_string()
                // A run that is on its way brings its page along.
                disabled=move || lab.sending.get()
                on:click=move |_| choose(language)
            >{language.short()}</button>
        }
    });
    // In both languages: whoever needs it cannot read the other.
    view! { <div class="switch languages" role="group" aria-label="Language / 언어">{buttons}</div> }
}

/// Light, dark or projector.
#[component]
pub fn ThemeSwitch(
    /// The page's state.
    lab: Lab,
) -> impl IntoView {
    let theme = RwSignal::new(Theme::current());
    let buttons = Theme::ALL
        .into_iter()
        .map(|choice| {
            let (name, icon) = match choice {
                Theme::Light => (t("Light theme"), "M10 6.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6ZM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M16 4l-1.4 1.4M5.4 14.6 4 16"),
                Theme::Dark => (t("Dark theme"), "M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7Z"),
                Theme::Projector => (t("Projector theme: large type"), "M2.5 3.5h15v9.5h-15ZM10 13v3M6.5 17.5 10 16l3.5 1.5"),
            };
            view! {
                <button
                    type="button"
                    title=name
                    aria-label=name
                    aria-pressed=move || (theme.get() == choice).to_string()
                    on:click=move |_| {
                        choice.apply();
                        theme.set(choice);
                        let (palette, type_size) = browser::read_theme();
                        lab.palette.set(palette);
                        lab.type_size.set(type_size);
                    }
                >
                    <svg viewBox="0 0 20 20" aria-hidden="true"><path d=icon/></svg>
                </button>
            }
        })
        .collect_view();
    view! { <div class="switch icons" role="group" aria-label=t("Theme")>{buttons}</div> }
}

#[component]
fn Exports(lab: Lab) -> impl IntoView {
    let run = lab.run;
    let done = move || run.facts.phase.with(|p| matches!(p, Phase::Done(_)));
    let address = move |format: &'static str| {
        move || {
            let id = run.facts.id.get().unwrap_or_default();
            run.facts.source.export_url(&id, format, &run.view.definition.get())
        }
    };
    view! {
        // Its place is kept until there is something to export: the buttons beside it stay put.
        <Show when=done fallback=|| view! { <span class="button later" aria-hidden="true"><svg viewBox="0 0 20 20"></svg><span>{t("Export")}</span></span> }>
            <Menu label=t("Export")>
                    <a href=address("json") download data-testid="export-json">
                        "JSON "<small>{t("every number, under this definition")}</small>
                    </a>
                    <a href=address("csv") download data-testid="export-csv">
                        "CSV "<small>{t("one row for each layer")}</small>
                    </a>
                    <PlotFiles lab/>
            </Menu>
        </Show>
    }
}

/// Closes a menu when the focus has left it.
pub fn close_when_left(event: web_sys::FocusEvent) {
    let menu = event_target::<web_sys::Element>(&event).closest("details").ok().flatten();
    let inside = event
        .related_target()
        .and_then(|t| t.dyn_into::<web_sys::Node>().ok())
        .is_some_and(|n| menu.as_ref().is_some_and(|m| m.contains(Some(&n))));
    if let (Some(menu), false) = (menu, inside) {
        let _ = menu.remove_attribute("open");
    }
}

/// A list of links behind a button; closes when the focus goes elsewhere.
#[component]
pub fn Menu(
    /// What the button says.
    label: &'static str,
    /// The links.
    children: Children,
) -> impl IntoView {
    view! {
        <details class="menu" on:focusout=close_when_left>
            <summary class="button" aria-label=label>
                <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M10 3v9M6.5 8.8 10 12.3l3.5-3.5M3.5 13v3.5h13V13"/></svg>
                <span>{label}</span>
            </summary>
            <div class="menu-list">{children()}</div>
        </details>
    }
}
