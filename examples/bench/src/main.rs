//! Instruction and allocation counts of the hot paths. Counts, not times: they are the same on a busy machine.
//!
//! `cargo run --release -p photon-bench` prints a table. Each case is run under `valgrind --tool=callgrind` with two
//! numbers of repetitions, and the difference is divided by the difference of the numbers: what a single operation costs
//! once everything is warm. Without valgrind the table holds allocations only.
#![forbid(unsafe_code)]

mod cases;

use std::process::{Command, ExitCode, Stdio};

/// Repetitions of the two runs whose difference is taken.
const FEW: u64 = 200;
const MANY: u64 = 1_200;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => table(),
        [flag, name, repetitions] if flag == "--run" => run(name, repetitions),
        _ => {
            eprintln!("usage: photon-bench        (prints the table; needs valgrind for the instruction counts)");
            ExitCode::from(64)
        }
    }
}

/// One case, as often as asked: what callgrind looks at.
fn run(name: &str, repetitions: &str) -> ExitCode {
    let Some(mut case) = cases::all().into_iter().find(|case| case.name == name) else {
        eprintln!("no such case: {name}");
        return ExitCode::from(64);
    };
    for _ in 0..repetitions.parse().unwrap_or(1_u64) {
        (case.operation)();
    }
    ExitCode::SUCCESS
}

fn table() -> ExitCode {
    let valgrind = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !valgrind {
        eprintln!("valgrind is not installed: no instruction counts");
    }
    println!("{:<44} {:>14} {:>12} {:>12}", "case", "instructions", "allocations", "bytes");
    for case in cases::all() {
        let (allocations, bytes) = allocations(&case.name);
        let instructions = if valgrind { instructions(&case.name) } else { None };
        let instructions = instructions.map_or("-".to_owned(), |count| count.to_string());
        println!("{:<44} {instructions:>14} {allocations:>12} {bytes:>12}", case.name);
    }
    ExitCode::SUCCESS
}

/// Allocations and allocated bytes of one operation, after some to warm up.
fn allocations(name: &str) -> (f64, f64) {
    const REPETITIONS: u32 = 1_000;
    let Some(mut case) = cases::all().into_iter().find(|case| case.name == name) else { return (0.0, 0.0) };
    for _ in 0..REPETITIONS {
        (case.operation)();
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..REPETITIONS {
            (case.operation)();
        }
    });
    let each = |total: u64| (total as f64 / f64::from(REPETITIONS) * 100.0).round() / 100.0;
    (each(counted.count_total), each(counted.bytes_total))
}

/// Instructions of one operation.
fn instructions(name: &str) -> Option<u64> {
    let few = callgrind(name, FEW)?;
    let many = callgrind(name, MANY)?;
    Some(many.saturating_sub(few) / (MANY - FEW))
}

/// Instructions of a whole run of this program.
fn callgrind(name: &str, repetitions: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args(["--run", name, &repetitions.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}
