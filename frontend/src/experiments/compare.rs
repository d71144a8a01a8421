//! Another experiment beside this one.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use shared::experiment::ExperimentProgress;
use shared::experiment::compare::{Comparison, compare};
use shared::experiment::stats::Means;
use shared::experiment::tables::{Tables, short};

use super::list::known;
use super::tables::stage_table;
use super::told;
use super::watched::Watched;

use crate::base::at;
use crate::language::t;

/// Chooses the experiment to compare with.
#[component]
pub(super) fn Choose(
    /// The one on the page.
    first: Watched,
    /// The other's name; empty for none.
    with: Signal<String>,
) -> impl IntoView {
    let navigate = use_navigate();
    let others = RwSignal::new(Vec::<ExperimentProgress>::new());
    Effect::new(move |_| {
        let own = first.id.get();
        spawn_local(async move {
            let all = known().await.into_iter().filter(|e| e.id != own).collect();
            others.try_set(all);
        });
    });
    let go = move |other: String| {
        let id = first.id.get_untracked();
        let address = match other.as_str() {
            "" => format!("/e/{id}"),
            other => format!("/e/{id}?with={other}"),
        };
        navigate(&address, leptos_router::NavigateOptions { scroll: false, ..Default::default() });
    };
    view! {
        <label class="compare-with">
            {t("Compare with")}
            <select data-testid="compare" on:change=move |event| go(event_target_value(&event))>
                <option value="">{t("nothing")}</option>
                {move || others.get().into_iter().map(|e| {
                    let chosen = with.get_untracked() == e.id;
                    let day = e.created.get(..16).unwrap_or_default().replace('T', " ");
                    view! { <option value=e.id selected=chosen>{format!("{} · {day}", e.title)}</option> }
                }).collect_view()}
                // One that came with the link is not among this browser's own.
                {move || {
                    let id = with.get();
                    let listed = others.with(|all| all.iter().any(|e| e.id == id));
                    (!id.is_empty() && !listed).then(|| view! { <option value=id selected>{t("the other one")}</option> })
                }}
            </select>
        </label>
    }
}

/// Both side by side.
#[component]
pub(super) fn CompareCard(first: Watched, second: Watched) -> impl IntoView {
    let comparison = Memo::new(move |_| {
        first.tables.with(|a| second.tables.with(|b| Some(compare(a.as_ref()?, b.as_ref()?))))
    });
    let title = move |w: Watched| {
        w.progress.with(|p| p.as_ref().map(|p| p.title.clone())).unwrap_or_default()
    };
    view! {
        <section class="card table" aria-labelledby="compare-title" data-testid="comparison">
            <header class="card-head">
                <h2 id="compare-title">{t("Compared")}</h2>
                <p class="card-note">
                    "A: "{move || title(first)}" · B: "
                    <a href=move || at(&format!("/e/{}", second.id.get()))>{move || title(second)}</a>
                </p>
            </header>
            {move || second.missing.get().then(|| view! { <p class="problem">{t("There is no experiment to compare with at that address; it may have been deleted.")}</p> })}
            {move || comparison.get().and_then(|c| {
                first.tables.with_untracked(|a| {
                    second.tables.with_untracked(|b| Some(differences(&c, a.as_ref()?, b.as_ref()?)))
                })
            })}
        </section>
        {move || second.tables.with(|tables| tables.as_ref().map(|tables| {
            let heading = (t("Table 1").to_owned(), format!("B: {}", tables.title));
            stage_table(tables, heading, None, first.means.get())
        }))}
    }
}

fn differences(c: &Comparison, a: &Tables, b: &Tables) -> AnyView {
    let note = match (c.same_samples, c.same_choice) {
        (true, true) => t(
            "Same samples, same definition. B / A is a ratio of geometric means; without an interval it is no proof.",
        ),
        (false, _) => t(
            "Other samples were drawn, so no difference is given: it would be one of samples too.",
        ),
        (_, false) => t("The two are read under different definitions, so no difference is given."),
    };
    if c.rows.is_empty() {
        return view! { <p class="quiet">{t("No condition of one belongs to one of the other. The curves lie on one axis all the same.")}</p> }.into_any();
    }
    let rows = c.rows.iter().map(|r| {
        let label = if r.first == r.second {
            told::of(a, &r.first)
        } else {
            format!("{} → {}", told::of(a, &r.first), told::of(b, &r.second))
        };
        let number = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), short);
        view! {
            <tr>
                <th scope="row">{label}</th>
                <td>{told::estimate(&r.from, Means::Geometric)}</td><td>{told::estimate(&r.to, Means::Geometric)}</td>
                <td>{told::attention(&r.share_from)}</td><td>{told::attention(&r.share_to)}</td>
                <td>{number(r.ratio)}</td>
                <td>{r.right.map_or_else(|| "–".to_owned(), |d| format!("{:+.0}", d * 100.0).replace('-', "−"))}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <div class="scroll" tabindex="0"><table class="stages">
            <thead><tr>
                <th scope="col">{t("condition")}</th><th scope="col">{t("late MDI, A")}</th><th scope="col">{t("late MDI, B")}</th>
                <th scope="col">{t("late P_T, A")}</th><th scope="col">{t("late P_T, B")}</th><th scope="col">"B / A"</th><th scope="col" title=t("Points of the share of right answers")>{t("right moved by")}</th>
            </tr></thead>
            <tbody>{rows}</tbody>
        </table></div>
        <p class="card-foot">{note}</p>
    }
    .into_any()
}
