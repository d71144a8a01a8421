//! Every view of the page, in one table: the pictures are made of them, and their accessibility
//! is tested on them. A new view is a new line.

use anyhow::{Context, Result};

use crate::{Browser, Gallery};

/// A view: an address, and what is done there before one looks.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// What its pictures are called.
    pub name: &'static str,
    /// The address in the lab; `{run}`, `{repeated}`, `{experiment}`, `{guessing}` and `{shown}` stand for the
    /// gallery's own.
    pub path: &'static str,
    /// What is there when the view is: a CSS selector.
    pub ready: &'static str,
    /// A script that is run then; may be empty.
    pub then: &'static str,
    /// Which themes it is worth looking at in.
    pub themes: &'static [&'static str],
}

/// A run is on the screen, with all of it.
const DONE: &str = "[data-testid=status][data-phase=done]";
/// All plots of an experiment are drawn.
const DRAWN: &str = "[data-testid=table-1] tbody tr + tr";
/// A chart is there.
const DREW: &str = ".drawing svg";
/// Themes of the views that people spend their time with.
const ALL: &[&str] = &["light", "dark", "projector"];
const BOTH: &[&str] = &["light", "dark"];
/// Views whose address says the theme.
const LIGHT: &[&str] = &["light"];

/// The views.
pub const VIEWS: &[View] = &[
    View { name: "lab", path: "/", ready: DONE, then: "", themes: ALL },
    View { name: "run", path: "/r/{run}?layer=1&token=0", ready: DONE, then: "", themes: BOTH },
    View {
        name: "repeat",
        path: "/r/{repeated}",
        ready: DONE,
        then: "document.querySelector('[data-testid=repeat-layers-open]').click();
               document.querySelector('[data-testid=repeat]').scrollIntoView();",
        themes: BOTH,
    },
    View {
        name: "options",
        path: "/",
        ready: DONE,
        then: "document.querySelector('details.more').open = true;
               document.querySelector('[data-testid=knockout]').click();
               document.querySelector('[aria-controls=definition-panel]').click();",
        themes: BOTH,
    },
    View {
        name: "tables",
        path: "/?curve=aei",
        ready: DONE,
        then: "document.querySelectorAll('details.behind, details.formula').forEach(d => d.open = true);",
        themes: BOTH,
    },
    View {
        name: "matrix",
        path: "/?flow=matrix&scale=relative",
        ready: DONE,
        then: "document.querySelector('.heads .compare').click();",
        themes: BOTH,
    },
    View {
        name: "runs",
        path: "/runs",
        ready: "[data-testid=own-run]",
        then: "document.querySelectorAll('[data-testid=choose-run]').forEach(c => c.click());",
        themes: ALL,
    },
    View {
        name: "experiments",
        path: "/experiments",
        ready: "[data-testid=experiment]",
        then: "document.querySelector('details.more').open = true;",
        themes: ALL,
    },
    View { name: "experiment", path: "/e/{experiment}", ready: DRAWN, then: "", themes: ALL },
    View {
        name: "compare",
        path: "/compare?runs=sample,{run}",
        ready: "[data-testid=compared-run][data-phase=done] ~ [data-testid=compared-run][data-phase=done]",
        then: "",
        themes: ALL,
    },
    View { name: "embed", path: "/embed/sample?theme=light", ready: DREW, then: "", themes: LIGHT },
    View {
        name: "lessons",
        path: "/lessons",
        ready: "[data-testid=lesson]",
        then: "",
        themes: ALL,
    },
    View {
        name: "make",
        path: "/lessons/make",
        ready: "[data-testid=make-step]",
        then: "",
        themes: ALL,
    },
    View { name: "present", path: "/present", ready: "main", then: "", themes: BOTH },
    View {
        name: "wall",
        path: "/lessons",
        ready: "[data-testid=present-words-overrule]",
        then: "document.querySelector('[data-testid=present-words-overrule]').click();",
        themes: ALL,
    },
    View {
        name: "wall-guessing",
        path: "/present/{guessing}",
        ready: "[data-testid=wall] .class-picture img",
        then: "",
        themes: ALL,
    },
    View { name: "wall-shown", path: "/present/{shown}", ready: DREW, then: "", themes: ALL },
    View {
        name: "follow-guessing",
        path: "/j/{guessing}",
        ready: "[data-testid=guess-words]",
        then: "document.querySelector('[data-testid=guess-words]').click();",
        themes: BOTH,
    },
    View { name: "follow-shown", path: "/j/{shown}", ready: DREW, then: "", themes: BOTH },
    View { name: "join", path: "/j", ready: "[data-testid=code-input]", then: "", themes: BOTH },
    View { name: "korean", path: "/?lang=ko", ready: DONE, then: "", themes: BOTH },
    View { name: "missing", path: "/nowhere", ready: ".missing", then: "", themes: BOTH },
];

impl View {
    /// Goes there and waits until everything stands still.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn open(&self, page: &Browser, gallery: &Gallery) -> Result<()> {
        let path =
            self.path.replace("{run}", &gallery.run).replace("{experiment}", &gallery.experiment);
        let path = path.replace("{repeated}", &gallery.repeated);
        let path = path.replace("{guessing}", &gallery.guessing.code);
        let path = path.replace("{shown}", &gallery.shown.code);
        // A language that an address asked for holds for the tab.
        page.script("sessionStorage.removeItem('language')").await?;
        page.goto(&format!("{}{path}", gallery.server.url)).await?;
        let there = format!("return !!document.querySelector('{}')", self.ready);
        let up = async || Ok((page.script(&there).await? == true).then_some(()));
        page.wait(self.name, up).await.with_context(|| format!("the view {}", self.name))?;
        page.settled().await?;
        if !self.then.is_empty() {
            page.script(self.then).await?;
            page.settled().await?;
            // What it did may have asked the lab for something.
            page.settled().await?;
        }
        Ok(())
    }
}
