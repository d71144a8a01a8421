//! How fast items come to their ends.

/// Ends of this many seconds tell the rate.
const MINUTE: f64 = 60.0;

/// Items a second over the last minute of work, from the moments at which items ended, the newest
/// first. The clock may have been set meanwhile, forward or back, and several workers hand ends in:
/// what lies between two ends counts only where it is no less than nothing and no more than a minute.
pub(super) fn of(newest_first: &[f64], now: f64) -> Option<f64> {
    let plausible = |span: &f64| (0.0..=MINUTE).contains(span);
    newest_first.first().map(|newest| now - newest).filter(plausible)?;
    let (mut items, mut seconds) = (0_u32, 0.0);
    let spans = newest_first.windows(2).map(|pair| pair[0] - pair[1]);
    for span in spans.filter(plausible) {
        if seconds + span > MINUTE {
            break;
        }
        items += 1;
        seconds += span;
    }
    (items > 0 && seconds > 0.0).then(|| f64::from(items) / seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// An item a second, while the clock is set to another day, and back.
    #[test]
    fn a_clock_that_is_set_makes_no_estimate_absurd() {
        let day = 86_400.0;
        let ends = |shifts: &[(usize, f64)]| {
            let mut at: Vec<f64> = (0..40).map(f64::from).collect();
            for (from, shift) in shifts {
                at[*from..].iter_mut().for_each(|at| *at += shift);
            }
            let now = at[39] + 0.5;
            at.reverse();
            (at, now)
        };
        for shifts in [
            &[][..],
            &[(20, day)],
            &[(20, -day)],
            &[(39, 3650.0 * day)],
            &[(10, day), (11, -day), (30, -3.0 * day)],
            &[(38, -day), (39, day)],
        ] {
            let (at, now) = ends(shifts);
            let rate = of(&at, now).unwrap();
            assert!((rate - 1.0).abs() < 1e-9, "{shifts:?}: {rate}");
        }
        // Set since the last end: nothing is known until the next.
        let (at, now) = ends(&[]);
        assert_eq!((of(&at, now + day), of(&at, now - day)), (None, None));
        assert_eq!((of(&[], 0.0), of(&[5.0], 5.0), of(&[5.0, 5.0], 5.0)), (None, None, None));
        // Two workers whose clocks are a day apart, one end each in turn: no estimate, none that is
        // wrong.
        let two: Vec<f64> = (0..40).map(|i| f64::from(39 - i) + f64::from(i % 2) * day).collect();
        assert_eq!(of(&two, 39.5), None);
        // Only the last minute counts.
        let slower: Vec<f64> = (0..100).map(|i| 1000.0 - 10.0 * f64::from(i)).collect();
        assert_eq!(of(&slower, 1001.0), Some(0.1));
    }
}
