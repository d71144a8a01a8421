//! Values that outlive those who read them.
//!
//! Leptos takes a reader off a value's list only when the reader runs again, not when it is gone:
//! what is as old as the page would keep a line for every token of every run ever shown.

use leptos::prelude::*;
use leptos::reactive::graph::{Observer, Source, ToAnySource};

/// A memo that forgets readers that are gone.
#[derive(Debug)]
pub struct Kept<T: Send + Sync + 'static>(Memo<T>);

impl<T: Send + Sync + 'static> Clone for Kept<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Kept<T> {}

impl<T: PartialEq + Send + Sync + 'static> Kept<T> {
    /// A value that is computed anew when what it reads has changed.
    pub fn new(compute: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Kept(Memo::new(move |_| compute()))
    }

    /// Sees to it that whoever is reading now is forgotten when it ends or reads again.
    fn forget_later(&self) {
        if let Some(reader) = Observer::get() {
            let source = ArcMemo::from(self.0).to_any_source();
            on_cleanup(move || source.remove_subscriber(&reader));
        }
    }

    /// The value; the reader runs again when it changes.
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.forget_later();
        self.0.get()
    }

    /// Looks at the value; the reader runs again when it changes.
    pub fn with<U>(&self, look: impl FnOnce(&T) -> U) -> U {
        self.forget_later();
        self.0.with(look)
    }

    /// The value as it is now.
    pub fn get_untracked(&self) -> T
    where
        T: Clone,
    {
        self.0.get_untracked()
    }

    /// Looks at the value as it is now.
    pub fn with_untracked<U>(&self, look: impl FnOnce(&T) -> U) -> U {
        self.0.with_untracked(look)
    }
}

/// Takes readers that are gone off a signal's list: all are told of a change, and those that are
/// still there come back when they read again.
pub fn forget_gone<T: Send + Sync + 'static>(signal: RwSignal<T>) {
    signal.notify();
    signal.to_any_source().clear_subscribers();
}
