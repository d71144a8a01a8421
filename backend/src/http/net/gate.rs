//! What every request goes through before a route sees it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shared::ErrorCode;
use shared::sentence::LabError;

use super::{Access, Peer, Refusal};
use crate::error::ApiError;
use crate::fair::{Client, Refusals};
use crate::http::state::AppState;

/// Finds out who asks, and refuses what comes by another name than the lab's, or from another
/// website's page in a visitor's browser: a form may be sent anywhere, also to a lab that listens only
/// on this machine.
pub async fn gate(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let access = &state.access;
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| Peer(info.0));
    let client = access.client(peer, request.headers());
    if let Err(refusal) = check(access, peer, &request) {
        return refused(&refusal, client, state.runs.fair.refusals()).into_response();
    }
    request.extensions_mut().insert(client);
    next.run(request).await
}

fn check(access: &Access, peer: Option<Peer>, request: &Request) -> Result<(), Refusal> {
    let (uri, headers) = (request.uri(), request.headers());
    // RFC 9112, 3.2: also where the request's line names one.
    if request.version() == Version::HTTP_11 && !headers.contains_key(header::HOST) {
        return Err(Refusal::NoHost);
    }
    access.check_host(peer, uri, headers)?;
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    // A websocket is opened by GET, and another website's page may read what comes over it.
    if !safe || headers.contains_key(header::UPGRADE) {
        access.check_page(peer, uri, headers)?;
    }
    Ok(())
}

/// What whoever asked is told; the operator finds the same in the log.
fn refused(refusal: &Refusal, client: Client, noted: &Refusals) -> ApiError {
    let note = |code: ErrorCode, hint: &str| noted.note(code.name(), Some(client), hint);
    match refusal {
        Refusal::Host(name) => {
            let shown: String = name.chars().take(100).collect();
            let hint = format!("{shown} is no name of the lab; --origin names its public address");
            note(ErrorCode::UnknownHost, &hint);
            ApiError::new(ErrorCode::UnknownHost, LabError::UnknownHost { shown })
        }
        Refusal::NoHost => ApiError::new(ErrorCode::BadRequest, LabError::NoHost),
        Refusal::Page => {
            let hint = "another website's page asked; if it is the lab's own behind a proxy, --origin \
                names its public address";
            note(ErrorCode::ForeignPage, hint);
            ApiError::new(ErrorCode::ForeignPage, LabError::ForeignPage)
        }
    }
}
