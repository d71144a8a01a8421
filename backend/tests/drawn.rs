//! Plots and cards of runs as files.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use axum::http::{StatusCode, header};
use langoverrule::export::Observed;
use plots::export::{Asked, RunPlot, file};
use plots::run::{Measured, View};
use plots::{Style, Theme};
use shared::{ErrorCode, Preset};

use crate::common::TestLab;

#[tokio::test]
async fn a_plot_is_what_the_page_draws() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    let record = lab.ended(&run.id).await;
    let observed = Observed::of(record.events.iter().map(|e| &e.event)).unwrap();
    let at = |rest: &str| format!("/api/runs/{}/{rest}", run.id);
    // The page hands the same to the same function, with its own address.
    let drawn = |plot: RunPlot, view: &View, theme: Theme, query: &str| {
        let address = format!("/r/{}{query}", run.id);
        let asked = Asked { address: &address, version: env!("CARGO_PKG_VERSION"), partial: true };
        file(&observed.plotted(), plot, view, &Style::from(theme), &asked).svg
    };
    for plot in RunPlot::ALL {
        let answer = lab.get(&at(&format!("export.svg?plot={}", plot.name()))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header(header::CONTENT_TYPE), "image/svg+xml");
        assert!(answer.header(header::CONTENT_DISPOSITION).contains(&*run.id));
        let (text, ours) = (answer.text(), drawn(plot, &View::default(), Theme::Light, ""));
        assert_eq!(without_host(&text), ours, "{}", plot.name());
    }
    let definition = Preset::Forward.definition();
    let view = View { definition, measured: Measured::Aei, layer: Some(1), ..View::default() };
    let query = "export.svg?definition=forward&curve=aei&layer=1&theme=dark&plot=curve";
    let ours = drawn(RunPlot::Curve, &view, Theme::Dark, "?def=forward");
    assert_eq!(without_host(&lab.get(&at(query)).await.text()), ours);

    let answer = lab.get(&at("export.png?plot=heads")).await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "image/png");
    assert_eq!(image::load_from_memory(&answer.body).unwrap().width(), 1920);
}

/// A document with addresses as they are without the lab's host.
fn without_host(text: &str) -> String {
    let begun = text.find("http://").filter(|at| !text[*at..].starts_with("http://www.w3.org"));
    let host = begun.or_else(|| {
        let mut all = text.match_indices("http://").map(|(at, _)| at);
        all.find(|at| !text[*at..].starts_with("http://www.w3.org"))
    });
    let Some(at) = host else { return text.to_owned() };
    let end = at + text[at..].find("/r/").unwrap();
    text.replace(&text[at..end], "")
}

#[tokio::test]
async fn a_card_shows_the_run_and_has_its_size() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    let at = |rest: &str| format!("/api/runs/{}/{rest}", run.id);
    let svg = lab.get(&at("card.svg")).await;
    assert_eq!(svg.status, StatusCode::OK, "{}", svg.text());
    for needed in ["What is it?", "data:image/png;base64,", "MDI", "definition paper"] {
        assert!(svg.text().contains(needed), "no {needed}");
    }
    for theme in Theme::ALL {
        let png = lab.get(&at(&format!("card.png?theme={}&token=0&layer=0", theme.name()))).await;
        assert_eq!(png.header(header::CONTENT_TYPE), "image/png");
        let picture = image::load_from_memory(&png.body).unwrap();
        assert_eq!((picture.width(), picture.height()), (1200, 630));
    }
}

#[tokio::test]
async fn what_cannot_be_drawn_is_refused_by_name() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    for (query, code) in [
        ("export.svg?plot=pie", ErrorCode::BadOption),
        ("export.png?theme=pink", ErrorCode::BadOption),
        ("export.svg?curve=roc", ErrorCode::BadOption),
        ("export.svg?definition=mine", ErrorCode::BadOption),
        ("export.svg?paper=perhaps", ErrorCode::BadRequest),
        ("export.svg?layer=first", ErrorCode::BadRequest),
        ("card.png?plot=curve", ErrorCode::BadRequest),
        ("card.svg?theme=pink", ErrorCode::BadOption),
    ] {
        let answer = lab.get(&format!("/api/runs/{}/{query}", run.id)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        answer.is_error(code);
    }
    let nobody = lab.get("/api/runs/aaaaaaaaaaaaaaaaaaaaaaaaaa/card.png").await;
    nobody.is_error(ErrorCode::NotFound);
    // A layer that the model has not is no layer that is marked.
    let answer = lab.get(&format!("/api/runs/{}/export.svg?layer=999&plot=flow", run.id)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_link_is_previewed_by_its_run() {
    let lab = TestLab::new();
    let nowhere = lab.get("/r/95t9q7p2p3vpbiw6i73snag2sa").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert!(nowhere.text().to_lowercase().starts_with("<!doctype html>"));
    if langoverrule::assets::PAGE.get("index.html").is_none() {
        return;
    }
    let run = lab.ask("Is <b>this</b> \"it\"?").await;
    lab.ended(&run.id).await;
    let page = lab.get(&format!("/r/{}?def=forward&layer=1", run.id)).await;
    assert_eq!(page.status, StatusCode::OK);
    let text = page.text();
    assert!(text.contains("<title>Is &lt;b&gt;this&lt;/b&gt; &quot;it&quot;? → "), "{text}");
    assert!(!text.contains("<b>this"), "{text}");
    let property = |name: &str| {
        let from = text.split_once(&format!("property=\"{name}\" content=\"")).unwrap().1;
        from.split_once('"').unwrap().0.to_owned()
    };
    assert!(property("og:url").ends_with(&format!("/r/{}?def=forward", run.id)));
    assert!(property("og:description").contains("(forward)"), "{text}");
    let picture = property("og:image");
    let picture = &picture[picture.find("/api/").unwrap()..];
    let card = lab.get(picture).await;
    assert_eq!((card.status, card.header(header::CONTENT_TYPE)), (StatusCode::OK, "image/png"));
    // A place of the page that is no run has the page's own title.
    assert!(lab.get("/runs").await.text().contains("<title>LangOverrule Lab</title>"));
}
