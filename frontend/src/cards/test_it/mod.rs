//! "Test it": the run again with one thing changed.

use leptos::prelude::*;

use crate::compare::test_it::TestIt;
use crate::lab::use_lab;

/// The row of tests under the curve.
#[component]
pub fn TestItCard() -> impl IntoView {
    let run = use_lab().run;
    view! {
        <div class="tests"><TestIt run beside=Vec::new() chosen=run.view.layer.into()/></div>
    }
}
