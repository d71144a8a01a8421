//! Logarithmic axes: what they span, and where they are marked.

/// The span of a logarithmic axis that holds these values and 1, with a little room; values that
/// no such axis has are passed over.
pub fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (0.8, 1.25);
    for value in values.filter(|v| v.is_finite() && *v > 0.0) {
        low = f64::min(low, value / 1.15);
        high = f64::max(high, value * 1.15);
    }
    (low, high)
}

/// Marks within a span at 1, 2 and 5 times the powers of ten; fewer where they would crowd.
pub fn marks((low, high): (f64, f64), most: usize) -> Vec<f64> {
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let at = |steps: &[f64], every: i32| -> Vec<f64> {
        let decades = decades.clone().filter(|d| d.rem_euclid(every) == 0);
        let all = decades.flat_map(|d| steps.iter().map(move |s| s * 10f64.powi(d)));
        all.filter(|m| (low..=high).contains(m)).collect()
    };
    let choices =
        [(&[1.0, 2.0, 5.0][..], 1), (&[1.0, 3.0], 1), (&[1.0], 1), (&[1.0], 2), (&[1.0], 4)];
    let fits = choices.iter().map(|(steps, every)| at(steps, *every)).find(|m| m.len() <= most);
    fits.unwrap_or_else(|| vec![1.0])
}

/// Moves labels apart so that neighbours are at least `room` from one another, within a span: each
/// is moved as little as that takes. Gives the new places in the order of the old.
pub fn spread(places: &[f64], room: f64, (top, bottom): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| places[*a].total_cmp(&places[*b]));
    // Groups of labels that touch: their middle is the middle of where they want to be.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let extent = |group: &[usize]| {
        let middle = group.iter().map(|i| places[*i]).sum::<f64>() / group.len() as f64;
        let half = (group.len() - 1) as f64 * room / 2.0;
        let middle = middle.clamp((top + half).min(bottom - half), (bottom - half).max(top + half));
        (middle - half, middle + half)
    };
    for i in order {
        groups.push(vec![i]);
        while let [.., a, b] = &groups[..] {
            if extent(a).1 + room <= extent(b).0 + 1e-9 {
                break;
            }
            let last = groups.pop().unwrap_or_default();
            if let Some(before) = groups.last_mut() {
                before.extend(last);
            }
        }
    }
    let mut out = vec![0.0; places.len()];
    for group in groups {
        let (from, _) = extent(&group);
        for (k, i) in group.iter().enumerate() {
            out[*i] = from + k as f64 * room;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_marked_where_people_look() {
        assert_eq!(marks((0.8, 20.0), 9), [1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(marks((0.01, 2000.0), 6), [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(span([f64::NAN, 0.0, -1.0].into_iter()), (0.8, 1.25));
        assert!(span([17.0].into_iter()).1 > 17.0);
    }

    #[test]
    fn labels_do_not_touch() {
        let moved = spread(&[10.0, 11.0, 50.0], 14.0, (0.0, 100.0));
        assert_eq!(moved, [3.5, 17.5, 50.0]);
        // Nor leave the plot, whatever they ask for.
        let moved = spread(&[99.0, 98.0, 97.0], 14.0, (0.0, 100.0));
        assert_eq!(moved, [100.0, 86.0, 72.0]);
    }
}
