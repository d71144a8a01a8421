//! The page's large files in gzip, for browsers that take nothing better: they ask for brotli only
//! where the connection is encrypted or this machine's own, and a class of phones is neither.
//!
//! The build makes brotli; gzip is made once, when it is first asked for, off the async threads.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, Mutex};

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Mutex as Turn;

use crate::error::ApiError;
use crate::lock;

/// By path: what it was made of (a tag) and what came of it. As many as the page has large files.
static MADE: LazyLock<Mutex<HashMap<String, (String, Bytes)>>> = LazyLock::new(Mutex::default);
/// Whoever comes while a file is made waits for it.
static TURN: LazyLock<Turn<()>> = LazyLock::new(Turn::default);

/// A file of the page in gzip.
///
/// # Errors
/// It cannot be made: the machine has no memory.
pub async fn gzip(path: &str, tag: &str, plain: Bytes) -> Result<Bytes, ApiError> {
    let known = || {
        let made = lock(&MADE);
        made.get(path).filter(|(of, _)| of == tag).map(|(_, packed)| packed.clone())
    };
    if let Some(packed) = known() {
        return Ok(packed);
    }
    let _turn = TURN.lock().await;
    if let Some(packed) = known() {
        return Ok(packed);
    }
    let work = move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(&plain)?;
        encoder.finish()
    };
    let packed = tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?;
    let packed = Bytes::from(packed.map_err(ApiError::internal)?);
    lock(&MADE).insert(path.to_owned(), (tag.to_owned(), packed.clone()));
    Ok(packed)
}
