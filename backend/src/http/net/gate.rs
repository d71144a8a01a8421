//! What every request goes through before a route sees it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shared::ErrorCode;
use shared::sentence::LabError;

use super::{Access, Peer, Refusal};
use crate::error::ApiError;
use crate::lock;

/// Finds out who asks, and refuses what comes by another name than the lab's, or from another
/// website's page in a visitor's browser: a form may be sent anywhere, also to a lab that listens only
/// on this machine.
pub async fn gate(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| Peer(info.0));
    if let Err(refusal) = check(&access, peer, &request) {
        return refused(&refusal).into_response();
    }
    let client = access.client(peer, request.headers());
    request.extensions_mut().insert(client);
    next.run(request).await
}

fn check(access: &Access, peer: Option<Peer>, request: &Request) -> Result<(), Refusal> {
    let (uri, headers) = (request.uri(), request.headers());
    access.check_host(peer, uri, headers)?;
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    // A websocket is opened by GET, and another website's page may read what comes over it.
    if !safe || headers.contains_key(header::UPGRADE) {
        access.check_page(peer, uri, headers)?;
    }
    Ok(())
}

/// What whoever asked is told; the operator finds the same in the log.
fn refused(refusal: &Refusal) -> ApiError {
    match refusal {
        Refusal::Host(name) => {
            let shown: String = name.chars().take(100).collect();
            if is_time_to_tell() {
                tracing::warn!(
                    host = shown,
                    "asked by a name that is not the lab's; --origin names its public address"
                );
            }
            ApiError::new(ErrorCode::UnknownHost, LabError::UnknownHost { shown })
        }
        Refusal::NoHost => ApiError::new(ErrorCode::BadRequest, LabError::NoHost),
        Refusal::Page => {
            if is_time_to_tell() {
                tracing::warn!(
                    "refused a request of another website's page; if it is the lab's own behind a proxy, --origin names its public address"
                );
            }
            ApiError::new(ErrorCode::ForeignPage, LabError::ForeignPage)
        }
    }
}

/// Strangers must not fill the log: one line in ten seconds.
fn is_time_to_tell() -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = lock(&LAST);
    let now = Instant::now();
    let long_ago = last.is_none_or(|last| now.duration_since(last) > Duration::from_secs(10));
    if long_ago {
        *last = Some(now);
    }
    long_ago
}
