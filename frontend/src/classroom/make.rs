//! `/lessons/make`: a teacher makes a lesson: pictures, questions, what they show.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_params_map;
use shared::Preset;
use shared::classroom::{Guess, LONGEST_TOLD, MOST_CHOICES, Question};

use super::lessons::opener;
use super::made::{self, MOST_STEPS, MadeLesson, MadePicture, MadeStep};
use super::own_lessons::save_file;
use super::{api, shelf};
use crate::actions::complain_of_file;
use crate::browser;
use crate::convert::{Converted, for_the_lab};
use crate::lab::use_lab;
use crate::language::{either, fill, t};
use crate::save;
use crate::source::samples;
use crate::ui::header::Header;
use crate::ui::notes::Notes;

/// A prompt of the kind that lessons are about; the demo models know English alone.
const EXAMPLE: &str = "The picture shows a dog. Which animal is in the picture?";

/// A step with what tells it from others while they are moved about.
type Kept = (u32, RwSignal<MadeStep>);

/// What is being made.
#[derive(Clone, Copy)]
struct Making {
    id: StoredValue<String>,
    title: RwSignal<String>,
    about: RwSignal<String>,
    steps: RwSignal<Vec<Kept>>,
    next: StoredValue<u32>,
    /// Whether something changed since it was kept.
    changed: RwSignal<bool>,
    wrong: RwSignal<Option<String>>,
}

impl Making {
    fn new() -> Self {
        let making = Making {
            id: StoredValue::new(made::id_of(&api::random_signs())),
            title: RwSignal::new(String::new()),
            about: RwSignal::new(String::new()),
            steps: RwSignal::new(Vec::new()),
            next: StoredValue::new(0),
            changed: RwSignal::new(false),
            wrong: RwSignal::new(None),
        };
        making.add(MadeStep::default());
        making
    }

    fn put(&self, lesson: MadeLesson) {
        self.id.set_value(lesson.id);
        self.title.set(lesson.title);
        self.about.set(lesson.about);
        self.steps.set(Vec::new());
        for step in lesson.steps {
            self.add(step);
        }
        self.changed.set(false);
    }

    fn add(&self, step: MadeStep) {
        let key = self.next.get_value();
        self.next.set_value(key + 1);
        let step = RwSignal::new(step);
        self.steps.update(|steps| steps.push((key, step)));
        self.changed.set(true);
    }

    fn lesson(&self) -> MadeLesson {
        let steps = self.steps.get_untracked();
        MadeLesson {
            id: self.id.get_value(),
            title: self.title.get_untracked(),
            about: self.about.get_untracked(),
            minutes: u32::try_from(4 * steps.len()).unwrap_or(0),
            steps: steps.iter().map(|(_, step)| step.get_untracked()).collect(),
        }
    }

    /// The lesson, where it can be given; what is wrong is said otherwise.
    fn checked(&self) -> Option<MadeLesson> {
        let lesson = self.lesson();
        let wrong = made::check(&lesson).err();
        self.wrong.set(wrong.clone());
        wrong.is_none().then_some(lesson)
    }

    /// Changes a step.
    fn change(&self, step: RwSignal<MadeStep>, change: impl FnOnce(&mut MadeStep)) {
        step.update(change);
        self.changed.set(true);
    }
}

/// The page.
#[component]
pub fn MakePage() -> impl IntoView {
    let lab = use_lab();
    let params = use_params_map();
    let making = Making::new();
    if let Some(id) = params.with_untracked(|p| p.get("id")) {
        spawn_local(async move {
            match shelf::all().await.into_iter().find(|lesson| lesson.id == id) {
                Some(lesson) if !making.title.is_disposed() => making.put(lesson),
                Some(_) => {}
                None => lab.complain("not_found", t("There is no lesson of that name.")),
            }
        });
    }
    let present = opener(lab, Some(format!("lesson={}", making.id.get_value())));
    // The lesson's own name is known once it was read.
    let present = StoredValue::new_local(present);
    let keep = move |then: Option<Callback<()>>| {
        let Some(lesson) = making.checked() else { return };
        spawn_local(async move {
            match shelf::put(&lesson).await {
                Ok(()) => {
                    making.changed.try_set(false);
                    if let Some(then) = then {
                        then.run(());
                    }
                }
                Err(why) => lab.complain("unsaved", why),
            }
        });
    };
    let pass_on = move |_| {
        if let Some(lesson) = making.checked() {
            save_file(lab, &lesson);
        }
    };
    view! {
        <Header/>
        <Notes/>
        <main class="class-pages make" data-testid="make">
            <h1>{t("Make a lesson")}</h1>
            <p class="lead">{t("Each step is a picture, what the model is told and asked, and a question to the class. It stays in this browser; its file passes it on, pictures and all.")}</p>
            <section class="card make-head">
                <label>{t("Title")}
                    <input type="text" maxlength="120" data-testid="lesson-title" prop:value=move || making.title.get()
                        on:input=move |event| {
                            making.title.set(event_target_value(&event));
                            making.changed.set(true);
                        }/>
                </label>
                <label>{t("What it is about")}
                    <textarea rows="2" maxlength=LONGEST_TOLD.to_string() prop:value=move || making.about.get()
                        on:input=move |event| {
                            making.about.set(event_target_value(&event));
                            making.changed.set(true);
                        }></textarea>
                </label>
            </section>
            <ol class="make-steps">
                <For each=move || making.steps.get() key=|(key, _)| *key let((key, step))>
                    <Step making key step/>
                </For>
            </ol>
            <p>
                <button type="button" class="button" data-testid="add-step"
                    disabled=move || making.steps.with(|steps| steps.len() >= MOST_STEPS)
                    on:click=move |_| making.add(MadeStep::default())>{t("Add a step")}</button>
            </p>
            <footer class="make-foot">
                <p class="join-wrong" role="alert" data-testid="lesson-wrong">{move || making.wrong.get()}</p>
                <span class="quiet" role="status" data-testid="lesson-kept" data-changed=move || making.changed.get().to_string()>
                    {move || if making.changed.get() { t("not kept yet") } else { t("kept in this browser") }}
                </span>
                <button type="button" class="button" data-testid="pass-on" on:click=pass_on>{t("Save its file")}</button>
                <button type="button" class="button" data-testid="keep-lesson" on:click=move |_| keep(None)>{t("Keep it")}</button>
                <button type="button" class="button strong" data-testid="present-made"
                    on:click=move |_| keep(Some(Callback::new(move |()| present.with_value(|present| present()))))>{t("Present to a class")}</button>
            </footer>
        </main>
    }
}

#[component]
fn Step(making: Making, key: u32, step: RwSignal<MadeStep>) -> impl IntoView {
    let place = Memo::new(move |_| {
        making.steps.with(|steps| steps.iter().position(|(k, _)| *k == key).unwrap_or_default())
    });
    let count = Memo::new(move |_| making.steps.with(Vec::len));
    let move_by = move |by: isize| {
        making.steps.update(|steps| {
            let from = steps.iter().position(|(k, _)| *k == key);
            let to = from.and_then(|at| at.checked_add_signed(by)).filter(|to| *to < steps.len());
            if let Some((from, to)) = from.zip(to) {
                steps.swap(from, to);
            }
        });
        making.changed.set(true);
    };
    let remove = move |_| {
        making.steps.update(|steps| steps.retain(|(k, _)| *k != key));
        making.changed.set(true);
    };
    let lab = use_lab();
    let models = move || {
        let chosen = step.with(|s| s.model.clone());
        let models = lab.models.get().into_iter().map(|model| {
            let this = model.name == chosen;
            view! { <option value=model.name.clone() selected=this>{model.name.clone()}</option> }
        });
        models.collect_view()
    };
    let follows = move |side: Option<Guess>| step.with(|s| s.follows == side);
    view! {
        <li class="card make-step" data-testid="make-step">
            <header class="lesson-head">
                <h2>{move || fill("Step {n}", &[("n", &(place.get() + 1))])}</h2>
                <span class="make-moves">
                    <button type="button" class="button" aria-label=t("Move it up") disabled=move || place.get() == 0 on:click=move |_| move_by(-1)>"↑"</button>
                    <button type="button" class="button" aria-label=t("Move it down") disabled=move || { place.get() + 1 >= count.get() } on:click=move |_| move_by(1)>"↓"</button>
                    <button type="button" class="button" data-testid="remove-step" disabled=move || count.get() < 2 on:click=remove>{t("Remove")}</button>
                </span>
            </header>
            <div class="make-parts">
                <Picture making step/>
                <div class="make-texts">
                    <label>{t("What the model is told and asked")}
                        <textarea rows="2" maxlength="4000" data-testid="step-prompt"
                            placeholder=EXAMPLE
                            prop:value=move || step.with(|s| s.prompt.clone())
                            on:input=move |event| making.change(step, |s| s.prompt = event_target_value(&event))></textarea>
                    </label>
                    <label>{t("Question to the class")}
                        <textarea rows="2" maxlength=LONGEST_TOLD.to_string() data-testid="step-ask" placeholder=t("Which will the answer follow?")
                            prop:value=move || step.with(|s| s.ask.clone())
                            on:input=move |event| making.change(step, |s| s.ask = event_target_value(&event))></textarea>
                    </label>
                    <Kind making step/>
                    <label>{t("What the curve shows")}
                        <textarea rows="2" maxlength=LONGEST_TOLD.to_string() data-testid="step-shows" prop:value=move || step.with(|s| s.shows.clone())
                            on:input=move |event| making.change(step, |s| s.shows = event_target_value(&event))></textarea>
                    </label>
                    <label>{t("What it does not show")}
                        <textarea rows="2" maxlength=LONGEST_TOLD.to_string() prop:value=move || step.with(|s| s.shows_not.clone())
                            on:input=move |event| making.change(step, |s| s.shows_not = event_target_value(&event))></textarea>
                    </label>
                    <div class="make-row">
                        <label>{t("The answer follows")}
                            <select data-testid="step-follows" on:change=move |event| {
                                let name = event_target_value(&event);
                                making.change(step, |s| s.follows = Guess::ALL.into_iter().find(|g| g.name() == name));
                            }>
                                <option value="" selected=move || follows(None)>{t("not said")}</option>
                                <option value="words" selected=move || follows(Some(Guess::Words))>{t("words")}</option>
                                <option value="picture" selected=move || follows(Some(Guess::Picture))>{t("picture")}</option>
                            </select>
                        </label>
                        <label>{t("Model")}
                            <select data-testid="step-model" on:change=move |event| making.change(step, |s| s.model = event_target_value(&event))>
                                <option value="" selected=move || step.with(|s| s.model.is_empty())>{t("the lab’s usual one")}</option>
                                {models}
                            </select>
                        </label>
                        <label>{t("Definition")}
                            <select on:change=move |event| {
                                if let Some(preset) = Preset::from_name(&event_target_value(&event)) {
                                    making.change(step, |s| s.definition = preset);
                                }
                            }>
                                {Preset::ALL.map(|preset| view! {
                                    <option value=preset.name() selected=move || step.with(|s| s.definition == preset)>{preset.name()}</option>
                                })}
                            </select>
                        </label>
                    </div>
                </div>
            </div>
        </li>
    }
}

/// A step's picture: a sample, or a file that is chosen or dropped.
#[component]
fn Picture(making: Making, step: RwSignal<MadeStep>) -> impl IntoView {
    let lab = use_lab();
    let picture = Memo::new(move |_| step.with(|s| s.picture.clone()));
    let take = move |files: Option<web_sys::FileList>| {
        let Some(file) = files.and_then(|files| files.get(0)) else { return };
        spawn_local(async move {
            let name = file.name();
            let file = match for_the_lab(file).await {
                Ok(Converted { file, .. }) => file,
                Err(unread) => return complain_of_file(lab, &unread),
            };
            let bytes = wasm_bindgen_futures::JsFuture::from(file.array_buffer()).await.ok();
            let bytes = bytes.map(|buffer| js_sys::Uint8Array::new(&buffer).to_vec());
            match bytes.and_then(|bytes| MadePicture::own(&name, &bytes)) {
                Some(picture) if !step.is_disposed() => making.change(step, |s| s.picture = picture),
                Some(_) => {}
                None => lab.complain(
                    "picture_unreadable",
                    t("The file is not a picture of a format the lab reads; choose a PNG, JPEG or WebP."),
                ),
            }
        });
    };
    let input = NodeRef::<leptos::html::Input>::new();
    let dragging = RwSignal::new(false);
    // An address of the picture's bytes, given back when there is another.
    let shown = StoredValue::new(String::new());
    let url = move || {
        let before = shown.try_update_value(std::mem::take).unwrap_or_default();
        if !before.is_empty() {
            browser::forget_url(&before);
        }
        picture.with(|picture| match picture {
            MadePicture::Sample { file } if file.is_empty() => None,
            MadePicture::Sample { file } => Some(samples::url(file)),
            MadePicture::Own { .. } => {
                let (bytes, kind) = picture.bytes()?;
                let url = save::url(&save::bytes(&bytes, kind)?);
                shown.set_value(url.clone());
                Some(url)
            }
        })
    };
    on_cleanup(move || {
        if let Some(url) = shown.try_get_value().filter(|url| !url.is_empty()) {
            browser::forget_url(&url);
        }
    });
    let chosen = move || {
        picture.with(|picture| match picture {
            MadePicture::Sample { file } => file.clone(),
            MadePicture::Own { .. } => "own".to_owned(),
        })
    };
    view! {
        <div class="make-picture" class:dragging=move || dragging.get()
            on:dragover=move |event| {
                event.prevent_default();
                dragging.set(true);
            }
            on:dragleave=move |_| dragging.set(false)
            on:drop=move |event| {
                event.prevent_default();
                event.stop_propagation();
                dragging.set(false);
                take(event.data_transfer().and_then(|data| data.files()));
            }>
            {move || match url() {
                Some(url) => view! { <img src=url alt="" data-testid="step-picture"/> }.into_any(),
                None => view! { <p class="make-none">{t("Drop a picture here")}</p> }.into_any(),
            }}
            <label class="button">
                {t("Choose a picture")}
                <input type="file" class="sr-only" accept="image/*" node_ref=input data-testid="step-file"
                    on:change=move |_| {
                        if let Some(input) = input.get_untracked() {
                            take(input.files());
                            input.set_value("");
                        }
                    }/>
            </label>
            <label class="make-sample">{t("or a sample")}
                <select data-testid="step-sample" on:change=move |event| {
                    let file = event_target_value(&event);
                    making.change(step, |s| s.picture = MadePicture::Sample { file });
                }>
                    <option value="" disabled selected=move || chosen().is_empty() || chosen() == "own">{t("choose")}</option>
                    {move || lab.samples.get().into_iter().map(|sample| {
                        let title = either(&sample.title, &sample.ko.title).to_owned();
                        let file = sample.file.clone();
                        view! { <option value=sample.file selected=move || chosen() == file>{title}</option> }
                    }).collect_view()}
                </select>
            </label>
        </div>
    }
}

/// What kind of answer a step's question wants.
#[component]
fn Kind(making: Making, step: RwSignal<MadeStep>) -> impl IntoView {
    let kind = Memo::new(move |_| step.with(|s| s.question.name()));
    let choices = move || {
        step.with(|s| match &s.question {
            Question::Choice { choices } => choices.join("\n"),
            _ => String::new(),
        })
    };
    let choose = move |event: web_sys::Event| {
        let question = match event_target_value(&event).as_str() {
            "choice" => Question::Choice { choices: Vec::new() },
            "text" => Question::Text,
            "number" => Question::Number,
            _ => Question::Sides,
        };
        making.change(step, |s| s.question = question);
    };
    let kinds = [
        ("sides", t("words or picture")),
        ("choice", t("choices")),
        ("text", t("in words of their own")),
        ("number", t("a number")),
    ];
    view! {
        <div class="make-row">
            <label>{t("The class answers with")}
                <select data-testid="step-kind" on:change=choose>
                    {kinds.map(|(name, text)| view! {
                        <option value=name selected=move || kind.get() == name>{text}</option>
                    })}
                </select>
            </label>
            <Show when=move || kind.get() == "choice">
                <label class="make-choices">{fill("Choices, one a line, two to {most}", &[("most", &MOST_CHOICES)])}
                    <textarea rows="3" data-testid="step-choices" prop:value=choices
                        on:change=move |event| {
                            let text = event_target_value(&event);
                            let lines = text.lines().map(|line| line.trim().to_owned());
                            let choices = lines.filter(|line| !line.is_empty()).collect();
                            making.change(step, |s| s.question = Question::Choice { choices });
                        }></textarea>
                </label>
            </Show>
        </div>
    }
}
