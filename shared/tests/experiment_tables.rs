//! Aggregates and tables, from outcomes made up by a counter.
#![allow(clippy::unwrap_used, missing_docs)]

mod experiments;

use experiments::Made;
use shared::experiment::aggregate::{Aggregate, Choice, Refused};
use shared::experiment::paper::Doubt;
use shared::experiment::stats::mean;
use shared::experiment::tables::{self, Tables};
use shared::experiment::{ExperimentSpec, LeftOut, Outcome, SampleRef, Verdict};
use shared::*;

fn outcomes(made: &Made, condition: u32) -> Vec<Outcome> {
    let samples = made.samples;
    (0..samples).filter_map(|s| made.item(condition * samples + s).ok()).collect()
}

#[test]
fn every_choice_says_what_the_masses_say_to_the_last_bit() {
    let made = Made::demo(12);
    let mut aggregate = made.aggregate(made.items());
    let choices: Vec<Choice> = aggregate.choices().cloned().collect();
    assert!(choices.len() > 12, "presets and one-choice changes: {}", choices.len());
    for condition in [0, 13] {
        for (number, choice) in choices.iter().enumerate() {
            if choice.samples == Ratio::RatioOfMeans {
                continue;
            }
            let summary = aggregate.summary(condition, number);
            for (stage, indices) in Stage::ALL.into_iter().zip(&summary.stages) {
                let values: Vec<f64> = outcomes(&made, condition)
                    .iter()
                    .map(|o| o.masses.stage(stage, &choice.definition).mdi.unwrap())
                    .collect();
                assert_eq!(indices.mdi.estimate.mean, mean(&values), "{} {stage:?}", choice.name);
                assert_eq!(indices.mdi.estimate.n as usize, values.len());
            }
            assert_eq!(summary.layers.len(), if choice.curve { 8 } else { 0 });
        }
    }
}

#[test]
fn the_order_of_outcomes_changes_nothing() {
    let made = Made::demo(20);
    let forward = made.tables();
    let mut items = made.items();
    items.reverse();
    // Once more, as a lab that was cut reads what it has: the same item twice changes nothing.
    items.extend([3, 50, 100]);
    let mut aggregate = made.aggregate(items);
    assert_eq!(Tables::new(&mut aggregate, &made.status(), 0).unwrap(), forward);
    // Tables read halfway do not disturb those read at the end.
    let items = made.items();
    let (first, rest) = items.split_at(100);
    let mut aggregate = made.aggregate(first.iter().copied());
    Tables::new(&mut aggregate, &made.status(), 0).unwrap();
    for &item in rest {
        match made.item(item) {
            Ok(outcome) => aggregate.add(item, &outcome).unwrap(),
            Err(left_out) => aggregate.leave_out(item, &left_out).unwrap(),
        }
    }
    assert_eq!(Tables::new(&mut aggregate, &made.status(), 0).unwrap(), forward);
}

#[test]
fn what_is_undefined_is_counted_and_averaged_nowhere() {
    let made = Made::demo(10);
    let mut aggregate = Aggregate::new(made.grid(), Choice::around(Definition::default()));
    let mut defined = Vec::new();
    for sample in 0..10 {
        let mut outcome = made.item(sample).unwrap();
        match sample {
            0 => outcome.masses.extent.prompt = outcome.masses.extent.prompt.with(Group::Image, 0),
            1 => {
                let last = outcome.masses.layers.last_mut().unwrap().as_mut().unwrap();
                last.last[Group::Image.index()] = 0.0;
                last.generated[Group::Image.index()] = 0.0;
            }
            2 => outcome.masses.layers[7] = None,
            _ => {
                let late = outcome.masses.stage(Stage::Late, &Definition::default());
                defined.push(late.mdi.unwrap());
            }
        }
        aggregate.add(sample, &outcome).unwrap();
    }
    let late = aggregate.summary(0, 0).stages[2].mdi.clone();
    assert_eq!((late.estimate.n, late.estimate.mean), (7, mean(&defined)));
    let mut reasons: Vec<_> = late.undefined.iter().map(|u| (u.reason, u.count)).collect();
    reasons.sort_by_key(|r| r.0 as u8);
    assert_eq!(
        reasons,
        [
            (Undefined::NoImageTokens, 1),
            (Undefined::NoImageAttention, 1),
            (Undefined::NotObserved, 1)
        ]
    );
    // The early layers of the last two are there.
    assert_eq!(aggregate.summary(0, 0).stages[0].mdi.estimate.n, 9);
    let notes = Tables::new(&mut aggregate, &made.status(), 0).unwrap().notes;
    assert!(notes.iter().any(|n| n.text.contains("no attention reaches the picture")), "{notes:?}");
}

#[test]
fn a_ratio_of_means_is_one_mdi_of_all_samples() {
    let made = Made::demo(8);
    let mut aggregate = made.aggregate(made.items());
    let number = aggregate.choices().position(|c| c.name == "samples-ratio-of-means").unwrap();
    let found = aggregate.summary(0, number).stages[2].mdi.estimate;
    let definition = Definition::default();
    let outcomes = outcomes(&made, 0);
    let of_layer = |layer: usize| {
        let all: Vec<Attention> =
            outcomes.iter().map(|o| o.masses.attention(layer, &definition).unwrap()).collect();
        let sum = |pick: fn(&Attention) -> f64| all.iter().map(pick).sum::<f64>();
        (sum(|a| a.text) / sum(|a| a.text_tokens.into()))
            / (sum(|a| a.image) / sum(|a| a.image_tokens.into()))
    };
    let expected = (of_layer(6) + of_layer(7)) / 2.0;
    assert!((found.mean.unwrap() / expected - 1.0).abs() < 1e-12, "{found:?} {expected}");
    assert_eq!(found.sd, None);
    assert_eq!((found.low, found.high), (None, None));
    assert_ne!(found.mean, aggregate.summary(0, 0).stages[2].mdi.estimate.mean);
}

#[test]
fn changes_compare_the_same_samples() {
    let made = Made::demo(40);
    let grid = made.grid();
    let pruned = grid.conditions.iter().find(|c| c.prune == 0.75 && c.replicate == 1).unwrap();
    let mut aggregate = Aggregate::new(made.grid(), Choice::around(Definition::default()));
    let late = |o: &Outcome| o.masses.stage(Stage::Late, &Definition::default()).mdi.unwrap();
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for sample in 0..16 {
        // Each side lacks samples that the other has.
        let plain = made.item(sample).unwrap();
        let dropped = made.item(pruned.index * 40 + sample).unwrap();
        if sample != 3 {
            aggregate.add(sample, &plain).unwrap();
        }
        if sample > 5 {
            aggregate.add(pruned.index * 40 + sample, &dropped).unwrap();
            from.push(late(&plain));
            to.push(late(&dropped));
        }
    }
    let change = aggregate.late_change((0, 0), (pruned.index, 0));
    assert_eq!((change.n, change.from, change.to), (10, mean(&from), mean(&to)));
    assert_eq!(change.difference, Some(change.to.unwrap() - change.from.unwrap()));
    assert_eq!((change.low, change.high), (None, None), "a ratio's interval is its pairs'");
    let paired = change.paired.unwrap();
    assert_eq!((paired.n, change.factor()), (10, paired.ratio));
    let (low, high) = (paired.low.unwrap(), paired.high.unwrap());
    assert!(low < paired.ratio.unwrap() && paired.ratio.unwrap() < high);
    assert!(high < 1.0, "every sample's MDI falls");
}

#[test]
fn what_counts_alone_do_stands_beside_what_moved() {
    let tables = Made::demo(30).tables();
    let prune = tables.prune.unwrap();
    let rows = &prune.series[0].rows;
    assert!(rows[0].changes.is_empty());
    let late = &rows[3].changes[2];
    // 64 picture tokens become 3, and words stay: shares that stay give 3/64 of the MDI.
    assert!((late.counts.ratio.unwrap() - 3.0 / 64.0).abs() < 1e-9, "{late:?}");
    let product = late.counts.ratio.unwrap() * late.beyond.ratio.unwrap();
    assert!((product / late.mdi.ratio.unwrap() - 1.0).abs() < 1e-9);
    let (plain, null) = (rows[0].stages[2].mdi.estimate, late.null_mdi);
    let null = null.geometric_mean.unwrap() / plain.geometric_mean.unwrap();
    assert!((null - 3.0 / 64.0).abs() < 1e-9);
    // MDI falls, and the words' share rises: tables say both.
    assert!(late.mdi.high.unwrap() < 1.0 && late.share_text.low.unwrap() > 0.0);
    assert_eq!(rows[3].stages[2].share_text.estimate.mean, late.share_text.to);
}

#[test]
fn every_condition_stands_beside_its_baseline() {
    let mut made = Made::demo(12);
    made.spec.quants = vec![Quant::Q4k, Quant::F32];
    made.spec.replicate = vec![1];
    let tables = made.tables();
    let changes = tables.changes.unwrap();
    let named = |label: &str| {
        let row = changes.rows.iter().find(|r| r.label == label);
        row.map(|r| r.from_label.as_str())
    };
    assert_eq!(named("demo-llava · q4k · 75 % dropped"), Some("demo-llava · q4k"));
    assert_eq!(named("demo-llava · q4k"), Some("demo-llava · f32"), "the most exact weights");
    assert_eq!(named("demo-llava · f32"), None);
    for row in &changes.rows {
        assert!(row.stages.iter().all(|s| s.mdi.n == 12), "{row:?}");
        assert!(row.right.unwrap().low.is_some());
    }
}

#[test]
fn what_does_not_belong_is_refused() {
    let made = Made::demo(4);
    let mut aggregate = made.aggregate(made.items());
    let outcome = made.item(0).unwrap();
    let beyond = made.grid().items();
    assert_eq!(aggregate.add(beyond, &outcome), Err(Refused::NoSuchItem(beyond)));
    let mut other = outcome.clone();
    other.masses.layers.pop();
    assert_eq!(
        aggregate.add(1, &other),
        Err(Refused::OtherLayers { item: 1, found: 7, expected: 8 })
    );
    assert!(Tables::new(&mut aggregate, &made.status(), 99).is_none());
    // Nothing has come: every value is absent, and nothing panics.
    let mut empty = made.aggregate([]);
    let tables = Tables::new(&mut empty, &made.status(), 0).unwrap();
    assert_eq!(tables.stages.rows[0].stages[0].mdi.estimate.mean, None);
    assert!(tables.answers.is_none());
}

#[test]
fn twenty_thousand_items_stay_below_100_megabytes() {
    let made = Made {
        spec: ExperimentSpec { prune: vec![0.0], replicate: vec![1], ..Made::papers(50).spec },
        ..Made::papers(50)
    };
    let aggregate = made.aggregate(made.items());
    let each = aggregate.bytes() / aggregate.done() as usize;
    assert!(each * 20_000 < 100_000_000, "{each} bytes an item of a model of 32 layers");
}

#[test]
fn heads_one_by_one_are_undefined_not_wrong() {
    let made = Made::demo(4);
    let definition = Definition { heads: Heads::One(0), ..Definition::default() };
    let mut aggregate = Aggregate::new(made.grid(), vec![Choice::of(definition)]);
    aggregate.add(0, &made.item(0).unwrap()).unwrap();
    let late = aggregate.summary(0, 0).stages[2].mdi.clone();
    assert_eq!((late.estimate.mean, late.undefined[0].reason), (None, Undefined::HeadsAveraged));
}

#[test]
fn demo_models_stand_beside_the_paper_without_being_measured_against_it() {
    let tables = Made::demo(20).tables();
    let notice = tables.notice.unwrap();
    assert!(notice.contains("demo-llava (8.3 M parameters) for LLaVA-1.5-7B"), "{notice}");
    assert!(notice.contains("demo set for MMMU-Pro") && notice.contains("not sizes"), "{notice}");
    assert!(tables.stages.title.contains("demo models on the demo set"));
    assert_eq!(tables.stages.rows.len(), 2);
    let papers: Vec<&str> = tables.stages.paper.iter().map(|p| p.model.as_str()).collect();
    assert_eq!(papers, ["LLaVA-1.5-7B", "Qwen2.5-VL-7B"]);
    for cell in tables.stages.rows.iter().flat_map(|r| &r.stages) {
        assert!(cell.mdi.paper.is_none() && cell.mdi.relative_difference.is_none());
    }
    // Prune: a series for each model and number of copies; the paper's four rows once.
    let prune = tables.prune.unwrap();
    assert_eq!((prune.series.len(), prune.paper.len()), (6, 4));
    assert!(prune.series[0].rows[0].late_change.is_none());
    assert_eq!(prune.series[0].rows[1].label, "75 %");
    let replicate = tables.replicate.unwrap();
    assert_eq!(replicate.series.len(), 8);
    let image: Vec<f64> =
        replicate.series[0].rows.iter().map(|r| r.image_tokens.unwrap()).collect();
    assert_eq!(image, [64.0, 320.0, 640.0]);
    assert!(tables.notes.iter().any(|n| n.text.contains("substitute for FasterVLM")));
    assert!(tables.notes.iter().any(|n| n.text.contains("left out: picture_damaged")));
}

/// Every text of tables that people read, as the page's Korean has it; names of models and numbers alone
/// are the same.
#[test]
fn every_text_of_tables_is_said_in_korean() {
    for tables in [Made::demo(20).tables(), Made::papers(20).tables()] {
        let json = serde_json::to_string(&tables).unwrap();
        let tables: Tables = serde_json::from_str(&json).unwrap();
        let mut all: Vec<&str> = tables.notes.iter().map(|n| n.text.as_str()).collect();
        all.extend(tables.notice.as_deref());
        all.extend([&*tables.provenance.intervals, &tables.provenance.paper]);
        all.extend([&*tables.stages.title, &tables.stages.about]);
        let levers = [&tables.prune, &tables.replicate].into_iter().flatten();
        all.extend(levers.map(|table| table.title.as_str()));
        all.extend(tables.changes.iter().map(|table| table.title.as_str()));
        all.extend(tables.answers.iter().flat_map(|table| [&*table.title, &table.about]));
        for table in &tables.definitions {
            all.extend([&*table.title, &table.finding]);
            all.extend(table.rows.iter().map(|row| row.title.as_str()));
        }
        let labels = tables.conditions.iter().map(|c| c.label.as_str());
        all.extend(labels.filter(|label| label.contains("dropped")));
        assert!(all.len() > 40, "{}", all.len());
        for text in all {
            let said = tables.said(text);
            let korean = said.sentence.as_ref().and_then(Sentence::korean);
            let korean = korean.unwrap_or_else(|| panic!("no Korean: {text}"));
            assert!(korean.chars().any(|c| ('가'..='힣').contains(&c)), "{text}: {korean}");
        }
    }
}

/// Tables that an earlier version of the lab wrote say no sentences, and are read all the same.
#[test]
fn tables_without_sentences_are_read() {
    let tables = Made::demo(6).tables();
    let mut json = serde_json::to_value(&tables).unwrap();
    json.as_object_mut().unwrap().remove("phrases").unwrap();
    json["stages"].as_object_mut().unwrap().remove("about").unwrap();
    let old: Tables = serde_json::from_value(json).unwrap();
    assert_eq!(old.stages.title, tables.stages.title);
    assert_eq!(old.said(&old.stages.title), Message::from(old.stages.title.as_str()));
}

#[test]
fn the_papers_models_are_measured_against_it_where_it_can_be_right() {
    let tables = Made::papers(20).tables();
    assert_eq!(tables.notice, None);
    assert!(tables.stages.title.ends_with("on mmmu-pro"), "{}", tables.stages.title);
    let llava = &tables.stages.rows[0].stages;
    let cell = &llava[1].mdi;
    let expected = (cell.estimate.mean.unwrap() - 10.23) / 10.23;
    assert_eq!(cell.relative_difference, Some(expected));
    assert!(cell.paper.as_ref().unwrap().confirmed);
    // Doubtful cells are shown and not measured against.
    assert_eq!(llava[0].aei_text.paper.as_ref().unwrap().doubts, [Doubt::OutOfLine]);
    assert_eq!(llava[0].aei_text.relative_difference, None);
    let qwen = &tables.stages.rows[1].stages;
    assert_eq!(
        qwen[0].aei_text.paper.as_ref().unwrap().doubts,
        [Doubt::Impossible, Doubt::Reversed]
    );
    assert!(qwen[2].mdi.relative_difference.is_some());
    assert_eq!(qwen[2].aei_text.relative_difference, None);
    let prune = tables.prune.unwrap();
    let at_95 = &prune.series[0].rows[3].stages;
    assert_eq!(at_95[2].mdi.paper.as_ref().unwrap().doubts, [Doubt::Copied]);
    assert_eq!(at_95[2].mdi.relative_difference, None);
    assert!(at_95[1].mdi.relative_difference.is_some());
    assert!(prune.series[1].rows[1].stages[0].mdi.paper.is_none(), "Table 2 is about LLaVA");
    let marks: Vec<&str> = tables.notes.iter().map(|n| n.mark.as_str()).collect();
    assert_eq!(marks[..4], ["†", "‡", "§", "¶"]);
}

/// The paper dropped tokens by score, showed its pictures, hid nothing and took the most probable tokens: what did
/// otherwise is not measured against it.
#[test]
fn only_what_the_paper_did_is_measured_against_it() {
    let compared = |change: fn(&mut ExperimentSpec)| {
        let mut made = Made::papers(20);
        change(&mut made.spec);
        let tables = made.tables();
        let compared = |c: &&tables::ConditionResult| {
            c.choices.iter().flat_map(|choice| &choice.stages).any(|cell| cell.mdi.paper.is_some())
        };
        let floors = tables.conditions.iter().filter(|c| c.condition.is_floor());
        let random = tables.conditions.iter().filter(|c| c.condition.is_random());
        (
            tables.conditions.iter().filter(compared).count(),
            floors.filter(compared).count(),
            random.filter(compared).count(),
        )
    };
    let (plain, ..) = compared(|_| {});
    assert!(plain > 2);
    let beside = |spec: &mut ExperimentSpec| {
        spec.pictures = vec![PictureUse::Own, PictureUse::Blank, PictureUse::None];
        spec.prune_by = vec![PruneBy::Score, PruneBy::Random(7)];
    };
    assert_eq!(compared(beside), (plain, 0, 0), "the same conditions and no other");
    assert_eq!(compared(|s| s.base.picture = Some(PictureUse::Blank)).0, 0);
    assert_eq!(compared(|s| s.base.knockout = "text>image".parse().ok()).0, 0);
    let drawn = |spec: &mut ExperimentSpec| {
        spec.base.sampling = Some(Sampling { temperature: 0.7, ..Sampling::default() });
    };
    assert_eq!(compared(drawn).0, 0);
    let by_chance = compared(|s| s.base.prune_by = Some(PruneBy::Random(7))).0;
    assert!(by_chance > 0 && by_chance < plain, "only where nothing is dropped: {by_chance}");
}

#[test]
fn answers_are_counted_by_condition_and_kind() {
    let made = Made::demo(60);
    let tables = made.tables();
    let answers = tables.answers.unwrap();
    assert_eq!(answers.rows.len(), made.grid().conditions.len());
    let row = &answers.rows[0];
    let right =
        outcomes(&made, 0).iter().filter(|o| o.verdict == Some(Verdict::Right)).count() as u32;
    assert_eq!((row.verdicts.right.count, row.verdicts.right.n), (right, 59));
    let kinds: Vec<(&str, u32)> =
        row.kinds.iter().map(|k| (k.kind.as_str(), k.verdicts.right.n)).collect();
    assert_eq!(kinds, [("claim-false", 20), ("name", 39)]);
    let all = row.verdicts;
    let sum: u32 =
        [all.right, all.claimed, all.wrong, all.unreadable].map(|p| p.count).iter().sum();
    assert_eq!(all.right.n, sum);
    assert!(row.change.is_none() && answers.rows[9].change.is_some());
}

#[test]
fn the_choice_that_moves_the_number_is_named() {
    let tables = Made::demo(20).tables();
    let table = &tables.definitions[0];
    assert_eq!(table.rows[0].choice, "paper");
    assert!(table.rows[0].change.is_none());
    // Half of the made-up attention lies on the first token.
    assert!(table.finding.contains("without the sink"), "{}", table.finding);
    let names: Vec<&str> = table.rows.iter().map(|r| r.choice.as_str()).collect();
    for name in [
        "reimplementation",
        "forward",
        "without-system",
        "without-template",
        "without-marker",
        "with-generated",
        "queries-generated",
        "queries-prompt-text",
        "stages-thirds",
        "layers-ratio-of-means",
        "samples-ratio-of-means",
    ] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    assert!(!names.contains(&"without-begin"), "it is the reimplementation's");
}

#[test]
fn tables_read_back_as_they_were_written() {
    let tables = Made::demo(10).tables();
    let text = serde_json::to_string(&tables).unwrap();
    assert_eq!(serde_json::from_str::<Tables>(&text).unwrap(), tables);
}

/// The text of the one note that contains it.
fn note(tables: &Tables, containing: &str) -> String {
    let mut found = tables.notes.iter().filter(|n| n.text.contains(containing));
    let note = found.next().map(|n| n.text.clone()).unwrap_or_default();
    assert!(found.next().is_none());
    note
}

#[test]
fn different_reasons_are_counted_and_one_is_an_example() {
    let made = Made::demo(12);
    let tables = |reasons: &[&str]| {
        let mut aggregate = Aggregate::new(made.grid(), Choice::around(Definition::default()));
        for item in made.items() {
            let mut left_out = LeftOut {
                sample: SampleRef { row: u64::from(item % 12), ..SampleRef::default() },
                code: ErrorCode::SampleUnusable,
                message: String::new(),
                sentence: None,
            };
            match reasons.get((item % 12) as usize) {
                Some(reason) => {
                    left_out.message = format!("Row {} (a: b): {reason}", item % 12);
                    aggregate.leave_out(item, &left_out).unwrap();
                }
                None => aggregate.add(item, &made.item(item).unwrap()).unwrap(),
            }
        }
        Tables::new(&mut aggregate, &made.status(), 0).unwrap()
    };
    let conditions = made.grid().conditions.len();
    let text = |reasons: &[&str]| note(&tables(reasons), "sample_unusable");
    let items = 12 * conditions;
    assert_eq!(
        text(&[
            "image cannot be read: 'a.png' is 3.",
            "prompt has no value.",
            "image cannot be read: 'it's.png' is 44."
        ]),
        format!(
            "{} of {items} runs left out: sample_unusable, for 2 different reasons. For example: \
             Row 0 (a: b): image cannot be read: 'a.png' is 3.",
            3 * conditions
        )
    );
    assert_eq!(
        text(&["prompt has no value."]),
        format!(
            "{conditions} of {items} runs left out: sample_unusable. For example: Row 0 (a: b): \
             prompt has no value."
        )
    );
}

#[test]
fn answers_without_floors_say_that_none_were_run() {
    let tables = |change: fn(&mut ExperimentSpec)| {
        let mut made = Made::demo(10);
        change(&mut made.spec);
        made.tables()
    };
    let without = note(&tables(|_| {}), "No floors were run");
    assert!(
        without.contains(
            "--floors), or with as many tokens dropped by chance (--random-prune), is not"
        )
    );
    let unpruned = note(&tables(|spec| spec.prune = vec![0.0]), "No floors were run");
    assert!(unpruned.contains("question alone: --floors) is not known here."), "{unpruned}");
    let floors = tables(|spec| spec.pictures = vec![PictureUse::Own, PictureUse::Blank]);
    assert_eq!(note(&floors, "No floors were run"), "");
}
