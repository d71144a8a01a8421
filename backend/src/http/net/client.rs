//! Whom a request comes from, read off the request.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::fair::Client;

/// The other end of the connection that a request came over: what the server put into the request as
/// axum's `ConnectInfo`, never what a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Client>().copied().unwrap_or(Client::UNKNOWN))
    }
}
