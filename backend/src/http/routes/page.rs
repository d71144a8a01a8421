//! Everything that is no API: the built page.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use shared::ErrorCode;
use shared::sentence::LabError;

use super::packed;
use super::preview::{self, Preview};
use crate::assets::{PAGE, content_type};
use crate::error::ApiError;
use crate::http::state::AppState;

/// What the page may do at `/embed/…`, which shows one run and offers nothing to do: there, and
/// only there, it may stand in another page's frame. It says nothing of ancestors instead of
/// `frame-ancestors *`, which leaves out slides in a file and editors with a scheme of their own.
const EMBED_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; media-src 'self'; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";

/// What the page of the API may do: Swagger UI needs no WebAssembly.
const API_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// The documents among the page's files: they are served for addresses, not under their names.
const DOCUMENTS: [&str; 2] = ["index.html", "api.html"];

/// Shown where the page has not been built.
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>LangOverrule Lab</title>\
    <p>The lab is running, but its page was not there when the lab was built. Build it with \
    <code>cargo xtask page</code>, then the lab again, and start that. The API is described at \
    <a href=\"/api/openapi.json\">api/openapi.json</a>.</p>";

/// The title of the built page, in its index.
const TITLE: &str = "<title>LangOverrule Lab</title>";

/// What the built page's own files stand at, in its index.
const AT_THE_TOP: [&str; 2] = ["src=\"/", "href=\"/"];

/// Serves a file of the page; any other path outside the API is the page itself, which reads its
/// address (`/r/{id}` is a run). Where a run or an experiment is named that is not there, or the address is
/// none of the page's, the page says so and the status is 404; of a run or an experiment that is there, its
/// head has what a link to it is previewed with.
pub async fn page(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path().trim_start_matches('/');
    let api = matches!(path, "api" | "api/") && PAGE.get("api.html").is_some();
    if !api && (path == "api" || path.starts_with("api/")) {
        return not_found();
    }
    if method != Method::GET && method != Method::HEAD {
        return method_not_allowed().await.into_response();
    }
    if api {
        let mut response = document("api.html", path, &headers, None);
        let policy = HeaderValue::from_static(API_POLICY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        return response;
    }
    if !DOCUMENTS.contains(&path)
        && let Some(response) = file(path, &headers).await
    {
        return response;
    }
    // A missing file is missing; only an address without an ending may be a place in the page.
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') && path != "index.html" {
        return not_found();
    }
    let preview = preview::of(&state, path, &uri, &headers).await;
    let head = preview.as_ref().ok().and_then(Option::as_ref).map(Preview::head);
    let mut response = document("index.html", path, &headers, head.as_deref());
    let gone = preview.is_err_and(|error| error.0.code == ErrorCode::NotFound);
    if gone || !is_place(path) {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    // Exactly what the page takes for an embedded run; see the policy.
    if path.strip_prefix("embed/").is_some_and(|id| !id.is_empty() && !id.contains('/')) {
        let policy = HeaderValue::from_static(EMBED_POLICY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Whether an address is one of the page's places (`Routes` in `frontend/src/app.rs`); at any other the page
/// says that nothing is there.
fn is_place(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    matches!(
        parts.as_slice(),
        ["" | "index.html" | "runs" | "compare" | "experiments" | "lessons" | "present" | "j"]
            | ["r" | "e" | "embed" | "present" | "j", _]
            | ["lessons", "make"]
            | ["lessons", "make", _]
    )
}

/// One of the documents, for an address. It may be served below some folder of a host, by a proxy that says nothing
/// of it; so its files are named relative to the address: from `/r/ID` they lie one folder up. The page's
/// program finds out where that is. `head` stands in place of the page's own title.
fn document(name: &str, path: &str, request: &HeaderMap, head: Option<&str>) -> Response {
    let html = PAGE.get(name);
    let html =
        html.map_or(NOT_BUILT.into(), |html| String::from_utf8_lossy(&html.data).into_owned());
    let up = match path.matches('/').count() {
        0 => "./".to_owned(),
        folders => "../".repeat(folders),
    };
    let html = AT_THE_TOP
        .iter()
        .fold(html, |html, at| html.replace(at, &format!("{}{up}", at.trim_end_matches('/'))));
    let html = match head {
        Some(head) => html.replacen(TITLE, head, 1),
        None => html,
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    match tagged(&mut headers, &tag_of(&Sha256::digest(&html)), request) {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, html).into_response(),
    }
}

/// What tells contents apart: the beginning of their SHA-256.
fn tag_of(sha256: &[u8]) -> String {
    shared::hex(&sha256[..12])
}

/// Names the content by its tag; whether whoever asks has it already.
fn tagged(headers: &mut HeaderMap, tag: &str, request: &HeaderMap) -> bool {
    let tag = format!("\"{tag}\"");
    if let Ok(value) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, value);
    }
    let known = request.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    // A cache may hold the tag in its weak form, as compression on the way makes it.
    known.is_some_and(|v| v.split(',').any(|t| t.trim().trim_start_matches("W/") == tag))
}

/// The answer to a method that an address does not offer.
pub async fn method_not_allowed() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, LabError::NoMethod)
}

fn not_found() -> Response {
    ApiError::new(ErrorCode::NotFound, LabError::NoAddress).into_response()
}

/// Files larger than this are compressed once and not anew for each request.
const LARGE: usize = 1 << 20;

async fn file(path: &str, request: &HeaderMap) -> Option<Response> {
    // Files compressed by the build are answers to requests for the plain name, not files.
    if path.ends_with(".br") {
        return None;
    }
    let plain = PAGE.get(path)?;
    // Of the plain content for all: which encoding was sent, `Vary` and the caches sort out.
    // A name that carries a hash tells contents apart as it is.
    let tag = if is_hashed(path) { path.replace('/', ".") } else { tag_of(&plain.sha256) };
    let brotli = takes(request, "br").then(|| PAGE.get(&format!("{path}.br"))).flatten();
    let (encoding, content) = match brotli {
        Some(packed) => (Some("br"), packed.data),
        None if plain.data.len() > LARGE && takes(request, "gzip") => {
            match packed::gzip(path, &tag, plain.data.clone()).await {
                Ok(packed) => (Some("gzip"), packed),
                Err(_) => (None, plain.data),
            }
        }
        None => (None, plain.data),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let cache = if is_hashed(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    let tag = encoding.map_or(tag.clone(), |encoding| format!("{tag}-{encoding}"));
    if tagged(&mut headers, &tag, request) {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some((headers, content).into_response())
}

/// Whether a browser takes an encoding.
fn takes(request: &HeaderMap, encoding: &str) -> bool {
    let all = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|v| v.split(',')).any(|v| {
        let rest = v.trim().strip_prefix(encoding);
        let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(';')) else {
            return false;
        };
        let quality = rest.split(';').find_map(|part| part.trim().strip_prefix("q="));
        quality.and_then(|q| q.parse::<f32>().ok()).is_none_or(|q| q > 0.0)
    })
}

/// Whether a file's name carries a hash of its content (`page-0a1b2c3d4e5f6071_bg.wasm`), so that
/// it never changes.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(['-', '.', '_'])
        .any(|part| part.len() >= 12 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        assert!(is_hashed("frontend-0a1b2c3d4e5f6071_bg.wasm"));
        assert!(is_hashed("assets/style-0a1b2c3d4e5f6071.css"));
        for name in ["index.html", "favicon.svg", "feedback.js", "frontend_bg.wasm"] {
            assert!(!is_hashed(name), "{name}");
        }
    }
}
