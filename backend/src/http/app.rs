//! The application: routes and what surrounds every one of them.

use std::any::Any;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use http_body::Body as HttpBody;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::{ApiError, Refusal};
use crate::fair::Client;
use crate::http::net::Base;
use crate::http::net::body::paced;
use crate::http::net::gate::gate;
use crate::http::routes;

pub use super::state::{AppState, Limits};

/// The application.
pub fn app(state: AppState) -> Router {
    let (api, _) = routes::api();
    let always = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let base = state.access.base.clone();
    let inside = api
        .fallback(routes::page::page)
        .method_not_allowed_fallback(routes::page::method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(Small))
        .layer(middleware::from_fn_with_state(state.limits.body, paced))
        .layer(middleware::from_fn_with_state(state.clone(), pace))
        .layer(middleware::from_fn_with_state(state.clone(), gate))
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // A run's address is its only lock: it must not leak to where a link leads.
        .layer(always(header::REFERRER_POLICY, "same-origin"))
        // The page runs nothing but its own files, and stands in no other page's frame.
        .layer(always(header::CONTENT_SECURITY_POLICY, POLICY))
        // Nothing of the lab's is loaded into another website's page, and no window that another
        // website opened has a hold on the lab's.
        .layer(always(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(always(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(always(HeaderName::from_static("permissions-policy"), PERMISSIONS))
        .layer(middleware::from_fn_with_state(state.clone(), count))
        .with_state(state);
    below(base, inside)
}

/// Serves an application below a path as well as at the top: a proxy may take the path away or not.
fn below(base: Base, inside: Router) -> Router {
    if base.as_str().is_empty() {
        return inside;
    }
    let top = base.as_str().to_owned();
    let strip = move |mut request: Request| {
        let path = base.strip(request.uri().path()).map(str::to_owned);
        if let Some(path) = path {
            let query = request.uri().query().map_or(String::new(), |query| format!("?{query}"));
            let mut parts = request.uri().clone().into_parts();
            // What is left of a valid path is one.
            parts.path_and_query = format!("{path}{query}").parse().ok();
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        request
    };
    // Relative addresses of the page count from the slash.
    let slash = format!("{top}/");
    Router::new()
        .route(&top, axum::routing::get(async move || Redirect::permanent(&slash)))
        .fallback_service(tower::util::MapRequest::new(inside, strip))
}

/// What is compressed on its way: what is whole and not large, so that it costs no more than a few
/// milliseconds and no memory for those who read slowly. The page's own files are compressed when it
/// is built; long records are written as they are.
#[derive(Clone, Copy, Debug)]
struct Small;

impl Predicate for Small {
    fn should_compress<B: HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        let size = response.body().size_hint().exact();
        size.is_some_and(|size| (256..=1 << 20).contains(&size))
            && DefaultPredicate::new().should_compress(response)
    }
}

/// What the page may ask a browser for: the microphone, for the lab's own page; of the rest, nothing.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
    hid=(), magnetometer=(), microphone=(self), midi=(), payment=(), publickey-credentials-get=(), \
    screen-wake-lock=(self), serial=(), usb=(), xr-spatial-tracking=()";

/// What the page may do. Styles may stand inline because charts are drawn as SVG text; `blob:` is
/// the picture a person has just chosen.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; media-src 'self' blob:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A handler that panicked is an error like any other; the panic hook has logged it.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::internal("a handler panicked").into_response()
}

/// Refuses who asks too often, and notes who was refused for that and the like.
async fn pace(
    State(state): State<AppState>,
    client: Client,
    request: Request,
    next: Next,
) -> Response {
    let fair = &state.runs.fair;
    let response = match fair.request(client, std::time::Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if let Some(Refusal(body)) = response.extensions().get() {
        fair.refusals().answered(body, client);
    }
    response
}

/// Counts and logs every answer, once, here.
async fn count(State(state): State<AppState>, request: Request, next: Next) -> Response {
    // The pattern and never the path: a run's address is a secret.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let started = std::time::Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("page", MatchedPath::as_str);
    let status = response.status().as_u16();
    let took = started.elapsed();
    let refused = response.extensions().get().map(|Refusal(body)| body.code);
    state.runs.metrics.request(route, status, took, refused);
    let ms = took.as_secs_f64() * 1e3;
    tracing::debug!(%method, route, status, ms, "answered");
    response
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use axum::routing::get;
    use shared::{ErrorBody, ErrorCode};
    use tower::ServiceExt;

    use super::*;

    async fn panics() {
        panic!("the secret cause")
    }

    #[tokio::test]
    async fn a_panic_is_an_error_in_the_envelope_and_keeps_its_cause() {
        let app: Router =
            Router::new().route("/", get(panics)).layer(CatchPanicLayer::custom(panicked));
        let request = Request::get("/").body(Body::empty()).expect("a request");
        let response = app.oneshot(request).await.expect("an answer");
        assert_eq!(response.status().as_u16(), 500);
        let body = to_bytes(response.into_body(), 10_000).await.expect("a body");
        let body: ErrorBody = serde_json::from_slice(&body).expect("the envelope");
        assert_eq!(body.code, ErrorCode::Internal);
        assert!(!body.message.contains("secret"));
    }
}
