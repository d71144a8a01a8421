//! LaTeX: a document that compiles as it is, whose tables can be copied out one by one.

use std::fmt::Write as _;

use shared::experiment::tables::Tables;

use crate::provenance::{notices, provenance};
use crate::sheet::{Kind, SUMMARY, Sheet, sheets};

/// Text as LaTeX sets it. What is beyond the Latin letters that T1 fonts have is named by its code
/// point: a name in another script must not stop the document.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '#' | '%' | '_' => out.extend(['\\', c]),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            // In T1 a straight quote is a right one; two hyphens would become a dash.
            '"' => out.push_str("\\textquotedbl{}"),
            '-' => out.push_str("-{}"),
            '±' => out.push_str("$\\pm$"),
            '÷' => out.push_str("$\\div$"),
            '×' => out.push_str("$\\times$"),
            '−' => out.push_str("$-$"),
            '≤' => out.push_str("$\\leq$"),
            '→' => out.push_str("$\\rightarrow$"),
            '·' => out.push_str("\\textperiodcentered{}"),
            '–' => out.push_str("--"),
            '…' => out.push_str("\\dots{}"),
            '†' => out.push_str("\\textsuperscript{\\dag}"),
            '‡' => out.push_str("\\textsuperscript{\\ddag}"),
            '§' => out.push_str("\\textsuperscript{\\S}"),
            '¶' => out.push_str("\\textsuperscript{\\P}"),
            c if c.is_control() => out.push(' '),
            c if c.is_ascii() || ('¡'..='ž').contains(&c) => out.push(c),
            c => {
                let _ = write!(out, "[U+{:04X}]", u32::from(c));
            }
        }
    }
    out
}

/// A heading: `n_T` with its index below.
fn heading(text: &str) -> String {
    match text.strip_prefix("n_") {
        Some(index) => format!("$n_{{{index}}}$"),
        None => escape(text),
    }
}

fn table(sheet: &Sheet) -> String {
    let columns = sheet.columns.len();
    let mut out = format!(
        "% --- {}\n\\begin{{table}}[htbp]\n\\centering\n\\caption{{{}}}\n\\label{{tab:{}}}\n\\vskip 4pt\n\
         \\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n\
         \\begin{{tabular}}{{l{}}}\n\\toprule\n",
        escape(&sheet.name),
        // LaTeX numbers tables itself.
        escape(without_number(&sheet.title)),
        sheet.name,
        "r".repeat(columns - 1)
    );
    let headings: Vec<String> = sheet.columns.iter().map(|c| heading(c)).collect();
    let _ = writeln!(out, "{} \\\\\n\\midrule", headings.join(" & "));
    let mut before: Option<Kind> = None;
    for row in &sheet.rows {
        match (before, row.kind) {
            (Some(_), Kind::Heading) => out.push_str("\\addlinespace\n"),
            (Some(Kind::Measured | Kind::Below), Kind::Paper) => out.push_str("\\midrule\n"),
            _ => {}
        }
        before = Some(row.kind);
        if row.kind == Kind::Heading {
            let text = escape(&row.cells[0]);
            let _ = writeln!(out, "\\multicolumn{{{columns}}}{{l}}{{\\textbf{{{text}}}}} \\\\");
            continue;
        }
        let cells: Vec<String> = row
            .cells
            .iter()
            .map(|text| match (row.kind, escape(text)) {
                (_, text) if text.is_empty() => text,
                (Kind::Paper, text) => format!("\\textcolor{{gray}}{{{text}}}"),
                (Kind::Below, text) => format!("\\footnotesize {text}"),
                (_, text) => text,
            })
            .collect();
        let _ = writeln!(out, "{} \\\\", cells.join(" & "));
    }
    out.push_str("\\bottomrule\n\\end{tabular}}\n");
    if !sheet.finding.is_empty() {
        let _ = writeln!(out, "\n\\smallskip\\footnotesize {}", escape(&sheet.finding));
    }
    out.push_str("\\end{table}\n\n");
    out
}

fn without_number(title: &str) -> &str {
    let rest = title.strip_prefix("Table ").and_then(|t| t.split_once(". "));
    rest.map_or(title, |(_, rest)| rest)
}

/// Every table as one document. Needs booktabs, graphicx and xcolor, which every distribution has.
pub fn latex(tables: &Tables) -> String {
    let mut out = String::from("% LangOverrule Lab\n");
    let comment =
        |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    for (name, value) in provenance(tables) {
        let _ = writeln!(out, "% {name}: {}", comment(&value));
    }
    out.push_str(
        "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage[utf8]{inputenc}\n\
         \\usepackage{textcomp}\n\\usepackage[margin=2cm]{geometry}\n\\usepackage{booktabs}\n\
         \\usepackage{graphicx}\n\\usepackage{xcolor}\n\\begin{document}\n\n",
    );
    let _ = writeln!(out, "\\section*{{{}}}\n", escape(&tables.title));
    for notice in notices(tables) {
        let _ = writeln!(out, "\\noindent\\textbf{{{}}}\n", escape(&notice));
    }
    let _ = writeln!(out, "\\noindent Definition: {}.\n", escape(&tables.choice.title));
    for sheet in sheets(tables) {
        out.push_str(&table(&sheet));
    }
    out.push_str("\\clearpage\n\\section*{Notes}\n\\begin{itemize}\n");
    let _ = writeln!(out, "\\item {}", escape(SUMMARY));
    for note in &tables.notes {
        let _ =
            writeln!(out, "\\item {}{}", escape(&note.mark), escape(&format!(" {}", note.text)));
    }
    out.push_str("\\end{itemize}\n\\section*{Provenance}\n\\begin{itemize}\\sloppy\n");
    for (name, value) in provenance(tables) {
        // JSON has no spaces to break lines at.
        let value = escape(&value).replace(',', ",\\allowbreak{}");
        let _ = writeln!(out, "\\item {}: {value}", escape(&name));
    }
    out.push_str("\\end{itemize}\n\\end{document}\n");
    out
}
