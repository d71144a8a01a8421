//! A run as one document that needs neither the lab nor the network: the picture with the map of every
//! layer, the tokens lit, all plots, the numbers, and everything else as data inside.

use std::fmt::Write;

use shared::{Language, Layout, Measure, Stage};

use crate::export::{self, Asked, RunPlot};
use crate::pictured::{self, Place};
use crate::run::{self, Run, View};
use crate::text::{self, escaped};
use crate::theme::Style;
use crate::words::{number, percent};

/// How a document looks: on a screen of any width, and on paper.
const STYLE: &str = "\
body{margin:0 auto;max-width:980px;padding:16px;font:16px/1.5 Inter,Helvetica,Arial,sans-serif}\
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin:2rem 0 .5rem}\
figure{margin:1.5rem 0}svg{display:block;width:100%;height:auto}\
.map svg{max-width:560px}[data-layer]{display:none}g[data-layer].shown{display:inline}div[data-layer].shown{display:block}\
label{display:flex;gap:.75rem;align-items:center;max-width:560px}input{flex:1}\
.late{font-size:2.5rem;font-weight:600;line-height:1.1}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.15rem .6rem;text-align:right}dl{display:grid;grid-template-columns:auto 1fr;gap:.2rem 1rem}\
dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}\
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:1rem;padding:0;list-style:none}\
.beside li{border-top:4px solid;padding-top:.5rem}\
@media print{label,button{display:none}figure{break-inside:avoid}}";

/// Moves through the layers, and hands out the data that stand in the document.
const SCRIPT: &str = "\
const slider=document.querySelector('input[type=range]');\
if(slider){const maps=[...document.querySelectorAll('[data-layer]')];\
const show=()=>{document.querySelector('output').value=slider.value;\
for(const map of maps)map.classList.toggle('shown',map.dataset.layer===slider.value)};\
slider.addEventListener('input',show);show()}\
document.querySelector('button').addEventListener('click',()=>{\
const a=document.createElement('a');\
a.href=URL.createObjectURL(new Blob([document.getElementById('langoverrule').textContent],{type:'application/json'}));\
a.download=document.querySelector('button').dataset.name;a.click()});";

/// Most cells of maps, and most lit tokens, in a document: at some 80 bytes a cell and 200 a token they are
/// 8 and 20 MB.
const MOST_CELLS: usize = 100_000;

/// What a document is made of beside the run itself.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// The language of [`Style::words`].
    pub language: Language,
    /// Everything that is known of the run, as JSON: its report.
    pub data: &'a str,
    /// What the data are called where they are saved.
    pub name: &'a str,
    /// What the run's numbers rest on: names and values.
    pub what_ran: &'a [(String, String)],
}

/// The document of a run.
pub fn document(
    run: &Run<'_>,
    view: &View,
    style: &Style,
    asked: &Asked<'_>,
    document: &Document<'_>,
) -> String {
    let words = &style.words;
    let [layer_name, numbers, _, what_ran] = words.parts;
    let question = text::one_line(&run.options.prompt);
    let answer = text::one_line(&run.observation.answer());
    let shown = asked.partial || run.is_done();
    let title = match run.label.name.as_str() {
        "" => format!("{question} → {answer}"),
        name => name.to_owned(),
    };
    let mut out = head(&title, document.language, asked.version, style);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "<h1>{} → {}</h1>", escaped(&question), escaped(&answer));
    if !run.label.name.is_empty() {
        let _ = writeln!(out, "<p><b>{}</b></p>", escaped(&run.label.name));
    }
    if !run.label.note.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", escaped(&run.label.note));
    }
    out += &late(run, view, style, shown);
    if let Some(partial) = words.partial(run.status) {
        let told = if shown { partial } else { words.unfinished };
        let _ = writeln!(out, "<p><b>{}</b></p>", escaped(told));
    }
    if shown {
        out += &maps(run, view, style, asked, layer_name);
        out += &slider(run, view, layer_name);
    }
    let plots = RunPlot::ALL.into_iter().filter(|plot| match plot {
        RunPlot::Map => false,
        RunPlot::Repeat => run.options.repeat.is_some(),
        _ => true,
    });
    for plot in plots {
        let _ = writeln!(out, "<figure>{}</figure>", figure(run, plot, view, style, asked));
    }
    let _ = writeln!(out, "<h2>{}</h2>", escaped(numbers));
    out += &table(run, view, style, shown);
    let _ = writeln!(out, "<h2>{}</h2>\n<dl>", escaped(what_ran));
    for (name, value) in document.what_ran {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
    }
    out += "</dl>\n";
    out += &foot(style, (asked.address, asked.version), document.data, document.name);
    out
}

/// A document's beginning.
pub(crate) fn head(title: &str, language: Language, version: &str, style: &Style) -> String {
    let palette = &style.palette;
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"LangOverrule Lab {}\">\n<title>{}</title>\n\
         <style>body{{background:{};color:{}}}small,figcaption{{color:{}}}{STYLE}</style>\n</head>\n<body>\n",
        language.tag(),
        escaped(version),
        escaped(title),
        palette.surface.css(),
        palette.ink.css(),
        palette.muted.css(),
    )
}

/// A document's end: where it comes from, and `data`, which is saved as `name`.
pub(crate) fn foot(
    style: &Style,
    (address, version): (&str, &str),
    data: &str,
    name: &str,
) -> String {
    let [_, _, save, _] = style.words.parts;
    let made = style.words.made_with.replace("{version}", version);
    // Inside a script no sign may end it or begin a comment.
    let data = data.replace('<', "\\u003c");
    let address = match address.starts_with("http") {
        true => format!("<a href=\"{0}\">{0}</a>", escaped(address)),
        false => escaped(address),
    };
    format!(
        "<p><button type=\"button\" data-name=\"{}\">{}</button></p>\n\
         <p><small>{} {address}</small></p>\n\
         <script type=\"application/json\" id=\"langoverrule\">{3}</script>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        escaped(name),
        escaped(save),
        escaped(&made),
        data,
    )
}

/// The number of the late layers, and what it says.
fn late(run: &Run<'_>, view: &View, style: &Style, shown: bool) -> String {
    let (words, definition) = (&style.words, run::definition_to_text(&view.definition));
    let late = run.observation.stage(Stage::Late, &view.definition).mdi;
    let Some(mdi) = late.ok().filter(|_| shown) else { return String::new() };
    let verdict = match run.options.knockout {
        None => words.verdict(mdi).1,
        Some(_) => "",
    };
    format!(
        "<p><span class=\"late\">{}</span> MDI, {} · {} {}<br>{}</p>\n",
        number(mdi),
        escaped(words.late_layers),
        escaped(words.definition),
        escaped(&definition),
        escaped(verdict)
    )
}

/// The picture with the map of each layer, one of which is shown.
fn maps(run: &Run<'_>, view: &View, style: &Style, asked: &Asked<'_>, name: &str) -> String {
    const SIDE: f64 = 560.0;
    let medium = pictured::medium(run, view);
    let place = Place::in_square(run, medium, asked.picture, (0.0, 0.0), SIDE);
    let (Some(place), Some((token, chosen))) = (place, pictured::looked(run, view)) else {
        return String::new();
    };
    // As wide and high as the picture, not as its square.
    let [_, _, w, h] = place.at;
    let place = Place { at: [0.0, 0.0, w, h], ..place };
    let top = pictured::top(run);
    let word = format!("{} · {}", pictured::word(run, token, style), style.words.mean_of_heads);
    let mut out = format!(
        "<h2>{0}</h2>\n<figure class=\"map\"><svg viewBox=\"0 0 {w:.0} {h:.0}\" role=\"img\" \
         aria-label=\"{0}: {1}\">{2}",
        escaped(style.words.where_it_looked),
        escaped(&word),
        place.picture(style)
    );
    // A map of every layer, unless that is more than a browser draws well.
    let cells = usize::from(place.prepared.rows) * usize::from(place.prepared.cols);
    let layers = run.observation.layers();
    let all = cells * layers <= MOST_CELLS;
    for layer in (0..layers).filter(|layer| all || *layer == chosen) {
        let map = place.map(run, (token, layer), top, style).unwrap_or_default();
        let _ = match all {
            true => write!(out, "<g{}>{map}</g>", of_layer(layer, chosen)),
            false => write!(out, "<g>{map}</g>"),
        };
    }
    let end = percent(f64::from(top));
    let of_layer = if all { String::new() } else { format!(" · {name} {chosen}") };
    let _ = writeln!(
        out,
        "</svg><figcaption>{}{} · ≥ {end}</figcaption></figure>",
        escaped(&word),
        escaped(&of_layer)
    );
    out
}

/// What moves through the layers.
fn slider(run: &Run<'_>, view: &View, name: &str) -> String {
    let (layers, looked) = (run.observation.layers(), pictured::looked(run, view));
    let Some((_, chosen)) = looked.filter(|_| layers > 1) else { return String::new() };
    format!(
        "<label>{} <input type=\"range\" min=\"0\" max=\"{}\" value=\"{chosen}\"> \
         <output>{chosen}</output></label>\n",
        escaped(name),
        layers - 1,
    )
}

/// A plot; one that shows a layer is drawn of each, and the slider over the map chooses among them.
fn figure(run: &Run<'_>, plot: RunPlot, view: &View, style: &Style, asked: &Asked<'_>) -> String {
    let layers = run.observation.layers();
    let tokens = run.observation.layout.as_ref().map_or(0, Layout::len);
    let chosen = match plot {
        RunPlot::Flow | RunPlot::Tokens if layers * tokens <= MOST_CELLS => {
            pictured::looked(run, view).map(|(_, layer)| layer)
        }
        _ => None,
    };
    let drawn = |view: &View| without_data(&export::file(run, plot, view, style, asked).svg);
    let Some(chosen) = chosen else { return drawn(view) };
    let drawing = |layer| {
        let drawing = drawn(&View { layer: Some(layer), ..*view });
        format!("<div{}>{drawing}</div>", of_layer(layer, chosen))
    };
    (0..layers).map(drawing).collect()
}

/// The attributes of what shows a layer.
fn of_layer(layer: usize, chosen: usize) -> String {
    let class = if layer == chosen { " class=\"shown\"" } else { "" };
    format!(" data-layer=\"{layer}\"{class}")
}

/// The numbers by layer.
fn table(run: &Run<'_>, view: &View, style: &Style, shown: bool) -> String {
    let words = &style.words;
    let mut out = format!(
        "<div class=\"scroll\"><table><thead><tr><th>{}</th><th>MDI</th><th>AEI, {}</th><th>AEI, {}</th></tr>\
         </thead><tbody>\n",
        escaped(words.layer),
        escaped(words.text),
        escaped(words.picture)
    );
    let measures = if shown { run.measures(&view.definition) } else { Vec::new() };
    for (layer, measure) in measures.iter().enumerate() {
        let Measure { mdi, aei_text, aei_image, .. } = measure;
        let cell = |value: &shared::Value| value.map_or("–".to_owned(), number);
        let _ = writeln!(
            out,
            "<tr><th>{layer}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            cell(mdi),
            cell(aei_text),
            cell(aei_image)
        );
    }
    out += "</tbody></table></div>\n";
    out
}

/// A plot's drawing without what its file says of itself: the document says it once.
pub(crate) fn without_data(svg: &str) -> String {
    match (svg.find("<metadata"), svg.find("</metadata>")) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{}", &svg[..from], &svg[to + "</metadata>".len()..])
        }
        _ => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Label, ModelInfo, Observation, RunOptions};

    #[test]
    fn nothing_that_was_typed_gets_out_of_its_place() {
        let evil = "</script><script>alert(1)</script>";
        let options = RunOptions { prompt: evil.into(), ..RunOptions::default() };
        let label = Label { name: evil.into(), note: evil.into() };
        let run = Run {
            observation: &Observation::default(),
            model: &ModelInfo { name: evil.into(), ..ModelInfo::default() },
            options: &options,
            label: &label,
            status: "done",
            sampled: &[],
        };
        let asked = Asked { address: evil, version: evil, partial: false, picture: Some(evil) };
        let what_ran = [(evil.to_owned(), evil.to_owned())];
        let data = format!("{{\"a\":\"{evil}<!--\"}}");
        let parts =
            Document { language: Language::Korean, data: &data, name: evil, what_ran: &what_ran };
        let made = document(&run, &View::default(), &Style::default(), &asked, &parts);
        assert_eq!(made.matches("<script").count(), 2, "the data's and the document's own");
        assert_eq!(made.matches("</script>").count(), 2);
        assert!(!made.contains("<!--"));
        assert!(made.contains("<html lang=\"ko\">"));
    }

    #[test]
    fn what_a_file_says_of_itself_is_left_out() {
        assert_eq!(
            without_data("<svg><metadata id=\"x\">{}</metadata><g/></svg>"),
            "<svg><g/></svg>"
        );
        assert_eq!(without_data("<svg/>"), "<svg/>");
    }
}
