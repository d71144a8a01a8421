//! No cell of a file of comma-separated values is a formula to a spreadsheet, whatever people typed.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../shared/tests/experiments/mod.rs"]
mod experiments;

use experiments::Made;
use proptest::prelude::*;
use tables::neutral::{cell, comment, is_formula, json};

/// What spreadsheets part cells with: a comma, in half of Europe a semicolon, and a tab.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The cells that a spreadsheet makes of a text.
fn cells(text: &str, separator: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(separator);
    let mut reader = reader.from_reader(text.as_bytes());
    reader
        .records()
        .flat_map(|r| r.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Texts made of what matters, in every order.
fn typed() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "=",
        "+",
        "-",
        "@",
        "＝",
        "－",
        "\t",
        "\r",
        "\n",
        ",",
        ";",
        "|",
        "\"",
        "'",
        "\\",
        " ",
        "a",
        "한",
        "1",
        "-2",
        "1e5",
        "cmd",
        "=HYPERLINK(\"http://x\")",
        "@SUM(1,2)",
        "#",
    ]);
    prop_oneof![prop::collection::vec(pieces, 0..12).prop_map(|p| p.concat()), any::<String>()]
}

#[test]
fn what_a_formula_is() {
    for text in ["=1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\r=1", "\n=1", "＝1", " =1", "-", "-1e"]
    {
        assert!(is_formula(text), "{text:?}");
        assert_eq!(cell(text), format!("'{text}"));
    }
    for text in ["", "a=1", "0", "-2", "-0.25", "+1e-7", "1e5", "'=1", "한국어", "–", "5 - 3"]
    {
        assert!(!is_formula(text), "{text:?}");
        assert_eq!(cell(text), text);
    }
}

#[test]
fn comments_read_as_they_did() {
    assert_eq!(json(&"demo-llava, a=b"), r#""demo-llava, a=b""#);
    assert_eq!(json(&"a,=b - c"), r#""a,\u003db \u002d c""#);
    assert_eq!(json(&[1.5, -2.0]), "[1.5, -2.0]");
    assert_eq!(
        comment("max_pixels 9 is too many: 5-6, so 6"),
        "max_pixels 9 is too many: 5-6, so 6"
    );
    assert_eq!(comment("a,\n\"=b\"; @c"), "a, \"'=b\"; '@c");
}

proptest! {
    #[test]
    fn a_cell_is_never_a_formula_and_keeps_its_text(text in typed()) {
        let made = cell(&text);
        prop_assert!(!is_formula(&made), "{made:?}");
        prop_assert!(made == text || made.strip_prefix('\'') == Some(text.as_str()));
    }

    #[test]
    fn a_number_stays_a_number(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let text = number.to_string();
        prop_assert_eq!(cell(&text), text.as_str());
    }

    #[test]
    fn json_in_a_comment_is_no_formula_and_the_same_value(text in typed(), more in typed()) {
        let value = serde_json::json!({ "a": [&text, -2.5, &more], &more: &text });
        let line = json(&value);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
        for separator in SEPARATORS {
            for cell in cells(&format!("# options: {line}"), separator) {
                // A number that a list's bracket follows computes nothing; it stands behind a space.
                prop_assert!(!is_formula(&cell) || cell.starts_with(" -2.5"), "{cell:?} of {line:?}");
            }
        }
    }

    #[test]
    fn a_comment_is_no_formula(text in typed()) {
        let line = format!("# note: {}", comment(&text));
        for separator in SEPARATORS {
            for cell in cells(&line, separator) {
                prop_assert!(!is_formula(&cell), "{cell:?} of {line:?}");
            }
        }
    }

    #[test]
    fn no_cell_of_an_experiments_tables_is_a_formula(text in typed()) {
        let mut tables = Made::papers(1).tables();
        for result in &mut tables.conditions {
            result.condition.model = text.clone();
            result.template = text.clone();
        }
        tables.provenance.dataset.name = text.clone();
        tables.provenance.dataset.revision = text.clone();
        tables.provenance.lab = text;
        for cell in cells(&tables::csv(&tables), b',') {
            prop_assert!(!is_formula(&cell), "{cell:?}");
        }
    }
}
