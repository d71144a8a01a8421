//! What of a person's picture the model saw: a crop leaves a part out, padding adds some.

use shared::PreparedPicture;

use crate::words;

/// Where things lie in a drawing of the whole picture, in its own pixels: x, y, width, height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Framing {
    /// All that is drawn: the picture and what was added to it.
    pub view: [f32; 4],
    /// The picture.
    pub picture: [f32; 4],
    /// What the model saw.
    pub frame: [f32; 4],
}

/// How the model's frame lies on the picture; `None` where both are the same, and there is nothing
/// to show.
pub fn framing(p: &PreparedPicture) -> Option<Framing> {
    words::fitted(p)?;
    let picture = [0.0, 0.0, p.source_width as f32, p.source_height as f32];
    let frame = p.covers;
    let (left, top) = (frame[0].min(0.0), frame[1].min(0.0));
    let right = (frame[0] + frame[2]).max(picture[2]);
    let bottom = (frame[1] + frame[3]).max(picture[3]);
    Some(Framing { view: [left, top, right - left, bottom - top], picture, frame })
}

/// Whether the picture's shape changed on its way into the model, by more than a fiftieth: sizes are
/// rounded to whole patches, and of a small picture that squeezes it.
pub fn squeezed(p: &PreparedPicture) -> bool {
    let [_, _, width, height] = p.covers;
    let across = p.width as f32 / width.max(1.0);
    let down = p.height as f32 / height.max(1.0);
    (across / down - 1.0).abs() > 0.02
}

impl Framing {
    /// The part outside the frame, as an SVG path with a hole (fill rule `evenodd`).
    pub fn outside(&self) -> String {
        let rectangle = |[x, y, w, h]: [f32; 4]| format!("M{x} {y}h{w}v{h}h{}Z", -w);
        rectangle(self.view) + &rectangle(self.frame)
    }

    /// Part of the picture's area that the model saw.
    pub fn seen(&self) -> f64 {
        let overlap = |from: usize| {
            let end = (self.frame[from] + self.frame[from + 2]).min(self.picture[from + 2]);
            f64::from((end - self.frame[from].max(0.0)).max(0.0) / self.picture[from + 2].max(1.0))
        };
        overlap(0) * overlap(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(covers: [f32; 4]) -> PreparedPicture {
        PreparedPicture {
            width: 96,
            height: 96,
            source_width: 640,
            source_height: 480,
            covers,
            rows: 8,
            cols: 8,
        }
    }

    #[test]
    fn a_crop_leaves_a_part_out() {
        let crop = framing(&picture([80.0, 0.0, 480.0, 480.0])).expect("something is cut off");
        assert_eq!(crop.view, [0.0, 0.0, 640.0, 480.0]);
        assert_eq!(crop.outside(), "M0 0h640v480h-640ZM80 0h480v480h-480Z");
        assert!((crop.seen() - 0.75).abs() < 1e-6);
    }

    #[test]
    fn padding_reaches_beyond_the_picture() {
        let pad = framing(&picture([0.0, -80.0, 640.0, 640.0])).expect("something is added");
        assert_eq!(pad.view, [0.0, -80.0, 640.0, 640.0]);
        assert!((pad.seen() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_squeezed_picture_is_said_to_be() {
        assert!(!squeezed(&picture([80.0, 0.0, 480.0, 480.0])));
        assert!(squeezed(&picture([0.0, 0.0, 640.0, 480.0])), "a wide picture made square");
    }

    #[test]
    fn a_picture_seen_whole_needs_no_frame() {
        assert_eq!(framing(&picture([0.0, 0.0, 640.0, 480.0])), None);
        assert_eq!(framing(&picture([0.2, 0.0, 639.6, 480.0])), None, "rounding cuts nothing off");
    }
}
