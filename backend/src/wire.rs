//! Messages as websockets carry them.

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;

/// A message in MessagePack with named fields.
pub(crate) fn encode_msgpack<T: Serialize>(message: &T) -> Bytes {
    // Fails only for a type that has no MessagePack form; ours all have one (see the contract test).
    rmp_serde::to_vec_named(message).unwrap_or_default().into()
}

/// A message in JSON.
pub(crate) fn encode_json<T: Serialize>(message: &T) -> Utf8Bytes {
    // As above.
    serde_json::to_string(message).unwrap_or_default().into()
}
