//! What a presenter and a follower do with a class, and what this browser keeps of it.

use std::time::Duration;

use leptos::task::spawn_local;
use serde::{Deserialize, Serialize};
use shared::ErrorCode;
use shared::api::RunCreated;
use shared::lesson::{Lesson, LessonStep};

use super::made::{self, MadePicture};
use super::shelf;
use crate::browser;
use crate::lab::Lab;
use crate::language::t;
use crate::owner;
use crate::save;
use crate::source::log::backoff;
use crate::source::{Failure, Source, classroom, samples};

/// Reads the prepared lessons, again and again until they come or nobody wants them any more.
pub fn read_lessons(
    lab: Lab,
    wanted: impl Fn() -> bool + 'static,
    take: impl FnOnce(Vec<Lesson>) + 'static,
) {
    spawn_local(async move {
        let mut attempt = 0;
        while wanted() {
            match samples::lessons().await {
                Ok(lessons) => return take(lessons),
                // The first failure may be the line's.
                Err(failure) if attempt == 1 => {
                    lab.complain(failure.code_name(), failure.message);
                }
                Err(_) => {}
            }
            browser::sleep(Duration::from_millis(backoff(attempt).into())).await;
            attempt += 1;
        }
    });
}

/// The prepared lessons, and those that this browser keeps: what a presenter may give.
pub fn read_all_lessons(
    lab: Lab,
    wanted: impl Fn() -> bool + 'static,
    take: impl FnOnce(Vec<Lesson>) + 'static,
) {
    read_lessons(lab, wanted, move |mut lessons| {
        spawn_local(async move {
            lessons.extend(shelf::all().await.iter().map(made::MadeLesson::lesson));
            take(lessons);
        });
    });
}

/// Opens a class, and keeps that this browser presents it.
pub async fn open() -> Result<String, Failure> {
    let created = classroom::open().await?;
    let kept = Presenter { token: created.presenter_token, network: created.network_address };
    let text = serde_json::to_string(&kept).unwrap_or_default();
    browser::store(&key(&created.code), &text);
    browser::store(LAST, &created.code);
    Ok(created.code)
}

/// Whether there is no class of that code; not where the lab does not answer.
pub async fn is_gone(code: &str) -> bool {
    classroom::state(code).await.is_err_and(|failure| failure.code == Some(ErrorCode::NotFound))
}

/// Ends a class.
pub async fn end(code: &str, token: &str) -> Result<(), Failure> {
    classroom::end(code, token).await?;
    over(code);
    Ok(())
}

/// Saves what a class was asked and answered as a file, where this browser presents it or did.
pub async fn save_record(code: &str) -> Result<(), Failure> {
    let kept = presenter(code).map(|kept| kept.token);
    let token = kept.or_else(|| records().into_iter().find(|r| r.code == code).map(|r| r.token));
    let csv = classroom::record(code, &token.unwrap_or_default()).await?;
    let file =
        save::file(&csv, "text/csv").and_then(|f| save::save(&f, &format!("class-{code}.csv")));
    file.ok_or_else(|| Failure::here(t("This browser could not save the file.")))
}

/// Asks the model what a step of a lesson asks, in the name of the class's presenter.
pub async fn ask(
    lesson: &str,
    number: usize,
    step: &LessonStep,
    token: &str,
) -> Result<RunCreated, Failure> {
    // The lab leaves out lessons whose options cannot be read.
    let options = step.options().map_err(Failure::here)?;
    let picture = match step.picture.as_str() {
        "" => own_picture(lesson, number).await?,
        file => (samples::picture(file).await?, file.to_owned()),
    };
    let created = Source::default().create(&[picture], &options, Some(token)).await?;
    owner::keep(&created, &options);
    Ok(created)
}

/// The picture of a step of a lesson that this browser keeps.
async fn own_picture(lesson: &str, number: usize) -> Result<(web_sys::Blob, String), Failure> {
    let all = shelf::all().await;
    let step = all.iter().find(|made| made.id == lesson).and_then(|made| made.steps.get(number));
    let gone = || Failure::here(t("This browser does not have the lesson’s picture any more."));
    let MadePicture::Own { name, .. } = &step.ok_or_else(gone)?.picture else { return Err(gone()) };
    let (bytes, kind) = step.and_then(|step| step.picture.bytes()).ok_or_else(gone)?;
    let blob = save::bytes(&bytes, kind).ok_or_else(gone)?;
    Ok((blob, name.clone()))
}

/// What a presenter's browser keeps of a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Presenter {
    /// The secret that lets it present.
    pub token: String,
    /// The lab's address in its network.
    pub network: Option<String>,
}

const LAST: &str = "class";

fn key(code: &str) -> String {
    format!("present:{code}")
}

/// What this browser keeps of a class that it presents.
pub fn presenter(code: &str) -> Option<Presenter> {
    serde_json::from_str(&browser::stored(&key(code))?).ok()
}

/// The class that this browser presented last, where it still may.
pub fn last() -> Option<String> {
    browser::stored(LAST).filter(|code| presenter(code).is_some())
}

/// A class that is over, whose record this browser may save.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its code.
    pub code: String,
    /// The secret that let this browser present it.
    token: String,
    /// When it was over, RFC 3339.
    pub when: String,
}

const RECORDS: &str = "class-records";
/// Records that are offered.
const MOST_RECORDS: usize = 8;

/// The classes that are over, the last first.
pub fn records() -> Vec<Record> {
    serde_json::from_str(&browser::stored(RECORDS).unwrap_or_default()).unwrap_or_default()
}

/// Notes that a class that this browser presented is over; its record can still be saved.
pub fn over(code: &str) {
    let Some(kept) = presenter(code) else { return };
    let when = String::from(js_sys::Date::new_0().to_iso_string());
    let mut all = records();
    all.retain(|record| record.code != code);
    all.insert(0, Record { code: code.to_owned(), token: kept.token, when });
    all.truncate(MOST_RECORDS);
    browser::store(RECORDS, &serde_json::to_string(&all).unwrap_or_default());
    browser::store(&key(code), "");
}

/// Offers a record no more.
pub fn drop_record(code: &str) {
    let mut all = records();
    all.retain(|record| record.code != code);
    browser::store(RECORDS, &serde_json::to_string(&all).unwrap_or_default());
}

const NAME: &str = "class-name";

/// The name that this browser's person typed for teachers' records; empty where none was.
pub fn name() -> String {
    browser::stored(NAME).unwrap_or_default()
}

/// Keeps that name.
pub fn keep_name(name: &str) {
    match name.trim() {
        "" => browser::forget(NAME),
        name => browser::store(NAME, name),
    }
}

/// Random signs, 32 of them.
pub fn random_signs() -> String {
    let mut bytes = [0_u8; 16];
    let crypto = leptos::prelude::window().crypto();
    let random = crypto.and_then(|c| c.get_random_values_with_u8_array(&mut bytes).map(drop));
    if random.is_err() {
        // Every browser has it; one that does not still takes part, with a guess of lesser worth.
        let rough = || (js_sys::Math::random() * 256.0) as u8;
        bytes.fill_with(rough);
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The random name that this browser goes by in classes, so that a guess is found again after a
/// reload. It is no name of a person.
pub fn follower() -> String {
    const KEY: &str = "follower";
    if let Some(kept) = browser::stored(KEY).filter(|k| k.len() >= 16) {
        return kept;
    }
    let name = random_signs();
    browser::store(KEY, &name);
    name
}
