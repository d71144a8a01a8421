//! Observers: who is told what the model looks at, while it looks.

use shared::rows::HEAD_ROWS_BUDGET;
use shared::{Alternative, Event, LayerFlow, Layout, TokenFlow, TokenHeads};

/// Whether the model goes on.
pub type Control = std::ops::ControlFlow<()>;

/// What an observer wants to be told. Nothing that is not wanted is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Group masses per layer and per token.
    pub flows: bool,
    /// Head-averaged rows of the generated tokens' predicting rows.
    pub rows: bool,
    /// Rows by head of the generated tokens' predicting rows: from the first token on, of as many as
    /// fit so many bytes.
    pub head_rows: u64,
    /// The most probable other tokens beside each that is chosen.
    pub alternatives: bool,
    /// Full attention maps, `heads × S × S` per layer.
    pub maps: bool,
    /// Logits of every position, not only of those that predict a token.
    pub logits: bool,
}

/// A token the model wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedToken {
    /// Number of the token, from 0.
    pub index: u32,
    /// Vocabulary id.
    pub id: u32,
    /// Its text; the texts concatenated are the answer.
    pub text: String,
    /// Its own bytes, where its text is not they.
    pub bytes: Option<Vec<u8>>,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// The most probable other tokens, the most probable first; empty when they are not wanted.
    pub alternatives: Vec<Alternative>,
    /// Where the row that predicted it looked; empty when flows are not wanted.
    pub flow: TokenFlow,
    /// The same by head, over all keys; empty when not wanted, or beyond what fits.
    pub by_head: TokenHeads,
}

impl From<GeneratedToken> for Event {
    fn from(token: GeneratedToken) -> Self {
        let GeneratedToken { index, id, text, bytes, logprob, alternatives, flow, by_head: _ } =
            token;
        Event::Token { index, id, text, bytes, logprob, alternatives, flow }
    }
}

/// Told what the model looks at, while it looks; may ask it to stop.
pub trait Observer {
    /// What to tell. Asked once, before the run.
    fn wants(&self) -> Wants;

    /// The prompt is laid out. Comes first.
    fn layout(&mut self, layout: &Layout) -> Control {
        let _ = layout;
        Control::Continue(())
    }

    /// A decoder layer finished the prefill.
    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        let _ = (layer, flow);
        Control::Continue(())
    }

    /// A token was generated.
    fn token(&mut self, token: GeneratedToken) -> Control {
        let _ = token;
        Control::Continue(())
    }

    /// One layer's rows `[heads, rows, keys]` of the attention map, starting at query row
    /// `first_row`; only with [`Wants::maps`]. Keys beyond a row's own position hold zero.
    fn map(&mut self, layer: u32, first_row: usize, rows: usize, keys: usize, values: &[f32]) {
        let _ = (layer, first_row, rows, keys, values);
    }

    /// Logits `[rows, vocab]` of positions from `first_row`; only with [`Wants::logits`].
    fn logits(&mut self, first_row: usize, rows: usize, values: &[f32]) {
        let _ = (first_row, rows, values);
    }

    /// Asked between layers: whether the run should stop now.
    fn poll(&mut self) -> Control {
        Control::Continue(())
    }
}

/// Observes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn wants(&self) -> Wants {
        Wants::default()
    }
}

/// Turns everything observed into events and hands them to a function that may say stop.
///
/// `model` and `options` travel in the layout event.
pub struct EventObserver<F> {
    model: shared::ModelInfo,
    options: shared::RunOptions,
    sink: F,
    poll: Box<dyn FnMut() -> Control + Send>,
    keep: Option<KeepHeads>,
}

/// Told the rows by head of one token after another, from the first on, each before its event.
type KeepHeads = Box<dyn FnMut(TokenHeads) + Send>;

impl<F: FnMut(Event) -> Control> EventObserver<F> {
    /// An observer that hands events to `sink` and asks `poll` between layers whether to stop.
    pub fn new(
        model: shared::ModelInfo,
        options: shared::RunOptions,
        sink: F,
        poll: impl FnMut() -> Control + Send + 'static,
    ) -> Self {
        EventObserver { model, options, sink, poll: Box::new(poll), keep: None }
    }

    /// Hands rows by head to `keep`, as many as fit [`HEAD_ROWS_BUDGET`]: they are no part of the
    /// events.
    #[must_use]
    pub fn keeping_heads(mut self, keep: impl FnMut(TokenHeads) + Send + 'static) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }
}

impl<F: FnMut(Event) -> Control> Observer for EventObserver<F> {
    fn wants(&self) -> Wants {
        let head_rows = if self.keep.is_some() { HEAD_ROWS_BUDGET } else { 0 };
        Wants { flows: true, rows: true, alternatives: true, head_rows, ..Wants::default() }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        let (mut model, options) = (self.model.clone(), self.options.clone());
        // The one in use, whatever the model's own is.
        model.template = options.template_on(&model).to_owned();
        (self.sink)(Event::Layout {
            layout: layout.clone(),
            layers: model.layers,
            heads: model.heads,
            model,
            options,
        })
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        (self.sink)(Event::PrefillLayer { layer, flow })
    }

    fn token(&mut self, mut token: GeneratedToken) -> Control {
        if let Some(keep) = &mut self.keep
            && token.by_head.bytes() > 0
        {
            keep(std::mem::take(&mut token.by_head));
        }
        (self.sink)(token.into())
    }

    fn poll(&mut self) -> Control {
        (self.poll)()
    }
}
