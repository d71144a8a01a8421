//! Products of f32 matrices on one thread, for work that is cut into parts by itself.
#![allow(unsafe_code, reason = "the crate gemm takes addresses")]

use std::marker::PhantomData;

use gemm::Parallelism;

/// A matrix within numbers of somebody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    /// How far apart rows are, and columns.
    by: (usize, usize),
}

impl<'a> View<'a> {
    /// Rows that begin `by` apart.
    ///
    /// # Panics
    /// There are not so many values.
    pub(crate) fn new(values: &'a [f32], (rows, columns): (usize, usize), by: usize) -> Self {
        assert!(columns <= by || rows <= 1, "rows overlap");
        assert!(rows == 0 || (rows - 1) * by + columns <= values.len(), "values are missing");
        View { values, rows, columns, by: (by, 1) }
    }

    /// The same values, with columns for rows.
    pub(crate) const fn t(self) -> Self {
        let View { values, rows, columns, by } = self;
        View { values, rows: columns, columns: rows, by: (by.1, by.0) }
    }
}

/// A result of some columns, of which threads write columns of their own.
#[derive(Debug)]
pub(crate) struct ByColumns<'a> {
    first: *mut f32,
    rows: usize,
    columns: usize,
    of: PhantomData<&'a mut [f32]>,
}

// SAFETY: whoever writes promises to write columns of its own, and the result cannot be read before
// this is gone.
unsafe impl Sync for ByColumns<'_> {}

impl<'a> ByColumns<'a> {
    pub(crate) fn new(values: &'a mut [f32], columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        ByColumns { first: values.as_mut_ptr(), rows, columns, of: PhantomData }
    }

    /// Writes values of a row from column `at` on.
    ///
    /// # Safety
    /// No other thread writes these columns meanwhile.
    pub(crate) unsafe fn put(&self, row: usize, at: usize, values: &[f32]) {
        assert!(row < self.rows && at + values.len() <= self.columns, "beyond the result");
        // SAFETY: within the result, as was just seen, and nobody else's, as the caller says.
        unsafe {
            let to = self.first.add(row * self.columns + at);
            std::ptr::copy_nonoverlapping(values.as_ptr(), to, values.len());
        }
    }

    /// Writes `a b` into the columns from `at` on.
    ///
    /// # Safety
    /// No other thread writes these columns meanwhile.
    pub(crate) unsafe fn product(&self, at: usize, a: View, b: View) {
        assert!(a.columns == b.rows && a.rows == self.rows, "sizes that do not meet");
        assert!(at + b.columns <= self.columns, "beyond the result");
        let (apart, columns) = ((a.by, b.by), self.columns as isize);
        let ((a_row, a_column), (b_row, b_column)) = apart;
        // SAFETY: all values of both are there, as their views were made; the result's columns are
        // within it, as was just seen, and nobody else's, as the caller says.
        unsafe {
            gemm::gemm(
                a.rows,
                b.columns,
                a.columns,
                self.first.add(at),
                1,
                columns,
                false,
                a.values.as_ptr(),
                a_column as isize,
                a_row as isize,
                b.values.as_ptr(),
                b_column as isize,
                b_row as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

/// Writes `a b`, row by row.
///
/// # Panics
/// The sizes do not meet.
pub(crate) fn product(to: &mut [f32], a: View, b: View) {
    assert_eq!(to.len(), a.rows * b.columns, "a result of another size");
    let to = ByColumns::new(to, b.columns);
    // SAFETY: the result is borrowed for this alone.
    unsafe { to.product(0, a, b) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_sums_of_products() {
        let wave =
            |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        let (m, k, n) = (7, 33, 18);
        let (a, b) = (wave(m * 40, 0.7), wave(n * 35, 0.3));
        let mut to = vec![9.0; m * (n + 4)];
        let of = |values: &mut [f32]| {
            let to = ByColumns::new(values, n + 4);
            // SAFETY: one thread.
            unsafe { to.product(3, View::new(&a, (m, k), 40), View::new(&b, (n, k), 35).t()) };
        };
        of(&mut to);
        let want =
            |i: usize, j: usize| -> f32 { (0..k).map(|l| a[40 * i + l] * b[35 * j + l]).sum() };
        for (i, row) in to.chunks(n + 4).enumerate() {
            assert_eq!([row[0], row[1], row[2], row[n + 3]], [9.0; 4], "only the asked columns");
            for (j, got) in row[3..3 + n].iter().enumerate() {
                assert!((got - want(i, j)).abs() < 1e-5, "{i} {j}: {got}");
            }
        }
    }
}
