//! A single query row's attention, as it is when a token is written: keys and values are read from
//! memory once, and nothing is packed for it as a product of many rows would be.

/// Numbers that the compiler keeps in one register.
const LANES: usize = 8;
/// Keys at a time.
const KEYS: usize = 4;

/// The products of a query `[width]` with keys `[n, width]`, row by row.
pub(super) fn scores(to: &mut [f32], query: &[f32], keys: &[f32]) {
    let width = query.len();
    let (of_four, of_one) = to.split_at_mut(to.len() / KEYS * KEYS);
    let (four, one) = keys.split_at(of_four.len() * width);
    for (to, keys) in of_four.chunks_exact_mut(KEYS).zip(four.chunks_exact(KEYS * width)) {
        let rows: [&[f32]; KEYS] = std::array::from_fn(|i| &keys[i * width..(i + 1) * width]);
        to.copy_from_slice(&dots(query, rows));
    }
    for (to, key) in of_one.iter_mut().zip(one.chunks_exact(width)) {
        [*to] = dots(query, [key]);
    }
}

/// Dot products with some rows; each is added up in the same order, however many there are.
#[inline(always)]
fn dots<const N: usize>(query: &[f32], rows: [&[f32]; N]) -> [f32; N] {
    let mut sums = [[0f32; LANES]; N];
    let (chunks, rest) = query.as_chunks::<LANES>();
    let parts = rows.map(|row| row.as_chunks::<LANES>());
    for (at, q) in chunks.iter().enumerate() {
        for (sum, (row, _)) in sums.iter_mut().zip(&parts) {
            for ((lane, q), k) in sum.iter_mut().zip(q).zip(&row[at]) {
                *lane += q * k;
            }
        }
    }
    std::array::from_fn(|i| {
        let rest: f32 = rest.iter().zip(parts[i].1).map(|(q, k)| q * k).sum();
        sums[i].iter().sum::<f32>() + rest
    })
}

/// The sum of values `[n, width]`, row by row, each by its weight.
pub(super) fn weighted(to: &mut [f32], weights: &[f32], values: &[f32]) {
    let width = to.len();
    to.fill(0.0);
    let (of_four, of_one) = weights.split_at(weights.len() / KEYS * KEYS);
    let (four, one) = values.split_at(of_four.len() * width);
    for (weights, values) in of_four.chunks_exact(KEYS).zip(four.chunks_exact(KEYS * width)) {
        let [a, b, c, d] = std::array::from_fn(|i| &values[i * width..(i + 1) * width]);
        let rows = a.iter().zip(b).zip(c.iter().zip(d));
        for (to, ((a, b), (c, d))) in to.iter_mut().zip(rows) {
            *to += (weights[0] * a + weights[1] * b) + (weights[2] * c + weights[3] * d);
        }
    }
    for (weight, row) in of_one.iter().zip(one.chunks_exact(width)) {
        for (to, value) in to.iter_mut().zip(row) {
            *to += weight * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_is_what_sums_in_f64_say(
            width in 1usize..70,
            keys in 0usize..23,
            seed in any::<u32>(),
        ) {
            let mut state = seed;
            let mut number = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            };
            let mut some = |n: usize| (0..n).map(|_| number()).collect::<Vec<f32>>();
            let (query, rows, by) = (some(width), some(keys * width), some(keys));
            let mut got = vec![f32::NAN; keys];
            scores(&mut got, &query, &rows);
            for (got, row) in got.iter().zip(rows.chunks(width)) {
                let want: f64 = row.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} for {want}");
            }
            let mut got = vec![f32::NAN; width];
            weighted(&mut got, &by, &rows);
            for (column, got) in got.iter().enumerate() {
                let of = |(row, by): (&[f32], &f32)| f64::from(row[column]) * f64::from(*by);
                let want: f64 = rows.chunks(width).zip(&by).map(of).sum();
                prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} for {want}");
            }
        }
    }
}
