//! The lessons that this browser keeps, in its own database: no lab has them.

use wasm_bindgen::prelude::*;

use super::made::{self, MadeLesson};
use crate::language::t;

#[wasm_bindgen(module = "/src/shelf.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn put_lesson(name: &str, text: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    async fn all_lessons() -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    async fn remove_lesson(name: &str) -> Result<JsValue, JsValue>;
}

/// Keeps a lesson in the place of the one of its name.
///
/// # Errors
/// A sentence: the browser has no room, or keeps nothing.
pub async fn put(lesson: &MadeLesson) -> Result<(), String> {
    let kept = put_lesson(&lesson.id, &made::write(lesson)).await;
    kept.map(|_| ()).map_err(|_| {
        t("This browser could not keep the lesson: it has no room, or keeps nothing. Save its file.")
            .to_owned()
    })
}

/// The lessons, by their titles; none where the browser keeps nothing.
pub async fn all() -> Vec<MadeLesson> {
    let Ok(all) = all_lessons().await else { return Vec::new() };
    let texts = js_sys::Array::from(&all);
    let texts = texts.iter().filter_map(|text| text.as_string());
    let mut lessons: Vec<MadeLesson> = texts.filter_map(|text| made::read(&text).ok()).collect();
    lessons.sort_by_key(|lesson| lesson.title.to_lowercase());
    lessons
}

/// Forgets a lesson.
pub async fn remove(id: &str) {
    let _ = remove_lesson(id).await;
}
