//! The metric cases of `shared` and the drawings of `plots`, as a wasm module without imports: `run.mjs` calls [`run`] and
//! reads the message that [`message`] and [`message_len`] point to. What the page computes is
//! thereby held to the numbers that the server computes.
#![allow(unsafe_code, reason = "an export's name has to be left as it is")]

use std::sync::{Mutex, PoisonError};

#[path = "../../../shared/tests/cases/mod.rs"]
mod cases;
#[path = "../../../shared/plots/tests/drawn/mod.rs"]
mod drawn;

static MESSAGE: Mutex<String> = Mutex::new(String::new());

fn say(text: String) {
    *MESSAGE.lock().unwrap_or_else(PoisonError::into_inner) = text;
}

/// Runs every case: how many there were, or minus the number of failures.
#[unsafe(no_mangle)]
pub extern "C" fn run() -> i32 {
    // A panic becomes a trap that carries no text, so the text is left where it can be read.
    std::panic::set_hook(Box::new(|info| say(info.to_string())));
    let drawn = match drawn::run() {
        Ok(drawn) => drawn,
        Err(why) => {
            say(why);
            return -1;
        }
    };
    match cases::run() {
        Ok(count) => {
            say(format!(
                "{count} metric cases hold in wasm, to the last bit; {drawn} drawings are the same bytes"
            ));
            count as i32
        }
        Err(failures) => {
            say(failures.join("\n"));
            -(failures.len() as i32)
        }
    }
}

/// Where the message begins.
#[unsafe(no_mangle)]
pub extern "C" fn message() -> *const u8 {
    MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).as_ptr()
}

/// How many bytes of UTF-8 the message has.
#[unsafe(no_mangle)]
pub extern "C" fn message_len() -> usize {
    MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).len()
}
