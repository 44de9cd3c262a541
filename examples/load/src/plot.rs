//! The plot: latency and deliveries of each second of the traffic, as an SVG picture.

use crate::arguments::Options;
use crate::latency::Percentiles;
use crate::report::Report;
use crate::table::{grouped, milliseconds};
use crate::timeline::Second;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::fs::OpenOptions;
use std::time::Duration;

const SIZE: (u32, u32) = (960, 640);
/// The height of the heading, and of the upper panel with it.
const HEADING_HEIGHT: u32 = 64;
const LATENCY_BOTTOM: u32 = 396;
const CAPTION_HEIGHT: u32 = 26;
/// Where the names of the legend begin.
const LEGEND_X: [i32; 3] = [738, 838, 912];
const AXIS_WIDTH: u32 = 68;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(51, 51, 51);
const FAINT: RGBColor = RGBColor(110, 110, 110);
const GRID: RGBColor = RGBColor(228, 228, 228);
/// Three colours that also differ in brightness, for readers who do not see all colours.
const HIGHEST: RGBColor = RGBColor(213, 94, 0);
const P99: RGBColor = RGBColor(0, 114, 178);
const P50: RGBColor = RGBColor(0, 60, 90);
const DELIVERIES: RGBColor = RGBColor(0, 158, 115);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Checks that the picture can be written, before a run that takes minutes.
///
/// # Errors
/// The file cannot be opened; the text explains what to do.
pub(crate) fn check(path: &str) -> Result<(), String> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map(drop).map_err(|error| {
        format!("--plot {path}: {error}: choose a file in a directory that exists and that you may write to")
    })
}

/// Writes the picture.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &str, options: &Options, report: &Report) -> Result<(), String> {
    let mut picture = String::new();
    draw(&mut picture, options, report).map_err(|error| format!("--plot {path}: {error}"))?;
    std::fs::write(path, picture).map_err(|error| {
        format!("--plot {path}: {error}: choose a file in a directory that exists and that you may write to")
    })
}

fn draw(picture: &mut String, options: &Options, report: &Report) -> Drawn {
    let root = SVGBackend::with_string(picture, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (heading, panels) = root.split_vertically(HEADING_HEIGHT);
    let (upper, lower) = panels.split_vertically(LATENCY_BOTTOM - HEADING_HEIGHT);
    draw_heading(&heading, options, report)?;
    draw_latency(&upper, &report.seconds)?;
    draw_deliveries(&lower, options, &report.seconds)?;
    root.present()?;
    Ok(())
}

fn draw_heading(area: &Area<'_>, options: &Options, report: &Report) -> Drawn {
    let title = format!(
        "photon-load: {} {} clients, {} channels, {} deliveries a second",
        grouped(options.clients as u64),
        options.scheme().to_uppercase(),
        grouped(options.channels as u64),
        grouped(u64::from(options.rate)),
    );
    let mut result = format!(
        "{} of {} deliveries, {} lost, {} more than once",
        grouped(report.received),
        grouped(report.expected),
        grouped(report.lost_deliveries()),
        grouped(report.duplicates),
    );
    // Of the seconds that the plot shows: without the step that publishes everywhere at once.
    if let Some(Percentiles {
        p50, p99, highest, ..
    }) = report.traffic_latency
    {
        result += &format!(
            "; latency p50 {}, p99 {}, highest {}",
            short(p50),
            short(p99),
            short(highest)
        );
    }
    if !report.failures().is_empty() {
        result += "; FAILED";
    }
    area.draw(&Text::new(
        title,
        (16, 14),
        (FONT, 20).into_font().color(&INK),
    ))?;
    area.draw(&Text::new(
        result,
        (16, 42),
        (FONT, 14).into_font().color(&FAINT),
    ))?;
    Ok(())
}

fn draw_latency(area: &Area<'_>, seconds: &[Second]) -> Drawn {
    let points = |of: fn(&Percentiles) -> Duration| {
        let all = seconds.iter().enumerate();
        all.filter_map(move |(index, second)| {
            let time = of(&second.latency?);
            Some((index as f64 + 0.5, milliseconds(time)))
        })
    };
    let (low, high) = points(|it| it.p50)
        .chain(points(|it| it.highest))
        .fold((f64::MAX, f64::MIN), |(low, high), (_, value)| {
            (low.min(value), high.max(value))
        });
    let (low, high) = if low <= high { (low, high) } else { (0.1, 1.0) };
    let (caption, area) = &captioned(area, "latency of each second's deliveries, in ms")?;
    let mut chart = ChartBuilder::on(area)
        .margin_right(24)
        .x_label_area_size(28)
        .y_label_area_size(AXIS_WIDTH)
        .build_cartesian_2d(0.0..end_of(seconds), axis(low, high).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(FAINT)
        .label_style((FONT, 13).into_font().color(&INK))
        .x_label_formatter(&|second| format!("{second:.0}"))
        .y_label_formatter(&|value| labelled(*value))
        .draw()?;
    type Line = (fn(&Percentiles) -> Duration, RGBColor, u32);
    let lines: [Line; 2] = [(|it| it.p99, P99, 2), (|it| it.p50, P50, 3)];
    for (of, colour, width) in lines {
        for part in unbroken(points(of)) {
            chart.draw_series(LineSeries::new(part, colour.stroke_width(width)))?;
        }
    }
    // Dots on top: as a line it would hide behind p99, or hide it.
    let dots = points(|it| it.highest).map(|point| Circle::new(point, 3, HIGHEST.filled()));
    chart.draw_series(dots)?;
    draw_legend(caption)
}

/// The legend beside the caption, where it hides nothing.
fn draw_legend(area: &Area<'_>) -> Drawn {
    let text =
        |name: &'static str, x: i32| Text::new(name, (x, 5), (FONT, 13).into_font().color(&INK));
    let line = |x: i32, colour: RGBColor, width: u32| {
        PathElement::new([(x - 30, 12), (x - 8, 12)], colour.stroke_width(width))
    };
    let [highest, p99, p50] = LEGEND_X;
    area.draw(&Circle::new((highest - 14, 12), 3, HIGHEST.filled()))?;
    area.draw(&text("highest", highest))?;
    area.draw(&line(p99, P99, 2))?;
    area.draw(&text("p99", p99))?;
    area.draw(&line(p50, P50, 3))?;
    area.draw(&text("p50", p50))?;
    Ok(())
}

/// The points in parts of consecutive seconds: a line across seconds without deliveries would invent
/// their latency.
fn unbroken(points: impl Iterator<Item = (f64, f64)>) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    for point in points {
        match parts.last_mut() {
            Some(part) if part.last().is_some_and(|last| point.0 - last.0 < 1.5) => {
                part.push(point)
            }
            _ => parts.push(vec![point]),
        }
    }
    parts
}

fn draw_deliveries(area: &Area<'_>, options: &Options, seconds: &[Second]) -> Drawn {
    let rate = f64::from(options.rate);
    let highest = seconds
        .iter()
        .map(|second| second.received as f64)
        .fold(rate, f64::max);
    let end = end_of(seconds);
    let (_, area) = &captioned(area, "deliveries of each second")?;
    let mut chart = ChartBuilder::on(area)
        .margin_right(24)
        .margin_bottom(10)
        .x_label_area_size(46)
        .y_label_area_size(AXIS_WIDTH)
        .build_cartesian_2d(0.0..end, 0.0..highest * 1.2)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(FAINT)
        .y_labels(5)
        .label_style((FONT, 13).into_font().color(&INK))
        .x_desc("seconds since the traffic began")
        .x_label_formatter(&|second| format!("{second:.0}"))
        .y_label_formatter(&|value| grouped(*value as u64))
        .draw()?;
    // A bar for each second: a line would suggest values between them.
    chart.draw_series(seconds.iter().enumerate().map(|(index, second)| {
        let (left, right) = (index as f64 + 0.08, index as f64 + 0.92);
        let corners = [(left, 0.0), (right, second.received as f64)];
        Rectangle::new(corners, DELIVERIES.mix(0.75).filled())
    }))?;
    chart.draw_series([PathElement::new(
        [(0.0, rate), (end, rate)],
        INK.stroke_width(1),
    )])?;
    let above = Pos::new(HPos::Right, VPos::Bottom);
    let style = (FONT, 13).into_font().color(&INK).pos(above);
    let text = format!("asked for: {}", grouped(u64::from(options.rate)));
    chart.draw_series([Text::new(text, (end, rate * 1.02), style)])?;
    Ok(())
}

/// Writes the name of a panel above it, and returns that line and the rest. Beside the axis the name
/// would be rotated.
fn captioned<'a>(area: &Area<'a>, name: &str) -> Result<(Area<'a>, Area<'a>), Box<dyn Error>> {
    let (caption, rest) = area.split_vertically(CAPTION_HEIGHT);
    let style = (FONT, 14).into_font().color(&INK);
    caption.draw(&Text::new(name, (16, 4), style))?;
    Ok((caption, rest))
}

/// The end of the time axis.
fn end_of(seconds: &[Second]) -> f64 {
    seconds.len().max(1) as f64
}

/// The axis around these values: from a power of ten, so that it has a label, to 1, 2 or 5 of them.
fn axis(low: f64, high: f64) -> std::ops::Range<f64> {
    let bottom = 10f64.powf(low.max(0.001).log10().floor());
    let decade = 10f64.powf(high.max(bottom).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    let top = steps.into_iter().find(|top| *top >= high * 1.1);
    bottom..top.unwrap_or(decade * 20.0).max(bottom * 10.0)
}

/// The label of 1, 2 and 5 of each power of ten: those between them would overlap.
fn labelled(value: f64) -> String {
    let digit = value / 10f64.powf(value.log10().floor());
    if [1.0, 2.0, 5.0, 10.0]
        .iter()
        .any(|it| (it - digit).abs() < 0.01)
    {
        match value {
            _ if value < 1.0 => format!("{}", (value * 1e4).round() / 1e4),
            _ => grouped(value.round() as u64),
        }
    } else {
        String::new()
    }
}

fn short(time: Duration) -> String {
    let time = milliseconds(time);
    match time {
        _ if time < 10.0 => format!("{time:.2} ms"),
        _ if time < 1_000.0 => format!("{time:.0} ms"),
        _ => format!("{:.1} s", time / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::good;

    fn seconds(count: u64) -> Vec<Second> {
        let latency = |second: u64| Percentiles {
            p50: Duration::from_micros(800 + 10 * second),
            p99: Duration::from_millis(3),
            highest: Duration::from_millis(9),
            ..Percentiles::default()
        };
        (0..count)
            .map(|second| Second {
                published: 125,
                received: 1_000,
                // One second without a delivery.
                latency: (second != 3).then(|| latency(second)),
            })
            .collect()
    }

    #[test]
    fn the_picture_has_lines_bars_and_texts() {
        let report = Report {
            seconds: seconds(20),
            ..good()
        };
        let mut picture = String::new();
        draw(&mut picture, &Options::new(), &report).unwrap();
        assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"));
        for text in [
            "p50",
            "p99",
            "highest",
            "latency of each second",
            "deliveries a second",
            "asked for: 1,000",
        ] {
            assert!(picture.contains(text), "{text}");
        }
        assert!(picture.contains("30 of 30 deliveries, 0 lost"), "{picture}");
        assert!(picture.matches("<polyline").count() >= 3, "{picture}");
        assert!(picture.matches("<rect").count() >= 20, "{picture}");
        assert!(
            !picture.contains("NaN") && !picture.contains("inf"),
            "{picture}"
        );
    }

    #[test]
    fn a_run_without_a_delivery_is_drawn_too() {
        for seconds in [Vec::new(), vec![Second::default(); 3]] {
            let report = Report {
                seconds,
                latency: None,
                ..good()
            };
            let mut picture = String::new();
            draw(&mut picture, &Options::new(), &report).unwrap();
            assert!(!picture.contains("NaN"), "{picture}");
        }
    }

    #[test]
    fn the_axis_has_space_above_the_highest_value() {
        for ((low, high), (bottom, top)) in [
            ((0.3, 7.0), (0.1, 10.0)),
            ((1.2, 10.5), (1.0, 20.0)),
            ((1.0, 1.0), (1.0, 10.0)),
            ((0.02, 950.0), (0.01, 2_000.0)),
            ((0.0, 0.0), (0.001, 0.01)),
        ] {
            let axis = axis(low, high);
            assert!(
                (axis.start / bottom - 1.0).abs() < 0.001,
                "{low} {high}: {axis:?}"
            );
            assert!(
                (axis.end / top - 1.0).abs() < 0.001,
                "{low} {high}: {axis:?}"
            );
        }
    }

    #[test]
    fn a_line_ends_where_seconds_have_no_delivery() {
        let points = [(0.5, 1.0), (1.5, 2.0), (4.5, 3.0)];
        let parts = unbroken(points.into_iter());
        assert_eq!(parts, [points[..2].to_vec(), points[2..].to_vec()]);
    }

    #[test]
    fn labels_are_apart() {
        for (value, label) in [
            (0.2, "0.2"),
            (1.0, "1"),
            (3.0, ""),
            (9.0, ""),
            (50.0, "50"),
            (2_000.0, "2,000"),
        ] {
            assert_eq!(labelled(value), label);
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_before_the_run() {
        let error = check("/nowhere/at/all.svg").unwrap_err();
        assert!(error.contains("/nowhere/at/all.svg") && error.contains("choose a file"));
    }
}
