//! A sound over time: its waveform, and below it how much attention each stretch of it drew.

use crate::canvas::{self, Canvas, Drawn};

use crate::text::{Across, Down, Type};
use crate::theme::Style;
use crate::words::percent;
use plotters::prelude::DrawingBackend;

/// A stretch of a sound that is one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Where it begins, in seconds.
    pub start: f64,
    /// Where it ends, in seconds.
    pub end: f64,
    /// Its part of the attention, summed over its repetitions; `None` where the model got no token of it.
    pub share: Option<f32>,
}

/// Everything the plot shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sound {
    /// How long the sound lasts, in seconds.
    pub seconds: f64,
    /// How much of it the model heard, in seconds: what lies behind is shown and has no attention.
    pub heard: f64,
    /// The least and the most of the wave in equal parts of the sound, from -1 to 1; empty before it is read.
    pub peaks: Vec<(f32, f32)>,
    /// The stretches in the order of time; empty before there is a layout.
    pub stretches: Vec<Stretch>,
    /// Where the axis of attention ends.
    pub top: f32,
}

/// Where things are, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lane {
    /// Width of the whole plot.
    pub width: f64,
    /// Height of the whole plot.
    pub height: f64,
    /// Left and right edge of the time axis.
    pub across: (f64, f64),
    /// Top and bottom of the waveform.
    pub wave: (f64, f64),
    /// Top and bottom of the attention.
    pub mass: (f64, f64),
    type_size: f64,
    seconds: f64,
}

impl Lane {
    /// A lane for a given width and size of type, of a sound of so many seconds.
    pub fn new(width: f64, type_size: f64, seconds: f64) -> Self {
        let em = type_size;
        let width = width.max(160.0).round();
        let wave = ((em * 0.4).round(), (em * 5.4).round());
        let mass = ((em * 6.2).round(), (em * 10.2).round());
        Lane {
            width,
            height: (em * 13.2).round(),
            across: ((em * 3.6).round(), width - (em * 0.6).round()),
            wave,
            mass,
            type_size,
            seconds: seconds.max(1e-3),
        }
    }

    /// The place of a time.
    pub fn x(&self, seconds: f64) -> f64 {
        let (left, right) = self.across;
        left + (seconds / self.seconds).clamp(0.0, 1.0) * (right - left)
    }

    /// The time under a point; `None` beside the plot.
    pub fn seconds_at(&self, x: f64, y: f64) -> Option<f64> {
        let (left, right) = self.across;
        let inside = (left..=right).contains(&x) && (0.0..=self.height).contains(&y);
        inside.then(|| (x - left) / (right - left) * self.seconds)
    }
}

impl Sound {
    /// The stretch that a time lies in.
    pub fn stretch_at(&self, seconds: f64) -> Option<usize> {
        self.stretches.iter().position(|s| (s.start..s.end).contains(&seconds))
    }
}

/// Seconds between two marks of the time axis, of which there are at most `most`.
fn marks(seconds: f64, most: usize) -> f64 {
    let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0];
    let fits = |step: &f64| seconds / step <= most.max(1) as f64;
    steps.into_iter().find(fits).unwrap_or(120.0)
}

/// The sound as an SVG document.
pub fn svg(sound: &Sound, lane: &Lane, style: &Style) -> String {
    canvas::svg((lane.width, lane.height), |canvas| draw(canvas, sound, lane, style))
}

/// Draws the sound on a canvas of the lane's size.
///
/// # Errors
/// Whatever the backend reports.
pub fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    sound: &Sound,
    lane: &Lane,
    style: &Style,
) -> Drawn<DB> {
    let (palette, em) = (&style.palette, lane.type_size);
    let quiet = Type::new(em, palette.muted);
    let (left, right) = lane.across;
    // What the model did not hear has another ground.
    if sound.heard < sound.seconds {
        canvas.rect((lane.x(sound.heard), lane.wave.0), (right, lane.mass.1), palette.band)?;
    }
    let middle = (lane.wave.0 + lane.wave.1) / 2.0;
    let half = (lane.wave.1 - lane.wave.0) / 2.0;
    canvas.line(&[(left, middle), (right, middle)], palette.line, 1.0)?;
    let wide = (right - left) / sound.peaks.len().max(1) as f64;
    for (at, (low, high)) in sound.peaks.iter().enumerate() {
        let x = left + at as f64 * wide;
        let y = |value: f32| middle - f64::from(value.clamp(-1.0, 1.0)) * half;
        // Silence is a line, not nothing.
        let (top, bottom) = (y(*high).min(middle - 0.5), y(*low).max(middle + 0.5));
        canvas.rect((x, top), (x + wide.max(1.0), bottom), palette.muted)?;
    }
    let (top, bottom) = lane.mass;
    for (share, label) in [(0.0, "0".to_owned()), (1.0, percent(sound.top.into()))] {
        let y = bottom - share * (bottom - top);
        canvas.line(&[(left, y), (right, y)], palette.line, 1.0)?;
        let place = (left - em * 0.5, y);
        canvas.text(&label, place, quiet.at(Across::Right, Down::Center))?;
    }
    for stretch in &sound.stretches {
        let Some(share) = stretch.share else { continue };
        let (from, to) = (lane.x(stretch.start), lane.x(stretch.end));
        let t = if sound.top > 0.0 { f64::from(share / sound.top).clamp(0.0, 1.0) } else { 0.0 };
        // A hairline between stretches, none where they are narrow.
        let gap = if to - from < 4.0 { 0.0 } else { 0.5 };
        let y = (bottom - t * (bottom - top)).min(bottom - 0.5);
        canvas.rect((from + gap, y), (to - gap, bottom), palette.picture)?;
    }
    let step = marks(sound.seconds, ((right - left) / (em * 4.0)) as usize);
    let mut at = 0.0;
    while at <= sound.seconds + 1e-9 {
        let x = lane.x(at);
        canvas.line(&[(x, bottom), (x, bottom + em * 0.3)], palette.line, 1.0)?;
        let label = if step < 1.0 { format!("{at:.1}") } else { format!("{at:.0}") };
        canvas.text(&label, (x, bottom + em * 0.5), quiet.at(Across::Center, Down::Top))?;
        at += step;
    }
    let place = ((left + right) / 2.0, lane.height - em * 0.1);
    canvas.text(style.words.seconds, place, quiet.at(Across::Center, Down::Bottom))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Sound {
        let stretch = |n: u32| Stretch {
            start: f64::from(n) * 0.04,
            end: f64::from(n + 1) * 0.04,
            share: (n != 3).then_some(n as f32 * 0.01),
        };
        Sound {
            seconds: 0.5,
            heard: 0.4,
            peaks: vec![(-0.5, 0.5), (0.0, 0.0), (-2.0, 2.0)],
            stretches: (0..10).map(stretch).collect(),
            top: 0.05,
        }
    }

    #[test]
    fn a_time_is_found_at_its_place() {
        let lane = Lane::new(600.0, 12.0, 3.0);
        for seconds in [0.0, 0.4, 1.7, 3.0] {
            let found = lane.seconds_at(lane.x(seconds), 20.0);
            assert!(found.is_some_and(|at| (at - seconds).abs() < 1e-9), "{seconds}: {found:?}");
        }
        assert_eq!(lane.seconds_at(2.0, 20.0), None);
        assert_eq!(lane.seconds_at(300.0, lane.height + 1.0), None);
        let sound = sound();
        assert_eq!(sound.stretch_at(0.05), Some(1));
        assert_eq!(sound.stretch_at(0.45), None, "the model did not hear that");
    }

    #[test]
    fn attention_ends_at_the_top_and_what_was_dropped_is_not_drawn() {
        let (sound, style) = (sound(), Style::default());
        let lane = Lane::new(600.0, 12.0, sound.seconds);
        let drawn = svg(&sound, &lane, &style);
        let blue = style.palette.picture.css().to_uppercase();
        assert_eq!(drawn.to_uppercase().matches(&blue).count(), 9, "one of ten was dropped");
        let none = svg(&Sound { stretches: vec![], ..sound }, &lane, &style);
        assert!(!none.to_uppercase().contains(&blue));
    }

    #[test]
    fn marks_are_few_enough_to_be_read() {
        assert_eq!([marks(0.4, 8), marks(3.0, 8), marks(30.0, 8)], [0.1, 0.5, 5.0]);
        assert_eq!(marks(600.0, 8), 120.0);
    }
}
