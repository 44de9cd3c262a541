//! The plots of the page.

use crate::Rows;
use crate::rates::SIZES;
use photon_bench::cases::CHANNELS;
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;
use std::path::Path;

const SIZE: (u32, u32) = (720, 420);
const COLOURS: [RGBColor; 5] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(127, 127, 127),
];

type Points = Vec<(f64, f64)>;

/// Instructions of an event against the number of its messages.
pub(crate) fn size(rows: &Rows, path: &Path) -> Result<(), Box<dyn Error>> {
    let line = |label: &'static str, name: &dyn Fn(usize) -> String| {
        let points = SIZES.iter().filter_map(|&lines| {
            let count = rows.instructions(&name(lines))?;
            Some((lines as f64, count as f64))
        });
        (label, points.collect::<Points>())
    };
    let lines = [
        line("JSON, whole path", &|n| format!("JSON whole path, {n}")),
        line("serde_json typed, decode", &|n| {
            format!("serde_json decode event of {n}, typed")
        }),
        line("1.8, whole path", &|n| format!("1.8 whole path, {n}")),
        line("prost, decode", &|n| {
            format!("prost decode event of {n}, owned")
        }),
        line("1.8, decode borrowed", &|n| {
            format!("1.8 decode event of {n}, borrowed")
        }),
    ];
    draw(
        path,
        ("messages of 100 characters in an event", "instructions"),
        (1.0..100.0, 1e2..1e6),
        &lines,
    )
}

/// Instructions of a message against the number of channels.
pub(crate) fn channels(rows: &Rows, path: &Path) -> Result<(), Box<dyn Error>> {
    let line = |label: &'static str, channels: &[usize], name: &dyn Fn(usize) -> String| {
        let points = channels.iter().filter_map(|&channels| {
            let count = rows.instructions(&name(channels))?;
            Some((channels as f64, count as f64))
        });
        (label, points.collect::<Points>())
    };
    let lines = [
        line("whole path, to each channel", &CHANNELS, &|n| {
            format!("1.8 whole path, to each of {n} channels")
        }),
        line("whole path, to ten of them", &CHANNELS, &|n| {
            format!("1.8 whole path, {n} channels joined")
        }),
        line("idle call", &[1, 10, 10_000], &|n| {
            format!("idle service() and poll_timeout(), {n} channels")
        }),
    ];
    draw(
        path,
        ("channels", "instructions"),
        (1.0..10_000.0, 10.0..1e5),
        &lines,
    )
}

fn draw(
    path: &Path,
    (x_label, y_label): (&str, &str),
    (x, y): (Range<f64>, Range<f64>),
    lines: &[(&str, Points)],
) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .margin_right(32)
        .x_label_area_size(44)
        .y_label_area_size(76)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(RGBColor(240, 240, 240))
        .x_desc(x_label)
        .y_desc(y_label)
        .x_label_formatter(&|number| format!("{number}"))
        .y_label_formatter(&|number| format!("{number}"))
        .draw()?;
    for ((label, points), colour) in lines.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(
                points.iter().copied(),
                colour.stroke_width(2),
            ))?
            .label(*label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        let dots = points
            .iter()
            .map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    area.present()?;
    Ok(())
}
