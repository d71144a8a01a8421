//! Whether the numbers are those of the model: an observed run against one that nobody observed,
//! and, where it fits, a quantized model against the f32 one it was made from.

use engine::{
    Against, Control, EngineError, GeneratedToken, LoadOptions, Media, Observer, Tape, Wants,
};
use shared::report::{Comparison, Fidelity};
use shared::sentence::EngineRefusal;
use shared::{
    Definition, ErrorCode, Event, LayerFlow, Layout, Message, ModelInfo, Moved, Observation, Quant,
    RunOptions,
};

use crate::models::catalog::Source;
use crate::workers::lab::{Lab, PreparedRun};
use crate::workers::memory;

/// Most parameters of a model that is also loaded in f32 where nobody knows how much memory is free:
/// 2 GiB of weights.
const MOST_PARAMETERS: u64 = 1 << 29;

/// An observed run to be verified.
pub(crate) struct VerifiedRun<'a> {
    /// Its logits and tokens.
    pub(crate) tape: &'a Tape,
    /// What was observed.
    pub(crate) seen: &'a Observation,
    /// What was run.
    pub(crate) prepared: &'a dyn PreparedRun,
    /// The model that ran.
    pub(crate) model: &'a ModelInfo,
    /// Where that model comes from.
    pub(crate) source: &'a Source,
    /// The media it was asked about.
    pub(crate) media: &'a Media<'a>,
    /// What it was asked.
    pub(crate) options: &'a RunOptions,
}

impl VerifiedRun<'_> {
    /// Runs the same prompt again, unobserved, and in f32 where that fits, and compares. `None`
    /// when `go_on` said stop.
    ///
    /// # Errors
    /// As a run of its own.
    pub(crate) fn fidelity(
        &self,
        lab: &dyn Lab,
        go_on: impl Fn() -> Control,
    ) -> Result<Option<Fidelity>, EngineError> {
        let mut against = Against::new(self.tape, &go_on);
        let Some(_) = self.prepared.run(&mut against)? else { return Ok(None) };
        let observed = against.comparison();
        let without = |why: Message| Ok(Some(Fidelity::without(observed, why)));
        if self.model.quant == Quant::F32 {
            return without(EngineRefusal::IsF32.into());
        }
        if self.model.parameters > MOST_PARAMETERS && lab.room().is_none() {
            return without(EngineRefusal::UnknownRoom.into());
        }
        match self.exactly(lab, &go_on) {
            Ok(Some((quantized, moved))) => {
                let (quantized, moved) = (Some(quantized), Some(moved));
                Ok(Some(Fidelity { quantized, moved, ..Fidelity::of(observed) }))
            }
            Ok(None) => Ok(None),
            // Where f32 does not fit beside it, the rest of the comparison stands.
            Err(error) if error.code == ErrorCode::OutOfMemory => {
                tracing::info!(%error, "not compared with f32");
                without(error.into_message())
            }
            Err(error) => Err(error),
        }
    }

    /// The same prompt on f32 weights: how its logits compare, and how far the numbers moved.
    fn exactly(
        &self,
        lab: &dyn Lab,
        go_on: &impl Fn() -> Control,
    ) -> Result<Option<(Comparison, Moved)>, EngineError> {
        let folder = &self.source.folder;
        let name = self.source.name.clone();
        let exact = LoadOptions { name, quant: Quant::F32, ..LoadOptions::default() };
        memory::fits(lab, folder, &exact, 0)?;
        let exact = lab.load(folder, &exact, &mut |_, _| {})?;
        let prepared = exact.prepare(self.media, self.options)?;
        let mut watching = ComparedRun {
            against: Against::new(self.tape, go_on),
            layers: exact.info().layers,
            seen: Observation::default(),
        };
        if prepared.run(&mut watching)?.is_none() {
            return Ok(None);
        }
        let moved = Moved::between(self.seen, &watching.seen, &Definition::default());
        Ok(Some((watching.against.comparison(), moved)))
    }
}

/// Compares logits with a tape, and keeps what is observed of the run itself.
struct ComparedRun<'t, P> {
    against: Against<'t, P>,
    layers: u32,
    seen: Observation,
}

impl<P: FnMut() -> Control> Observer for ComparedRun<'_, P> {
    fn wants(&self) -> Wants {
        Wants { flows: true, ..self.against.wants() }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        self.seen = Observation {
            layout: Some(layout.clone()),
            prefill: vec![None; self.layers as usize],
            tokens: Vec::new(),
        };
        Control::Continue(())
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        self.seen.apply(&Event::PrefillLayer { layer, flow });
        Control::Continue(())
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        self.seen.apply(&token.clone().into());
        self.against.token(token)
    }

    fn logits(&mut self, first_row: usize, rows: usize, values: &[f32]) {
        self.against.logits(first_row, rows, values);
    }

    fn poll(&mut self) -> Control {
        self.against.poll()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use engine::{Picture, Taped};

    use super::*;
    use crate::workers::lab::{LoadedModel, ScriptedLab};
    use crate::workers::memory::{MemoryBound, MemoryRoom};

    /// A scripted lab that says how much memory is free and how much f32 needs.
    struct Sized {
        room: Option<MemoryRoom>,
        need: u64,
    }

    impl Lab for Sized {
        fn load(
            &self,
            folder: &Path,
            options: &LoadOptions,
            progress: &mut dyn FnMut(u64, u64),
        ) -> Result<Box<dyn LoadedModel>, EngineError> {
            ScriptedLab::default().load(folder, options, progress)
        }

        fn need(&self, _: &Path, _: &LoadOptions) -> Result<Option<u64>, EngineError> {
            Ok(Some(self.need))
        }

        fn room(&self) -> Option<MemoryRoom> {
            self.room
        }
    }

    struct Nothing;

    impl Observer for Nothing {
        fn wants(&self) -> Wants {
            Wants::default()
        }

        fn token(&mut self, _: GeneratedToken) -> Control {
            Control::Continue(())
        }
    }

    /// Seven billion parameters are compared where f32 fits, and where it does not, or nobody knows,
    /// it is said why not.
    #[test]
    fn what_is_free_decides_and_not_the_number_of_parameters() {
        let compared = |room: Option<u64>, parameters: u64, quant: Quant| {
            let room =
                room.map(|free| MemoryRoom { free, most: free, bound: MemoryBound::Machine });
            let lab = Sized { room, need: 27 << 30 };
            let source = Source::folder("scripted".to_owned(), "scripted".into());
            let load = LoadOptions { name: "scripted".into(), quant, ..LoadOptions::default() };
            let model = lab.load(&source.folder, &load, &mut |_, _| {}).expect("it loads");
            let info = ModelInfo { parameters, quant, ..model.info().clone() };
            let options = RunOptions { prompt: "What is it?".into(), ..RunOptions::default() };
            let picture = Picture { width: 8, height: 8, rgb: vec![9; 192] };
            let media = Media::from(&picture);
            let prepared = model.prepare(&media, &options).expect("it fits");
            let mut nothing = Nothing;
            let mut taped = Taped::new(&mut nothing);
            prepared.run(&mut taped).expect("it runs").expect("it ends");
            let tape = taped.into_tape();
            let observed = VerifiedRun {
                tape: &tape,
                seen: &Observation::default(),
                prepared: &*prepared,
                model: &info,
                source: &source,
                media: &media,
                options: &options,
            };
            let go_on = || Control::Continue(());
            let fidelity = observed.fidelity(&lab, go_on).expect("it runs").expect("it ends");
            assert_eq!(fidelity.quantized.is_none(), fidelity.uncompared.is_some());
            fidelity.uncompared
        };
        let (large, small) = (7 << 30, 100 << 20);
        assert_eq!(compared(Some(64 << 30), large, Quant::Q4k), None);
        assert_eq!(compared(None, small, Quant::Q4k), None);
        let why = compared(Some(16 << 30), large, Quant::Q4k).expect("it does not fit");
        assert!(
            why.contains("in f32 needs about 27.0 GiB of memory, and 16.0 GiB are free"),
            "{why}"
        );
        let said = |why: EngineRefusal| Some(Message::from(why).text);
        assert_eq!(compared(None, large, Quant::Q4k), said(EngineRefusal::UnknownRoom));
        assert_eq!(compared(Some(64 << 30), large, Quant::F32), said(EngineRefusal::IsF32));
    }
}
