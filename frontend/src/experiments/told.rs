//! An experiment in words.

use shared::experiment::aggregate::Change;
use shared::experiment::paper::PaperValue;
use shared::experiment::stats::{
    Estimate, Means, PairedDifference, PairedRatio, Proportion, Spread,
};
use shared::experiment::tables::{TableCell, Tables, marks, short};
use shared::experiment::{ExperimentProgress, ExperimentSpec, ExperimentState, Verdict};

use crate::language::{fill, message, t};
use crate::words;

/// Digits in groups of three: `1 846`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A time: `59 s`, `3 min`, `2 h 5 min`.
pub fn time(seconds: f64) -> String {
    let s = seconds.max(0.0).ceil() as u64;
    match s {
        0..100 => fill("{s} s", &[("s", &s)]),
        100..3600 => fill("{m} min", &[("m", &s.div_ceil(60))]),
        _ => match (s / 3600, s % 3600 / 60) {
            (h, 0) => fill("{h} h", &[("h", &h)]),
            (h, m) => fill("{h} h {m} min", &[("h", &h), ("m", &m)]),
        },
    }
}

/// Items a second, or a minute where that reads better.
pub fn rate(per_second: f64) -> String {
    if per_second >= 0.95 {
        fill("{n} /s", &[("n", &format!("{per_second:.1}"))])
    } else {
        fill("{n} /min", &[("n", &short(per_second * 60.0))])
    }
}

/// Where an experiment stands, in a word.
pub fn state(state: ExperimentState) -> &'static str {
    match state {
        ExperimentState::Running => t("running"),
        ExperimentState::Paused => t("paused"),
        ExperimentState::Done => t("done"),
        ExperimentState::Cancelled => t("cancelled"),
    }
}

/// The same as a stable name, for tests and styles.
pub const fn state_name(state: ExperimentState) -> &'static str {
    match state {
        ExperimentState::Running => "running",
        ExperimentState::Paused => "paused",
        ExperimentState::Done => "done",
        ExperimentState::Cancelled => "cancelled",
    }
}

/// A ratio's geometric mean `×/÷` its spread, or its arithmetic mean `±` its, as chosen; anything
/// else's mean `±` its; a dash where there is none (yet).
pub fn estimate(e: &Estimate, means: Means) -> String {
    let centre = e.by(means);
    match (centre.value, centre.spread) {
        (Some(value), Some(Spread::Factor(factor))) => {
            format!("{} ×/÷ {}", short(value), short(factor))
        }
        (Some(value), Some(Spread::Distance(sd))) => format!("{} ± {}", short(value), short(sd)),
        (Some(value), None) => short(value),
        _ => "–".to_owned(),
    }
}

/// A share of the attention in percent.
pub fn attention(e: &Estimate) -> String {
    e.mean.map_or_else(|| "–".to_owned(), words::percent)
}

/// Everything else about a cell: interval, the other mean, samples, those without a value.
pub fn more(cell: &TableCell, means: Means) -> String {
    let e = &cell.estimate;
    let mut parts = Vec::new();
    if let Some((low, high)) = e.by(means).interval {
        parts.push(fill(
            "95 % interval {low} to {high}",
            &[("low", &short(low)), ("high", &short(high))],
        ));
    }
    match (means, e.geometric_mean, e.mean) {
        (Means::Geometric, Some(_), Some(_)) => {
            let mean = estimate(e, Means::Arithmetic);
            parts.push(fill("arithmetic mean {mean}", &[("mean", &mean)]));
        }
        (Means::Arithmetic, Some(_), _) => {
            let mean = estimate(e, Means::Geometric);
            parts.push(fill("geometric mean {mean}", &[("mean", &mean)]));
        }
        _ => {}
    }
    if e.zeros > 0 {
        parts.push(fill(
            "{n} samples are exactly 0 and have no logarithm, so there is no geometric mean",
            &[("n", &e.zeros)],
        ));
    }
    parts.push(format!("n = {}", e.n));
    parts.extend(cell.undefined.iter().map(|u| {
        fill("{n} undefined: {reason}", &[("n", &u.count), ("reason", &words::reason(u.reason))])
    }));
    if let Some(paper) = &cell.paper {
        parts.push(fill("paper: {value}", &[("value", &value(paper))]));
    }
    if let Some(d) = cell.relative_difference {
        let difference = signed_percent(d);
        let values: [(&str, &dyn std::fmt::Display); 1] = [("difference", &difference)];
        parts.push(fill("arithmetic mean {difference} to the paper", &values));
    }
    parts.join(" · ")
}

/// A printed value with its marks.
pub fn value(v: &PaperValue) -> String {
    format!("{}{}", v.value, marks(v))
}

/// A mean number of tokens: whole where it is whole.
pub fn tokens(mean: Option<f64>) -> String {
    match mean {
        None => "–".to_owned(),
        Some(n) if n.fract() == 0.0 => n.to_string(),
        Some(n) => short(n),
    }
}

/// A share in percent.
pub fn share(p: &Proportion) -> String {
    p.share.map_or_else(|| "–".to_owned(), |s| format!("{:.0}\u{a0}%", s * 100.0))
}

/// A share's interval and count.
pub fn share_more(p: &Proportion) -> String {
    let of = fill("{count} of {n}", &[("count", &p.count), ("n", &p.n)]);
    match (p.low, p.high) {
        (Some(low), Some(high)) => {
            let whole = |share: f64| format!("{:.0}", share * 100.0);
            let interval = fill(
                "95 % interval {low} to {high} %",
                &[("low", &whole(low)), ("high", &whole(high))],
            );
            format!("{interval} · {of}")
        }
        _ => of,
    }
}

/// A difference of two shares, in points.
pub fn points(change: &Change) -> String {
    change
        .difference
        .map_or_else(|| "–".to_owned(), |d| format!("{:+.0}", d * 100.0).replace('-', "−"))
}

/// A factor to three digits: `× 0.31`.
pub fn ratio(change: &Change) -> String {
    change.factor().map_or_else(|| "–".to_owned(), |r| format!("× {}", short(r)))
}

/// A factor over pairs with its interval: `× 0.86 [0.81, 0.92]`.
pub fn paired(r: &PairedRatio) -> String {
    match (r.ratio, r.low, r.high) {
        (Some(ratio), Some(low), Some(high)) => {
            format!("× {} [{}, {}]", short(ratio), short(low), short(high))
        }
        (Some(ratio), ..) => format!("× {}", short(ratio)),
        _ => "–".to_owned(),
    }
}

/// How far a share of the attention moves, in points, with its interval.
pub fn moved(d: &PairedDifference) -> String {
    let points = |v: f64| format!("{:.1}", v * 100.0).replace('-', "−");
    match (d.difference, d.low, d.high) {
        (Some(by), Some(low), Some(high)) => {
            let sign = if by > 0.0 { "+" } else { "" };
            format!("{sign}{} [{}, {}]", points(by), points(low), points(high))
        }
        (Some(by), ..) => points(by),
        _ => "–".to_owned(),
    }
}

/// The interval of a change: of its factor where it has one, else of its difference.
pub fn change_more(change: &Change, times: f64) -> String {
    if let Some(PairedRatio { low: Some(low), high: Some(high), n, .. }) = change.paired {
        return fill(
            "95 % interval × {low} to × {high}, same {n} samples",
            &[("low", &short(low)), ("high", &short(high)), ("n", &n)],
        );
    }
    match (change.difference, change.low, change.high) {
        (Some(d), Some(low), Some(high)) => fill(
            "difference {d}, 95 % interval {low} to {high}, same {n} samples",
            &[
                ("d", &short(d * times)),
                ("low", &short(low * times)),
                ("high", &short(high * times)),
                ("n", &change.n),
            ],
        ),
        _ => fill("{n} samples have both", &[("n", &change.n)]),
    }
}

/// A relative difference: `+12 %`.
pub fn signed_percent(d: f64) -> String {
    format!("{:+.0}\u{a0}%", d * 100.0)
}

/// How an answer compares, in a word.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Right => t("right"),
        Verdict::Claimed => t("as claimed"),
        Verdict::Wrong => t("wrong"),
        Verdict::Unreadable => t("unreadable"),
    }
}

/// The same as a stable name, for styles.
pub const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Right => "right",
        Verdict::Claimed => "as claimed",
        Verdict::Wrong => "wrong",
        Verdict::Unreadable => "unreadable",
    }
}

/// What an experiment multiplies: `100 samples × 2 models × 4 prune rates`; `100 samples × 12
/// conditions` where not every combination is run. Without a number of samples, all of them.
pub fn product(spec: &ExperimentSpec, samples: Option<u32>, conditions: usize) -> String {
    let mut parts = vec![match samples {
        None => t("all samples").to_owned(),
        Some(1) => t("1 sample").to_owned(),
        Some(n) => fill("{n} samples", &[("n", &count(n.into()))]),
    }];
    type Say = fn(&str) -> String;
    let lists: [(usize, Say); 6] = [
        (spec.models.len(), |n| fill("{n} models", &[("n", &n)])),
        (spec.quants.len().max(1), |n| fill("{n} quantizations", &[("n", &n)])),
        (spec.templates.len(), |n| fill("{n} templates", &[("n", &n)])),
        (spec.max_pixels.len(), |n| fill("{n} sizes", &[("n", &n)])),
        (spec.prune.len(), |n| fill("{n} prune rates", &[("n", &n)])),
        (spec.replicate.len(), |n| fill("{n} replications", &[("n", &n)])),
    ];
    let said = |n: usize| count(n as u64);
    if lists.iter().map(|(n, _)| n).product::<usize>() == conditions {
        parts.extend(lists.into_iter().filter(|(n, _)| *n > 1).map(|(n, say)| say(&said(n))));
    } else {
        parts.push(fill("{n} conditions", &[("n", &said(conditions))]));
    }
    parts.join(" × ")
}

/// A text of tables, such as a condition's name, in the language in force.
pub fn of(tables: &Tables, text: &str) -> String {
    message(&tables.said(text))
}

/// Why the lab paused an experiment, where it did.
pub fn problem(progress: &ExperimentProgress) -> Option<String> {
    match progress.problems.as_slice() {
        // Of an earlier version of the lab, which said it in English alone.
        [] => progress.problem.as_ref().map(|lines| lines.replace('\n', " ")),
        all => Some(all.iter().map(message).collect::<Vec<_>>().join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(count(1_846), "1\u{202f}846");
        assert_eq!(count(1_000_000), "1\u{202f}000\u{202f}000");
        assert_eq!(count(999), "999");
        assert_eq!(
            [0.2, 59.0, 119.0, 3599.0, 7500.0].map(time),
            ["1 s", "59 s", "2 min", "60 min", "2 h 5 min"]
        );
        assert_eq!([9.31, 0.05].map(rate), ["9.3 /s", "3.00 /min"]);
        let e = Estimate { n: 3, mean: Some(13.06), sd: Some(3.2), ..Estimate::default() };
        assert_eq!(Means::ALL.map(|means| estimate(&e, means)), ["13.1 ± 3.20"; 2]);
        let e = Estimate { geometric_mean: Some(12.5), sd_factor: Some(1.3), ..e };
        assert_eq!(estimate(&e, Means::Geometric), "12.5 ×/÷ 1.30");
        assert_eq!(estimate(&e, Means::Arithmetic), "13.1 ± 3.20");
        let e = Estimate { geometric_low: Some(11.0), geometric_high: Some(14.0), ..e };
        let cell = TableCell { estimate: e, ..TableCell::default() };
        let said = Means::ALL.map(|means| more(&cell, means));
        assert_eq!(said[0], "95 % interval 11.0 to 14.0 · arithmetic mean 13.1 ± 3.20 · n = 3");
        assert_eq!(said[1], "geometric mean 12.5 ×/÷ 1.30 · n = 3");
        assert_eq!(estimate(&Estimate::default(), Means::Geometric), "–");
    }

    #[test]
    fn an_experiment_is_a_product() {
        let spec = ExperimentSpec {
            models: vec!["a".into(), "b".into()],
            prune: vec![0.0, 0.75],
            ..ExperimentSpec::default()
        };
        assert_eq!(product(&spec, Some(100), 4), "100 samples × 2 models × 2 prune rates");
        assert_eq!(product(&spec, Some(100), 3), "100 samples × 3 conditions");
        let one = ExperimentSpec { models: vec!["a".into()], ..ExperimentSpec::default() };
        assert_eq!(product(&one, Some(1), 1), "1 sample");
        assert_eq!(product(&one, None, 1), "all samples");
    }
}
