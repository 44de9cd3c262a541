//! Rows as text, and their comparison: the costs that were accepted with those of today.

use crate::measure::Row;
use std::fmt::Write;
use std::process::Command;

/// How much a cost may grow, in percent.
const TOLERANCE: f64 = 3.0;
/// A change that is no more than this is none: of instructions and of bytes, and of allocations.
const LEAST: f64 = 2.0;
const LEAST_ALLOCATIONS: f64 = 0.02;

/// The lines of the text before the rows: what instruction counts depend on besides the source.
///
/// The compiler; the target; and the library and the processor, because glibc chooses how to copy
/// and to compare by what the processor can do.
#[must_use]
pub fn environment() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output(Command::new(rustc).arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let libc = output(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    #[cfg(target_arch = "x86_64")]
    let processor = if std::arch::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "without avx2"
    };
    #[cfg(not(target_arch = "x86_64"))]
    let processor = "";
    format!(
        "{}\n{}, {}, {processor}\n",
        version.lines().next().unwrap_or_default(),
        host.unwrap_or_default(),
        libc.trim()
    )
}

/// What a command prints. Empty if it fails.
fn output(command: &mut Command) -> String {
    let output = command.output().ok().filter(|out| out.status.success());
    output
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default()
}

/// One line for each row.
#[must_use]
pub fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let _ = write!(text, "{}: ", row.name);
        if let Some(instructions) = row.instructions {
            let _ = write!(text, "{instructions} instructions, ");
        }
        if let Some(allocations) = row.allocations {
            let _ = write!(text, "{allocations} allocations, ");
        }
        let _ = writeln!(text, "{} bytes", row.bytes);
    }
    text
}

/// The rows of a text, and its lines that are no rows.
#[must_use]
pub fn parse(text: &str) -> (Vec<Row>, String) {
    let (mut rows, mut others) = (Vec::new(), String::new());
    for line in text.lines() {
        match parse_row(line) {
            Some(row) => rows.push(row),
            None if line.starts_with('#') => {}
            None => {
                others.push_str(line);
                others.push('\n');
            }
        }
    }
    (rows, others)
}

fn parse_row(line: &str) -> Option<Row> {
    let (name, costs) = line.rsplit_once(": ")?;
    let cost = |unit| {
        let mut parts = costs.split(", ");
        parts.find_map(|part| part.strip_suffix(unit)?.strip_suffix(' '))
    };
    Some(Row {
        name: name.to_owned(),
        instructions: cost("instructions").and_then(|count| count.parse().ok()),
        allocations: cost("allocations").and_then(|count| count.parse().ok()),
        bytes: cost("bytes")?.parse().ok()?,
    })
}

/// The differences that matter.
#[derive(Debug, Default, PartialEq)]
pub struct Differences {
    /// What is dearer than accepted, with the name of the row and the change.
    pub dearer: Vec<String>,
    /// What is cheaper.
    pub cheaper: Vec<String>,
    /// The rows that only one side has.
    pub unmatched: Vec<String>,
}

/// Compares today's rows with the accepted ones.
#[must_use]
pub fn compare(accepted: &[Row], today: &[Row]) -> Differences {
    let mut differences = Differences::default();
    for new in today {
        let Some(old) = accepted.iter().find(|old| old.name == new.name) else {
            differences
                .unmatched
                .push(format!("{}: not accepted yet", new.name));
            continue;
        };
        let both = |old: Option<f64>, new: Option<f64>| Some((old?, new?));
        let count = |row: &Row| row.instructions.map(|count| count as f64);
        let costs = [
            ("instructions", both(count(old), count(new)), LEAST),
            (
                "allocations",
                both(old.allocations, new.allocations),
                LEAST_ALLOCATIONS,
            ),
            ("bytes", Some((old.bytes, new.bytes)), LEAST),
        ];
        for (unit, cost, least) in costs {
            let Some((old, new_cost)) = cost else {
                continue;
            };
            let margin = (old * TOLERANCE / 100.0).max(least);
            let percent = (new_cost / old - 1.0) * 100.0;
            let line = format!(
                "{}: {new_cost} {unit}, accepted {old} ({percent:+.1} %)",
                new.name
            );
            if new_cost > old + margin {
                differences.dearer.push(line);
            } else if new_cost < old - margin {
                differences.cheaper.push(line);
            }
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, instructions: Option<u64>, allocations: f64, bytes: f64) -> Row {
        Row {
            name: name.to_owned(),
            instructions,
            allocations: Some(allocations),
            bytes,
        }
    }

    #[test]
    fn the_text_of_rows_reads_back() {
        let memory = Row {
            allocations: None,
            ..row("memory: of a client", None, 0.0, 4_866.0)
        };
        let rows = [row("1.8 whole path, 1", Some(5_013), 2.18, 242.0), memory];
        let whole = format!("# a remark\nrustc 1.2.3\nsome, target\n{}", text(&rows));
        let (read, others) = parse(&whole);
        assert_eq!(read, rows);
        assert_eq!(others, "rustc 1.2.3\nsome, target\n");
    }

    #[test]
    fn a_cost_that_grows_by_more_than_three_percent_is_named_with_its_change() {
        let accepted = [row("a", Some(1_000), 2.0, 100.0)];
        let within = compare(&accepted, &[row("a", Some(1_030), 2.06, 103.0)]);
        assert_eq!(within, Differences::default());
        let over = compare(&accepted, &[row("a", Some(1_031), 2.1, 90.0)]);
        assert_eq!(
            over.dearer,
            [
                "a: 1031 instructions, accepted 1000 (+3.1 %)",
                "a: 2.1 allocations, accepted 2 (+5.0 %)"
            ]
        );
        assert_eq!(over.cheaper, ["a: 90 bytes, accepted 100 (-10.0 %)"]);
    }

    #[test]
    fn allocations_are_compared_without_instructions() {
        let accepted = [row("a", Some(1_000), 0.0, 0.0)];
        let differences = compare(&accepted, &[row("a", None, 1.0, 16.0)]);
        assert_eq!(differences.dearer.len(), 2, "{differences:?}");
    }

    #[test]
    fn a_row_that_was_not_accepted_is_named() {
        let differences = compare(&[], &[row("a", Some(1), 0.0, 0.0)]);
        assert_eq!(differences.unmatched, ["a: not accepted yet"]);
        assert!(differences.dearer.is_empty());
    }
}
