//! What pruning and replicating do: MDI of the three stages, and right answers beside it.

use plotters::prelude::DrawingBackend;
use shared::Stage;
use shared::experiment::paper::PaperRow;
use shared::experiment::stats::Proportion;
use shared::experiment::tables::{Lever, LeverRow, LeverSeries, LeverTable, Tables, percent};

use super::layers::{Label, MOST, label, room, short_mark, sides, surround};
use super::panel::{Area, Line, Panel};
use super::{Paper, SIZE};
use crate::canvas::{Canvas, Drawn};
use crate::scale;
use crate::text::{Across, Down, Type};

/// A line of a panel: place, interval and mean, and whether it is beyond doubt.
struct Point {
    x: f64,
    ends: Option<(f64, f64)>,
    mean: f64,
    certain: bool,
}

/// The series that are drawn: those in which the other lever is at rest, if there are any.
fn drawn(table: &LeverTable, tables: &Tables) -> Vec<usize> {
    let at_rest = |series: &LeverSeries| {
        series.rows.iter().all(|row| {
            let result = tables.conditions.iter().find(|c| c.condition.index == row.condition);
            result.is_some_and(|r| match table.lever {
                Lever::Prune => r.condition.replicate == 1,
                Lever::Replicate => r.condition.prune == 0.0,
            })
        })
    };
    let all: Vec<usize> = (0..table.series.len()).collect();
    let rest: Vec<usize> = all.iter().copied().filter(|i| at_rest(&table.series[*i])).collect();
    if rest.is_empty() { all } else { rest }
}

/// The paper's rows by model.
fn papers(table: &LeverTable) -> Vec<&[PaperRow]> {
    table.paper.chunk_by(|a, b| a.model == b.model).collect()
}

struct Drawing<'a> {
    table: &'a LeverTable,
    series: Vec<&'a LeverSeries>,
    /// Values of the lever, rising: the places of the horizontal axis.
    values: Vec<f64>,
}

impl Drawing<'_> {
    fn x(&self, value: f64) -> Option<f64> {
        self.values.iter().position(|v| *v == value).map(|i| i as f64)
    }

    fn name(&self, value: f64) -> String {
        match self.table.lever {
            // The axis says percent; five panels leave no room for the sign at every mark.
            Lever::Prune => percent(value).trim_end_matches(" %").to_owned(),
            Lever::Replicate => format!("×{value}"),
        }
    }

    /// Series that share a place stand side by side.
    fn shift(&self, series: usize) -> f64 {
        (series as f64 - (self.series.len() as f64 - 1.0) / 2.0) * 5.0
    }

    fn points(
        &self,
        series: &LeverSeries,
        value: impl Fn(&LeverRow) -> Option<Point>,
    ) -> Vec<Point> {
        let at = |row: &LeverRow| Some(Point { x: self.x(row.value)?, ..value(row)? });
        series.rows.iter().filter(|row| !row.random).filter_map(at).collect()
    }

    fn mdi(&self, series: &LeverSeries, stage: usize) -> Vec<Point> {
        self.points(series, |row| {
            let centre = row.stages.get(stage)?.mdi.estimate.centre();
            let mean = centre.value.filter(|m| *m > 0.0)?;
            let ends = centre.interval.filter(|ends| ends.0 > 0.0);
            Some(Point { x: 0.0, ends, mean, certain: true })
        })
    }

    /// What token counts alone would give: the shares of the series' first row at each row's counts.
    fn unmoved(&self, series: &LeverSeries, stage: usize) -> Vec<Point> {
        self.points(series, |row| {
            let own = row.stages.get(stage)?.mdi.estimate.centre().value;
            let null = match row.changes.get(stage) {
                Some(change) => change.null_mdi.centre().value,
                None => own,
            };
            let mean = null.filter(|m| *m > 0.0)?;
            Some(Point { x: 0.0, ends: None, mean, certain: true })
        })
    }

    /// The words' share of the attention.
    fn attention(&self, series: &LeverSeries, stage: usize) -> Vec<Point> {
        self.points(series, |row| {
            let e = &row.stages.get(stage)?.share_text.estimate;
            Some(Point { x: 0.0, ends: e.low.zip(e.high), mean: e.mean?, certain: true })
        })
    }

    fn printed(&self, rows: &[PaperRow], stage: usize) -> Vec<Point> {
        let value = |row: &PaperRow| match self.table.lever {
            Lever::Prune => row.prune,
            Lever::Replicate => f64::from(row.replicate),
        };
        let at = |row: &PaperRow| {
            let printed = &row.cells.get(stage)?.mdi;
            let certain = printed.doubts.is_empty();
            Some(Point { x: self.x(value(row))?, ends: None, mean: printed.value, certain })
        };
        rows.iter().filter_map(at).collect()
    }

    fn right(&self, series: &LeverSeries) -> Vec<Point> {
        self.points(series, |row| {
            let Proportion { share, low, high, .. } = row.verdicts?.right;
            Some(Point { x: 0.0, ends: low.zip(high), mean: share?, certain: true })
        })
    }

    /// The same of the rows in which as many tokens are drawn by chance.
    fn right_by_chance(&self, series: &LeverSeries) -> Vec<Point> {
        let point = |row: &LeverRow| {
            let Proportion { share, low, high, .. } = row.verdicts?.right;
            Some(Point { x: self.x(row.value)?, ends: low.zip(high), mean: share?, certain: false })
        };
        series.rows.iter().filter(|row| row.random).filter_map(point).collect()
    }

    fn line<DB: DrawingBackend>(
        &self,
        panel: &Panel<'_, DB>,
        points: &[Point],
        line: Line,
        shift: f64,
    ) -> Drawn<DB> {
        let path: Vec<(f64, f64)> = points.iter().map(|p| (p.x, p.mean)).collect();
        panel.line(&path, line, 2.0)?;
        for point in points {
            if let Some(ends) = point.ends {
                panel.whisker(point.x, ends, shift, line.colour)?;
            }
            panel.marker((point.x, point.mean), shift, line, point.certain)?;
        }
        Ok(())
    }

    fn below<DB: DrawingBackend>(&self, panel: &Panel<'_, DB>) -> Drawn<DB> {
        self.values.iter().enumerate().try_for_each(|(i, v)| panel.mark(i as f64, &self.name(*v)))
    }
}

fn title<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    paper: &Paper<'_>,
    area: Area,
    text: &str,
) -> Drawn<DB> {
    let style = Type::new(13.0, paper.style.palette.ink).bold();
    canvas.text(text, (area.left, area.top - 14.0), style)
}

/// What the lever does to the number of picture tokens, where all series agree.
fn tokens(series: &[&LeverSeries]) -> String {
    let counts = |s: &LeverSeries| -> Vec<String> {
        // Rows drawn by chance have as many as those beside them.
        let scored = s.rows.iter().filter(|r| !r.random);
        scored.map(|r| r.image_tokens.map_or("–".into(), short_mark)).collect()
    };
    let Some(first) = series.first().map(|s| counts(s)) else { return String::new() };
    let same = series.iter().all(|s| counts(s) == first);
    if same {
        format!(" · picture tokens {}", first.join(", "))
    } else {
        let each = series.iter().map(|s| format!("{}: {}", s.model, counts(s).join(", ")));
        format!(" · picture tokens of {}", each.collect::<Vec<_>>().join("; "))
    }
}

/// Draws the plot.
pub fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    paper: &Paper<'_>,
    lever: Lever,
) -> Drawn<DB> {
    let (tables, palette) = (paper.tables, &paper.style.palette);
    let ground = (canvas, palette);
    let table = match lever {
        Lever::Prune => tables.prune.as_ref(),
        Lever::Replicate => tables.replicate.as_ref(),
    };
    let Some(table) = table else { return Ok(()) };
    let all = drawn(table, tables);
    let series: Vec<&LeverSeries> = all.iter().take(MOST).map(|i| &table.series[*i]).collect();
    let mut values: Vec<f64> = series.iter().flat_map(|s| &s.rows).map(|r| r.value).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let hidden = match all.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" · {more} more not drawn"),
    };
    let (what, under) = match lever {
        Lever::Prune => ("Picture tokens dropped", "picture tokens dropped, in percent"),
        Lever::Replicate => ("Picture tokens repeated", "copies of the picture's tokens"),
    };
    let doubtful =
        table.paper.iter().flat_map(|row| &row.cells).any(|cell| !cell.mdi.doubts.is_empty());
    let hollow = if doubtful { " · hollow: doubtful in the paper" } else { "" };
    let subtitle = format!(
        "geometric mean and 95 % interval over samples · thin: if shares had stayed{}{hollow}{hidden}",
        tokens(&series)
    );
    let outer = surround(canvas, paper, &format!("{what} · {}", tables.title), &subtitle)?;
    let drawing = Drawing { table, series, values };

    let ghost_names: Vec<String> =
        papers(table).iter().map(|rows| format!("paper · {}", rows[0].model)).collect();
    let names = drawing.series.iter().map(|s| s.label.as_str());
    let labels_room = room(names.chain(ghost_names.iter().map(String::as_str)));
    let answers = drawing.series.iter().any(|s| s.rows.iter().any(|r| r.verdicts.is_some()));
    let panels = if answers { 5.0 } else { 4.0 };
    // The last panel of MDI is followed by the labels, and they by the panels of shares.
    let (left, gap, own_axis) = (outer.left + 40.0, 22.0, 56.0);
    let all_room = SIZE.0 - 24.0 - left - 2.0 * gap - labels_room;
    let own_axes = if answers { 2.0 * own_axis } else { own_axis };
    let width = (all_room - own_axes) / panels;
    let area = |i: f64, extra: f64| Area {
        left: left + i * (width + gap) + extra,
        right: left + i * (width + gap) + width + extra,
        top: outer.top + 36.0,
        bottom: outer.bottom - 42.0,
    };
    let ends = (-0.4, drawing.values.len() as f64 - 0.6);
    let mut shown: Vec<Point> = Vec::new();
    for stage in 0..3 {
        shown.extend(drawing.series.iter().flat_map(|s| drawing.mdi(s, stage)));
        shown.extend(drawing.series.iter().flat_map(|s| drawing.unmoved(s, stage)));
        shown.extend(papers(table).into_iter().flat_map(|rows| drawing.printed(rows, stage)));
    }
    let span = scale::domain(shown.iter().flat_map(|p| {
        let (low, high) = p.ends.unwrap_or((p.mean, p.mean));
        [low, p.mean, high]
    }));
    for (i, stage) in Stage::ALL.into_iter().enumerate() {
        let area = area(i as f64, 0.0);
        let panel = Panel::new(ground, area, ends, span, true);
        title(canvas, paper, area, &format!("{} MDI", stage.name()))?;
        for mark in scale::ticks(span, area.bottom - area.top, 22.0) {
            panel.rule(mark, &if i == 0 { scale::label(mark) } else { String::new() })?;
        }
        // Where some keys are hidden from some rows, 1 is not balance.
        if tables.provenance.options.knockout.is_none() {
            panel.balance()?;
        }
        drawing.below(&panel)?;
        if i == 0 {
            sides(canvas, paper, area, panel.pixel((0.0, 1.0)).1)?;
        }
        let mut labels = Vec::new();
        let mut name = |points: &[Point], text: &str, line| {
            if let Some(last) = points.last() {
                let at = panel.pixel((last.x, last.mean)).1;
                labels.push(Label { text: text.to_owned(), at, line });
            }
        };
        for (g, rows) in papers(table).into_iter().enumerate() {
            let points = drawing.printed(rows, i);
            drawing.line(&panel, &points, Line::ghost(g, palette), 0.0)?;
            name(&points, &ghost_names[g], Line::ghost(g, palette));
        }
        for (s, series) in drawing.series.iter().enumerate() {
            let unmoved: Vec<(f64, f64)> =
                drawing.unmoved(series, i).iter().map(|p| (p.x, p.mean)).collect();
            panel.line(&unmoved, Line::of(s, palette).thin(), 1.0)?;
            let points = drawing.mdi(series, i);
            let line = Line::of(s, palette);
            drawing.line(&panel, &points, line, 0.0)?;
            name(&points, &series.label, line);
        }
        if stage == Stage::Late {
            label(canvas, paper, &labels, area)?;
        }
    }
    {
        let area = area(3.0, labels_room + own_axis - gap);
        let panel = Panel::new(ground, area, ends, (0.0, 1.0), false);
        title(canvas, paper, area, "late P_T")?;
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            panel.rule(share, &percent(share))?;
        }
        drawing.below(&panel)?;
        for (s, series) in drawing.series.iter().enumerate() {
            let points = drawing.attention(series, 2);
            drawing.line(&panel, &points, Line::of(s, palette), drawing.shift(s))?;
        }
    }
    if answers {
        let area = area(4.0, labels_room + 2.0 * (own_axis - gap));
        let panel = Panel::new(ground, area, ends, (0.0, 1.0), false);
        title(canvas, paper, area, "right answers")?;
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            panel.rule(share, &percent(share))?;
        }
        drawing.below(&panel)?;
        for (s, series) in drawing.series.iter().enumerate() {
            let line = Line::of(s, palette);
            let points = drawing.right(series);
            drawing.line(&panel, &points, line, drawing.shift(s))?;
            // Hollow: as many tokens drawn by chance. Thin: the highest floor, without the picture.
            let chance = drawing.right_by_chance(series);
            drawing.line(&panel, &chance, line.thin(), drawing.shift(s))?;
            let floor = series.floors.iter().filter_map(|f| f.right.share).reduce(f64::max);
            if let Some(floor) = floor {
                panel.line(&[(ends.0, floor), (ends.1, floor)], line.thin(), 1.0)?;
            }
        }
    }
    let right = area(2.0, 0.0).right;
    let at = ((left + right) / 2.0, outer.bottom - 6.0);
    let style = Type::new(13.0, palette.muted).at(Across::Center, Down::Center);
    canvas.text(under, at, style)
}
