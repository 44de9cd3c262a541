//! Instruction and allocation counts of the hot paths, which do not depend on how busy the machine is.
//!
//! `cargo run --release -p photon-bench` prints a table, followed by texts only the rows whose names
//! contain one of them (`-- "whole path" udp`). Without valgrind it contains allocations only.
//!
//! `-- gate` fails if a row costs more than was accepted (`baselines.txt`), with `sample` for some of
//! the rows; `-- accept` writes that file.
//!
//! `cargo run --release -p photon-bench -- hostile` prints what hostile inputs cost, and fails if one
//! exceeds the limits and needs more than was accepted (`hostile-instructions.txt`). With `sample`, it
//! takes some of them only, which takes a quarter of a minute, with `only TEXT` those whose names contain
//! the text. With `accept`, it writes the file.
#![forbid(unsafe_code)]

mod gate;
mod hostile_table;

use photon_bench::cases::{self, growth::GROWTH};
use photon_bench::measure::{self, Case, Row};
use std::process::ExitCode;

/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;
/// 5 ms.
const CALL_INSTRUCTIONS: u64 = 10_000_000;
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["gate"] => gate::run(false),
        ["gate", "sample"] => gate::run(true),
        ["counts"] => {
            print!("{}", gate::counts());
            ExitCode::SUCCESS
        }
        ["accept"] => gate::accept(),
        ["hostile"] => hostile_table::print(1, ""),
        ["hostile", "sample"] => hostile_table::print(hostile_table::SAMPLE, ""),
        ["hostile", "only", part] => hostile_table::print(1, part),
        ["hostile", "accept"] => hostile_table::accept(),
        [hostile_table::RUN] => hostile_table::run(),
        [measure::RUN, name] => ran(name, measure::run(&cases::all(), name)),
        [measure::RUN, name, call] => {
            let call = call.parse().unwrap_or_default();
            ran(name, measure::run_call(&cases::all(), name, call))
        }
        ["longest"] => longest(),
        [option, ..] if option.starts_with('-') => {
            eprintln!(
                "photon-bench: wrong arguments
Usage: photon-bench [TEXT... | gate [sample] | accept | counts | longest | hostile [sample | only TEXT | accept]]
Prints the table, or only the rows with one of the texts in their names. Install valgrind for
instruction counts. The other commands: compare with the accepted costs, accept today's, print
them, print the longest calls with many channels and the like, print the cost of hostile inputs."
            );
            ExitCode::from(USAGE)
        }
        texts => table(texts),
    }
}

/// Whether there was a case to repeat.
fn ran(name: &str, found: bool) -> ExitCode {
    if found {
        ExitCode::SUCCESS
    } else {
        eprintln!("photon-bench: there is no case {name:?}");
        ExitCode::from(USAGE)
    }
}

/// Prints the longest calls with many of each item, and fails if one exceeds 10 million instructions.
fn longest() -> ExitCode {
    let mut within = true;
    for growth in &GROWTH {
        let case = growth.case(growth.many);
        if let Some(count) = measure::longest(&case) {
            within &= count <= CALL_INSTRUCTIONS;
            println!("{}: {count} instructions in the longest call", case.name);
        }
    }
    if within {
        ExitCode::SUCCESS
    } else {
        eprintln!("photon-bench: a call exceeds {CALL_INSTRUCTIONS} instructions");
        ExitCode::FAILURE
    }
}

fn table(texts: &[&str]) -> ExitCode {
    let is_shown =
        |case: &Case| texts.is_empty() || texts.iter().any(|text| case.name.contains(text));
    let cases: Vec<Case> = cases::all().into_iter().filter(is_shown).collect();
    println!(
        "{:<60} {:>12} {:>12} {:>12}",
        "case", "instructions", "allocations", "bytes"
    );
    for row in measure::rows(&cases) {
        let Row {
            name,
            instructions,
            allocations,
            bytes,
        } = row;
        let instructions = instructions.map_or("-".to_owned(), |count| count.to_string());
        let allocations = allocations.map_or("-".to_owned(), |count| count.to_string());
        println!("{name:<60} {instructions:>12} {allocations:>12} {bytes:>12}");
    }
    ExitCode::SUCCESS
}
