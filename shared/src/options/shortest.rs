//! What a run was asked, said with as little as gives the same run.

use super::{AskedOptions, ModelDefaults, ModelTraits, RunOptions, resolve_settings};

/// Takes one option out of what is asked.
type LeaveOut = fn(&mut AskedOptions);

/// Every option that may be left out.
const OPTIONS: [LeaveOut; 20] = [
    |a| a.quant = None,
    |a| a.max_new_tokens = None,
    |a| a.ignore_eos = None,
    |a| a.fit = None,
    |a| a.resize = None,
    |a| a.template = None,
    |a| a.prune = None,
    |a| a.prune_by = None,
    |a| a.prune_count = None,
    |a| a.prune_positions = None,
    |a| a.replicate = None,
    |a| a.copies = None,
    |a| a.max_pixels = None,
    |a| a.picture = None,
    |a| a.film = None,
    |a| a.knockout = None,
    // Every layer of one model is not every layer of another.
    |a| {
        if let Some(knockout) = &mut a.knockout {
            knockout.layers = None;
        }
    },
    |a| a.sampling = None,
    |a| a.repeat = None,
    |a| a.verify = None,
];

/// The fewest options that [`resolve_settings`] makes `run` of on this model. What was the model's own
/// is left out, so that another model may be asked the same with its own. Of a model that is not known
/// every option stays.
pub fn shortest(run: &RunOptions, defaults: &ModelDefaults, model: &ModelTraits) -> AskedOptions {
    let mut asked = AskedOptions::from(run);
    let resolved = |asked: &AskedOptions| {
        let options = resolve_settings(asked, defaults, model).ok()?;
        Some(RunOptions { changed: Vec::new(), ..options })
    };
    let Some(whole) = resolved(&asked).filter(|_| model.templates.is_some()) else {
        return asked;
    };
    for leave_out in OPTIONS {
        let mut fewer = asked.clone();
        leave_out(&mut fewer);
        if resolved(&fewer).as_ref() == Some(&whole) {
            asked = fewer;
        }
    }
    asked
}
