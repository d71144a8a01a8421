//! `analyze --verify`: are the numbers those of the model?

use engine::{EngineError, LoadOptions, Model, Picture};
use shared::report::Fidelity;
use shared::{Quant, RunOptions};

use crate::catalog::Source;

/// Most parameters of a model that is also loaded in f32: 2 GiB of weights.
const MOST_PARAMETERS: u64 = 1 << 29;

/// Runs the prompt observed and unobserved and, where it fits, in f32.
pub(super) fn fidelity(
    source: &Source,
    picture: &Picture,
    options: &RunOptions,
) -> Result<Fidelity, EngineError> {
    let load = |quant| {
        let options = LoadOptions { name: source.name.clone(), quant };
        Model::load(&source.folder, &options, &mut |_, _| {})
    };
    let model = load(options.quant)?;
    let prepared = model.prepare(picture, options)?;
    let observed = model.verify(&prepared)?;
    let quantized = if options.quant == Quant::F32 || model.info().parameters > MOST_PARAMETERS {
        None
    } else {
        let exact = load(Quant::F32)?;
        let theirs = exact.prepare(picture, options)?;
        Some(model.compare(&prepared, &exact, &theirs)?)
    };
    Ok(Fidelity { observed, quantized })
}
