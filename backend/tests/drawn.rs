//! Plots and cards of runs as files.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use axum::http::{StatusCode, header};
use langoverrule::export::Observed;
use plots::export::{Asked, RunPlot, file};
use plots::run::{Measured, View};
use plots::{Style, Theme};
use shared::{Counted, ErrorCode, Preset, Report};

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
        let version = env!("CARGO_PKG_VERSION");
        let asked = Asked { address: &address, version, partial: true, picture: None };
        file(&observed.plotted(), plot, view, &Style::from(theme), &asked).svg
    };
    let total = View { counted: Counted::InTotal, ..View::default() };
    for plot in RunPlot::ALL.into_iter().filter(|plot| *plot != RunPlot::Map) {
        let answer = lab.get(&at(&format!("export.svg?plot={}", plot.name()))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header(header::CONTENT_TYPE), "image/svg+xml");
        assert!(answer.header(header::CONTENT_DISPOSITION).contains(&*run.id));
        let (text, ours) = (answer.text(), drawn(plot, &total, Theme::Light, ""));
        assert_eq!(without_host(&text), ours, "{}", plot.name());
    }
    let definition = Preset::Forward.definition();
    let view = View { definition, measured: Measured::Aei, layer: Some(1), ..View::default() };
    let query = "export.svg?definition=forward&curve=aei&layer=1&theme=dark&plot=curve";
    let ours = drawn(RunPlot::Curve, &view, Theme::Dark, "?def=forward");
    assert_eq!(without_host(&lab.get(&at(query)).await.text()), ours);

    // As the page looks at it, and in its language.
    for plot in [RunPlot::Flow, RunPlot::Words, RunPlot::Tokens] {
        let view = View { layer: Some(1), token: Some(1), ..View::default() };
        let query = format!("export.svg?plot={}&layer=1&token=1&count=token", plot.name());
        let text = lab.get(&at(&query)).await.text();
        assert_eq!(without_host(&text), drawn(plot, &view, Theme::Light, ""), "{}", plot.name());
        let korean = lab.get(&at(&format!("{query}&language=ko"))).await.text();
        assert!(korean.contains("토큰") && !korean.contains("per token"), "{korean}");
    }
    for (query, named) in [("count=half", "token"), ("language=la", "en, ko")] {
        let refused = lab.get(&at(&format!("export.svg?{query}"))).await;
        assert!(refused.is_error(ErrorCode::BadOption).message.contains(named), "{query}");
    }

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
    // Another layer is not drawn in the place of one that the model has not.
    for plot in ["flow", "map", "tokens", "curve"] {
        let wanted = format!("/api/runs/{}/export.svg?layer=999&plot={plot}", run.id);
        let refused = lab.get(&wanted).await.is_error(ErrorCode::BadOption);
        assert!(refused.message.contains("no such layer"), "{}", refused.message);
    }
    for (query, why) in [
        ("export.svg?plot=curve&layers=1-999", "no such layer"),
        ("export.svg?plot=map&token=999", "no such token"),
        ("export.svg?plot=map&picture=2", "no picture of that number"),
        ("export.svg?plot=map&picture=0", "no picture of that number"),
        ("export.html?layer=999", "no such layer"),
        ("export.html?token=999", "no such token"),
        ("card.png?layer=999", "no such layer"),
    ] {
        let refused = lab.get(&format!("/api/runs/{}/{query}", run.id)).await;
        let refused = refused.is_error(ErrorCode::BadOption);
        assert!(refused.message.contains(why), "{query}: {}", refused.message);
    }
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
    assert!(lab.get("/compare").await.text().contains("<title>LangOverrule Lab</title>"));
    // Runs beside each other have their answers and curves, and the front page says what it is for.
    let other = lab.ask("And this?").await;
    lab.ended(&other.id).await;
    let both = format!("/compare?runs={},{}&def=forward", run.id, other.id);
    let text = lab.get(&both).await.text();
    let (_, picture) = text.split_once("og:image\" content=\"").unwrap();
    let picture = picture.split_once('"').unwrap().0.replace("&amp;", "&");
    let drawn = lab.get(&picture[picture.find("/api/").unwrap()..]).await;
    assert_eq!((drawn.status, drawn.header(header::CONTENT_TYPE)), (StatusCode::OK, "image/png"));
    assert!(text.contains(" | "), "both answers: {text}");
    let gone = lab.get("/compare?runs=95t9q7p2p3vpbiw6i73snag2sa").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(lab.get("/").await.text().contains("og:title"));
}

#[tokio::test]
async fn a_map_lies_on_its_picture() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    let at = |rest: &str| format!("/api/runs/{}/{rest}", run.id);
    let map = lab.get(&at("export.svg?plot=map&layer=1&token=0")).await;
    assert_eq!(map.status, StatusCode::OK, "{}", map.text());
    for needed in ["data:image/png;base64,", "layer 1", "fill-opacity"] {
        assert!(map.text().contains(needed), "no {needed}");
    }
    let other = lab.get(&at("export.svg?plot=map&layer=0&token=0")).await;
    assert_ne!(map.text(), other.text(), "another layer is another map");
}

#[tokio::test]
async fn a_run_is_one_document_that_needs_nothing() {
    let lab = TestLab::new();
    let run = lab.ask("Is <b>this</b> \"it\"?").await;
    lab.ended(&run.id).await;
    let at = |rest: &str| format!("/api/runs/{}/{rest}", run.id);
    let answer = lab.get(&at("export.html?definition=forward&layer=1")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert!(answer.header(header::CONTENT_DISPOSITION).starts_with("attachment"));
    let text = answer.text();
    assert!(text.starts_with("<!doctype html>\n<html lang=\"en\">"));
    // Nothing is brought from anywhere: what has an address carries its content.
    for (tag, link) in [("src=", "src=\"http"), ("href=", "<link"), ("url(", "url(")] {
        assert!(!text.contains(link), "{tag}");
    }
    assert!(text.contains("data:image/png;base64,") && !text.contains("<b>this"));
    let report: Report = lab.get(&at("export.json?definition=forward")).await.json();
    let layers = report.layers.len();
    assert_eq!(text.matches("<g data-layer=").count(), layers);
    // Who looks at whom, and the tokens.
    assert_eq!(text.matches("<div data-layer=").count(), 2 * layers);
    assert_eq!(text.matches("class=\"shown\"").count(), 3);
    assert!(text.contains("data-layer=\"1\" class=\"shown\""));
    let inside = text.split_once("id=\"langoverrule\">").unwrap().1;
    let inside: Report = serde_json::from_str(inside.split_once("</script>").unwrap().0).unwrap();
    assert_eq!(inside, report, "the numbers to the last bit");
    let korean = lab.get(&at("export.html?language=ko")).await.text();
    assert!(korean.contains("<html lang=\"ko\">") && korean.contains("레이어별 수치"));
    lab.get(&at("export.html?count=half")).await.is_error(ErrorCode::BadOption);
}

#[tokio::test]
async fn runs_beside_each_other_are_files() {
    let lab = TestLab::new();
    let (one, two) = (lab.ask("What is it?").await, lab.ask("Which animal is it?").await);
    lab.ended(&one.id).await;
    lab.ended(&two.id).await;
    let at = |form: &str, rest: &str| {
        format!("/api/compare/export.{form}?runs={},{}{rest}", one.id, two.id)
    };
    let svg = lab.get(&at("svg", "")).await;
    assert_eq!(svg.status, StatusCode::OK, "{}", svg.text());
    for needed in ["A: “What is it?”", "B: “Which animal is it?”", "MDI by layer", "/compare?runs="]
    {
        assert!(svg.text().contains(needed), "no {needed}: {}", svg.text());
    }
    let png = lab.get(&at("png", "&curve=aei")).await;
    assert_eq!(image::load_from_memory(&png.body).unwrap().width(), 1920);
    let html = lab.get(&at("html", "&layer=1")).await.text();
    assert_eq!(html.matches("data:image/png;base64,").count(), 2, "a picture of each");
    assert!(html.contains("<html lang=\"en\">") && html.contains("<th>B, MDI</th>"));
    for stage in ["early", "middle", "late"] {
        assert!(html.contains(&format!("<tr><th>{stage}</th><td>")), "no {stage} in {html}");
    }
    let csv = lab.get(&at("csv", "&definition=forward")).await;
    assert_eq!(csv.header(header::CONTENT_TYPE), "text/csv; charset=utf-8");
    let rows = csv.text();
    let rows: Vec<&str> = rows.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rows[0], "layer,A_mdi,A_aei_text,A_aei_image,B_mdi,B_aei_text,B_aei_image");
    let alone = format!("/api/runs/{}/export.json?definition=forward", two.id);
    let report: Report = lab.get(&alone).await.json();
    assert_eq!(rows.len(), 1 + report.layers.len());
    for (row, layer) in rows[1..].iter().zip(&report.layers) {
        let mdi = row.split(',').nth(4).unwrap().parse::<f64>().ok();
        assert_eq!(mdi, layer.numbers.mdi, "{row}");
    }

    let none = lab.get("/api/compare/export.svg?runs=").await;
    none.is_error(ErrorCode::BadOption);
    let many: Vec<String> = (0..7).map(|n| format!("{n}{}", "a".repeat(25))).collect();
    let many = lab.get(&format!("/api/compare/export.svg?runs={}", many.join(","))).await;
    assert!(many.is_error(ErrorCode::BadOption).message.contains('6'));
    let gone = format!("/api/compare/export.csv?runs={},{}", one.id, "a".repeat(26));
    lab.get(&gone).await.is_error(ErrorCode::NotFound);
}
