//! The decoder's input: text and features one after another, with their positions and groups.

use candle_core::{Result, Tensor};
use shared::{
    Cell, Group, Layout, Medium, Moment, Place, PreparedPicture, PruneBy, RunOptions, Span, Token,
};

use super::{Parts, positions};
use crate::compress;
use crate::prepare::{Mel, Reel, Run};
use crate::prompt::{MediumRun, Piece, Prompt};
use crate::rotary::Position;
use crate::vision::Features;

/// The decoder's input.
pub(crate) struct Input {
    /// `[S, hidden]`.
    pub(crate) embeddings: Tensor,
    /// What is added to all rows `[S, hidden]` after the first layers, one for each; zero for text.
    pub(crate) deep: Vec<Tensor>,
    /// Rotary positions.
    pub(crate) positions: Vec<Position>,
    /// Position of the first generated token, on all axes.
    pub(crate) next: u32,
    /// The sequence as groups.
    pub(crate) layout: Layout,
}

/// A medium as an encoder takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'m> {
    /// A picture's pixels in the encoder's order, and its views.
    Picture(&'m [f32], &'m [PreparedPicture]),
    /// A film.
    Film(&'m Reel),
    /// A sound.
    Sound(&'m Mel),
}

impl Seen<'_> {
    /// The medium as results name it; of a picture with so many tokens that end lines.
    fn medium(self, line_ends: u32) -> Medium {
        match self {
            Seen::Picture(_, views) => Medium::Image { views: views.to_vec(), line_ends },
            Seen::Film(Reel { view, times, frames, of, rate, rule, .. }) => Medium::Video {
                view: *view,
                times: times.clone(),
                frames: frames.clone(),
                of: *of,
                rate: *rate,
                rule: *rule,
            },
            Seen::Sound(mel) => Medium::Audio { length: mel.length },
        }
    }
}

/// What an encoder made of a medium, and which of its features are left.
struct Encoded {
    rows: Tensor,
    deep: Vec<Tensor>,
    /// Numbers of the features that are left, in their order.
    kept: Vec<u32>,
}

/// Runs the encoder on each medium and lays the whole sequence out: the prompt's pieces,
/// one after another.
pub(crate) fn input(
    parts: &Parts,
    media: &[Seen],
    prompt: &Prompt,
    options: &RunOptions,
) -> Result<Input> {
    let encoded = media.iter().enumerate();
    let encoded = encoded.map(|(medium, seen)| encode(parts, *seen, medium, options));
    let encoded = encoded.collect::<Result<Vec<Encoded>>>()?;
    let (decoder, numbering) = (&parts.decoder, parts.facts.numbering);
    let levels = encoded.iter().map(|picture| picture.deep.len()).max().unwrap_or(0);
    let mut rows = Rows { levels, ..Rows::default() };
    let mut positions = Vec::new();
    let (mut tokens, mut text): (Vec<Token>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut next = 0;
    for piece in &prompt.pieces {
        let Piece::Medium(MediumRun { medium, first, run }) = piece else {
            let piece = piece.tokens();
            positions.extend(positions::of_text(next, piece.len()));
            next += piece.len() as u32;
            text.extend(piece.iter().map(|token| token.id));
            tokens.extend_from_slice(piece);
            continue;
        };
        let (Some(picture), Some(seen)) = (encoded.get(*medium), media.get(*medium)) else {
            candle_core::bail!("the prompt names a medium that is not there");
        };
        if !text.is_empty() {
            rows.text(decoder.embed(&std::mem::take(&mut text))?)?;
        }
        // The run's features that are left, counted from its first.
        let (from, to) = (*first as u32, (first + run.len()) as u32);
        let kept: Vec<u32> =
            picture.kept.iter().filter(|at| (from..to).contains(at)).map(|at| at - from).collect();
        let indices = compress::replicate(&kept, options.replicate);
        let indices: Vec<u32> = indices.into_iter().map(|at| from + at).collect();
        rows.features(picture, &indices)?;
        let (places, after) = numbering.medium(next, &kept, &run.shape(), options);
        positions.extend(places);
        next = after;
        let id = match (seen, parts.pictures.films()) {
            (Seen::Film(_), Some(films)) => films.token(),
            _ => parts.image_token,
        };
        let of = (id, *medium as u8);
        let at = (from, *run);
        tokens.extend(medium_tokens(of, *seen, at, &kept, options.replicate));
    }
    if !text.is_empty() {
        rows.text(decoder.embed(&text)?)?;
    }
    for (i, token) in tokens.iter_mut().enumerate() {
        token.index = i as u32;
    }
    if let Some(first) = tokens.first_mut() {
        first.group = begin(first.group);
    }
    let mut line_ends = vec![0; media.len()];
    for piece in &prompt.pieces {
        if let Piece::Medium(MediumRun { medium, run, .. }) = piece {
            line_ends[*medium] += run.ends() as u32;
        }
    }
    let media = media.iter().zip(line_ends);
    let media = media.map(|(seen, line_ends)| seen.medium(line_ends)).collect();
    let layout = Layout::new(tokens, media);
    // Time in a film may reach beyond the text behind it; what is generated stands behind both.
    let last = positions.iter().flatten().max().map_or(0, |last| last + 1);
    let next = next.max(last);
    let (embeddings, deep) = rows.joined()?;
    Ok(Input { embeddings, deep, positions, next, layout })
}

/// The group of a sequence's first position, whatever it would be elsewhere: `Begin`, but where a
/// medium begins the sequence.
pub(crate) const fn begin(group: Group) -> Group {
    if group.is_medium() { group } else { Group::Begin }
}

/// Rows of a sequence that grows piece by piece.
#[derive(Default)]
struct Rows {
    embeddings: Vec<Tensor>,
    /// What is added after the first layers: piece by piece, level by level.
    deep: Vec<Vec<Tensor>>,
    levels: usize,
}

impl Rows {
    fn text(&mut self, rows: Tensor) -> Result<()> {
        let nothing = (0..self.levels).map(|_| rows.zeros_like());
        self.deep.push(nothing.collect::<Result<_>>()?);
        self.embeddings.push(rows);
        Ok(())
    }

    fn features(&mut self, picture: &Encoded, indices: &[u32]) -> Result<()> {
        let index = Tensor::new(indices, picture.rows.device())?;
        let rows = picture.rows.index_select(&index, 0)?;
        let deep = (0..self.levels).map(|level| match picture.deep.get(level) {
            Some(features) => features.index_select(&index, 0),
            None => rows.zeros_like(),
        });
        self.deep.push(deep.collect::<Result<_>>()?);
        self.embeddings.push(rows);
        Ok(())
    }

    fn joined(mut self) -> Result<(Tensor, Vec<Tensor>)> {
        let level = |i: usize| {
            let pieces: Vec<&Tensor> = self.deep.iter().filter_map(|piece| piece.get(i)).collect();
            Tensor::cat(&pieces, 0)
        };
        let deep = (0..self.levels).map(level).collect::<Result<_>>()?;
        let embeddings = match self.embeddings.len() {
            1 => self.embeddings.remove(0),
            _ => Tensor::cat(&self.embeddings, 0)?,
        };
        Ok((embeddings, deep))
    }
}

/// What the encoder makes of a medium, and which of its tokens are left.
fn encode(parts: &Parts, seen: Seen, medium: usize, options: &RunOptions) -> Result<Encoded> {
    let ranked = options.prune > 0.0 && options.prune_by == PruneBy::Score;
    let Features { rows, deep, scores } = match seen {
        Seen::Picture(pixels, views) => parts.encoder.features(pixels, views, ranked)?,
        Seen::Film(reel) => parts.encoder.watch(reel, ranked)?,
        Seen::Sound(mel) => parts.encoder.hear(mel, ranked)?,
    };
    let all = rows.dim(0)?;
    // Each picture draws its own tokens.
    let kept = match options.prune_by.of_row(medium as u64) {
        _ if options.prune == 0.0 => (0..all as u32).collect(),
        PruneBy::Score => compress::prune(&scores, compress::kept(all, options)),
        PruneBy::Random(seed) => compress::random(all, compress::kept(all, options), seed),
    };
    Ok(Encoded { rows, deep, kept })
}

/// The positions of a run's kept tokens, copy after copy. `from` is the run's first feature.
fn medium_tokens(
    (id, medium): (u32, u8),
    seen: Seen<'_>,
    (from, run): (u32, Run),
    kept: &[u32],
    copies: u32,
) -> impl Iterator<Item = Token> {
    let copies = (0..copies as u16).flat_map(move |copy| kept.iter().map(move |at| (copy, *at)));
    copies.map(move |(copy, at)| {
        let (text, group, place) = match seen {
            Seen::Picture(..) => {
                let cell = run.cell(at).map(|(row, col)| Cell { row, col, copy, tile: run.tile });
                ("<image>", Group::Image, cell.map(Place::Cell))
            }
            Seen::Film(_) => {
                let grid = ((run.rows * run.cols) as u32).max(1);
                let step = run.tile + (at / grid) as u16;
                let cell = run.cell(at % grid).map(|(row, col)| Moment { step, row, col });
                ("<video>", Group::Video, cell.map(Place::Moment))
            }
            Seen::Sound(mel) => {
                let start = (from + at) * mel.step;
                let end = (start + mel.step).min(mel.length);
                ("<audio>", Group::Audio, Some(Place::Span(Span { start, end })))
            }
        };
        Token { medium: Some(medium), place, ..Token::text(0, id, text, group) }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use candle_core::Device;
    use safetensors::SafeTensors;
    use shared::{PruneCount, Quant};

    use super::*;
    use crate::family::{Reading, load};
    use crate::picture::Picture;
    use crate::picture::PictureLimits;

    fn goldens(name: &str) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens")).join(name)
    }

    fn f32s(file: &SafeTensors, name: &str) -> Vec<f32> {
        let view = file.tensor(name).expect("a tensor");
        view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    /// What tokens are ranked by on every checkpoint, and which remain
    /// (tests/goldens/make_levers.py).
    #[test]
    fn scores_and_what_is_kept_equal_the_reference() {
        #[derive(serde::Deserialize)]
        struct Case {
            prune: String,
            count: PruneCount,
            kept: Vec<u32>,
        }
        let bytes = std::fs::read(goldens("levers/scores.safetensors")).expect("goldens");
        let scores = SafeTensors::deserialize(&bytes).expect("goldens");
        let text = std::fs::read_to_string(goldens("levers/kept.json")).expect("goldens");
        let kept: BTreeMap<String, Vec<Case>> = serde_json::from_str(&text).expect("goldens");
        assert_eq!(kept.len(), 16);
        for (name, cases) in kept {
            let reading = Reading {
                quant: Quant::F32,
                device: &Device::Cpu,
                cache: None,
                weighing: None,
                progress: &mut |_, _| {},
            };
            let parts = load(&goldens(&name).into(), &name, reading).expect("loads").parts;
            let bytes = std::fs::read(goldens(&name).join("golden.safetensors")).expect("goldens");
            let golden = SafeTensors::deserialize(&bytes).expect("goldens");
            let facts =
                std::fs::read_to_string(goldens(&name).join("golden.json")).expect("goldens");
            let facts: serde_json::Value = serde_json::from_str(&facts).expect("goldens");
            let picture = goldens("images").join(facts["picture"].as_str().expect("a name"));
            let picture = std::fs::read(picture).expect("a picture");
            let picture = Picture::decode(&picture, &PictureLimits::default()).expect("decodes");
            let prepared =
                parts.pictures.prepare(&picture, &RunOptions::default()).expect("prepares");
            let pixels = f32s(&golden, "pixel_values");
            let found =
                parts.encoder.features(&pixels, &prepared.views, true).expect("runs").scores;
            let want = f32s(&scores, &name);
            assert_eq!(found.len(), want.len(), "{name}");
            for (got, want) in found.iter().zip(&want) {
                assert!((got - want).abs() < 1e-6, "{name}: {got} is not {want}");
            }
            for case in cases {
                let prune: f32 = case.prune.parse().expect("a number");
                let prune_count = case.count;
                let options = RunOptions { prune, prune_count, ..RunOptions::default() };
                let got = compress::prune(&found, compress::kept(found.len(), &options));
                assert_eq!(got, case.kept, "{name} at {prune}, {prune_count:?}");
            }
        }
    }
}
