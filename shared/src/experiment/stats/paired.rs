//! How a number moves within the same samples.

use serde::{Deserialize, Serialize};

use super::{LEAST, Z, mean, sample_sd, t_interval};

/// By what factor a ratio moves, over the samples that have it on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PairedRatio {
    /// Pairs.
    pub n: u32,
    /// The geometric mean of the pairs' `to / from`; `null` without pairs and where an end is 0.
    pub ratio: Option<f64>,
    /// `e` to the standard deviation of the pairs' logarithms; `null` below two.
    pub sd_factor: Option<f64>,
    /// Lower end of the 95 % interval (Student's t over the pairs' logarithms); `null` below five.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// Pairs with an end that is exactly 0: they have no logarithm, and with any of them there is no
    /// ratio.
    pub zeros: u32,
}

impl PairedRatio {
    /// Of pairs `(from, to)`, none of whose ends is below 0.
    pub fn of(pairs: &[(f64, f64)]) -> PairedRatio {
        let zeros = pairs.iter().filter(|(a, b)| *a <= 0.0 || *b <= 0.0).count();
        let logs: Vec<f64> = pairs.iter().map(|(a, b)| libm::log(b / a)).collect();
        let logs = if zeros > 0 { &[][..] } else { &logs[..] };
        let interval = t_interval(logs);
        PairedRatio {
            n: pairs.len() as u32,
            ratio: mean(logs).map(libm::exp),
            sd_factor: sample_sd(logs).map(libm::exp),
            low: interval.map(|i| libm::exp(i.0)),
            high: interval.map(|i| libm::exp(i.1)),
            zeros: zeros as u32,
        }
    }
}

/// How far a share moves, over the samples that have it on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PairedDifference {
    /// Pairs.
    pub n: u32,
    /// The mean before.
    pub from: Option<f64>,
    /// The mean after.
    pub to: Option<f64>,
    /// `to − from`.
    pub difference: Option<f64>,
    /// Lower end of the difference's 95 % interval (Student's t over the pairs); `null` below five.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
}

impl PairedDifference {
    /// Of pairs `(from, to)`.
    pub fn of(pairs: &[(f64, f64)]) -> PairedDifference {
        let side = |pick: fn(&(f64, f64)) -> f64| mean(&pairs.iter().map(pick).collect::<Vec<_>>());
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| b - a).collect();
        let interval = t_interval(&differences);
        PairedDifference {
            n: pairs.len() as u32,
            from: side(|p| p.0),
            to: side(|p| p.1),
            difference: mean(&differences),
            low: interval.map(|i| i.0),
            high: interval.map(|i| i.1),
        }
    }
}

/// How far the share of samples of which something is true moves. The interval is that of Bonett and
/// Price (2012) for paired proportions: half a pair is added to each of the four cells.
pub fn paired_share(pairs: &[(bool, bool)]) -> PairedDifference {
    let number = |yes: bool| if yes { 1.0 } else { 0.0 };
    let numbers: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (number(*a), number(*b))).collect();
    let mut found = PairedDifference::of(&numbers);
    (found.low, found.high) = (None, None);
    if pairs.len() >= LEAST {
        let count = |which: (bool, bool)| pairs.iter().filter(|p| **p == which).count() as f64;
        let n = pairs.len() as f64 + 2.0;
        let (lost, won) = ((count((true, false)) + 1.0) / n, (count((false, true)) + 1.0) / n);
        let half = Z * ((lost + won - (won - lost) * (won - lost)) / n).sqrt();
        let centre = won - lost;
        found.low = Some((centre - half).max(-1.0));
        found.high = Some((centre + half).min(1.0));
    }
    found
}
