//! The files that tables become, read back.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../shared/tests/experiments/mod.rs"]
mod experiments;

use std::collections::HashMap;
use std::io::Cursor;

use experiments::Made;
use shared::experiment::ExperimentState;
use shared::experiment::aggregate::Choice;
use shared::experiment::tables::Tables;
use shared::*;
use tables::{Plot, lines};

/// Names that try to be markup of every form.
fn hostile(samples: u32) -> Made {
    let mut made = Made::papers(samples);
    made.spec.title = "A|B & 50 % <b>\"x\"</b> $y_1$ \\end{document} # 한국어 \u{7} ~^{}".into();
    made
}

fn all(made: &Made) -> String {
    let status = made.status();
    let mut text = lines::header(&status, &Choice::around(Definition::default()));
    for item in made.items() {
        text += &lines::item(item, made.item(item).as_ref());
    }
    text
}

#[test]
fn json_read_back_is_the_same_tables() {
    let tables = Made::demo(8).tables();
    let read: Tables = serde_json::from_str(&tables::json(&tables)).unwrap();
    assert_eq!(read, tables);
    assert_eq!(tables::markdown(&read), tables::markdown(&tables));
}

#[test]
fn lines_read_back_make_the_same_tables() {
    let made = Made::demo(8);
    let text = all(&made);
    assert!(!text.contains("secret"), "an experiment's name is all it takes to open it");
    let (mut aggregate, status) = lines::read(text.as_bytes()).unwrap();
    assert_eq!(Tables::new(&mut aggregate, &status, 0).unwrap(), made.tables());
}

#[test]
fn lines_that_are_wrong_are_named() {
    let made = Made::demo(2);
    let text = all(&made);
    let why = |text: &str| lines::read(text.as_bytes()).unwrap_err().to_string();
    assert!(why("").contains("empty"));
    assert!(why("{}").starts_with("line 1 cannot be read"));
    assert!(why(&(text.clone() + "{\"item\":")).contains("line 50 cannot be read"));
    let beyond = lines::item(999, made.item(0).as_ref());
    assert!(why(&(text.clone() + &beyond)).contains("no item 999"));
    assert!(why(&text.replacen("\"version\":1", "\"version\":9", 1)).contains("version 9"));
}

#[test]
fn csv_is_a_row_for_each_number_with_its_provenance() {
    let tables = hostile(8).tables();
    let text = tables::csv(&tables);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), tables::COLUMNS);
    let rows: Vec<HashMap<String, String>> =
        reader.deserialize().collect::<Result<_, _>>().unwrap();
    let find = |model: &str, prune: &str, choice: &str, place: &str, measure: &str| {
        let fits = |r: &&HashMap<String, String>| {
            r["model"] == model
                && r["prune"] == prune
                && r["choice"] == choice
                && r["place"] == place
                && r["measure"] == measure
        };
        let found: Vec<_> = rows.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "{model} {prune} {choice} {place} {measure}");
        found[0].clone()
    };
    let row = find("llava-1.5-7b", "0", "paper", "middle", "mdi");
    let cell = &tables.stages.rows[0].stages[1].mdi;
    assert_eq!(row["mean"].parse::<f64>().unwrap(), cell.estimate.mean.unwrap());
    assert_eq!((row["paper"].as_str(), row["paper_confirmed"].as_str()), ("10.23", "true"));
    assert_eq!(row["relative_difference"].parse::<f64>().ok(), cell.relative_difference);
    let row = find("llava-1.5-7b", "0.95", "paper", "late", "mdi");
    assert_eq!((row["paper_doubts"].as_str(), row["relative_difference"].as_str()), ("copied", ""));
    let row = find("qwen2.5-vl-7b", "0", "forward", "27", "aei_text");
    assert_eq!(row["queries"], "prompt_text");
    assert_eq!(row["text_keys"], "system template instruction");
    for row in &rows {
        for column in
            ["model_hash", "quant", "dtype", "template", "dataset_revision", "seed", "lab"]
        {
            assert!(!row[column].is_empty(), "{column} of {row:?}");
        }
        let answers = row["kind"] == "answers";
        assert_eq!(row["queries"].is_empty(), answers, "a number has its definition");
    }
    assert!(rows.iter().any(|r| r["measure"] == "right" && r["n"] == "8"));
}

#[test]
fn markdown_is_aligned_and_keeps_its_cells() {
    let text = tables::markdown(&hostile(8).tables());
    for block in text.split("\n\n").filter(|b| b.starts_with('|')) {
        let widths: Vec<usize> = block.lines().map(|l| l.chars().count()).collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{block}");
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(block.lines().all(|l| cells(l) == cells(block.lines().next().unwrap())));
    }
    assert!(text.contains("# A\\|B"), "{}", &text[..200]);
    assert!(text.contains("10.23") && text.contains("14.24†‡"), "{text}");
    assert!(text.contains("relative to the paper"));
    assert!(text.contains("5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"));
    let demo = tables::markdown(&Made::demo(4).tables());
    assert!(demo.contains("> Stand-ins: demo-llava"));
    assert!(!demo.contains("relative to the paper"));
}

#[test]
fn latex_is_balanced_and_escaped() {
    let text = tables::latex(&hostile(8).tables());
    let body = &text[text.find("\\begin{document}").unwrap()..];
    assert_eq!(body.matches("\\end{document}").count(), 1, "the title's own is only text");
    assert!(!body.contains("한"), "[U+…] stands for what T1 fonts lack");
    assert!(body.contains("A\\textbar{}B \\& 50 \\% \\textless{}b\\textgreater{}"));
    for environment in ["table", "tabular", "itemize"] {
        let count = |edge: &str| body.matches(&format!("\\{edge}{{{environment}}}")).count();
        assert_eq!(count("begin"), count("end"), "{environment}");
    }
    let depth = body.replace("\\{", "").replace("\\}", "").chars().try_fold(0i32, |d, c| match c {
        '{' => Some(d + 1),
        '}' => (d > 0).then_some(d - 1),
        _ => Some(d),
    });
    assert_eq!(depth, Some(0));
    // Every row has as many cells as its tabular has columns.
    for tabular in body.split("\\begin{tabular}").skip(1) {
        let tabular = &tabular[..tabular.find("\\end{tabular}").unwrap()];
        let columns = tabular[1..tabular.find('}').unwrap()].len();
        for line in tabular.lines().filter(|l| l.ends_with("\\\\") && !l.contains("multicolumn")) {
            let cells = line.replace("\\&", "").matches('&').count() + 1;
            assert_eq!(cells, columns, "{line}");
        }
    }
}

#[test]
fn every_plot_is_drawn_and_says_where_it_comes_from() {
    for tables in [Made::demo(6).tables(), hostile(6).tables()] {
        for plot in Plot::ALL {
            let (svg, png) = (tables::svg(&tables, plot), tables::png(&tables, plot));
            if plot == Plot::Replicate && tables.replicate.is_none() {
                assert!(svg.is_none() && png.is_none());
                continue;
            }
            let svg = svg.unwrap();
            assert_eq!(svg.matches("<svg").count(), 1);
            assert!(svg.ends_with("</svg>\n") || svg.ends_with("</svg>"));
            let metadata = svg.split("<metadata>").nth(1).unwrap();
            let metadata = metadata.split("</metadata>").next().unwrap();
            let unescaped = metadata
                .replace("&quot;", "\"")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&");
            let about: serde_json::Value = serde_json::from_str(&unescaped).unwrap();
            assert_eq!(about["provenance"]["seed"], 7);
            assert!(about["choice"]["definition"]["queries"].is_string());

            let decoder = png::Decoder::new(Cursor::new(png.unwrap()));
            let mut reader = decoder.read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            let info = reader.info();
            assert_eq!((info.width, info.height), (1920, 1080));
            let comment = info.utf8_text.iter().find(|t| t.keyword == "Comment").unwrap();
            let again: serde_json::Value =
                serde_json::from_str(&comment.get_text().unwrap()).unwrap();
            assert_eq!(again, about);
            let dark = pixels.chunks_exact(3).filter(|p| p.iter().all(|c| *c < 0x60)).count();
            assert!(dark > 2_000, "letters and lines are there: {dark}");
        }
    }
}

#[test]
fn an_experiment_without_outcomes_has_files_all_the_same() {
    let made = Made::demo(3);
    let mut aggregate = made.aggregate([]);
    let tables = Tables::new(&mut aggregate, &made.status(), 0).unwrap();
    assert!(tables::markdown(&tables).contains('–'));
    assert!(tables::latex(&tables).contains("\\end{document}"));
    assert!(tables::csv(&tables).lines().count() > 1);
    assert_eq!(tables::svg(&tables, Plot::Layers), None);
    assert!(tables::svg(&tables, Plot::Prune).is_some());
}

/// Writes every file where one can look at them: `LOOK=DIR cargo nextest run -p tables look`.
#[test]
fn look() {
    let Ok(folder) = std::env::var("LOOK") else { return };
    let mut many = Made::demo(60);
    many.spec.quants = vec![Quant::Q8_0, Quant::Q4k, Quant::F32];
    for (name, made) in [
        ("demo", Made::demo(100)),
        ("papers", Made::papers(100)),
        ("hostile", hostile(4)),
        ("many", many),
    ] {
        let tables = made.tables();
        let write = |ending: &str, bytes: &[u8]| {
            std::fs::write(format!("{folder}/{name}{ending}"), bytes).unwrap();
        };
        write(".md", tables::markdown(&tables).as_bytes());
        write(".csv", tables::csv(&tables).as_bytes());
        write(".tex", tables::latex(&tables).as_bytes());
        write(".json", tables::json(&tables).as_bytes());
        for plot in Plot::ALL {
            if let (Some(svg), Some(png)) = (tables::svg(&tables, plot), tables::png(&tables, plot))
            {
                write(&format!("-{}.svg", plot.name()), svg.as_bytes());
                write(&format!("-{}.png", plot.name()), &png);
            }
        }
    }
}

/// Whatever file one opens, an experiment that is not done says so beside its means.
#[test]
fn every_file_of_an_experiment_that_is_not_done_says_so() {
    let mut tables = Made::demo(8).tables();
    let said = "Not finished (cancelled): ";
    let svg = |tables: &Tables| tables::svg(tables, Plot::ALL[0]).unwrap();
    for text in [tables::markdown(&tables), tables::latex(&tables), svg(&tables)] {
        assert!(!text.contains("Not finished"), "it is done");
    }
    tables.provenance.status = ExperimentState::Cancelled;
    for text in [tables::markdown(&tables), tables::latex(&tables), svg(&tables)] {
        assert!(text.contains(said), "{text}");
    }
    let csv = tables::csv(&tables);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<HashMap<String, String>> =
        reader.deserialize().collect::<Result<_, _>>().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["status"] == "cancelled"));
    let json: serde_json::Value = serde_json::from_str(&tables::json(&tables)).unwrap();
    assert_eq!(json["provenance"]["status"], "cancelled");
}
