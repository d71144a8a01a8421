//! Logarithmic domains and ticks.

/// How far beyond the outermost value an axis reaches.
const PADDING: f64 = 1.3;
/// An axis covers at least this factor on either side of 1, so that noise around balance does not
/// look like dominance.
const LEAST: f64 = 2.0;

/// The domain of a logarithmic axis for the given values; always contains 1 well inside.
pub fn domain(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut lo, mut hi) = (1.0 / LEAST, LEAST);
    for v in values.filter(|v| v.is_finite() && *v > 0.0) {
        lo = lo.min(v / PADDING);
        hi = hi.max(v * PADDING);
    }
    (lo, hi)
}

/// Ticks at 1, 2 and 5 times powers of ten inside the domain, thinned so that neighbours are at
/// least `gap` apart on an axis of `length`; 1 is always among them.
pub fn ticks((lo, hi): (f64, f64), length: f64, gap: f64) -> Vec<f64> {
    let decades = (libm::log10(lo).floor() as i32)..=(libm::log10(hi).ceil() as i32);
    let all: Vec<f64> = decades
        .flat_map(|d| [1.0, 2.0, 5.0].map(|m| m * power_of_ten(d)))
        .filter(|t| (lo..=hi).contains(t))
        .collect();
    let per_unit = length / libm::log10(hi / lo);
    let fits = |kept: &[f64]| kept.windows(2).all(|w| libm::log10(w[1] / w[0]) * per_unit >= gap);
    if fits(&all) {
        return all;
    }
    // Whole decades, then every second, third … decade, counted from 1.
    (1..)
        .map(|step| {
            let keep = |t: &f64| {
                let power = libm::log10(*t);
                (power - power.round()).abs() < 1e-9 && (power.round() as i32) % step == 0
            };
            all.iter().copied().filter(keep).collect::<Vec<f64>>()
        })
        .find(|kept| fits(kept))
        .unwrap_or_default()
}

/// A power of ten, the same on every machine; what is read from its decimal form is exact.
fn power_of_ten(power: i32) -> f64 {
    format!("1e{power}").parse().unwrap_or(1.0)
}

/// Which layers get a label when a label needs `gap` and layers are `step` apart: every 1st, 2nd,
/// 5th, 10th … one.
pub fn label_every(step: f64, gap: f64) -> usize {
    [1, 2, 5, 10, 20, 50, 100].into_iter().find(|n| *n as f64 * step >= gap).unwrap_or(200)
}

/// Moves labels apart: each as near to where it wants to be as `gap` between neighbours and the
/// ends `(lo, hi)` allow, in the order they came where they want the same place.
pub fn spread(wanted: &[f64], gap: f64, (lo, hi): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    // Blocks of labels that touch: where the first one is, and which they are.
    let mut blocks: Vec<(f64, Vec<usize>)> = Vec::new();
    for i in order {
        let mut block = (wanted[i].clamp(lo, hi.max(lo)), vec![i]);
        while let Some(before) = blocks.pop_if(|b| b.0 + b.1.len() as f64 * gap > block.0) {
            let members: Vec<usize> = before.1.into_iter().chain(block.1).collect();
            // The place at which its members are, on the whole, nearest to where they want to be.
            let first = members.iter().enumerate().map(|(n, i)| wanted[*i] - n as f64 * gap);
            let mean = first.sum::<f64>() / members.len() as f64;
            let last = hi - (members.len() - 1) as f64 * gap;
            block = (mean.min(last).max(lo), members);
        }
        let last = hi - (block.1.len() - 1) as f64 * gap;
        block.0 = block.0.min(last).max(lo);
        blocks.push(block);
    }
    let mut places = vec![0.0; wanted.len()];
    for (first, members) in blocks {
        for (n, i) in members.into_iter().enumerate() {
            places[i] = first + n as f64 * gap;
        }
    }
    places
}

/// A tick's label: as many digits as it has.
pub fn label(tick: f64) -> String {
    if tick >= 1.0 {
        format!("{tick:.0}")
    } else {
        let places = (-libm::log10(tick)).ceil().max(1.0) as usize;
        format!("{tick:.places$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_contains_one_and_every_value() {
        assert_eq!(domain([].into_iter()), (0.5, 2.0));
        assert_eq!(domain([1.01, 0.99].into_iter()), (0.5, 2.0));
        let (lo, hi) = domain([17.4, 0.0, f64::NAN, 1.5].into_iter());
        assert!(lo == 0.5 && hi > 17.4 && hi < 30.0);
        let (lo, _) = domain([0.01].into_iter());
        assert!(lo < 0.01 && lo > 0.001);
    }

    #[test]
    fn ticks_are_one_two_five_and_thin_out_to_decades() {
        assert_eq!(ticks((0.5, 30.0), 300.0, 20.0), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(ticks((0.5, 3000.0), 200.0, 20.0), [1.0, 10.0, 100.0, 1000.0]);
        let many = ticks((1e-9, 1e9), 100.0, 20.0);
        assert!(many.contains(&1.0) && many.len() <= 6, "{many:?}");
    }

    #[test]
    fn labels_move_no_further_than_they_must() {
        assert_eq!(spread(&[10.0, 50.0], 12.0, (0.0, 100.0)), [10.0, 50.0]);
        assert_eq!(spread(&[50.0, 50.0], 10.0, (0.0, 100.0)), [45.0, 55.0]);
        assert_eq!(spread(&[98.0, 99.0], 10.0, (0.0, 100.0)), [90.0, 100.0]);
        assert_eq!(spread(&[], 10.0, (0.0, 100.0)), [0.0; 0]);
        let places = spread(&[40.0, 42.0, 41.0, 90.0, 95.0], 8.0, (0.0, 100.0));
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|w| w[1] - w[0] >= 8.0 - 1e-9), "{places:?}");
        assert!(places[0] < places[2] && places[2] < places[1], "{places:?}");
        assert!(sorted[4] <= 100.0);
    }

    #[test]
    fn labels_have_the_digits_of_the_tick() {
        assert_eq!([0.05, 0.5, 1.0, 200.0].map(label), ["0.05", "0.5", "1", "200"]);
        assert_eq!(label_every(40.0, 24.0), 1);
        assert_eq!(label_every(9.0, 24.0), 5);
    }
}
