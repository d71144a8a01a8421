//! Asking several times: seeds, shares of answers, and how MDI spreads over them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use shared::event::ONCE_VERSION;
use shared::masses::{Extent, LayerMasses};
use shared::repeat::MdiSpread;
use shared::*;

/// An answer whose MDI is `mdi` in each of two layers under [`Preset::Paper`]: one text token and one
/// picture token, so that MDI is the ratio of their masses.
fn one(index: u32, answer: &str, mdi: f64) -> Sampled {
    let counts = Counts::of([Group::Image, Group::Instruction]);
    let extent = Extent { prompt: counts, ..Extent::default() };
    let mut masses = LayerMasses::none(FEW_BINS);
    masses.last[Group::Image.index()] = 1.0;
    masses.last[Group::Instruction.index()] = mdi;
    let masses = Masses { extent, layers: vec![Some(masses.clone()), Some(masses)] };
    Sampled { index, seed: 100 + index, answer: answer.into(), tokens: 2, masses }
}

fn options(prompt: &str, times: u32) -> RunOptions {
    let repeat = Some(Repeat { times, claim: String::new() });
    let sampling = Sampling { temperature: 0.7, ..Sampling::default() };
    RunOptions { prompt: prompt.into(), repeat, sampling, ..RunOptions::default() }
}

fn table(prompt: &str, all: &[Sampled]) -> RepeatTable {
    let options = options(prompt, 8);
    RepeatTable::new(&options, all, &Definition::default()).unwrap()
}

const DOG: &str = "The picture shows a dog. Which animal is in the picture?";

#[test]
fn answers_are_counted_and_the_words_win_where_they_are_believed() {
    let all = [
        one(0, "It is a cat.", 1.0),
        one(1, " it is a dog", 4.0),
        one(2, "It is a dog.", 2.0),
        one(3, "It is not a dog.", 3.0),
        one(4, "It is a dog.", 8.0),
    ];
    let found = table(DOG, &all);
    assert_eq!((found.times, found.answered), (8, 5));
    assert_eq!(found.claim.as_deref(), Some("a dog"));
    let rows: Vec<_> =
        found.answers.iter().map(|a| (&*a.answer, a.share.count, a.claimed)).collect();
    assert_eq!(
        rows,
        [
            ("it is a dog", 3, Some(true)),
            ("It is a cat.", 1, Some(false)),
            ("It is not a dog.", 1, Some(false)),
        ]
    );
    assert_eq!(
        (found.answers[0].late_mdi, found.answers[0].seeds.clone()),
        (Some(4.0), vec![101, 102, 104])
    );
    // Wilson's interval of 3 of 5, by statsmodels' proportion_confint(3, 5, method="wilson").
    let said = found.claimed.unwrap();
    assert_eq!((said.count, said.n, said.share), (3, 5, Some(0.6)));
    assert!(
        (said.low.unwrap() - 0.230_724).abs() < 1e-5
            && (said.high.unwrap() - 0.882_378).abs() < 1e-5
    );
    // numpy.percentile([1, 2, 3, 4, 8], [10, 50, 90]) is [1.4, 3, 6.4]; the geometric mean is 192 ** (1 / 5).
    assert_eq!(found.layers.len(), 2);
    for spread in found.layers.iter().chain([&found.late]) {
        assert_eq!((spread.n, spread.median), (5, Some(3.0)));
        let near = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-12;
        assert!(near(spread.low, 1.4) && near(spread.high, 6.4), "{spread:?}");
        assert!(near(spread.mean, 192f64.powf(0.2)), "{spread:?}");
    }
    assert_eq!(found.undefined, None);
}

#[test]
fn a_claim_that_nobody_knows_is_not_counted() {
    let found = table("What is it?", &[one(0, "It is a dog.", 1.0)]);
    assert_eq!((found.claim, found.claimed), (None, None));
    assert_eq!(found.answers[0].claimed, None);
    let once = RunOptions::default();
    assert_eq!(RepeatTable::new(&once, &[], &Definition::default()), None);
    let none = table(DOG, &[]);
    assert_eq!((none.answered, none.late, none.layers.len()), (0, MdiSpread::default(), 0));
}

#[test]
fn what_has_no_mdi_says_why_and_answers_are_counted_all_the_same() {
    let by_head = Definition { heads: Heads::One(0), ..Definition::default() };
    let all = [one(0, "a", 1.0), one(1, "a", 2.0)];
    let found = RepeatTable::new(&options(DOG, 2), &all, &by_head).unwrap();
    assert_eq!(found.undefined, Some(Undefined::HeadsAveraged));
    assert_eq!((found.late.n, found.answers[0].share.count), (0, 2));
    assert_eq!(found.answers[0].late_mdi, None);
    // Text that drew nothing at all has an MDI of 0, and no logarithm.
    let zero = table(DOG, &[one(0, "a", 0.0), one(1, "a", 2.0)]).late;
    assert_eq!((zero.n, zero.mean, zero.median), (2, None, Some(1.0)));
}

#[test]
fn bounds_are_kept_in_sentences() {
    let check = |times, claim: &str| {
        let repeat = Some(Repeat { times, claim: claim.into() });
        RunOptions { repeat, ..RunOptions::default() }.check_ranges().map_err(|why| why.text)
    };
    assert_eq!((check(2, ""), check(32, "a dog")), (Ok(()), Ok(())));
    for times in [0, 1, 33, u32::MAX] {
        let said = check(times, "").unwrap_err();
        assert!(said.contains("2 to 32 times") && said.contains(&times.to_string()), "{said}");
    }
    for claim in ["a\ndog", &"x".repeat(201)] {
        assert!(check(2, claim).unwrap_err().contains("200 characters"));
    }
    let read = |text: &str| serde_json::from_str::<AskedOptions>(text);
    let asked = read(r#"{"repeat":{"times":8}}"#).unwrap();
    assert_eq!(asked.repeat, Some(Repeat { times: 8, claim: String::new() }));
    assert!(read(r#"{"repeat":{"times":-1}}"#).is_err() && read(r#"{"repeat":{"n":8}}"#).is_err());
}

#[test]
fn a_run_that_is_asked_once_is_written_as_it_always_was() {
    let once = RunOptions::default();
    assert_eq!(once.event_version(), ONCE_VERSION);
    assert!(!serde_json::to_string(&once).unwrap().contains("repeat"));
    assert_eq!(options(DOG, 2).event_version(), shared::event::EVENT_VERSION);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn seeds_are_all_different_and_the_first_is_the_one_that_was_asked(seed in any::<u32>()) {
        let drawn = Sampling { temperature: 0.7, seed, ..Sampling::default() };
        let seeds: Vec<u32> = (0..32).map(|i| drawn.nth(i).seed).collect();
        prop_assert_eq!(seeds[0], seed);
        prop_assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), 32);
        let same = |i| Sampling { seed, ..drawn.nth(i) } == drawn;
        prop_assert!((0..32).all(same));
        let greedy = Sampling::default();
        prop_assert_eq!(greedy.nth(5), greedy, "at temperature 0 nothing is drawn");
    }

    #[test]
    fn a_table_adds_up_in_whatever_order_answers_come(
        all in prop::collection::vec((0usize..4, 0.01f64..100.0), 1..33),
        turn in any::<prop::sample::Index>(),
    ) {
        const ANSWERS: [&str; 4] = ["It is a dog.", "A cat.", "", "no dog"];
        let all: Vec<Sampled> =
            (0..).zip(&all).map(|(i, (answer, mdi))| one(i, ANSWERS[*answer], *mdi)).collect();
        let found = table(DOG, &all);
        prop_assert_eq!(found.answers.iter().map(|a| a.share.count).sum::<u32>(), all.len() as u32);
        let shares: f64 = found.answers.iter().filter_map(|a| a.share.share).sum();
        prop_assert!((shares - 1.0).abs() < 1e-9);
        for p in found.answers.iter().map(|a| a.share).chain(found.claimed) {
            let (low, share, high) = (p.low.unwrap(), p.share.unwrap(), p.high.unwrap());
            prop_assert!(0.0 <= low && low <= share + 1e-12 && share <= high + 1e-12 && high <= 1.0, "{:?}", p);
        }
        let dogs = all.iter().filter(|one| one.answer == ANSWERS[0]).count() as u32;
        prop_assert_eq!(found.claimed.unwrap().count, dogs);
        let MdiSpread { n, mean, median, low, high } = found.late;
        let (mean, median, low, high) = (mean.unwrap(), median.unwrap(), low.unwrap(), high.unwrap());
        let mdi: Vec<f64> = all.iter().map(|one| one.masses.layers[0].as_ref().unwrap().last[Group::Instruction.index()]).collect();
        let least = mdi.iter().copied().fold(f64::INFINITY, f64::min);
        let most = mdi.iter().copied().fold(0.0, f64::max);
        prop_assert_eq!(n as usize, all.len());
        prop_assert!(least - 1e-9 <= low && low <= median && median <= high && high <= most + 1e-9);
        prop_assert!(least - 1e-9 <= mean && mean <= most + 1e-9);
        let mut turned = all.clone();
        turned.rotate_left(turn.index(all.len()));
        let again = table(DOG, &turned);
        let counts = |t: &RepeatTable| t.answers.iter().map(|a| a.share.count).collect::<Vec<_>>();
        prop_assert_eq!(counts(&again), counts(&found));
        prop_assert_eq!((again.claimed, again.late.median), (found.claimed, found.late.median));
    }
}
