//! Everything that is no API: the built page.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use shared::ErrorCode;

use crate::app::EMBED_POLICY;
use crate::assets::{PAGE, content_type};
use crate::error::ApiError;

/// Shown where the page has not been built.
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>LangOverrule Lab</title>\
    <p>The lab is running, but its page has not been built. Build it with \
    <code>cargo xtask page</code> and reload. The API is described at \
    <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p>";

/// Serves a file of the page; any other path outside the API is the page itself, which reads its
/// address (`/r/{id}` is a run).
pub async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return not_found();
    }
    if method != Method::GET && method != Method::HEAD {
        return method_not_allowed().await.into_response();
    }
    if let Some(response) = file(path, &headers) {
        return response;
    }
    // A missing file is missing; only an address without an ending may be a place in the page.
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        return not_found();
    }
    let mut response = file("index.html", &headers).unwrap_or_else(|| {
        let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        (StatusCode::OK, html, NOT_BUILT).into_response()
    });
    // Exactly what the page takes for an embedded run; see the policy.
    if path.strip_prefix("embed/").is_some_and(|id| !id.is_empty() && !id.contains('/')) {
        let policy = HeaderValue::from_static(EMBED_POLICY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The answer to a method that an address does not offer.
pub async fn method_not_allowed() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "This address does not offer that method.")
}

fn not_found() -> Response {
    ApiError::new(ErrorCode::NotFound, "There is nothing at this address.").into_response()
}

fn file(path: &str, request: &HeaderMap) -> Option<Response> {
    // Files compressed by the build are answers to requests for the plain name, not files.
    if path.ends_with(".br") {
        return None;
    }
    let plain = PAGE.get(path)?;
    let takes_br = request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|v| v.trim() == "br" || v.trim().starts_with("br;") && !v.contains("q=0"));
    let packed = takes_br.then(|| PAGE.get(&format!("{path}.br"))).flatten();
    // Of the plain content for both: which encoding was sent, `Vary` and the caches sort out.
    let hash = Sha256::digest(&plain);
    let short: String = hash.iter().take(12).map(|b| format!("{b:02x}")).collect();
    let tag = if packed.is_some() { format!("\"{short}-br\"") } else { format!("\"{short}\"") };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let cache = if is_hashed(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    let known = request.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    // A cache may hold the tag in its weak form, as compression on the way makes it.
    let same =
        known.is_some_and(|v| v.split(',').any(|t| t.trim().trim_start_matches("W/") == tag));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, value);
    }
    if same {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if packed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    Some((headers, packed.unwrap_or(plain)).into_response())
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
