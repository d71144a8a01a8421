//! What everybody in a class is told, encoded once.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use shared::classroom::ClassMessage;

use crate::wire::{encode_json, encode_msgpack};

/// A message to everybody with its two encodings, each made when first needed and then shared.
#[derive(Debug)]
pub struct Sheet {
    /// The message.
    pub message: ClassMessage,
    msgpack: OnceLock<Bytes>,
    json: OnceLock<Utf8Bytes>,
}

impl Sheet {
    pub(super) fn new(message: ClassMessage) -> Arc<Self> {
        Arc::new(Sheet { message, msgpack: OnceLock::new(), json: OnceLock::new() })
    }

    /// The message in MessagePack.
    pub fn msgpack(&self) -> Bytes {
        self.msgpack.get_or_init(|| encode_msgpack(&self.message)).clone()
    }

    /// The message in JSON.
    pub fn json(&self) -> Utf8Bytes {
        self.json.get_or_init(|| encode_json(&self.message)).clone()
    }

    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        matches!(self.message, ClassMessage::Ended)
    }
}
