//! MMMU-Pro's three configurations, from files with its schema and our own pictures.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{
    Cell, Leaf, anywhere, opened, own_picture, picture, pictures, refused, string, wrong,
};
use datasets::{Fault, Hub, Places, Pulled, open};
use shared::ErrorCode;
use shared::experiment::Verdict;

const DIRECT: &str = "Answer with the option letter from the given choices directly. The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of options.";

/// A row of the vision configuration.
struct Vision {
    id: Option<&'static str>,
    image: Cell,
    options: Option<Vec<u8>>,
    answer: Option<&'static str>,
}

fn sound(id: &'static str, number: usize) -> Vision {
    let options = r#"['a dog', "a dog's bowl", 'a "cat"']"#;
    Vision {
        id: Some(id),
        image: Cell::Picture(own_picture(number)),
        options: Some(options.into()),
        answer: Some("B"),
    }
}

fn write_vision(path: &Path, rows: &[Vision], group: usize) {
    let fields =
        [string("id"), picture("image"), string("options"), string("answer"), string("subject")];
    let images: Vec<Cell> = rows.iter().map(|r| r.image.clone()).collect();
    let [bytes, paths] = pictures(&images);
    let leaves = [
        Leaf::texts(rows.iter().map(|r| r.id)),
        bytes,
        paths,
        Leaf::bytes(rows.iter().map(|r| r.options.clone()).collect()),
        Leaf::texts(rows.iter().map(|r| r.answer)),
        Leaf::texts(rows.iter().map(|_| Some("Art_Theory"))),
    ];
    common::write(path, &fields, &leaves, group);
}

#[test]
fn vision_is_read_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let first: Vec<Vision> = (0..5).map(|i| sound("test_Art_1", i)).collect();
    let second: Vec<Vision> = (5..8).map(|i| sound("test_Art_2", i)).collect();
    // Written in the wrong order: their names count.
    write_vision(&folder.path().join("vision/test-00001-of-00002.parquet"), &second, 2);
    write_vision(&folder.path().join("vision/test-00000-of-00002.parquet"), &first, 2);
    let set = opened(&format!("mmmu-pro:{}", folder.path().display()));
    let info = set.info();
    assert_eq!((info.rows, info.has_answers, info.title.as_str()), (8, true, "MMMU-Pro, vision"));
    assert_eq!(info.revision.len(), 64);
    for row in [0, 1, 2, 3, 4, 5, 6, 7, 2, 2, 7, 0] {
        let sample = set.sample(row).unwrap();
        assert_eq!(sample.picture, own_picture(row as usize), "{row}");
        let id = if row < 5 { "test_Art_1" } else { "test_Art_2" };
        assert_eq!(sample.reference.id, id);
        assert_eq!((sample.reference.row, sample.reference.kind.as_str()), (row, "Art_Theory"));
        assert_eq!(sample.reference.prompt, DIRECT);
        assert_eq!(sample.reference.expected, "B. a dog's bowl");
        let judge = |answer: &str| sample.expected.as_ref().unwrap().judge(answer);
        assert_eq!(judge("Answer: B"), Verdict::Right);
        assert_eq!(judge("A"), Verdict::Wrong);
        assert_eq!(judge("a “cat”"), Verdict::Wrong);
        assert_eq!(judge("D"), Verdict::Unreadable);
    }
    assert_eq!(set.sample(8).unwrap_err().fault, Fault::NoSuchRow { rows: 8 });
    let cot = opened(&format!("mmmu-pro:{}?prompt=cot", folder.path().display()));
    let prompt = cot.sample(0).unwrap().reference.prompt;
    assert_eq!(
        prompt,
        "Write out the multiple-choice question in the image and then solve it. The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of options. Think step by step before answering."
    );
    assert_eq!(cot.info().revision, info.revision);
}

#[test]
fn a_broken_row_says_so_and_the_rest_goes_on() {
    let file = tempfile::tempdir().unwrap().keep().join("one.parquet");
    let rows = [
        Vision { image: Cell::Null, ..sound("none", 0) },
        Vision { image: Cell::Path("a.png"), ..sound("elsewhere", 0) },
        Vision { image: Cell::Picture(Vec::new()), ..sound("empty", 0) },
        Vision { options: Some("a dog, a cat".into()), ..sound("no list", 0) },
        Vision { options: Some("['a dog', 'a cat".into()), ..sound("half a list", 0) },
        Vision { options: None, ..sound("no options", 0) },
        Vision { options: Some("[]".into()), ..sound("empty options", 0) },
        Vision { options: Some(b"['\xff']".to_vec()), ..sound("not utf-8", 0) },
        Vision { answer: Some("K"), ..sound("letter outside", 0) },
        Vision { answer: None, ..sound("no answer", 0) },
        Vision { id: None, image: Cell::Null, ..sound("", 0) },
        sound("fine", 7),
    ];
    write_vision(&file, &rows, 5);
    let set = opened(&format!("mmmu-pro:{}", file.display()));
    let expected = [
        ("Row 0 (none): image holds no picture; give", ErrorCode::PictureMissing),
        ("Row 1 (elsewhere): image holds no picture, only the name", ErrorCode::PictureMissing),
        ("Row 2 (empty): the picture in image is empty (0 bytes)", ErrorCode::PictureEmpty),
        (
            "Row 3 (no list): options cannot be read: it is no Python list",
            ErrorCode::SampleUnusable,
        ),
        ("Row 4 (half a list): options cannot be read: the text", ErrorCode::SampleUnusable),
        ("Row 5 (no options): options has no value", ErrorCode::SampleUnusable),
        ("Row 6 (empty options): options has no value", ErrorCode::SampleUnusable),
        (
            "Row 7 (not utf-8): options cannot be read: its byte 3 is not UTF-8",
            ErrorCode::SampleUnusable,
        ),
        (
            "Row 8 (letter outside): answer cannot be read: 'K' names none of the 3",
            ErrorCode::SampleUnusable,
        ),
        ("Row 9 (no answer): answer has no value", ErrorCode::SampleUnusable),
        ("Row 10: image holds no picture", ErrorCode::PictureMissing),
    ];
    for (row, (text, code)) in expected.into_iter().enumerate() {
        let error = set.sample(row as u64).unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
        assert_eq!(error.code(), code, "{error}");
        let left = error.left_out();
        assert_eq!((left.sample.row, left.code), (row as u64, code));
    }
    // What could be read stands beside the fault.
    assert_eq!(set.sample(2).unwrap_err().reference.prompt, DIRECT);
    assert_eq!(set.sample(11).unwrap().picture, own_picture(7));
}

/// A row of a standard configuration: question, options, pictures by number.
type Standard = (&'static str, &'static str, Vec<(usize, usize)>);

fn write_standard(path: &Path, rows: &[Standard]) {
    let mut fields =
        vec![string("id"), string("question"), string("options"), string("explanation")];
    let mut leaves = vec![
        Leaf::texts(rows.iter().map(|_| Some("validation_Art_1"))),
        Leaf::texts(rows.iter().map(|r| Some(r.0))),
        Leaf::texts(rows.iter().map(|r| Some(r.1))),
        Leaf::texts(rows.iter().map(|_| None)),
    ];
    for k in 1..=7 {
        let cells: Vec<Cell> = rows
            .iter()
            .map(|(.., images)| match images.iter().find(|(number, _)| *number == k) {
                Some((_, own)) => Cell::Picture(own_picture(*own)),
                None => Cell::Null,
            })
            .collect();
        fields.push(picture(&format!("image_{k}")));
        leaves.extend(pictures(&cells));
    }
    for name in ["img_type", "answer", "topic_difficulty", "subject"] {
        fields.push(string(name));
        let value = if name == "answer" { "A" } else { "['Paintings']" };
        leaves.push(Leaf::texts(rows.iter().map(|_| Some(value))));
    }
    common::write(path, &fields, &leaves, 3);
}

#[test]
fn standard_configurations_are_read_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let rows: [Standard; 10] = [
        ("What is <image 1>?", "['a dog', 'a cat']", vec![(1, 3)]),
        ("No reference.", "['<image 2>', 'it is <image  2>']", vec![(2, 4)]),
        ("<image 1> or <image 2>?", "['first', 'second']", vec![(1, 5), (2, 6)]),
        ("Only <image 2> counts, <image 2>!", "['x', 'y']", vec![(1, 5), (2, 6)]),
        ("Both, unsaid", "['x', 'y']", vec![(1, 5), (3, 6)]),
        ("<image 4> is not there", "['x', 'y']", vec![(1, 5), (2, 6)]),
        ("<image 1>", "['x', 'y']", vec![]),
        ("<image> <image1> <image 1 >", "['x', 'y']", vec![(1, 8)]),
        ("Is <image 2> it?", "['x', 'y']", vec![(1, 5)]),
        ("<image 1>, not <image 2>", "['x', 'y']", vec![(1, 5)]),
    ];
    for config in ["standard (10 options)", "standard (4 options)"] {
        write_standard(&folder.path().join(config).join("test-00000-of-00001.parquet"), &rows);
    }
    for config in ["standard-10", "standard-4"] {
        let set = opened(&format!("mmmu-pro:{}?config={config}", folder.path().display()));
        assert_eq!(set.info().title, format!("MMMU-Pro, {config}"));
        let read = |row| set.sample(row).unwrap();
        assert_eq!(
            read(0).reference.prompt,
            "What is [image]?\nA. a dog\nB. a cat\nAnswer with the option letter from the given choices directly."
        );
        assert_eq!(read(0).picture, own_picture(3));
        assert_eq!(
            read(1).reference.prompt,
            "No reference.\nA. [image]\nB. it is [image]\nAnswer with the option letter from the given choices directly."
        );
        assert_eq!(read(1).picture, own_picture(4));
        assert_eq!((read(2).picture, read(2).more), (own_picture(5), vec![own_picture(6)]));
        assert_eq!(
            read(2).reference.prompt,
            "[image] or [image]?\nA. first\nB. second\nAnswer with the option letter from the given choices directly."
        );
        assert_eq!((read(0).more, read(3).more), (vec![], vec![]));
        assert_eq!(read(3).picture, own_picture(6), "the one that is referred to");
        assert_eq!((read(4).picture, read(4).more), (own_picture(5), vec![own_picture(6)]));
        assert!(wrong(&*set, 5).contains("image_4 holds no picture"));
        assert!(wrong(&*set, 6).contains("image_1 holds no picture"));
        assert!(wrong(&*set, 8).contains("image_2 holds no picture"), "it is about another");
        assert!(wrong(&*set, 9).contains("image_2 holds no picture"), "only half of it is there");
        assert!(read(7).reference.prompt.starts_with("<image> <image1> <image 1 >\n"));
    }
    let cot = opened(&format!("mmmu-pro:{}?config=standard-4&prompt=cot", folder.path().display()));
    assert!(cot.sample(0).unwrap().reference.prompt.ends_with("\nB. a cat\nAnswer the preceding multiple choice question. The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of options. Think step by step before answering."));
    let file = folder.path().join("standard (4 options)/test-00000-of-00001.parquet");
    assert_eq!(opened(&format!("mmmu-pro:{}", file.display())).info().title, "MMMU-Pro, standard");
    assert!(refused(&format!("mmmu-pro:{}", folder.path().display())).contains("folder 'vision'"));
    let other = refused(&format!("mmmu-pro:{}?config=vision", file.display()));
    assert!(other.contains("columns are standard's"), "{other}");
}

struct Fake(PathBuf);

impl Hub for Fake {
    fn parquet(&self, repository: &str, folder: &str) -> Result<Pulled, String> {
        assert_eq!(repository, "MMMU/MMMU_Pro");
        let file = self.0.join(folder).join("test-00000-of-00001.parquet");
        if !file.is_file() {
            return Err("pull it first.".to_owned());
        }
        Ok(Pulled { commit: "c0ffee".into(), files: vec![file] })
    }
}

#[test]
fn the_hub_is_asked_for_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    write_vision(&folder.path().join("vision/test-00000-of-00001.parquet"), &[sound("a", 1)], 1);
    let hub = Fake(folder.path().to_owned());
    let places = Places { hub: Some(&hub), ..Places::default() };
    for name in
        ["mmmu-pro", "mmmu-pro:vision", "mmmu-pro:vision?prompt=cot", "mmmu-pro?config=vision"]
    {
        let set = open(name, &places).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((set.info().revision.as_str(), set.info().rows), ("c0ffee", 1));
        assert_eq!(set.info().name, name);
    }
    let absent = open("mmmu-pro:standard-10", &places).err().unwrap().to_string();
    assert!(absent.ends_with("is not there: pull it first."), "{absent}");
    let none = refused("mmmu-pro");
    assert!(none.contains("hf download MMMU/MMMU_Pro"), "{none}");
    let shard = folder.path().join("vision/test-00000-of-00001.parquet");
    let other = format!("mmmu-pro:{}?config=standard-4", shard.display());
    for (name, why, code) in [
        ("mmmu-pro?prompt=long", "name direct or cot", ErrorCode::BadOption),
        ("mmmu-pro?config=standard", "name vision, standard-10", ErrorCode::BadOption),
        ("mmmu-pro:vision?config=standard-4", "two configurations", ErrorCode::BadOption),
        ("mmmu-pro:vision?split=test", "has the options config, prompt", ErrorCode::BadOption),
        ("mmmu-pro:vision?prompt=cot&prompt=cot", "twice", ErrorCode::BadOption),
        ("mmmu-pro:/nowhere/at/all", "is not there", ErrorCode::UnknownDataset),
        ("mmmu-pro:standard-10", "pull it first", ErrorCode::UnknownDataset),
        ("mmmu", "no dataset 'mmmu'", ErrorCode::UnknownDataset),
        (&other, "columns are vision's", ErrorCode::DatasetUnusable),
    ] {
        let error = open(name, &Places { hub: Some(&hub), ..anywhere() }).err().unwrap();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.code(), code, "{error}");
    }
}
