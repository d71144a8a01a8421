//! Parquet files that other programs wrote (`fixtures/make.py`), and columns by name.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};

use common::{Leaf, fixture, opened, own_picture, refused, string, wrong};
use datasets::Fault;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataWriter, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use shared::experiment::Verdict;

/// A fixture's picture.
fn small(number: usize) -> Vec<u8> {
    own_picture(380 + number)
}

#[test]
fn mmmu_pro_as_the_hub_writes_it() {
    let hub = fixture("hub");
    let set = opened(&format!("mmmu-pro:{}", hub.display()));
    assert_eq!(set.info().rows, 5);
    let expected = ["A. a dog", "B. don't say \"no\"", "A. \\frac{1}{2}", "L. x"];
    for (row, expected) in expected.into_iter().enumerate() {
        let sample = set.sample(row as u64).unwrap();
        assert_eq!(sample.picture, small(row));
        assert_eq!(sample.reference.expected, expected);
        assert_eq!(sample.reference.id, format!("test_Art_{row}"));
    }
    assert_eq!(
        wrong(&*set, 4),
        "Row 4 (test_Art_4): image holds no picture; give the row one or leave it out."
    );
    let set = opened(&format!("mmmu-pro:{}?config=standard-10", hub.display()));
    let first = set.sample(0).unwrap();
    assert_eq!(first.picture, small(5));
    assert!(
        first.reference.prompt.starts_with("What is [image]?\nA. one\nB. two\nC. it's three\n")
    );
    let expected = first.expected.unwrap();
    assert_eq!(expected.judge("it's three"), Verdict::Right);
    let several = set.sample(1).unwrap();
    assert_eq!((several.picture, several.more), (small(6), vec![small(7)]));
}

#[test]
fn columns_are_named() {
    let file = fixture("columns.parquet");
    let name = format!(
        "parquet:{}?image=photo&question=query&options=choices&answer=key&id=number&kind=class",
        file.display()
    );
    let set = opened(&name);
    assert_eq!((set.info().rows, set.info().has_answers), (3, true));
    let first = set.sample(0).unwrap();
    assert_eq!(first.picture, small(8));
    assert_eq!((first.reference.id.as_str(), first.reference.kind.as_str()), ("101", "1"));
    assert_eq!(
        first.reference.prompt,
        "Which?\nA. red\nB. green\nAnswer with the option letter from the given choices directly."
    );
    assert_eq!(first.reference.expected, "B. green");
    let second = set.sample(1).unwrap();
    assert_eq!((second.reference.prompt.as_str(), second.picture), ("What?", small(9)));
    assert_eq!((second.reference.id.as_str(), second.reference.kind.as_str()), ("102", ""));
    assert_eq!(second.expected.unwrap().judge("x."), Verdict::Right);
    assert_eq!(wrong(&*set, 2), "Row 2 (103): choices cannot be read: one of its texts is null.");
}

#[test]
fn a_list_of_one_picture_is_a_picture() {
    let set = opened(&format!("parquet:{}?image=images", fixture("listed.parquet").display()));
    let first = set.sample(0).unwrap();
    assert_eq!((first.picture, first.reference.prompt.as_str()), (small(11), "One?"));
    assert!(!set.info().has_answers && first.expected.is_none());
    assert_eq!(set.sample(1).unwrap_err().fault, Fault::SeveralPictures(2));
    assert!(wrong(&*set, 2).contains("images holds no picture"));
}

#[test]
fn what_the_columns_are_not_is_said() {
    let file = fixture("columns.parquet").display().to_string();
    for (options, why) in [
        ("", "no column 'image'; it has photo, number, class, query, choices, key, size."),
        ("?image=pixels", "no column 'pixels'"),
        ("?image=query&prompt=photo&id=size", "the column 'size' holds DOUBLE, not texts"),
        ("?image=number", "holds INT64, not a picture file's bytes"),
        ("?image=photo", "none of its columns is a prompt"),
        ("?picture=photo", "has the option 'picture'"),
    ] {
        let error = refused(&format!("parquet:{file}{options}"));
        assert!(error.contains(why), "{error}");
    }
    let listed = fixture("listed.parquet").display().to_string();
    let error = refused(&format!("parquet:{listed}?image=images&prompt=images"));
    assert!(error.contains("'images' is a structure, no text"), "{error}");
    assert!(refused("parquet:").contains("needs a path"));
    let script = refused(&format!("parquet:{}", fixture("make.py").display()));
    assert!(script.contains("make.py is no parquet file that can be read"), "{script}");
    let asked = opened(&format!("parquet:{file}?image=photo&ask=What%20%26%20why%3F"));
    assert_eq!(asked.sample(2).unwrap().reference.prompt, "What & why?");
    assert_ne!(
        asked.info().revision,
        opened(&format!("parquet:{file}?image=photo&ask=x")).info().revision,
        "another prompt is another content"
    );
}

#[test]
fn a_value_that_is_no_text_is_its_rows_fault() {
    let file = tempfile::tempdir().unwrap().keep().join("rows.parquet");
    let picture = || Some(b"picture".to_vec());
    common::write(
        &file,
        &["optional binary image;".into(), string("prompt"), "required int64 id;".into()],
        &[
            Leaf::bytes(vec![picture(), picture(), None, Some(Vec::new()), picture()]),
            Leaf::bytes(vec![
                Some(b"ok\xc3".to_vec()),
                None,
                Some(b"a".to_vec()),
                Some(b"b".to_vec()),
                Some(b"fine".to_vec()),
            ]),
            Leaf::Int64(vec![10, 11, 12, 13, 14]),
        ],
        2,
    );
    let set = opened(&format!("parquet:{}", file.display()));
    assert_eq!(wrong(&*set, 0), "Row 0 (10): prompt cannot be read: its byte 3 is not UTF-8.");
    assert_eq!(
        wrong(&*set, 1),
        "Row 1 (11): prompt has no value; fill it in or leave the row out."
    );
    assert!(wrong(&*set, 2).contains("image holds no picture"));
    assert!(wrong(&*set, 3).contains("is empty (0 bytes)"));
    assert_eq!(set.sample(4).unwrap().reference.prompt, "fine");
}

#[test]
fn however_columns_are_packed_they_are_read() {
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    use parquet::file::properties::WriterProperties;
    let folder = tempfile::tempdir().unwrap();
    let long = "a prompt that packs well ".repeat(40);
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let file = folder.path().join(format!("{}.parquet", codec.to_string().len()));
        common::write_with(
            &file,
            &["optional binary image;".into(), string("prompt")],
            &[Leaf::bytes(vec![Some(vec![7; 5000])]), Leaf::texts([Some(long.as_str())])],
            1,
            WriterProperties::builder().set_compression(codec),
        );
        let set = opened(&format!("parquet:{}", file.display()));
        let sample = set.sample(0).unwrap();
        assert_eq!(
            (sample.picture, sample.reference.prompt),
            (vec![7; 5000], long.clone()),
            "{codec}"
        );
    }
}

/// A page's unpacked size is bounded by its packed one, whatever unpacks it.
#[test]
fn a_page_that_unpacks_to_very_much_is_refused_and_the_rest_is_read() {
    use parquet::basic::{GzipLevel, ZstdLevel};
    use parquet::file::properties::WriterProperties;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.parquet");
    for codec in [
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        common::write_with(
            &file,
            &["optional binary image;".into(), string("prompt")],
            &[
                Leaf::bytes(vec![Some(vec![7; 200 << 20]), Some(vec![7; 5000])]),
                Leaf::texts([Some("a"), Some("b")]),
            ],
            1,
            WriterProperties::builder().set_compression(codec).set_dictionary_enabled(false),
        );
        let set = opened(&format!("parquet:{}", file.display()));
        let said = wrong(&*set, 0);
        assert!(said.contains("bytes claims to unpack to 209715210"), "{codec}: {said}");
        assert_eq!(set.sample(1).unwrap().picture.len(), 5000, "{codec}");
    }
}

/// Gzip alone unpacks on beyond what its page claims.
#[test]
fn a_page_that_claims_less_than_it_unpacks_to_is_refused() {
    use parquet::basic::GzipLevel;
    use parquet::file::properties::WriterProperties;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.parquet");
    common::write_with(
        &file,
        &["optional binary image;".into(), string("prompt")],
        &[Leaf::bytes(vec![Some(vec![7; 100 << 20])]), Leaf::texts([Some("a")])],
        1,
        WriterProperties::builder()
            .set_compression(Compression::GZIP(GzipLevel::default()))
            .set_dictionary_enabled(false),
    );
    let mut bytes = std::fs::read(&file).unwrap();
    // After the four letters a page's header: its type, then its size unpacked, 104,857,610.
    assert_eq!(bytes[4..12], [0x15, 0, 0x15, 0x94, 0x80, 0x80, 0x64, 0x15]);
    bytes[10] = 0;
    bytes[9] = 0x81;
    std::fs::write(&file, bytes).unwrap();
    let set = opened(&format!("parquet:{}", file.display()));
    let said = wrong(&*set, 0);
    assert!(said.contains("unpacks to more than"), "{said}");
}

/// The stream of such a page begins behind its levels, where nothing bounds what it unpacks to.
#[test]
fn gzip_in_pages_of_the_second_version_is_refused() {
    use parquet::basic::GzipLevel;
    use parquet::file::properties::{WriterProperties, WriterVersion};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.parquet");
    let properties = || {
        WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_dictionary_enabled(false)
    };
    let write = |codec: Compression| {
        common::write_with(
            &file,
            &["optional binary image;".into(), string("prompt")],
            &[Leaf::bytes(vec![Some(vec![7; 5000])]), Leaf::texts([Some("a")])],
            1,
            properties().set_compression(codec),
        );
        opened(&format!("parquet:{}", file.display()))
    };
    let said = wrong(&*write(Compression::GZIP(GzipLevel::default())), 0);
    assert!(said.contains("write it with zstd or snappy"), "{said}");
    assert_eq!(write(Compression::SNAPPY).sample(0).unwrap().picture, [7; 5000]);
}

/// Levels that are all alike take a few bytes, however many they are.
#[test]
fn a_list_of_a_million_and_more_in_one_row_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.parquet");
    let texts = "optional group prompt (LIST) { repeated group list { optional binary element (STRING); } }";
    common::write(
        &file,
        &["optional binary image;".into(), texts.into()],
        &[Leaf::bytes(vec![Some(vec![7; 5000]); 2]), Leaf::Lists(vec![1_200_000, 3])],
        2,
    );
    let set = opened(&format!("parquet:{}", file.display()));
    let said = wrong(&*set, 0);
    assert!(said.contains("values here; at most 1048576 are read"), "{said}");
}

#[test]
fn pictures_as_text_in_a_column_are_read() {
    let file = tempfile::tempdir().unwrap().keep().join("rows.parquet");
    let uri = |data: &str| Some(format!("data:image/png;base64,{data}").into_bytes());
    common::write(
        &file,
        &[string("image"), string("prompt")],
        &[Leaf::bytes(vec![uri("aGVsbG8="), uri("!")]), Leaf::texts([Some("a"), Some("b")])],
        2,
    );
    let set = opened(&format!("parquet:{}", file.display()));
    assert_eq!(set.sample(0).unwrap().picture, b"hello");
    assert!(wrong(&*set, 1).contains("image cannot be read: its picture is no base64"));
}

#[test]
fn damage_never_panics_and_leaves_the_rest() {
    let sound = std::fs::read(fixture("hub/vision/test-00000-of-00001.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.parquet");
    let name = format!("mmmu-pro:{}", file.display());
    let (mut refused, mut partly) = (0, 0);
    for at in (0..sound.len()).step_by(29) {
        let mut damaged = sound.clone();
        // Two kinds of damage, so that lengths grow as well as shrink.
        damaged[at] ^= if at % 2 == 0 { 0x81 } else { 0x7e };
        std::fs::write(&file, &damaged).unwrap();
        match datasets::open(&name, &common::anywhere()) {
            Err(_) => refused += 1,
            Ok(set) => {
                let faults = (0..5).filter(|&row| set.sample(row).is_err()).count();
                // The last row is no sample in the sound file either.
                partly += usize::from((2..5).contains(&faults));
            }
        }
    }
    for end in (0..sound.len()).step_by(17) {
        std::fs::write(&file, &sound[..end]).unwrap();
        assert!(datasets::open(&name, &common::anywhere()).is_err(), "{end}");
    }
    assert!(refused > 20 && partly > 20, "{refused} {partly} of {}", sound.len());
}

/// A copy of a file whose footer says that a column is packed with another codec.
fn said_to_be(from: &Path, column: &str, codec: Compression) -> PathBuf {
    let bytes = std::fs::read(from).unwrap();
    let metadata = SerializedFileReader::new(File::open(from).unwrap()).unwrap().metadata().clone();
    let row_group = |group: &RowGroupMetaData| {
        let chunk = |chunk: &ColumnChunkMetaData| match chunk.column_path().parts()[0] == column {
            true => chunk.clone().into_builder().set_compression(codec).build().unwrap(),
            false => chunk.clone(),
        };
        let chunks = group.columns().iter().map(chunk).collect();
        group.clone().into_builder().set_column_metadata(chunks).build().unwrap()
    };
    let groups = metadata.row_groups().iter().map(row_group).collect();
    let metadata = metadata.into_builder().set_row_groups(groups).build();
    // A file ends with its footer, the footer's length and four letters.
    let length = bytes[bytes.len() - 8..].first_chunk().map(|l| u32::from_le_bytes(*l)).unwrap();
    let mut copy = bytes[..bytes.len() - 8 - length as usize].to_vec();
    ParquetMetaDataWriter::new(&mut copy, &metadata).finish().unwrap();
    let path = tempfile::tempdir().unwrap().keep().join("rows.parquet");
    std::fs::write(&path, copy).unwrap();
    path
}

#[test]
fn a_column_in_a_codec_that_is_not_read_is_refused_when_it_is_asked_for() {
    let of = |codec: Compression, columns: &str| {
        let file = said_to_be(&fixture("columns.parquet"), "query", codec);
        format!("parquet:{}?image=photo{columns}", file.display())
    };
    for codec in [Compression::LZO, Compression::BROTLI(Default::default())] {
        let error = refused(&of(codec, "&question=query"));
        let said = format!(
            "in rows.parquet the column 'query' is packed with {codec}, which is not read; write it with zstd or snappy."
        );
        assert!(error.contains(&said), "{error}");
    }
    // A column that nobody asks for is nobody's matter.
    assert_eq!(opened(&of(Compression::LZO, "&ask=What%3F")).sample(0).unwrap().picture, small(8));
    let same = said_to_be(&fixture("columns.parquet"), "no such column", Compression::LZO);
    let set = opened(&format!("parquet:{}?image=photo&question=query", same.display()));
    assert_eq!(set.sample(1).unwrap().reference.prompt, "What?");
}

#[test]
fn texts_in_columns_are_read_as_in_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("texts.parquet");
    common::write(
        &file,
        &["optional binary image;".into(), string("question"), string("options"), string("answer")],
        &[
            Leaf::bytes(vec![Some(b"p".to_vec()); 3]),
            Leaf::texts([Some("Which?"), Some("See <image 2>"), Some("What?")]),
            Leaf::texts([Some(r#"["dog", "\ud83d\udc31"]"#), None, Some("")]),
            Leaf::texts([Some("B"), Some("x"), Some(" ")]),
        ],
        3,
    );
    let set = opened(&format!("parquet:{}", file.display()));
    assert_eq!(set.sample(0).unwrap().reference.expected, "B. \u{1f431}");
    assert!(wrong(&*set, 1).contains("refers to <image 2>"));
    assert!(set.sample(2).unwrap().expected.is_none());
}
