//! Whatever the bytes of a safetensors or GGUF header are: tensors that lie within the file, or one
//! sentence that names it.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[allow(clippy::module_inception, reason = "the loop that all fuzzing shares")]
#[path = "../../../../tests/fuzz/mod.rs"]
mod fuzz;

use std::io::Cursor;

use shared::ErrorCode;

use super::{Gguf, header};
use crate::error::EngineError;

/// Bytes behind the header that a damaged one may claim.
const SIZE: u64 = 1 << 16;

/// Whether it was read; a refusal must be one sentence that names the file.
fn read<T>(outcome: Result<T, EngineError>, check: impl FnOnce(T)) -> bool {
    match outcome {
        Ok(read) => {
            check(read);
            true
        }
        Err(EngineError { code, message, .. }) => {
            assert_eq!(code, ErrorCode::ModelUnusable, "{message}");
            assert!(message.starts_with("the file: ") && message.len() < 4000, "{message}");
            false
        }
    }
}

#[test]
fn fuzz_safetensors() {
    let words: [&[u8]; 12] = [
        b"\"dtype\":\"F32\"",
        b"\"BF16\"",
        b"\"F8_E5M2\"",
        b"\"F4\"",
        b"\"shape\":[",
        b"\"data_offsets\":[",
        b"__metadata__",
        b"[[[[[[[[",
        b"{\"a\":",
        b"null",
        b"1e999",
        b"\\ud800",
    ];
    fuzz::each("safetensors", &fuzz::corpus("safetensors"), &words, |bytes| {
        let size = bytes.len() as u64;
        read(header::read_from(Cursor::new(bytes), size, &"the file".into()), |tensors| {
            for tensor in tensors {
                assert!(tensor.start + tensor.bytes as u64 <= size);
                let elements: usize = tensor.shape.iter().product();
                assert_eq!((elements * tensor.dtype.bitsize()).div_ceil(8), tensor.bytes);
            }
        })
    });
}

#[test]
fn fuzz_gguf() {
    let words: [&[u8]; 6] = [
        b"GGUF\x03\0\0\0",
        b"\x11\0\0\0\0\0\0\0general.alignment\x04\0\0\0",
        b"\x09\0\0\0\x09\0\0\0",
        b"\x08\0\0\0\xff\xff\xff\xff\0\0\0\0",
        b"\x09\0\0\0\x08\0\0\0",
        b"\0\0\0\0\0\0\0\x80",
    ];
    fuzz::each("gguf", &fuzz::corpus("gguf"), &words, |bytes| {
        read(Gguf::read(bytes, SIZE.max(bytes.len() as u64), &"the file".into()), |gguf| {
            let most = gguf.names().count() as u64 * SIZE.max(bytes.len() as u64);
            assert!(gguf.bytes() <= most, "{} bytes", gguf.bytes());
            for name in gguf.names() {
                assert!(gguf.tensor(name).unwrap().shape.len() <= 4);
            }
        })
    });
}
