//! Where tokens stand: rotary positions of text, of whole pictures, and of pictures of which
//! tokens were dropped or repeated.

use shared::{AfterFilm, CopyPositions, PrunePositions, RunOptions};

use crate::prepare::Shape;
use crate::rotary::Position;

/// How a family numbers the tokens of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// One after another, like text.
    Sequence,
    /// M-RoPE: all at one time; rows and columns count up from it. Text goes on after the longer
    /// edge.
    Grid,
}

impl Numbering {
    /// Where tokens stand that were not pruned, if nobody says: FasterVLM packs them anew; under
    /// M-RoPE positions carry the grid and are kept.
    pub(crate) const fn own(self) -> PrunePositions {
        match self {
            Numbering::Sequence => PrunePositions::Repacked,
            Numbering::Grid => PrunePositions::Kept,
        }
    }

    /// How many positions one copy of a picture or film takes, of whose tokens `kept` are there.
    fn span(self, kept: usize, shape: &Shape, options: &RunOptions) -> u32 {
        match self {
            // What was dropped was never there; where nothing was, nothing is packed.
            _ if self.repacks(kept, shape, options) => kept as u32,
            Numbering::Sequence => shape.len() as u32,
            Numbering::Grid => match options.film.after {
                AfterFilm::LongerEdge => shape.rows.max(shape.cols) as u32,
                AfterFilm::MaxPlusOne => self.extent(shape),
            },
        }
    }

    /// How far a whole one reaches: the position behind its last on any axis, counted from its first.
    fn extent(self, shape: &Shape) -> u32 {
        match self {
            Numbering::Sequence => shape.len() as u32,
            Numbering::Grid => {
                let edge = shape.rows.max(shape.cols) as u32;
                edge.max(shape.time(shape.steps.saturating_sub(1)).saturating_add(1))
            }
        }
    }

    /// Whether those that are left are numbered anew.
    fn repacks(self, kept: usize, shape: &Shape, options: &RunOptions) -> bool {
        let stand = options.prune_positions.unwrap_or(self.own());
        stand == PrunePositions::Repacked && kept < shape.len()
    }

    /// The position after a picture or film that begins at one.
    pub(crate) fn after_medium(
        self,
        start: u32,
        kept: usize,
        shape: &Shape,
        options: &RunOptions,
    ) -> u32 {
        start + copies(options) * self.span(kept, shape, options)
    }

    /// The position behind all of its own: under M-RoPE a long film may reach beyond the text that follows it.
    pub(crate) fn reach(self, start: u32, kept: usize, shape: &Shape, options: &RunOptions) -> u32 {
        let span = self.span(kept, shape, options);
        let one = if self.repacks(kept, shape, options) { span } else { self.extent(shape) };
        start + (copies(options) - 1) * span + one
    }

    /// Positions of the kept tokens of every copy of a picture or film that begins at one, and the position after it.
    pub(crate) fn medium(
        self,
        first: u32,
        kept: &[u32],
        shape: &Shape,
        options: &RunOptions,
    ) -> (Vec<Position>, u32) {
        let span = self.span(kept.len(), shape, options);
        let repacked = self.repacks(kept.len(), shape, options);
        let (columns, grid) = (shape.cols as u32, (shape.rows * shape.cols) as u32);
        let place = |start: u32, i: usize, at: u32| match self {
            _ if repacked => [start + i as u32; 3],
            Numbering::Sequence => [start + at; 3],
            Numbering::Grid => {
                let (step, at) = (at / grid, at % grid);
                [start + shape.time(step as usize), start + at / columns, start + at % columns]
            }
        };
        let mut positions = Vec::with_capacity(kept.len() * options.replicate as usize);
        for copy in 0..options.replicate {
            let start = match options.copies {
                CopyPositions::New => first + copy * span,
                CopyPositions::Shared => first,
            };
            positions.extend(kept.iter().enumerate().map(|(i, at)| place(start, i, *at)));
        }
        (positions, self.after_medium(first, kept.len(), shape, options))
    }
}

/// How many copies stand one after another.
const fn copies(options: &RunOptions) -> u32 {
    match options.copies {
        CopyPositions::New => options.replicate,
        CopyPositions::Shared => 1,
    }
}

/// Positions of so many text tokens from one on.
pub(crate) fn of_text(start: u32, n: usize) -> impl Iterator<Item = Position> {
    (start..start + n as u32).map(|p| [p; 3])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    impl Numbering {
        /// Positions of text, a picture and text, and that of the first token after them.
        fn positions(
            self,
            (before, after): (usize, usize),
            kept: &[u32],
            grid: (usize, usize),
            options: &RunOptions,
        ) -> (Vec<Position>, u32) {
            let (picture, next) = self.medium(before as u32, kept, &grid.into(), options);
            let text = of_text(0, before).chain(picture).chain(of_text(next, after));
            (text.collect(), next + after as u32)
        }
    }

    fn golden(name: &str) -> serde_json::Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens");
        let text = std::fs::read_to_string(folder.join(name)).expect("goldens");
        serde_json::from_str(&text).expect("goldens")
    }

    /// transformers' get_rope_index, and what follows from it for pruned and repeated pictures
    /// (tests/goldens/make_positions.py).
    #[test]
    fn positions_equal_get_rope_index() {
        #[derive(Deserialize)]
        struct Case {
            rows: usize,
            cols: usize,
            copies: u32,
            before: usize,
            after: usize,
            kept: Vec<u32>,
            next: u32,
            positions: Vec<Position>,
        }
        let golden = golden("positions.json")["cases"].clone();
        let cases: Vec<Case> = serde_json::from_value(golden).expect("cases");
        assert!(cases.len() > 20);
        let pruned = |c: &&Case| c.kept.len() < c.rows * c.cols;
        assert!(cases.iter().filter(pruned).any(|c| c.copies > 1), "both levers at once");
        for c in cases {
            let options = RunOptions { replicate: c.copies, ..RunOptions::default() };
            let text = (c.before, c.after);
            let got = Numbering::Grid.positions(text, &c.kept, (c.rows, c.cols), &options);
            let what = format!("{} × {}, {:?} {} times", c.rows, c.cols, c.kept, c.copies);
            assert_eq!(got, (c.positions, c.next), "{what}");
        }
    }

    /// Every option on two checkpoints: what the reference's runs were made with
    /// (tests/goldens/make_levers.py).
    #[test]
    fn positions_equal_those_of_the_reference_runs() {
        #[derive(Deserialize)]
        struct Case {
            positions: String,
            replicate: u32,
            copies: CopyPositions,
            kept: Vec<u32>,
            before: usize,
            after: usize,
            at: Vec<Position>,
            next: u32,
        }
        for (name, numbering, grid) in [
            ("llava-mha", Numbering::Sequence, (3, 3)),
            ("interleave-full", Numbering::Sequence, (5, 5)),
            ("qwen-tall", Numbering::Grid, (8, 2)),
            ("qwen2-tall", Numbering::Grid, (5, 2)),
            ("qwen3-tall", Numbering::Grid, (5, 2)),
            ("internvl-qwen2", Numbering::Sequence, (3, 3)),
        ] {
            let cases = golden(&format!("levers/{name}.json"));
            let cases: Vec<Case> = serde_json::from_value(cases).expect("cases");
            assert!(cases.len() >= 20);
            for c in cases {
                let named = |p: &PrunePositions| p.name() == c.positions;
                let options = RunOptions {
                    replicate: c.replicate,
                    copies: c.copies,
                    prune_positions: PrunePositions::ALL.into_iter().find(named),
                    ..RunOptions::default()
                };
                let got = numbering.positions((c.before, c.after), &c.kept, grid, &options);
                let what = format!("{name}: {:?} {} × {:?}", c.kept, c.replicate, c.copies);
                assert_eq!(got, (c.at, c.next), "{what}, {}", c.positions);
            }
        }
    }

    /// Where nothing is dropped nothing is packed: the grid stays.
    #[test]
    fn a_whole_picture_stands_the_same_under_every_option() {
        let whole: Vec<u32> = (0..12).collect();
        for numbering in [Numbering::Sequence, Numbering::Grid] {
            let of = |prune_positions| {
                let options = RunOptions { prune_positions, replicate: 2, ..RunOptions::default() };
                numbering.positions((3, 2), &whole, (3, 4), &options)
            };
            assert_eq!(of(Some(PrunePositions::Repacked)), of(None));
            assert_eq!(of(Some(PrunePositions::Kept)), of(None));
        }
    }

    /// transformers' get_rope_index of the reference's film: 18 tokens of text and a mark, three steps of 3 × 5 a second
    /// apart, text.
    #[test]
    fn positions_of_a_film_equal_get_rope_index() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens");
        let bytes = std::fs::read(folder.join("qwen2.5-vl-film/golden.safetensors"));
        let bytes = bytes.expect("goldens");
        let golden = safetensors::SafeTensors::deserialize(&bytes).expect("goldens");
        let view = golden.tensor("position_ids").expect("a tensor");
        let ids: Vec<u32> =
            view.data().as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as u32).collect();
        let n = ids.len() / 3;
        let want: Vec<Position> = (0..n).map(|i| [ids[i], ids[n + i], ids[2 * n + i]]).collect();
        let shape = Shape { rows: 3, cols: 5, steps: 3, pace: 2.0 };
        let whole: Vec<u32> = (0..45).collect();
        let (film, next) = Numbering::Grid.medium(19, &whole, &shape, &RunOptions::default());
        let text = of_text(0, 19).chain(film).chain(of_text(next, n - 19 - 45));
        assert_eq!(text.collect::<Vec<_>>(), want);
        assert_eq!(golden_delta(&folder), i64::from(next) + (n - 19 - 45) as i64 - n as i64);
    }

    fn golden_delta(folder: &Path) -> i64 {
        let text = std::fs::read_to_string(folder.join("qwen2.5-vl-film/golden.json"));
        let json: serde_json::Value = serde_json::from_str(&text.expect("goldens")).expect("JSON");
        json["rope_delta"].as_i64().expect("a number")
    }

    /// The table of what transformers 5 makes of films: a grid of 8 × 14 tokens that begins at 10, at two positions a
    /// second, by seconds a step and number of steps.
    #[test]
    fn films_count_time_in_seconds() {
        let options = RunOptions::default();
        let behind = shared::FilmOptions { after: AfterFilm::MaxPlusOne, ..Default::default() };
        let behind = RunOptions { film: behind, ..RunOptions::default() };
        for (seconds, steps, times, after) in [
            (1.0, 4, &[10, 12, 14, 16][..], (24, 24)),
            (0.5, 4, &[10, 11, 12, 13], (24, 24)),
            (5.0 / 3.0, 4, &[10, 13, 16, 20], (24, 24)),
            (1.0, 30, &[10, 12, 14, 16], (24, 69)),
        ] {
            let shape = Shape { rows: 8, cols: 14, steps, pace: 2.0 * seconds };
            let whole: Vec<u32> = (0..shape.len() as u32).collect();
            let (positions, next) = Numbering::Grid.medium(10, &whole, &shape, &options);
            let first: Vec<u32> = positions.chunks(8 * 14).map(|step| step[0][0]).collect();
            assert_eq!(first[..4], *times, "{seconds} s");
            assert_eq!(positions[8 * 14 + 15][1..], [11, 11], "rows and columns begin anew");
            let (_, behind) = Numbering::Grid.medium(10, &whole, &shape, &behind);
            assert_eq!((next, behind), after, "{steps} steps");
            let last = positions.iter().flatten().max().map(|last| last + 1);
            assert_eq!(Some(Numbering::Grid.reach(10, whole.len(), &shape, &options)), last);
        }
    }

    /// LLaVA's picture tokens count on like text, whatever was pruned or repeated.
    #[test]
    fn llava_counts_on() {
        let options = RunOptions { replicate: 2, ..RunOptions::default() };
        let (got, next) = Numbering::Sequence.positions((3, 2), &[1, 4, 5, 8], (3, 3), &options);
        assert_eq!(got, (0..13).map(|p| [p; 3]).collect::<Vec<_>>());
        assert_eq!(next, 13);
    }
}
