//! What a presenter and a follower do with a class, and what this browser keeps of it.

use std::time::Duration;

use leptos::task::spawn_local;
use serde::{Deserialize, Serialize};
use shared::ErrorCode;
use shared::api::RunCreated;
use shared::lesson::{Lesson, LessonStep};

use crate::browser;
use crate::lab::Lab;
use crate::owner;
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
    forget(code);
    Ok(())
}

/// Asks the model what a step of a lesson asks, in the name of the class's presenter.
pub async fn ask(step: &LessonStep, token: &str) -> Result<RunCreated, Failure> {
    // The lab leaves out lessons whose options cannot be read.
    let options = step.options().map_err(Failure::here)?;
    let picture = (samples::picture(&step.picture).await?, step.picture.clone());
    let created = Source::default().create(&[picture], &options, Some(token)).await?;
    owner::keep(&created, &options);
    Ok(created)
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

/// Forgets that this browser presents a class, which is over.
pub fn forget(code: &str) {
    browser::store(&key(code), "");
}

/// The random name that this browser goes by in classes, so that a guess is found again after a
/// reload. It is no name of a person.
pub fn follower() -> String {
    const KEY: &str = "follower";
    if let Some(kept) = browser::stored(KEY).filter(|k| k.len() >= 16) {
        return kept;
    }
    let mut bytes = [0_u8; 16];
    let crypto = leptos::prelude::window().crypto();
    let random = crypto.and_then(|c| c.get_random_values_with_u8_array(&mut bytes).map(drop));
    if random.is_err() {
        // Every browser has it; one that does not still takes part, with a guess of lesser worth.
        let rough = || (js_sys::Math::random() * 256.0) as u8;
        bytes.fill_with(rough);
    }
    let name: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    browser::store(KEY, &name);
    name
}
