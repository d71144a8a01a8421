//! What a picture becomes in a prompt: known from its size and the options, before its pixels are.

use std::borrow::Cow;

/// The features of a picture and what the processor writes between them, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) parts: Vec<PlanPart>,
}

/// A part of a picture's place in the prompt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PlanPart {
    /// What the processor writes before, between or after features: row and column marks, line
    /// breaks. Special tokens are found in it; all of it is [`shared::Group::Marker`].
    Marks(Cow<'static, str>),
    /// Features that follow one another.
    Run(Run),
}

/// Features of one view of a picture, in raster order, or of a film, step after step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    /// Which of the picture's views they are of: the picture itself, or one of its tiles.
    pub(crate) tile: u16,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Whether a learned feature that lies in no cell ends each row.
    pub(crate) newlines: bool,
    /// Whether one ends the last row alone.
    pub(crate) closed: bool,
    /// How many such grids follow one another in time; 1 of a picture.
    pub(crate) steps: usize,
    /// How many positions on the axis of time, where there is one, lie between two of them.
    pub(crate) pace: f64,
}

impl Default for Run {
    fn default() -> Self {
        let (tile, newlines, closed) = (0, false, false);
        Run { tile, rows: 0, cols: 0, newlines, closed, steps: 1, pace: 1.0 }
    }
}

/// How the tokens of a run lie: rows and columns, line ends among them, and steps in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) steps: usize,
    pub(crate) pace: f64,
}

impl Shape {
    /// How many tokens there are.
    pub(crate) const fn len(&self) -> usize {
        self.rows * self.cols * self.steps
    }

    /// Where on the axis of time a step lies, counted from the first: `⌊step · pace⌋`, as transformers has it
    /// since its fractions of seconds are right.
    pub(crate) fn time(&self, step: usize) -> u32 {
        // What whole numbers make of fractions such as 2 / 1.8 is not to fall short of the next one.
        (step as f64 * self.pace + 1e-6) as u32
    }
}

impl From<(usize, usize)> for Shape {
    /// A still picture's.
    fn from((rows, cols): (usize, usize)) -> Self {
        Shape { rows, cols, steps: 1, pace: 1.0 }
    }
}

impl Run {
    /// Rows and columns of features, line ends included; of a run that is closed by one, which is no
    /// grid, all in one row.
    pub(crate) const fn shape(&self) -> Shape {
        let (rows, cols) = match self.closed {
            true => (1, self.rows * self.cols + 1),
            false => (self.rows, if self.newlines { self.cols + 1 } else { self.cols }),
        };
        Shape { rows, cols, steps: self.steps, pace: self.pace }
    }

    /// How many of its features end lines.
    pub(crate) const fn ends(&self) -> usize {
        self.len() - self.rows * self.cols * self.steps
    }

    /// How many features there are.
    pub(crate) const fn len(&self) -> usize {
        self.shape().len()
    }

    /// Row and column of a feature; `None` of a row's end.
    pub(crate) fn cell(&self, feature: u32) -> Option<(u16, u16)> {
        let ends = usize::from(self.newlines);
        let cols = ((self.cols + ends) as u32).max(1);
        let (row, col) = (feature / cols, feature % cols);
        let is_cell = (row as usize) < self.rows && (col as usize) < self.cols;
        is_cell.then_some((row as u16, col as u16))
    }
}

impl Plan {
    /// A picture that is seen as a whole, without marks of its own.
    pub(crate) fn whole(rows: usize, cols: usize) -> Self {
        Plan::of_run(Run { rows, cols, ..Run::default() })
    }

    /// What is one run, without marks of its own.
    pub(crate) fn of_run(run: Run) -> Self {
        Plan { parts: vec![PlanPart::Run(run)] }
    }

    /// Its runs, each with how many features come before it.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (usize, Run)> + '_ {
        let runs = self.parts.iter().filter_map(|part| match part {
            PlanPart::Run(run) => Some(*run),
            PlanPart::Marks(_) => None,
        });
        runs.scan(0, |first, run| {
            let at = *first;
            *first += run.len();
            Some((at, run))
        })
    }

    /// How many features go through an encoder at a time: all of a picture, a step of a film.
    pub(crate) fn at_a_time(&self) -> usize {
        self.runs().map(|(_, run)| run.len() / run.steps.max(1)).sum()
    }

    /// How many features the picture has.
    pub(crate) fn len(&self) -> usize {
        self.runs().map(|(_, run)| run.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_follow_one_another_and_row_ends_lie_in_no_cell() {
        let tile = Run { rows: 2, cols: 3, ..Run::default() };
        let map = Run { tile: 1, newlines: true, ..tile };
        let marks = PlanPart::Marks("\n".into());
        let plan = Plan { parts: vec![PlanPart::Run(tile), marks, PlanPart::Run(map)] };
        assert_eq!(plan.runs().collect::<Vec<_>>(), [(0, tile), (6, map)]);
        assert_eq!(plan.len(), 6 + 2 * 4);
        assert_eq!((tile.cell(5), map.cell(5)), (Some((1, 2)), Some((1, 1))));
        assert_eq!((map.cell(3), map.cell(7)), (None, None));
        assert_eq!(Plan::whole(2, 3).len(), 6);
        let closed = Run { closed: true, ..tile };
        assert_eq!((closed.len(), closed.shape()), (7, (1, 7).into()));
        assert_eq!((closed.cell(5), closed.cell(6)), (Some((1, 2)), None));
        assert_eq!((tile.ends(), map.ends(), closed.ends()), (0, 2, 1));
    }
}
