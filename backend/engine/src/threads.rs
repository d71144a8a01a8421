//! Work on all cores that waits for nobody who has not begun.
//!
//! Whoever asks works too. Threads of rayon's pool help as soon as the system lets them run; where other
//! programs hold the cores, the asker does everything alone instead of waiting for its helpers, and
//! nobody spins.
#![allow(unsafe_code, reason = "work is lent to threads of a pool")]

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;

/// Looks at what is left before the asker goes to sleep: a part's end is often that near.
const LOOKS: usize = 500;

type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// Work in parts, which threads take one after another.
struct Job {
    work: *const Work<'static>,
    parts: usize,
    /// The next part that nobody has taken.
    next: AtomicUsize,
    /// Parts that are not done.
    left: AtomicUsize,
    panicked: AtomicBool,
    asker: Thread,
}

// SAFETY: the work may be called by several threads, and is only called while the asker waits: see
// `each_part`.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

impl Job {
    fn take(&self) -> Option<usize> {
        let part = self.next.fetch_add(1, Ordering::Relaxed);
        (part < self.parts).then_some(part)
    }

    fn is_done(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    fn done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.asker.unpark();
        }
    }

    fn help(&self) {
        while let Some(part) = self.take() {
            // SAFETY: a part that was taken and is not done: the asker waits for it.
            let work = unsafe { &*self.work };
            if catch_unwind(AssertUnwindSafe(|| work(part))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.done();
        }
    }
}

/// Calls `work` once with each number below `parts`, on as many threads as there are cores.
///
/// # Panics
/// The work did.
pub(crate) fn each_part(parts: usize, work: &Work<'_>) {
    let helpers = rayon::current_num_threads().min(parts).saturating_sub(1);
    if helpers == 0 {
        return (0..parts).for_each(work);
    }
    let work: *const Work<'_> = work;
    let job = Arc::new(Job {
        // SAFETY: only the lifetime changes. The work is called between a part's being taken and its
        // being done, and this function returns when all parts are done, so never after it.
        work: unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) },
        parts,
        next: AtomicUsize::new(0),
        left: AtomicUsize::new(parts),
        panicked: AtomicBool::new(false),
        asker: std::thread::current(),
    });
    for _ in 0..helpers {
        let job = job.clone();
        rayon::spawn(move || job.help());
    }
    job.help();
    let mut looks = 0;
    while !job.is_done() {
        looks += 1;
        if looks < LOOKS { std::hint::spin_loop() } else { std::thread::park() }
    }
    if job.panicked.load(Ordering::Relaxed) {
        resume_unwind(Box::new("a part of the work panicked"));
    }
}

/// [`each_part`] with a piece of some values each, all but the last of the same length.
pub(crate) fn each_piece<T: Send>(
    values: &mut [T],
    length: usize,
    work: &(impl Fn(usize, &mut [T]) + Sync),
) {
    let values = Values::new(values, length);
    // SAFETY: no part comes twice.
    each_part(values.pieces(), &|part| work(part, unsafe { values.piece(part) }));
}

/// [`each_piece`] of two kinds of values at once, each cut into pieces of its own length.
pub(crate) fn each_pair<A: Send, B: Send>(
    (a, of_a): (&mut [A], usize),
    (b, of_b): (&mut [B], usize),
    work: &(impl Fn(usize, &mut [A], &mut [B]) + Sync),
) {
    let (a, b) = (Values::new(a, of_a), Values::new(b, of_b));
    // SAFETY: no part comes twice.
    each_part(a.pieces().min(b.pieces()), &|part| unsafe {
        work(part, a.piece(part), b.piece(part));
    });
}

/// Values in pieces for threads.
struct Values<'a, T> {
    first: *mut T,
    all: usize,
    length: usize,
    of: PhantomData<&'a mut [T]>,
}

// SAFETY: threads take different pieces.
unsafe impl<T: Send> Sync for Values<'_, T> {}

impl<'a, T> Values<'a, T> {
    fn new(values: &'a mut [T], length: usize) -> Self {
        Values { first: values.as_mut_ptr(), all: values.len(), length, of: PhantomData }
    }

    fn pieces(&self) -> usize {
        self.all.div_ceil(self.length)
    }

    /// # Safety
    /// Each piece is taken once.
    unsafe fn piece(&self, part: usize) -> &'a mut [T] {
        let from = part * self.length;
        let length = self.length.min(self.all - from);
        // SAFETY: within the values, which are borrowed as long, and no piece is taken twice.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(from), length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_done_once() {
        for parts in [0, 1, 2, 3, 1000] {
            let seen: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
            each_part(parts, &|part| {
                seen[part].fetch_add(1, Ordering::Relaxed);
            });
            assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{parts}");
        }
        let mut values = vec![0usize; 10_007];
        each_piece(&mut values, 100, &|part, piece| {
            assert_eq!(piece.len(), if part == 100 { 7 } else { 100 });
            piece.iter_mut().for_each(|v| *v += part + 1);
        });
        assert!(values.iter().enumerate().all(|(i, v)| *v == i / 100 + 1));
    }

    #[test]
    fn askers_do_not_wait_for_one_another() {
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        each_part(16, &|part| {
                            // Work within work.
                            each_part(2, &|_| {
                                total.fetch_add(part, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 8 * 200 * 2 * 120);
    }

    #[test]
    fn a_panic_is_the_askers() {
        let work = || each_part(50, &|part| assert_ne!(part, 30, "on purpose"));
        assert!(catch_unwind(work).is_err());
        each_part(3, &|_| ());
    }
}
