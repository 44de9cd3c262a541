//! [`draw`]: a picture of a screen, for the README.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use std::fmt::Write as _;

/// The size of a cell and of the letters in it, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const FONT: f64 = 14.0;
/// The space around the cells, with the title above.
const MARGIN: f64 = 14.0;
const TITLE: f64 = 28.0;
const BACKGROUND: &str = "#1b1f2a";
const FOREGROUND: &str = "#d8dee9";

/// The picture of a buffer as SVG.
pub(crate) fn draw(buffer: &Buffer, title: &str) -> String {
    let (columns, rows) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let width = columns * CELL.0 + 2.0 * MARGIN;
    let height = rows * CELL.1 + 2.0 * MARGIN + TITLE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g fill=\"#596273\"><circle cx=\"20\" cy=\"18\" r=\"5\"/><circle cx=\"38\" cy=\"18\" r=\"5\"/>\
         <circle cx=\"56\" cy=\"18\" r=\"5\"/></g>\n\
         <g font-family=\"'DejaVu Sans Mono', 'Menlo', 'Consolas', monospace\" font-size=\"{FONT}\">\n\
         <text x=\"{middle:.0}\" y=\"22\" fill=\"#8b94a7\" text-anchor=\"middle\">{title}</text>\n",
        middle = width / 2.0,
    );
    for row in 0..buffer.area.height {
        let mut start = 0;
        while start < buffer.area.width {
            let style = style_at(buffer, start, row);
            let mut end = start;
            let mut text = String::new();
            while end < buffer.area.width && style_at(buffer, end, row) == style {
                let symbol = buffer[(end, row)].symbol();
                text.push_str(symbol);
                // The cell after a wide character is part of it.
                end += u16::try_from(super::text::width(symbol))
                    .unwrap_or(1)
                    .max(1);
            }
            draw_run(&mut svg, (start, end, row), &text, style);
            start = end;
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn style_at(buffer: &Buffer, column: u16, row: u16) -> Style {
    buffer[(column, row)].style()
}

fn draw_run(svg: &mut String, (start, end, row): (u16, u16, u16), text: &str, style: Style) {
    let x = MARGIN + f64::from(start) * CELL.0;
    let y = MARGIN + TITLE + f64::from(row) * CELL.1;
    let columns = f64::from(end - start);
    let is = |modifier| style.add_modifier.contains(modifier);
    let (mut front, mut back) = (colour(style.fg), None);
    if is(Modifier::REVERSED) {
        (front, back) = (BACKGROUND, Some(colour(style.fg)));
    }
    if let Some(back) = back {
        let width = columns * CELL.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{}\" fill=\"{back}\"/>",
            CELL.1
        );
    }
    // Blanks at both ends are no text, and each picture shows them in its own way.
    let lead = text.len() - text.trim_start().len();
    let shown = text.trim();
    if shown.is_empty() {
        return;
    }
    let x = x + lead as f64 * CELL.0;
    // The length keeps the columns together, whatever font the reader has.
    let length = super::text::width(shown) as f64 * CELL.0;
    let mut more = String::new();
    if is(Modifier::BOLD) {
        more.push_str(" font-weight=\"bold\"");
    }
    if is(Modifier::DIM) {
        more.push_str(" opacity=\"0.62\"");
    }
    if is(Modifier::UNDERLINED) {
        more.push_str(" text-decoration=\"underline\"");
    }
    let base = y + CELL.1 - 5.0;
    let shown = shown
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{base:.0}\" fill=\"{front}\" textLength=\"{length:.1}\" xml:space=\"preserve\"{more}>{shown}</text>"
    );
}

fn colour(colour: Option<Color>) -> &'static str {
    match colour {
        Some(Color::Cyan) => "#88c0d0",
        Some(Color::Magenta) => "#d39ac9",
        Some(Color::Green) => "#a3be8c",
        Some(Color::Blue) => "#81a1e1",
        Some(Color::Red) => "#e07a84",
        _ => FOREGROUND,
    }
}
