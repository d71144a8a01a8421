//! What a person can do: open a run, ask, stop, share.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use shared::api::RunCreated;
use shared::options::{resolve_settings, shortest};
use shared::{AskedOptions, ErrorCode, Group, MOST_MEDIA, ModelDefaults, ModelTraits, RunOptions};
use wasm_bindgen::JsCast;

use crate::browser;
use crate::convert::{Converted, Unread, for_the_lab};
use crate::lab::{Lab, PictureFrom, Tab};
use crate::language::{fill, t};
use crate::models::traits;
use crate::owner;
use crate::photograph::for_photographs;
use crate::run::kept::forget_gone;
use crate::run::kinds::kinds;
use crate::run::link::View;
use crate::run::panels::Open;
use crate::run::phase::Phase;
use crate::run::{Run, SHIPPED};
use crate::source::{Failure, Source, samples};

/// How often a question that waits for its picture looks whether that is read.
const READ_EVERY: std::time::Duration = std::time::Duration::from_millis(30);

/// Opens a run by its name and looks at it as `view` says; a run that is open already only gets
/// the view.
pub fn open(lab: Lab, id: String, view: View) {
    let run = lab.run;
    run.view.set(view);
    if run.facts.id.get_untracked().as_ref() == Some(&id) {
        return;
    }
    hang_up(lab);
    lab.drafting.set(false);
    run.reset(Some(id.clone()), Phase::Opening);
    forget_readers(lab);
    run.view.set(view);
    let turn = run.facts.turn();
    spawn_local(async move {
        let record = run.facts.source.record(&id).await;
        if run.facts.turn() != turn {
            return;
        }
        match record {
            Ok(record) => {
                let cursor = run.facts.take(record);
                if !cursor.ended {
                    let live = lab.follow(run, id.clone(), cursor.next);
                    lab.live.set_value(Some(live));
                }
                offer_again(lab, id);
            }
            Err(failure) => {
                run.reset(None, Phase::Empty);
                if failure.code == Some(ErrorCode::NotFound) {
                    owner::unlist(&id);
                }
                // A lab without a shipped run simply starts empty.
                if id != SHIPPED || failure.code != Some(ErrorCode::NotFound) {
                    complain(lab, failure);
                }
            }
        }
    });
}

/// Fills the form with what a run was asked, unless the person has begun to fill it.
fn offer_again(lab: Lab, id: String) {
    if !lab.touched.get_untracked() {
        let options = lab.run.facts.options.get_untracked();
        lab.prompt.set(options.prompt.clone());
        let asked = shortest(&options, &ModelDefaults::default(), &known(lab, &options.model));
        // Checking costs a second run, and asking again many: each time it is asked for anew. The shipped run was made before
        // there was a choice of resizing: it is an example, not a wish.
        let resize = asked.resize.filter(|_| id != SHIPPED);
        lab.options.set(AskedOptions { verify: None, repeat: None, resize, ..asked });
        lab.choose(Some(PictureFrom::Run(id)));
    }
}

/// What the page knows of a model: from the list of models, and of the model of the run on the screen from the run.
fn known(lab: Lab, name: &str) -> ModelTraits {
    let listed = lab.models.with_untracked(|all| traits(all, name));
    lab.run.facts.model.with_untracked(|model| match model {
        Some(model) if model.name == name => ModelTraits {
            prune_positions: model.prune_positions,
            layers: Some(model.layers),
            ..listed
        },
        _ => listed,
    })
}

/// Chooses another model in the form. What the options have of the model before it (its template, its frame, its
/// limit of pixels, all of its layers) is left to the new one.
pub fn choose_model(lab: Lab, before: &str, name: String) {
    let asked = lab.options.get_untracked();
    let (none, own) = (ModelDefaults::default(), known(lab, before));
    let kept = match resolve_settings(&asked, &none, &own) {
        Ok(run) => shortest(&run, &none, &own),
        // What the model before it refused is no wish for the next one.
        Err(_) => AskedOptions { template: None, max_pixels: None, fit: None, ..asked },
    };
    lab.options.set(AskedOptions { model: name, quant: None, ..kept });
    lab.touched.set(true);
}

/// Submits what the form holds. The run on the screen stays until the new one is accepted, and
/// the form stays as it is whatever happens.
pub fn ask(lab: Lab, navigate: impl Fn(&str, NavigateOptions) + 'static) {
    if lab.sending.get_untracked() {
        return;
    }
    if lab.reading.with_untracked(|(_, reading)| *reading) {
        // It is about the picture that was chosen, not about the one before.
        spawn_local(async move {
            while lab.reading.with_untracked(|(_, reading)| *reading) {
                browser::sleep(READ_EVERY).await;
            }
            ask(lab, navigate);
        });
        return;
    }
    let prompt = lab.prompt.get_untracked().trim().to_owned();
    let Some(source) = lab.picture.get_untracked() else {
        return lab
            .complain("picture_missing", t("Choose a picture first: drop, paste or pick one."));
    };
    if prompt.is_empty() {
        return lab.complain("prompt_empty", t("Type a question about the picture first."));
    }
    let options = AskedOptions { prompt, ..lab.options.get_untracked() };
    let more = lab.more.get_untracked();
    let of_run = media_of(lab.run, &source);
    // What went wrong before is answered by asking again.
    lab.notes.set(Vec::new());
    lab.sending.set(true);
    lab.touched.set(true);
    spawn_local(async move {
        let mut tries = 0;
        let created = loop {
            match submit(lab.run.facts.source, &source, &of_run, &more, &options).await {
                Err(failure) if lab.waited(&failure, tries).await => tries += 1,
                created => break created,
            }
        };
        lab.sending.set(false);
        match created {
            Ok(created) => begin(lab, created, &options, (None, None), navigate),
            Err(failure) => complain(lab, failure),
        }
    });
}

/// Puts a run that was just created on the screen, with the layer and the head that are looked at.
pub fn begin(
    lab: Lab,
    created: RunCreated,
    options: &AskedOptions,
    (layer, head): (Option<usize>, Option<u32>),
    navigate: impl Fn(&str, NavigateOptions),
) {
    hang_up(lab);
    lab.drafting.set(false);
    lab.tab.set(Tab::Answer);
    browser::hold_still();
    lab.run.reset(Some(created.id.clone()), Phase::Queued(0));
    forget_readers(lab);
    lab.run.view.layer.set(layer);
    lab.run.view.look.set(head);
    lab.run.facts.options.set(expected(lab, options));
    lab.live.set_value(Some(lab.follow(lab.run, created.id.clone(), 0)));
    go(lab, &created.id, navigate);
}

/// Goes to a run, which is looked at as the one on the screen is.
pub fn go(lab: Lab, id: &str, navigate: impl Fn(&str, NavigateOptions)) {
    let to = path(id, &untrack(|| lab.run.view.get()));
    navigate(&to, NavigateOptions { scroll: false, ..NavigateOptions::default() });
}

/// The kinds of a source's media: several, and others than pictures, only where it is the run on the screen.
pub fn media_of(run: Run, source: &PictureFrom) -> Vec<Group> {
    let is_it =
        matches!(source, PictureFrom::Run(id) if run.facts.id.get_untracked().as_ref() == Some(id));
    let media = if is_it { kinds(run) } else { Vec::new() };
    if media.is_empty() { vec![Group::Image] } else { media }
}

/// Submits a run and keeps its owner's token: with all media of a run, of these kinds, where the source is
/// one, and with further files.
pub async fn submit(
    to: Source,
    source: &PictureFrom,
    of_run: &[Group],
    more: &[web_sys::File],
    options: &AskedOptions,
) -> Result<RunCreated, Failure> {
    let created = send(to, source, of_run, more, options).await?;
    owner::keep(&created, options);
    Ok(created)
}

/// What a run will use, as far as the page knows the model: until the run itself says.
fn expected(lab: Lab, asked: &AskedOptions) -> RunOptions {
    let traits = lab.models.with_untracked(|all| traits(all, &asked.model));
    resolve_settings(asked, &ModelDefaults::default(), &traits).unwrap_or_default()
}

/// A run has gone, and with it everybody who read the page's colours for it.
fn forget_readers(lab: Lab) {
    forget_gone(lab.palette);
    forget_gone(lab.type_size);
}

async fn send(
    to: Source,
    source: &PictureFrom,
    of_run: &[Group],
    more: &[web_sys::File],
    options: &AskedOptions,
) -> Result<RunCreated, Failure> {
    let mut pictures: Vec<(web_sys::Blob, String)> = match source {
        PictureFrom::File { file, .. } => vec![(file.clone().into(), file.name())],
        PictureFrom::Sample(name) => vec![(samples::picture(name).await?, name.clone())],
        PictureFrom::Run(id) => {
            let mut pictures = Vec::new();
            for (medium, kind) in (0_u8..).zip(of_run) {
                pictures.push((to.picture(id, medium).await?, kind.name().to_owned()));
            }
            pictures
        }
    };
    pictures.extend(more.iter().map(|file| (file.clone().into(), file.name())));
    to.create(&pictures, options, None).await
}

/// Stops the run on the screen, where this browser started it.
pub fn cancel(lab: Lab) {
    let Some(id) = lab.run.facts.id.get_untracked() else { return };
    let Some(token) = owner::token(&id) else { return };
    spawn_local(async move {
        if let Err(failure) = lab.run.facts.source.cancel(&id, &token).await {
            complain(lab, failure);
        }
    });
}

/// Leads to the form of the next run.
pub fn to_the_form(lab: Lab) {
    lab.tab.set(Tab::Ask);
    // On a phone the form comes with its tab.
    let go = || {
        browser::to_the_top_of(".ask");
        browser::focus("#prompt");
    };
    set_timeout(go, std::time::Duration::ZERO);
}

/// Whether this browser started the run and may stop it.
pub fn is_owner(id: &str) -> bool {
    owner::token(id).is_some()
}

/// Copies the link of the run as it is looked at.
pub fn share(lab: Lab) {
    let Some(id) = lab.run.facts.id.get_untracked() else { return };
    share_address(lab, &path(&id, &untrack(|| lab.run.view.get())));
}

/// The address of a run as it is looked at, inside this lab, for citations and files: its numbers
/// are the same whatever panels are open.
pub fn address(run: Run) -> String {
    path(&run.facts.id.get().unwrap_or_default(), &View { open: Open::default(), ..run.view.get() })
}

/// Copies the link of an address of this lab.
pub fn share_address(lab: Lab, address: &str) {
    let link = browser::absolute(address);
    spawn_local(async move {
        if browser::copy(&link).await {
            lab.said.set(t("Link copied").into());
        } else {
            // Without permission to copy, the link is shown to be copied by hand.
            lab.said.set(link);
        }
        set_timeout(move || lab.said.set(String::new()), std::time::Duration::from_secs(6));
    });
}

/// Takes the pictures of a drop, a paste or a file dialog; says so when there is none. What the
/// lab does not take as it is, the browser makes into something that it does. Whether there are files
/// at all.
///
/// What a file is, its first bytes say: a browser's type is what the system makes of the name's
/// ending, and many systems know no type for `.jfif`.
pub fn take_files(lab: Lab, files: Option<web_sys::FileList>) -> bool {
    let Some(files) = files.filter(|f| f.length() > 0) else { return false };
    let files: Vec<web_sys::File> = (0..files.length()).filter_map(|i| files.get(i)).collect();
    let turn = lab.reading.with_untracked(|(turn, _)| turn.wrapping_add(1));
    lab.reading.set((turn, true));
    spawn_local(async move {
        let (mut pictures, mut notes) = (Vec::new(), Vec::new());
        let mut unread = None;
        for file in files {
            if pictures.len() == MOST_MEDIA {
                let most = fill(
                    "A question has at most {n} pictures: the first {n} were taken.",
                    &[("n", &MOST_MEDIA)],
                );
                notes.push(most);
                break;
            }
            match for_the_lab(file).await {
                Ok(Converted { file, note }) => {
                    pictures.push(file);
                    notes.extend(note.filter(|note| !notes.contains(note)));
                }
                Err(file) => unread = unread.or(Some(file)),
            }
        }
        // A large photograph takes seconds: what was chosen after it stays.
        if lab.reading.with_untracked(|(now, _)| *now != turn) {
            return;
        }
        lab.reading.set((turn, false));
        let mut pictures = pictures.into_iter();
        if let Some(unread) = &unread {
            complain_of_file(lab, unread);
        }
        let Some(file) = pictures.next() else { return };
        let url = browser::url_of(&file);
        lab.choose(Some(PictureFrom::File { file, url }));
        lab.more.set(pictures.collect());
        lab.converted.set((!notes.is_empty()).then(|| notes.join(" ")));
        ask_neutrally(lab);
        if !lab.picture.with_untracked(|p| p.as_ref().is_some_and(PictureFrom::is_sound)) {
            choose_for_photographs(lab);
        }
        lab.touched.set(true);
    });
    true
}

/// Puts a question that claims nothing where the form has one that was made for another picture: a
/// sample's, or that of the run on the screen which nobody touched.
fn ask_neutrally(lab: Lab) {
    let prompt = lab.prompt.get_untracked();
    let of_a_sample = lab.samples.with_untracked(|all| all.iter().any(|s| s.prompt == prompt));
    if of_a_sample || !lab.touched.get_untracked() {
        // In English: few models understand more.
        let sound = lab.picture.with_untracked(|p| p.as_ref().is_some_and(PictureFrom::is_sound));
        let question = if sound { "What do you hear?" } else { "What is in the picture?" };
        lab.prompt.set(question.to_owned());
    }
}

/// Chooses a model that understands photographs where one is here and the form has a demo model that
/// nobody chose.
fn choose_for_photographs(lab: Lab) {
    let asked = lab.options.with_untracked(|options| options.model.clone());
    let wanted = lab.models.with_untracked(|all| {
        let now = all.iter().find(|m| m.name == asked).or(all.iter().find(|m| m.default));
        let demo = now.is_some_and(|m| m.demo && (asked.is_empty() || m.default));
        let better = for_photographs(all).filter(|_| demo)?;
        Some((now.map(|m| m.name.clone()).unwrap_or_default(), better.name.clone()))
    });
    if let Some((before, name)) = wanted {
        choose_model(lab, &before, name);
    }
}

/// Says why nothing of a file is taken.
pub fn complain_of_file(lab: Lab, unread: &Unread) {
    let name = &unread.name;
    let told = match unread.format {
        Some(format) => fill(
            "“{name}” is a {format} picture, which neither the lab nor this browser reads: save it as JPEG or PNG \
             and choose that. (Safari reads HEIC and TIFF.)",
            &[("name", name), ("format", &format)],
        ),
        None => fill(
            "“{name}” is neither a picture nor a sound that the lab or your browser reads. PNG, JPEG, WebP, GIF \
             and BMP work, and WAV, MP3, Ogg and M4A.",
            &[("name", name)],
        ),
    };
    lab.complain("picture_unreadable", &told);
}

/// Takes what was dropped; a link to a picture elsewhere is not the picture, which is said.
fn take_dropped(lab: Lab, dropped: Option<web_sys::DataTransfer>) {
    let Some(dropped) = dropped else { return };
    if take_files(lab, dropped.files()) {
        return;
    }
    let link = dropped.get_data("text/uri-list").is_ok_and(|links| !links.is_empty());
    if link {
        lab.complain(
            "picture_unreadable",
            t("That is a link to a picture, not the picture: save it first, then drop the file."),
        );
    }
}

/// Starts listening for pictures dropped on or pasted into the page, wherever the pointer is.
pub fn accept_pictures(lab: Lab, dragging: RwSignal<bool>) {
    let drop = window_event_listener(leptos::ev::drop, move |event| {
        event.prevent_default();
        dragging.set(false);
        take_dropped(lab, event.data_transfer());
    });
    let over = window_event_listener(leptos::ev::dragover, move |event| {
        event.prevent_default();
        dragging.set(true);
    });
    let leave = window_event_listener(leptos::ev::dragleave, move |event| {
        // Leaving for nowhere is leaving the window.
        if event.related_target().is_none() {
            dragging.set(false);
        }
    });
    let paste = window_event_listener(leptos::ev::paste, move |event| {
        let event: &web_sys::ClipboardEvent = event.unchecked_ref();
        if take_files(lab, event.clipboard_data().and_then(|d| d.files())) {
            event.prevent_default();
        }
    });
    on_cleanup(move || {
        drop.remove();
        over.remove();
        leave.remove();
        paste.remove();
    });
}

fn hang_up(lab: Lab) {
    lab.live.update_value(|live| {
        if let Some(live) = live.take() {
            live.stop();
        }
    });
}

fn complain(lab: Lab, failure: Failure) {
    lab.complain(failure.code_name(), failure.message);
}

/// The address of a run and a view of it.
fn path(id: &str, view: &View) -> String {
    match view.to_query() {
        query if query.is_empty() => format!("/r/{id}"),
        query => format!("/r/{id}?{query}"),
    }
}
