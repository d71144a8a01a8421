//! The application: routes and what surrounds every one of them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use shared::ErrorCode;
use shared::api::BEAT;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::classroom::{ClassLimits, Classrooms};
use crate::error::ApiError;
use crate::experiment::{Live, Means};
use crate::lobby::Lobby;
use crate::pulls::{Allowed, Pulls};
use crate::routes;

/// Bounds on what one request or viewer may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of an uploaded picture.
    pub upload: usize,
    /// A viewer more than this many events behind a live run is told of a gap.
    pub viewer_lag: u64,
    /// Uploads read at once: each holds up to [`Limits::upload`] bytes.
    pub uploads: usize,
    /// An upload of which nothing comes for this long is given up.
    pub stalled: Duration,
    /// A viewer is pinged this often, and told that the connection lives where nothing happens.
    pub ping: Duration,
    /// A viewer not heard of for this long is gone.
    pub dead: Duration,
    /// Classes.
    pub classes: ClassLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            upload: 20 << 20,
            uploads: 32,
            stalled: Duration::from_secs(20),
            viewer_lag: 64,
            ping: BEAT,
            dead: Duration::from_secs(60),
            classes: ClassLimits::default(),
        }
    }
}

/// What every route can reach.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The runs.
    pub lobby: Arc<Lobby>,
    /// Bounds.
    pub limits: Limits,
    /// Models on their way here.
    pub pulls: Arc<Pulls>,
    /// What experiments need; `None` where this lab runs none.
    pub experiments: Option<Means>,
    /// What is kept of experiments between requests.
    pub live: Arc<Live>,
    /// Who is told the names of this lab's experiments.
    pub listed: Allowed,
    /// The classes that are held.
    pub classrooms: Arc<Classrooms>,
    /// The lab's address in its network, where it has one there.
    pub network_address: Option<String>,
    /// Turns to upload.
    pub uploads: Arc<Semaphore>,
    /// Cancelled when viewers are to leave.
    pub closing: CancellationToken,
    /// The viewers' tasks.
    pub viewers: TaskTracker,
}

impl AppState {
    /// The state around a lobby.
    pub fn new(lobby: Arc<Lobby>, limits: Limits) -> Self {
        let uploads = Arc::new(Semaphore::new(limits.uploads));
        AppState {
            lobby,
            limits,
            pulls: Arc::default(),
            experiments: None,
            live: Arc::default(),
            listed: Allowed::default(),
            classrooms: Arc::new(Classrooms::new(limits.classes)),
            network_address: None,
            uploads,
            closing: CancellationToken::new(),
            viewers: TaskTracker::new(),
        }
    }
}

/// The application.
pub fn app(state: AppState) -> Router {
    let (api, _) = routes::api();
    api.fallback(routes::page::page)
        .method_not_allowed_fallback(routes::page::method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new())
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        // A run's address is its only lock: it must not leak to where a link leads.
        .layer(SetResponseHeaderLayer::if_not_present(
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ))
        // The page runs nothing but its own files, and stands in no other page's frame.
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ))
        .layer(middleware::from_fn(same_site))
        .layer(middleware::from_fn_with_state(state.clone(), count))
        .with_state(state)
}

/// What the page may do. Styles may stand inline because charts are drawn as SVG text; `blob:` is
/// the picture a person has just chosen.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the page may do at `/embed/…`, which shows one run and offers nothing to do: there, and
/// only there, it may stand in another page's frame. It says nothing of ancestors instead of
/// `frame-ancestors *`, which leaves out slides in a file and editors with a scheme of their own.
pub const EMBED_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'";

/// Refuses what another website's page asks of this lab in a visitor's browser: a form may be sent
/// anywhere, also to a lab that listens only on this machine.
async fn same_site(request: Request, next: Next) -> Response {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if safe || !is_foreign(request.headers()) {
        return next.run(request).await;
    }
    let message = "This request comes from another website's page; use the lab's own.";
    ApiError::new(ErrorCode::BadRequest, message).into_response()
}

/// Whether a browser says that the request comes from a page of another host. Programs say nothing.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    // `null` and what is no text are nobody's pages.
    let Some((_, origin)) = origin.to_str().ok().and_then(|o| o.split_once("://")) else {
        return true;
    };
    // Behind a proxy the host asked for is the forwarded one; a form cannot set that header.
    let ours = |name: &str| {
        let host = headers.get(name).and_then(|v| v.to_str().ok());
        host.is_some_and(|host| host.trim().eq_ignore_ascii_case(origin))
    };
    !ours("host") && !ours("x-forwarded-host")
}

/// A handler that panicked is an error like any other; the panic hook has logged it.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::internal("a handler panicked").into_response()
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
    state.lobby.metrics.request(route, status);
    let ms = started.elapsed().as_secs_f64() * 1e3;
    tracing::debug!(%method, route, status, ms, "answered");
    response
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use axum::routing::get;
    use shared::ErrorBody;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn only_the_labs_own_pages_and_programs_may_ask() {
        let foreign = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            is_foreign(&pairs.collect())
        };
        let host = ("host", "127.0.0.1:3000");
        assert!(!foreign(&[host]));
        assert!(!foreign(&[host, ("origin", "http://127.0.0.1:3000")]));
        assert!(!foreign(&[("host", "Lab.example"), ("origin", "https://lab.example")]));
        let forwarded = ("x-forwarded-host", "lab.example");
        assert!(!foreign(&[host, forwarded, ("origin", "https://lab.example")]));
        for origin in ["https://evil.example", "http://127.0.0.1:3001", "null", "http://", ""] {
            assert!(foreign(&[host, ("origin", origin)]), "{origin}");
        }
    }

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
