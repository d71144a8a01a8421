//! Runs with several pictures: sent, kept, shown again after a restart, exported, deleted.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use axum::http::{Method, StatusCode};
use shared::api::RunCreated;
use shared::{ErrorCode, Event, Group, MOST_MEDIA, Report};

use crate::common::{Form, Options, TestLab, png};

const OPTIONS: &str = r#"{"model":"scripted","prompt":"Which one is larger?","max_new_tokens":3}"#;

fn two() -> Form {
    Form::empty()
        .with("picture", &png(20, 10))
        .with("options", OPTIONS.as_bytes())
        .with("picture", &png(8, 30))
}

#[tokio::test]
async fn two_pictures_are_kept_and_told_apart() {
    let lab = TestLab::new();
    let run: RunCreated = lab.submit_form(two()).await.json();
    let record = lab.ended(&run.id).await;
    assert_eq!(record.version, 2);
    let layout = record.events.iter().find_map(|e| match &e.event {
        Event::Layout { layout, .. } => Some(layout.clone()),
        _ => None,
    });
    let layout = layout.unwrap();
    assert_eq!((layout.media.len(), layout.bins.len()), (2, 8));
    let sizes: Vec<_> = layout.media.iter().filter_map(|m| m.picture()).collect();
    assert_eq!((sizes[0].source_width, sizes[1].source_height), (20, 30));

    let at = |end: &str| format!("/api/runs/{}{end}", run.id);
    let pictures = [("/picture", png(20, 10)), ("/picture?picture=2", png(8, 30))];
    for (end, file) in &pictures {
        assert_eq!(lab.get(&at(end)).await.body, *file, "{end}");
    }
    lab.get(&at("/picture?picture=3")).await.is_error(ErrorCode::NotFound);
    lab.get(&at("/picture?picture=0")).await.is_error(ErrorCode::NotFound);
    assert_eq!(lab.get(&at("/prepared.png?picture=2")).await.status, StatusCode::OK);

    let of = async |definition: &str| -> Report {
        lab.get(&at(&format!("/export.json?definition={definition}"))).await.json()
    };
    let (all, second, between) = (of("paper").await, of("paper:2").await, of("paper:1/2").await);
    assert_eq!(second.definition_name, "paper:2");
    assert_eq!(between.definition_name, "paper:1/2");
    let image = |report: &Report| report.layers[0].numbers.image_tokens.unwrap();
    assert_eq!(image(&all), 2 * image(&second));
    assert_eq!(between.layers[0].numbers.text_tokens, Some(image(&second)));
    // The script gives every picture token as much attention as any other.
    assert!((between.layers[0].numbers.mdi.unwrap() - 1.0).abs() < 1e-6);
    let of_second = |t: &&shared::Token| t.medium == Some(1);
    assert_eq!(all.layout.tokens.iter().filter(of_second).count() as u32, image(&second));
    assert_eq!((all.layout.media.len(), all.layout.bins.len()), (2, 8));
    let csv = lab.get(&at("/export.csv")).await.text();
    assert!(csv.contains("# medium 2: image, tokens"), "{csv}");
    let wrong = lab.get(&at("/export.json?definition=paper:12")).await;
    assert!(wrong.is_error(ErrorCode::BadOption).message.contains("names no media"));

    // After a restart everything is there as it was; deleted, nothing is.
    let folder = lab.close().await;
    let lab = TestLab::in_folder(folder, Options::default());
    assert_eq!(lab.record(&run.id).await, record);
    for (end, file) in &pictures {
        assert_eq!(lab.get(&at(end)).await.body, *file, "{end}");
    }
    let deleted = lab.as_owner(Method::DELETE, &at(""), &run.owner_token).await;
    assert!(deleted.status.is_success());
    lab.get(&at("/picture?picture=2")).await.is_error(ErrorCode::NotFound);
}

#[tokio::test]
async fn pictures_are_bounded_in_number_and_bytes() {
    let lab = TestLab::new();
    let of = |n: usize| {
        (0..n)
            .fold(Form::empty(), |form, _| form.with("picture", &png(4, 4)))
            .with("options", OPTIONS.as_bytes())
    };
    let run: RunCreated = lab.submit_form(of(MOST_MEDIA)).await.json();
    let record = lab.ended(&run.id).await;
    let image = record.events.iter().find_map(|e| match &e.event {
        Event::Layout { layout, .. } => Some(layout.counts().get(Group::Image)),
        _ => None,
    });
    assert_eq!(image, Some(9 * 9));
    let many = lab.submit_form(of(MOST_MEDIA + 1)).await.is_error(ErrorCode::BadRequest);
    assert!(many.message.contains("at most 9 pictures"), "{many}");
    let broken = two().with("picture", b"no picture");
    let broken = lab.submit_form(broken).await.is_error(ErrorCode::PictureUnreadable);
    assert!(broken.message.starts_with("Picture 3 of 3: "), "{broken}");
}
