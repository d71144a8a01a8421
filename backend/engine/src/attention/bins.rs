//! For how many bins the kernels of a GPU are made. `build.rs` reads this file too, and writes the
//! kernels' header from it.

/// Bins of the kernels that most runs take: those of a prompt with one medium.
pub(crate) const FEW: usize = 7;
/// Bins of the kernels that prompts with more media take.
pub(crate) const MANY: usize = 15;
