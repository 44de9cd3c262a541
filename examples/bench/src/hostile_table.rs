//! The table of hostile inputs with their instructions, against the limits of DESIGN 9.

use crate::has_valgrind;
use photon_bench::hostile::{self, Cost, Instructions};
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

/// Prints the cost of every `step`th hostile input. Fails if one exceeds the limits.
pub(crate) fn print(step: usize) -> ExitCode {
    let program = std::env::current_exe().ok().filter(|_| has_valgrind());
    println!(
        "{:<45} {:>8} {:>9} {:>6} {:>10} {:>9} {:>11} {:>5} {:>10}",
        "input", "bytes", "heap", "calls", "work", "longest", "instructions", "/byte", "longest"
    );
    let mut over = 0;
    for input in hostile::all().iter().step_by(step) {
        let cost = hostile::cost(input);
        let counted = program
            .as_deref()
            .and_then(|program| hostile::count(input, (program, RUN)));
        let shown =
            |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        let per_byte = counted.map(|counted| {
            counted
                .total
                .saturating_sub(PER_INPUT + PER_PASSED * cost.passed)
                / cost.input_bytes.max(1)
        });
        let wrong = counted.is_some_and(|counted| exceeds(counted, &cost));
        over += usize::from(wrong);
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
            if wrong { " TOO MUCH" } else { "" },
        );
    }
    if over > 0 {
        eprintln!(
            "photon-bench: {over} inputs exceed {PER_BYTE} instructions for each byte and \
             {PER_INPUT} more (and {PER_PASSED} for each message or datagram that is passed by \
             itself), or {PER_CALL} in one call"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

const fn exceeds(counted: Instructions, cost: &Cost) -> bool {
    let total = PER_BYTE * cost.input_bytes + PER_PASSED * cost.passed + PER_INPUT;
    counted.longest > PER_CALL || counted.total > total
}
