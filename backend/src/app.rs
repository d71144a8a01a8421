//! The application: routes and what surrounds every one of them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::ApiError;
use crate::lobby::Lobby;
use crate::routes;

/// Bounds on what one request or viewer may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of an uploaded picture.
    pub upload: usize,
    /// A viewer more than this many events behind a live run is told of a gap.
    pub viewer_lag: u64,
    /// A silent viewer is pinged this often.
    pub ping: Duration,
    /// A viewer not heard of for this long is gone.
    pub dead: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            upload: 20 << 20,
            viewer_lag: 64,
            ping: Duration::from_secs(20),
            dead: Duration::from_secs(60),
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
    /// Cancelled when viewers are to leave.
    pub closing: CancellationToken,
    /// The viewers' tasks.
    pub viewers: TaskTracker,
}

impl AppState {
    /// The state around a lobby.
    pub fn new(lobby: Arc<Lobby>, limits: Limits) -> Self {
        AppState { lobby, limits, closing: CancellationToken::new(), viewers: TaskTracker::new() }
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
        .layer(middleware::from_fn_with_state(state.clone(), count))
        .with_state(state)
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
