//! Folders of pictures and lines of JSON.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{opened, refused, wrong};
use datasets::{Fault, Paths, Places, open};
use shared::experiment::Verdict;

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn at(kind: &str, path: &Path) -> String {
    format!("{kind}:{}", path.display())
}

#[test]
fn pictures_come_by_name_with_their_captions() {
    let folder = folder(&[
        ("b.JPG", b"b"),
        ("b.txt", "\u{feff}What is b?\n".as_bytes()),
        ("a.png", b"a"),
        ("a.txt", b"  \n"),
        ("sub/c.webp", b"c"),
        ("bad.png", b"x"),
        ("bad.txt", b"\xff"),
        ("empty.gif", b""),
        ("notes.md", b"no picture"),
    ]);
    let set = opened(&at("folder", folder.path()));
    assert_eq!((set.info().rows, set.info().has_answers), (5, false));
    let read = |row| set.sample(row).unwrap();
    let ids: Vec<String> = (0..5)
        .map(|row| set.sample(row).map_or_else(|e| e.reference.id.clone(), |s| s.reference.id))
        .collect();
    assert_eq!(ids, ["a.png", "b.JPG", "bad.png", "empty.gif", "sub/c.webp"]);
    assert_eq!(
        (read(0).reference.prompt.as_str(), read(0).picture),
        ("Describe this picture.", b"a".to_vec())
    );
    assert_eq!(read(1).reference.prompt, "What is b?");
    assert_eq!(read(4).picture, b"c");
    assert!(read(4).expected.is_none());
    assert!(wrong(&*set, 2).contains("the caption cannot be read: its byte 1 is not UTF-8"));
    assert!(wrong(&*set, 3).contains("is empty (0 bytes)"));
    assert_eq!(set.sample(5).unwrap_err().fault, Fault::NoSuchRow { rows: 5 });

    let asked = opened(&format!("{}?ask=Why%3F", at("folder", folder.path())));
    assert_eq!(asked.sample(0).unwrap().reference.prompt, "Why?");
    let before = set.info().revision.clone();
    assert_eq!(opened(&at("folder", folder.path())).info().revision, before);
    fs::write(folder.path().join("sub/c.webp"), b"d").unwrap();
    assert_ne!(opened(&at("folder", folder.path())).info().revision, before);
}

#[cfg(unix)]
#[test]
fn links_that_lead_outside_are_refused() {
    let outside = folder(&[("secret.png", b"secret"), ("secret.txt", b"secret")]);
    let folder =
        folder(&[("a.png", b"a"), ("list.jsonl", br#"{"image": "../secret.png", "prompt": "?"}"#)]);
    let link = |to: &str, from: &str| {
        std::os::unix::fs::symlink(outside.path().join(to), folder.path().join(from)).unwrap();
    };
    link("secret.png", "b.png");
    link("", "sub");
    link("secret.txt", "a.txt");
    let set = opened(&at("folder", folder.path()));
    assert_eq!(set.info().rows, 2, "a folder that is a link is not entered");
    assert!(wrong(&*set, 0).contains("the caption cannot be read: leads outside"));
    assert!(wrong(&*set, 1).contains("leads outside the dataset"));
    let set = opened(&at("jsonl", &folder.path().join("list.jsonl")));
    assert!(wrong(&*set, 0).contains("'../secret.png' leads outside"));
}

#[test]
fn a_list_in_the_folder_is_followed() {
    let files: [(&str, &[u8]); 3] = [
        ("x.png", b"x"),
        ("sub/y.png", b"y"),
        (
            "metadata.csv",
            b"file_name,text,answer,options,id\n\
              x.png,\"What, \n\"\"here\"\"?\",B,\"['one', \"\"two\"\"]\",first\n\
              sub/y.png,,yes,,\n\
              gone.png,?,,,\n\
              x.png,short\n\
              x.png,\xff,,,\n\
              ,?,,,\n\
              x.png,last,,,\n",
        ),
    ];
    let folder = folder(&files);
    let set = opened(&at("folder", folder.path()));
    assert_eq!((set.info().rows, set.info().has_answers), (7, true));
    let first = set.sample(0).unwrap();
    assert_eq!((first.reference.id.as_str(), first.picture), ("first", b"x".to_vec()));
    assert_eq!(
        first.reference.prompt,
        "What, \n\"here\"?\nA. one\nB. two\nAnswer with the option letter from the given choices directly."
    );
    assert_eq!(first.expected.unwrap().judge("two"), Verdict::Right);
    let second = set.sample(1).unwrap();
    assert_eq!(second.reference.prompt, "Describe this picture.");
    assert_eq!(second.expected.unwrap().judge("Yes."), Verdict::Right);
    assert!(wrong(&*set, 2).contains("'gone.png' is not there"));
    assert!(wrong(&*set, 3).contains("it has 2 fields and the header 5"));
    assert!(wrong(&*set, 4).contains("text cannot be read: its byte 1 is not UTF-8"));
    assert!(wrong(&*set, 5).contains("file_name holds no picture"));
    assert_eq!(set.sample(6).unwrap().reference.prompt, "last");
    assert_eq!(set.sample(0).unwrap().reference.id, "first", "back again");

    // JSON lines come before CSV where both are there.
    fs::write(
        folder.path().join("metadata.jsonl"),
        br#"{"file_name": "x.png", "text": "From JSON?"}"#,
    )
    .unwrap();
    let set = opened(&at("folder", folder.path()));
    assert_eq!(
        (set.info().rows, set.sample(0).unwrap().reference.prompt.as_str()),
        (1, "From JSON?")
    );
}

#[test]
fn lines_are_rows_and_a_broken_one_stands_alone() {
    let mut lines = Vec::new();
    for line in [
        "\u{feff}{\"image\": \"a.png\", \"prompt\": \"First?\", \"answer\": \"yes\", \"id\": 7, \"kind\": \"k\"}".as_bytes(),
        b"{\"image\": \"a.png\", \"prompt\": \"half",
        b"{\"image\": \"a.png\", \"prompt\": \"\xff\"}",
        b"[1, 2]",
        b"   ",
        b"{\"prompt\": \"no picture\"}",
        b"{\"image\": 5, \"prompt\": \"?\"}",
        b"{\"image\": \"/etc/hostname\", \"prompt\": \"?\"}",
        b"{\"image\": \"a.png\"}",
        b"{\"image\": \"a.png\", \"question\": \"?\", \"options\": [\"x\", \"y\"], \"answer\": \"C\"}",
        b"{\"image\": \"a.png\", \"question\": \"?\", \"options\": [\"x\", null], \"answer\": \"A\"}",
        b"{\"image\": \"a.png\", \"question\": \"?\", \"options\": [\"x\", \"y\"], \"answers\": [\"A\", \"B\"]}",
        b"{\"image\": \"a.png\", \"question\": \"Which?\", \"options\": [\"x\", \"y\"], \"answer\": \"B\"}",
        b"{\"image\": \"a.png\", \"prompt\": \"Dog?\", \"answers\": [\"No.\"], \"claimed_answers\": [\"Yes.\"]}",
    ] {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    lines.extend_from_slice(b"{\"image\": \"a.png\", \"prompt\": \"No line end?\"}");
    let folder = folder(&[("a.png", b"a"), ("set.jsonl", &lines)]);
    let set = opened(&at("jsonl", &folder.path().join("set.jsonl")));
    assert_eq!((set.info().rows, set.info().has_answers), (14, true));
    let first = set.sample(0).unwrap().reference;
    assert_eq!(
        (first.id.as_str(), first.kind.as_str(), first.expected.as_str()),
        ("7", "k", "yes")
    );
    for (row, why) in [
        (1, "Row 1: the line cannot be read: it is not JSON (column 34)."),
        (2, "Row 2: the line cannot be read: byte 31 is not UTF-8."),
        (3, "it is no JSON object"),
        (4, "image holds no picture"),
        (5, "image cannot be read"),
        (6, "leads outside the dataset"),
        (7, "prompt has no value"),
        (8, "answer cannot be read: 'C' names none of the 2 options"),
        (9, "options cannot be read: one of its texts is null"),
        (10, "answers cannot be read: 2 answers stand beside options"),
    ] {
        let error = wrong(&*set, row);
        assert!(error.contains(why), "{error}");
    }
    assert!(set.sample(11).unwrap().reference.prompt.starts_with("Which?\nA. x\nB. y\n"));
    let claim = set.sample(12).unwrap().expected.unwrap();
    assert_eq!(claim.judge("yes"), Verdict::Claimed);
    assert_eq!(set.sample(13).unwrap().reference.prompt, "No line end?");
    assert_eq!(set.sample(0).unwrap().reference, first, "back again");
}

#[test]
fn paths_are_opened_only_where_that_is_allowed() {
    let outer = folder(&[("in/a.png", b"a"), ("in/set.jsonl", b"{}"), ("out/b.png", b"b")]);
    let inside = Places { paths: Paths::Inside(outer.path().join("in")), ..Places::default() };
    let error = |name: &str| open(name, &inside).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(open("folder:.", &inside).unwrap().info().rows, 1);
    assert_eq!(open("jsonl:set.jsonl", &inside).unwrap().info().rows, 1);
    for name in ["folder:../out", "folder:/", "jsonl:../../nothing", "folder:/nothing"] {
        assert!(error(name).contains("does not allow"), "{name}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outer.path().join("out"), outer.path().join("in/link")).unwrap();
        assert!(error("folder:link").contains("does not allow"));
    }
    assert!(error("folder:nothing").contains("'nothing' is not there"));
    assert!(error("folder:a.png").contains("it is no folder"));
    let nowhere = open("folder:.", &Places::default()).err().unwrap().to_string();
    assert!(nowhere.contains("does not allow"), "{nowhere}");
    assert!(refused(&at("folder", &outer.path().join("missing"))).contains("is not there"));
    let empty = folder(&[("readme.md", b"")]);
    assert!(refused(&at("folder", empty.path())).contains("holds no pictures"));
}

#[test]
fn what_systems_put_beside_pictures_is_no_sample() {
    let double = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ";
    let folder = folder(&[
        ("a.PNG", b"a"),
        ("._a.PNG", double),
        (".DS_Store", b"x"),
        (".thumbnails/a.png", b"small"),
        ("__MACOSX/._a.png", double),
        ("photo.heic", b"photo"),
        ("b.TIF", b"b"),
    ]);
    let set = opened(&at("folder", folder.path()));
    assert_eq!((set.info().rows, set.sample(0).unwrap().picture), (1, b"a".to_vec()));
    let note = "'b.TIF' and 1 more are of formats that are not read";
    assert_eq!(set.info().note, note);
    fs::remove_file(folder.path().join("a.PNG")).unwrap();
    let error = refused(&at("folder", folder.path()));
    assert!(error.contains("holds no pictures") && error.contains(note), "{error}");
    let plain = tempfile::tempdir().unwrap();
    fs::write(plain.path().join("a.png"), b"a").unwrap();
    assert_eq!(opened(&at("folder", plain.path())).info().note, "");
}

/// A picture as text, and its bytes.
fn as_text() -> (String, Vec<u8>) {
    let base64 = "R0lGODlhAQABAPAAAAAAAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==";
    let bytes = b"GIF89a\x01\0\x01\0\xf0\0\0\0\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    (format!("data:image/gif;base64,{base64}"), bytes.to_vec())
}

#[test]
fn pictures_that_stand_in_the_list_are_read() {
    let (uri, picture) = as_text();
    let lines = format!(
        "{{\"image\": \"{uri}\", \"prompt\": \"?\"}}\n{{\"image\": \"data:image/png;base64,{}\", \"prompt\": \"?\"}}\n",
        "!".repeat(20_000)
    );
    let csv = format!("file_name,text\n\"{uri}\",?\n");
    let folder = folder(&[("a.jsonl", lines.as_bytes()), ("metadata.csv", csv.as_bytes())]);
    let set = opened(&at("jsonl", &folder.path().join("a.jsonl")));
    assert_eq!(set.sample(0).unwrap().picture, picture);
    let wrong = wrong(&*set, 1);
    assert!(wrong.contains("no base64") && wrong.len() < 200, "{wrong}");
    let set = opened(&at("folder", folder.path()));
    assert_eq!(set.sample(0).unwrap().picture, picture);
}

#[test]
fn long_values_are_shortened_in_reasons() {
    let long = "long ".repeat(4000);
    let lines = [
        format!("{{\"image\": \"{long}\", \"prompt\": \"?\"}}"),
        format!("{{\"image\": \"a.png\", \"id\": \"{long}\", \"prompt\": \"\"}}"),
        format!(
            "{{\"image\": \"a.png\", \"prompt\": \"?\", \"options\": [\"x\"], \"answer\": \"{long}\"}}"
        ),
        "{\"image\": \"a\\u0007.png\", \"prompt\": \"?\"}".to_owned(),
    ];
    let folder = folder(&[("a.jsonl", lines.join("\n").as_bytes()), ("a.png", b"a")]);
    let set = opened(&at("jsonl", &folder.path().join("a.jsonl")));
    for row in 0..lines.len() as u64 {
        let wrong = wrong(&*set, row);
        assert!(wrong.len() < 250 && !wrong.contains(char::is_control), "{row}: {wrong}");
    }
}

#[test]
fn other_encodings_are_refused_in_words_and_marks_are_overlooked() {
    let utf16 = |text: &str, mark: bool| -> Vec<u8> {
        let mark = mark.then_some(0xFEFF);
        mark.into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let row = r#"{"image": "a.png", "prompt": "?"}"#;
    let folder = folder(&[
        ("a.jsonl", &utf16(row, true)),
        ("b.jsonl", &utf16(row, false)),
        ("marked.jsonl", format!("\u{feff}{row}").as_bytes()),
        ("a.png", b"a"),
        ("wide/metadata.csv", &utf16("file_name,text\na.png,?\n", true)),
        ("csv/metadata.csv", "\u{feff}file_name,text\r\na.png,\"What, this?\"\r\n".as_bytes()),
        ("csv/a.png", b"a"),
        ("quoted/metadata.csv", "\u{feff}\"file_name\",\"text\"\n\"a.png\",\"Why?\"\n".as_bytes()),
        ("quoted/a.png", b"q"),
        ("other/metadata.csv", "a\0b,\u{1b}[31m\nx,y\n".as_bytes()),
    ]);
    for name in ["a.jsonl", "b.jsonl"] {
        let error = refused(&at("jsonl", &folder.path().join(name)));
        assert!(error.contains("is UTF-16; save it as UTF-8"), "{error}");
    }
    let error = refused(&at("folder", &folder.path().join("wide")));
    assert!(error.contains("is UTF-16; save it as UTF-8"), "{error}");
    let marked = opened(&at("jsonl", &folder.path().join("marked.jsonl")));
    assert_eq!(marked.sample(0).unwrap().picture, b"a");
    for (name, prompt) in [("csv", "What, this?"), ("quoted", "Why?")] {
        let set = opened(&at("folder", &folder.path().join(name)));
        assert_eq!(set.sample(0).unwrap().reference.prompt, prompt);
    }
    let error = refused(&at("folder", &folder.path().join("other")));
    assert!(
        error.contains("no column 'file_name'") && !error.contains(char::is_control),
        "{error:?}"
    );
}

#[test]
fn rows_that_refer_to_pictures_that_are_not_there_are_left_out() {
    let row = |rest: &str| format!("{{\"image\": \"a.png\", {rest}}}\n");
    let lines = [
        row(r#""prompt": "Look at <image 2>. which?", "answer": "cat""#),
        row(r#""question": "?", "options": ["<image 2>", "<image 3>"], "answer": "A""#),
        row(r#""prompt": "?", "options": ["x", "<image  3>"], "answer": "A""#),
        row(r#""prompt": "What is in <image 1>?", "answer": "cat""#),
    ];
    let csv = "file_name,text\na.png,See <image 2>\na.png,See <image 1>\n";
    let folder = folder(&[
        ("a.png", b"a"),
        ("a.txt", b"What is in <image 4>?"),
        ("set.jsonl", lines.concat().as_bytes()),
        ("csv/a.png", b"a"),
        ("csv/metadata.csv", csv.as_bytes()),
    ]);
    let set = opened(&at("jsonl", &folder.path().join("set.jsonl")));
    for (row, reference) in [(0, "<image 2>"), (1, "<image 2>"), (2, "<image  3>")] {
        let error = set.sample(row).unwrap_err();
        assert_eq!(error.fault, Fault::NoSuchPicture { reference: reference.into() });
        assert_eq!(error.code(), shared::ErrorCode::PictureMissing);
    }
    assert_eq!(set.sample(3).unwrap().reference.prompt, "What is in <image 1>?");
    assert!(wrong(&*opened(&at("folder", folder.path())), 0).contains("refers to <image 4>"));
    let set = opened(&at("folder", &folder.path().join("csv")));
    assert!(wrong(&*set, 0).contains("refers to <image 2> and has one picture"));
    assert_eq!(set.sample(1).unwrap().reference.prompt, "See <image 1>");
}

#[test]
fn a_blank_answer_is_none() {
    let row = |rest: &str| format!("{{\"image\": \"a.png\", \"prompt\": \"?\", {rest}}}\n");
    let none = [
        row(r#""answer": """#),
        row(r#""answer": " \t""#),
        row(r#""answers": ["", " "]"#),
        row(r#""answer": "", "options": ["x", "y"]"#),
    ];
    let folder = folder(&[
        ("a.png", b"a"),
        ("none.jsonl", none.concat().as_bytes()),
        ("some.jsonl", row(r#""answers": [""], "answer": "cat""#).as_bytes()),
    ]);
    let set = opened(&at("jsonl", &folder.path().join("none.jsonl")));
    assert!(!set.info().has_answers);
    for row in 0..4 {
        assert!(set.sample(row).unwrap().expected.is_none(), "{row}");
    }
    let set = opened(&at("jsonl", &folder.path().join("some.jsonl")));
    assert!(set.info().has_answers);
    assert_eq!(set.sample(0).unwrap().reference.expected, "cat");
}

#[test]
fn lists_in_strings_are_lists() {
    let row = |rest: &str| format!("{{\"image\": \"a.png\", \"question\": \"?\", {rest}}}\n");
    let lines = [
        row(r#""options": "['dog', 'cat']", "answer": "B""#),
        row(r#""options": "[\"dog\", \"cat\"]", "answer": "cat""#),
        row(r#""options": "[1, 2]", "answer": "B""#),
        row(r#""options": "dog, cat", "answer": "A""#),
        row(r#""options": "", "answer": "['cat', 'a cat']""#),
    ];
    let folder = folder(&[("a.png", b"a"), ("set.jsonl", lines.concat().as_bytes())]);
    let set = opened(&at("jsonl", &folder.path().join("set.jsonl")));
    for (row, expected) in [(0, "B. cat"), (1, "B. cat"), (2, "B. 2"), (4, "cat")] {
        assert_eq!(set.sample(row).unwrap().reference.expected, expected);
    }
    assert!(wrong(&*set, 3).contains("options cannot be read: it is no Python list"));
    let open = set.sample(4).unwrap();
    assert_eq!(open.expected.unwrap().judge("A cat."), Verdict::Right);
    assert_eq!(open.reference.prompt, "?");
}
