//! The report as tables for people.

use super::Report;

pub(super) fn tables(report: &Report) -> String {
    let ms = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:.1}"));
    let mut out = format!(
        "{} on {}, random weights, medians in milliseconds\n\n",
        report.shape, report.device
    );
    out += "| weights | in + out | observed | unobserved | observing costs | first layer | prefill \
            | a token | of the peer |\n|---|---|---|---|---|---|---|---|---|\n";
    for r in &report.rows {
        let ratio = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a / b);
        let cost = ratio(r.observed_ms, r.unobserved_ms)
            .map_or("–".to_owned(), |x| format!("{:+.1} %", 100.0 * (x - 1.0)));
        let peer = ratio(r.observed_ms, report.peer.as_ref().map(|p| p.generate_ms))
            .map_or("–".to_owned(), |x| format!("{x:.2}"));
        out += &format!(
            "| {} ({:.0} MiB) | {} + {} | {} | {} | {cost} | {} | {:.1} | {:.2} | {peer} |\n",
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
    if let Some(p) = &report.peer {
        out += &format!(
            "\nPeer: transformers {} on torch {}, eager, attentions handed out: forward {:.0} ms, \
             generating {:.0} ms, on the peer's own sizes.\n",
            p.transformers, p.torch, p.forward_ms, p.generate_ms
        );
    }
    if !report.memory.is_empty() {
        out += "\n| tokens in | observed | peak memory (MiB) |\n|---|---|---|\n";
        for r in &report.memory {
            out += &format!("| {} | {} | {} |\n", r.tokens_in, ms(r.observed_ms), ms(r.peak_mib));
        }
    }
    out
}
