//! The decoder of native builds: libjpeg-turbo's code as it lies in the crate `mozjpeg-sys`,
//! compiled with the C compiler alone. It gives the bytes that Pillow gives
//! (`tests/picture_files.rs`).
//!
//! libjpeg warns where data are corrupt and goes on with gray. Here such a warning ends the
//! decoding: a picture the person did not send is not measured.

#![allow(unsafe_code, reason = "libjpeg is C")]

use std::os::raw::{c_int, c_ulong};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mozjpeg_sys::{
    J_COLOR_SPACE, J_MESSAGE_CODE, jpeg_common_struct, jpeg_create_decompress,
    jpeg_decompress_struct, jpeg_destroy_decompress, jpeg_error_mgr, jpeg_finish_decompress,
    jpeg_mem_src, jpeg_read_header, jpeg_read_scanlines, jpeg_start_decompress, jpeg_std_error,
};

use super::{Levels, Refusal, Structure};

/// As provenance names it.
pub(super) const NAME: &str = "libjpeg-turbo (mozjpeg)";

/// What ends a decoding: libjpeg's message code.
struct Stopped(c_int);

/// libjpeg's error manager, which it knows by its first member alone.
#[repr(C)]
struct Messages {
    manager: jpeg_error_mgr,
    /// Most bytes that were passed over before a marker.
    extraneous: usize,
}

/// libjpeg's contract is that this does not return. The crate compiles libjpeg so that Rust's
/// unwinding passes through it.
extern "C-unwind" fn stop(info: &mut jpeg_common_struct) {
    // SAFETY: libjpeg calls this with the error manager it was given, which outlives it.
    let code = unsafe { (*info.err).msg_code };
    resume_unwind(Box::new(Stopped(code)));
}

extern "C-unwind" fn told(info: &mut jpeg_common_struct, level: c_int) {
    if level >= 0 {
        return;
    }
    // SAFETY: the error manager is the first member of `Messages`, and nothing else holds it while
    // libjpeg runs; the parameters of this message are plain integers.
    let messages = unsafe { &mut *info.err.cast::<Messages>() };
    match messages.manager.msg_code as J_MESSAGE_CODE {
        mozjpeg_sys::JWRN_EXTRANEOUS_DATA => {
            let bytes = messages.manager.msg_parm._bindgen_data_[0] as usize;
            messages.extraneous = messages.extraneous.max(bytes);
        }
        // Of these the picture's data have nothing.
        mozjpeg_sys::JWRN_ADOBE_XFORM
        | mozjpeg_sys::JWRN_JFIF_MAJOR
        | mozjpeg_sys::JWRN_BOGUS_ICC => {}
        _ => resume_unwind(Box::new(Stopped(messages.manager.msg_code))),
    }
}

/// libjpeg's decompressor, at one address from its making to its end.
struct Decompressor {
    info: Box<jpeg_decompress_struct>,
    messages: *mut Messages,
}

impl Decompressor {
    fn new(file: &[u8]) -> Decompressor {
        // SAFETY: zeros are values of these structs of numbers, pointers and options;
        // jpeg_std_error and jpeg_create_decompress fill them in. `file` outlives the decompressor
        // in `decode`, the only caller.
        unsafe {
            let mut messages = Box::new(Messages { manager: std::mem::zeroed(), extraneous: 0 });
            jpeg_std_error(&mut messages.manager);
            messages.manager.error_exit = Some(stop);
            messages.manager.emit_message = Some(told);
            let messages = Box::into_raw(messages);
            let info: Box<jpeg_decompress_struct> = Box::new(std::mem::zeroed());
            let mut decompressor = Decompressor { info, messages };
            decompressor.info.common.err = messages.cast();
            jpeg_create_decompress(&mut *decompressor.info);
            jpeg_mem_src(&mut decompressor.info, file.as_ptr(), file.len() as c_ulong);
            decompressor
        }
    }

    /// Decodes rows into `bytes`, which has room for all of them.
    fn read(&mut self, colours: J_COLOR_SPACE, row: usize, bytes: &mut [u8]) {
        // SAFETY: libjpeg writes `output_width × components` bytes a row, which is `row`: the
        // frame header that it reads is the one that `Structure` read, and it is asked for that
        // header's number of components. It is checked all the same.
        unsafe {
            jpeg_read_header(&mut self.info, 1);
            self.info.out_color_space = colours;
            jpeg_start_decompress(&mut self.info);
            let written = self.info.output_width as usize * self.info.output_components as usize;
            if written != row || self.info.output_height as usize != bytes.len() / row {
                resume_unwind(Box::new(Stopped(0)));
            }
            for row in bytes.chunks_exact_mut(row) {
                let mut rows = [row.as_mut_ptr()];
                jpeg_read_scanlines(&mut self.info, rows.as_mut_ptr(), 1);
            }
            jpeg_finish_decompress(&mut self.info);
        }
    }

    fn extraneous(&self) -> usize {
        // SAFETY: the box lives until the drop, and libjpeg is not running.
        unsafe { (*self.messages).extraneous }
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: made in `new` and destroyed once; zeros, where making it failed, are passed over.
        unsafe {
            jpeg_destroy_decompress(&mut self.info);
            drop(Box::from_raw(self.messages));
        }
    }
}

/// The levels of a whole JPEG file, in the colours that the file has.
pub(super) fn decode(file: &[u8], structure: &Structure) -> Result<(Levels, Vec<u8>), Refusal> {
    let (levels, colours, components) = match structure.components.len() {
        1 => (Levels::Gray, J_COLOR_SPACE::JCS_GRAYSCALE, 1),
        3 => (Levels::Rgb, J_COLOR_SPACE::JCS_RGB, 3),
        _ => (Levels::Cmyk, J_COLOR_SPACE::JCS_CMYK, 4),
    };
    let row = components * structure.width as usize;
    let mut bytes = vec![0; row * structure.height as usize];
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let mut decompressor = Decompressor::new(file);
        decompressor.read(colours, row, &mut bytes);
        decompressor.extraneous()
    }));
    match decoded {
        Ok(extraneous) => padded_at_most(extraneous, structure).map(|()| (levels, bytes)),
        Err(payload) => match payload.downcast::<Stopped>() {
            Ok(stopped) => Err(refusal(stopped.0)),
            Err(other) => resume_unwind(other),
        },
    }
}

/// Some cameras pad the data before the end mark, which spoils nothing. Zeros that begin before
/// the picture's data are complete fill a gap: the decoder took them for picture.
///
/// A gap of eight bytes or fewer goes unseen, and so does a longer one that the decoder used up
/// where zeros are how a flat part is coded.
fn padded_at_most(extraneous: usize, structure: &Structure) -> Result<(), Refusal> {
    /// Bytes that the decoder had read ahead and does not count as passed over.
    const AHEAD: usize = 8;
    /// Padding that is not zeros.
    const PADDING: usize = 64;
    let [data, flat] = structure.zeros;
    let counted = extraneous + AHEAD;
    let gap = data > counted || (extraneous > 0 && flat > counted);
    if gap || extraneous > data.max(flat) + PADDING {
        return Err(Refusal::Damaged("its data are not those of the whole picture".into()));
    }
    Ok(())
}

fn refusal(code: c_int) -> Refusal {
    use mozjpeg_sys as m;
    match code as J_MESSAGE_CODE {
        m::JERR_OUT_OF_MEMORY => Refusal::Memory,
        m::JERR_FRACT_SAMPLE_NOTIMPL | m::JERR_CCIR601_NOTIMPL | m::JERR_BAD_MCU_SIZE => {
            Refusal::Kind("a JPEG with such sampling factors".into())
        }
        m::JERR_CONVERSION_NOTIMPL => Refusal::Kind("a JPEG in such colours".into()),
        m::JWRN_HIT_MARKER | m::JWRN_JPEG_EOF => {
            Refusal::Damaged("its data end before the picture does".into())
        }
        m::JWRN_HUFF_BAD_CODE
        | m::JWRN_MUST_RESYNC
        | m::JWRN_BOGUS_PROGRESSION
        | m::JWRN_NOT_SEQUENTIAL => Refusal::Damaged("its data are corrupt".into()),
        code => Refusal::Damaged(format!("libjpeg's message {code}")),
    }
}
