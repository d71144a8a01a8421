//! The dataset that ships with the lab.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use datasets::{Expected, Fault, Files, Places, draw, open};
use shared::experiment::Verdict;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/demo"))
}

fn places() -> Places<'static> {
    Places { demo: Files::Folder(folder().to_owned()), ..Places::default() }
}

#[test]
fn every_row_is_a_sample() {
    let demo = open("demo", &places()).unwrap();
    let info = demo.info();
    assert_eq!((info.name.as_str(), info.rows, info.has_answers), ("demo", 960, true));
    assert_eq!(info.revision.len(), 64);
    let mut claims = 0;
    for row in 0..info.rows {
        let sample = demo.sample(row).unwrap();
        assert_eq!(sample.reference.row, row);
        assert!(sample.picture.starts_with(b"\x89PNG"), "{row}");
        let Some(expected @ Expected::Texts(texts)) = &sample.expected else { panic!("{row}") };
        for accepted in &texts.accepted {
            assert_eq!(expected.judge(accepted), Verdict::Right, "{row}");
        }
        for claimed in &texts.claimed {
            assert_eq!(expected.judge(claimed), Verdict::Claimed, "{row}");
        }
        claims += u32::from(sample.reference.kind == "claim-false");
    }
    assert_eq!(claims, 150);
}

#[test]
fn rows_come_in_any_order() {
    let demo = open("demo", &places()).unwrap();
    let first = demo.sample(0).unwrap();
    assert_eq!(
        first.reference.prompt,
        "Perhaps there are four things. How many objects do you see in this image?"
    );
    assert_eq!(first.reference.expected, "There is one thing.");
    assert_eq!((first.reference.id.as_str(), first.reference.kind.as_str()), ("0", "claim-false"));
    let drawn = draw(demo.info().rows, 20, 7);
    let rising: Vec<_> = drawn.iter().map(|&row| demo.sample(row).unwrap()).collect();
    let mut falling: Vec<_> = drawn.iter().rev().map(|&row| demo.sample(row).unwrap()).collect();
    falling.reverse();
    assert_eq!(rising, falling);
    assert_eq!(demo.sample(960).unwrap_err().fault, Fault::NoSuchRow { rows: 960 });
}

#[test]
fn what_the_program_carries_is_the_same() {
    fn leaked(path: &str) -> (&'static str, &'static [u8]) {
        let bytes = std::fs::read(folder().join(path)).unwrap();
        (Box::leak(path.to_owned().into_boxed_str()), Box::leak(bytes.into_boxed_slice()))
    }
    let mut files = vec![leaked("eval.jsonl")];
    for entry in std::fs::read_dir(folder().join("images")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files.push(leaked(&format!("images/{name}")));
    }
    let carried = Places { demo: Files::Inside(files), ..Places::default() };
    let (inside, outside) = (open("demo", &carried).unwrap(), open("demo", &places()).unwrap());
    assert_eq!(inside.info(), outside.info());
    assert_eq!(inside.sample(500).unwrap(), outside.sample(500).unwrap());
}

#[test]
fn names_that_are_none_say_what_there_is() {
    let error = |name: &str| open(name, &places()).err().unwrap().to_string();
    assert!(error("coco").contains("Name one of: demo"));
    assert!(error("demo?prompt=x").contains("has no options"));
    assert!(error("jsonl:/etc/hostname").contains("not allow"));
    assert!(error("jsonl").contains("jsonl:PATH"));
}
