//! The report as tables for people.

use super::peer::Peer;
use super::{Report, Row};

pub(super) fn tables(report: &Report) -> String {
    let ms = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:.1}"));
    let mut out = format!(
        "{} on {}, random weights, medians in milliseconds\n\n",
        report.shape, report.device
    );
    out += "| weights | in + out | observed | unobserved | observing costs | first layer | prefill \
            | a token |\n|---|---|---|---|---|---|---|---|\n";
    for r in &report.rows {
        let ratio = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a / b);
        let cost = ratio(r.observed_ms, r.unobserved_ms)
            .map_or("–".to_owned(), |x| format!("{:+.1} %", 100.0 * (x - 1.0)));
        out += &format!(
            "| {} ({:.0} MiB) | {} + {} | {} | {} | {cost} | {} | {:.1} | {:.2} |\n",
            r.quant.name(),
            r.weights_mib,
            r.tokens_in,
            r.tokens_out,
            ms(r.observed_ms),
            ms(r.unobserved_ms),
            ms(r.first_layer_ms),
            r.prefill_ms,
            r.ms_per_token,
        );
    }
    for r in report.rows.iter().filter(|r| r.gpu_peak_mib.is_some()) {
        let ratio =
            |a: f64, b: Option<f64>| b.map_or("–".to_owned(), |b| format!("{:.3}", a / b));
        out += &format!(
            "\n{}: observed over unobserved {} in the prefill ({} unobserved), {} a token ({} \
             unobserved); GPU memory at most {} MiB; flows {}\n",
            r.quant.name(),
            ratio(r.prefill_ms, r.unobserved_prefill_ms),
            ms(r.unobserved_prefill_ms),
            ratio(r.ms_per_token, r.unobserved_ms_per_token),
            r.unobserved_ms_per_token.map_or("–".to_owned(), |v| format!("{v:.2}")),
            ms(r.gpu_peak_mib),
            r.seen.flows_checksum,
        );
    }
    out += "\n| weights | made in | peak while made (MiB) | peak after the run (MiB) | \
            estimated | layout |\n|---|---|---|---|---|---|\n";
    for r in &report.rows {
        out += &format!(
            "| {} | {:.1} s | {} | {} | {:.0} | {} |\n",
            r.quant.name(),
            r.load_ms / 1e3,
            ms(r.load_peak_mib),
            ms(r.peak_mib),
            r.estimate_mib,
            r.seen.words()
        );
    }
    for row in report.rows.iter().filter(|_| !report.peers.is_empty()) {
        out += &beside(row, &report.peers);
    }
    if !report.memory.is_empty() {
        out += "\n| tokens in | observed | peak memory (MiB) |\n|---|---|---|\n";
        for r in &report.memory {
            out += &format!("| {} | {} | {} |\n", r.tokens_in, ms(r.observed_ms), ms(r.peak_mib));
        }
    }
    out
}

/// A figure of ours and of a peer's, and the digits after its point.
type Figure = (&'static str, usize, fn(&Row) -> Option<f64>, fn(&Peer) -> Option<f64>);

/// A row beside the peers: everybody's figure, and how many times ours theirs is.
fn beside(row: &Row, peers: &[Peer]) -> String {
    let figures: [Figure; 5] = [
        ("whole run, everything observed, ms", 1, |r| r.observed_ms, |p| Some(p.whole_ms)),
        (
            "prefill, observed, ms",
            1,
            |r| r.observed_ms.and(Some(r.prefill_ms)),
            |p| Some(p.observed_prefill_ms),
        ),
        ("prefill, ms", 1, |r| r.unobserved_prefill_ms, |p| Some(p.prefill_ms)),
        ("a token, ms", 2, |r| r.unobserved_ms_per_token, |p| Some(p.ms_per_token)),
        ("GPU memory at most, MiB", 0, |r| r.gpu_peak_mib, |p| p.gpu_peak_mib),
    ];
    let mut out = format!(
        "\n| {} + {} tokens | the lab, {} |",
        row.tokens_in,
        row.tokens_out,
        row.quant.name()
    );
    let mut line = "\n|---|---|".to_owned();
    for p in peers {
        let same = (p.tokens_in, p.tokens_out) == (row.tokens_in, row.tokens_out);
        let sizes =
            if same { String::new() } else { format!(" ({} + {})", p.tokens_in, p.tokens_out) };
        out += &format!(" transformers {}, {}{sizes} | times |", p.transformers, p.mode);
        line += "---|---|";
    }
    out += &line;
    for (name, digits, ours, theirs) in figures {
        let ours = ours(row);
        let number = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:.digits$}"));
        out += &format!("\n| {name} | {} |", number(ours));
        for theirs in peers.iter().map(theirs) {
            let times = theirs.zip(ours).map_or("–".to_owned(), |(t, o)| format!("{:.1}", t / o));
            out += &format!(" {} | {times} |", number(theirs));
        }
    }
    out + "\n"
}
