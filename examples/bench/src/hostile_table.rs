//! The table of hostile inputs with their instructions, against the limits.

use photon_bench::hostile::{self, Cost, Instructions};
use photon_bench::measure::has_valgrind;
use std::process::ExitCode;

/// The argument that makes this program pass an input to a client, for callgrind.
pub(crate) const RUN: &str = "--hostile-run";
/// One of so many inputs is in the sample. No divisor of the number of inputs of one serialization
/// protocol, so that a sample has different ones of each.
pub(crate) const SAMPLE: usize = 7;

/// Instructions for each byte of an input, and for each input. A WebSocket message or datagram may be
/// empty, and is passed to the client with two calls, which cost something too.
const PER_BYTE: u64 = 100;
const PER_INPUT: u64 = 100_000;
const PER_PASSED: u64 = 2_000;
/// The instructions of one call: 5 ms.
const PER_CALL: u64 = 10_000_000;

/// Reads an input and passes it to a client.
pub(crate) fn run() -> ExitCode {
    match hostile::receive(&mut std::io::stdin().lock()) {
        Ok((input, longest)) => {
            hostile::run(&input, &longest);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("photon-bench: no input arrived: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The instructions of the inputs that exceed the limits, as they were accepted: `hostile accept`
/// writes them.
const ACCEPTED: &str = include_str!("../hostile-instructions.txt");
/// How much more than accepted an input may need, in percent: compilers and C libraries differ.
const TOLERANCE: u64 = 15;

/// Prints the cost of every `step`th hostile input whose name contains `part`. Fails if one exceeds
/// the limits that was not accepted, or needs more than was accepted.
pub(crate) fn print(step: usize, part: &str) -> ExitCode {
    let (table, over, dearer) = measure(step, part);
    if over.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "photon-bench: {} of {table} inputs exceed {PER_BYTE} instructions for each byte and {PER_INPUT} more (and \
         {PER_PASSED} for each message or datagram that is passed by itself), or {PER_CALL} in one \
         call, which was accepted in hostile-instructions.txt, except for {}",
        over.len(),
        dearer.len(),
    );
    if dearer.is_empty() {
        return ExitCode::SUCCESS;
    }
    for line in dearer {
        eprintln!("  {line}");
    }
    ExitCode::FAILURE
}

/// Measures all hostile inputs, and writes what those need that exceed the limits.
pub(crate) fn accept() -> ExitCode {
    let (_, over, _) = measure(1, "");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/hostile-instructions.txt");
    match std::fs::write(path, over.concat()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("photon-bench: {path} cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table. Returns its length, the lines of the inputs above the limits, and those of them
/// that need more than was accepted.
fn measure(step: usize, part: &str) -> (usize, Vec<String>, Vec<String>) {
    let program = std::env::current_exe().ok().filter(|_| has_valgrind());
    println!(
        "{:<45} {:>8} {:>9} {:>6} {:>10} {:>9} {:>11} {:>5} {:>10}",
        "input", "bytes", "heap", "calls", "work", "longest", "instructions", "/byte", "longest"
    );
    let (mut measured, mut over, mut dearer) = (0, Vec::new(), Vec::new());
    let all = hostile::all();
    let named = all.iter().filter(|input| input.name.contains(part));
    for input in named.step_by(step) {
        let cost = hostile::cost(input);
        let counted = program
            .as_deref()
            .and_then(|program| hostile::count(input, (program, RUN)));
        let shown =
            |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        let per_byte = counted.map(|counted| {
            let fixed = PER_INPUT + PER_PASSED * cost.passed;
            counted.total.saturating_sub(fixed) / cost.input_bytes.max(1)
        });
        let is_over = counted.filter(|counted| exceeds(*counted, &cost));
        measured += 1;
        if let Some(Instructions { total, longest }) = is_over {
            let line = format!(
                "{}: {total} instructions, {longest} in a call\n",
                input.name
            );
            if !is_accepted(&input.name, total, longest) {
                dearer.push(line.trim_end().to_owned());
            }
            over.push(line);
        }
        println!(
            "{:<45} {:>8} {:>9} {:>6} {:>10} {:>9} {:>11} {:>5} {:>10}{}",
            input.name,
            cost.input_bytes,
            cost.heap_bytes,
            cost.calls,
            cost.work,
            cost.longest_work,
            shown(counted.map(|counted| counted.total)),
            shown(per_byte),
            shown(counted.map(|counted| counted.longest)),
            if is_over.is_some() { " over" } else { "" },
        );
    }
    (measured, over, dearer)
}

/// Whether an input that exceeds the limits needs no more than was accepted.
fn is_accepted(name: &str, total: u64, longest: u64) -> bool {
    let numbers = ACCEPTED
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let accepted: Vec<u64> = numbers
        .unwrap_or_default()
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    accepted.len() == 2
        && [total, longest]
            .iter()
            .zip(accepted)
            .all(|(counted, accepted)| *counted <= accepted + accepted * TOLERANCE / 100)
}

const fn exceeds(counted: Instructions, cost: &Cost) -> bool {
    let total = PER_BYTE * cost.input_bytes + PER_PASSED * cost.passed + PER_INPUT;
    counted.longest > PER_CALL || counted.total > total
}
