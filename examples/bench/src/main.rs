//! Instruction and allocation counts of the hot paths. Unlike times they do not depend on how busy
//! the machine is.
//!
//! `cargo run --release -p photon-bench` prints a table. It runs each case under
//! `valgrind --tool=callgrind` with two numbers of repetitions, and divides the difference of the
//! counts by the difference of the repetitions. The result is the cost of one operation when caches
//! and buffers are warm. Without valgrind the table contains allocations only.
//!
//! The rows of reliable UDP are compared with `rusty_enet`: both ends in memory, the same virtual
//! clock, 50 messages in flight, the same lost datagrams. The simulated network is part of both
//! counts. `cargo run --release -p photon-bench -- udp` prints only these rows. It also prints the
//! time of a message over sockets of this machine, for information only: times vary from run to
//! run.
//!
//! `cargo run --release -p photon-bench -- hostile` prints what hostile inputs cost, and fails if one
//! exceeds the limits and needs more than was accepted (`hostile-instructions.txt`). With `sample`, it
//! takes some of them only, which takes a quarter of a minute. With `accept`, it writes the file.
#![forbid(unsafe_code)]

mod cases;
mod hostile_table;
mod udp;

use photon_bench::hostile::GLIBC_TUNABLES;
use std::process::{Command, ExitCode, Stdio};
use udp::Library;

/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;
/// The repetitions of both runs.
const FEW: u64 = 200;
const MANY: u64 = 1_200;
/// The number of messages for the time over sockets.
const LOOPBACK_MESSAGES: u64 = 100_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => table(|_| true),
        [only] if only == "udp" => table(|case| case.messages > 1),
        [only] if only == "hostile" => hostile_table::print(1),
        [only, sample] if only == "hostile" && sample == "sample" => {
            hostile_table::print(hostile_table::SAMPLE)
        }
        [flag, name, repetitions] if flag == "--run" => run(name, repetitions),
        [only, accept] if only == "hostile" && accept == "accept" => hostile_table::accept(),
        [flag] if flag == hostile_table::RUN => hostile_table::run(),
        _ => {
            eprintln!(
                "photon-bench: wrong arguments\nUsage: photon-bench [udp | hostile [sample | accept]]\nPrints the \
                 table, only the rows of reliable UDP, or the cost of hostile inputs (all, or some \
                 of them). Install valgrind for instruction counts."
            );
            ExitCode::from(USAGE)
        }
    }
}

/// Repeats one case, for callgrind.
fn run(name: &str, repetitions: &str) -> ExitCode {
    let Some(mut case) = cases::all().into_iter().find(|case| case.name == name) else {
        eprintln!("photon-bench: there is no case {name:?}");
        return ExitCode::from(USAGE);
    };
    for _ in 0..repetitions.parse().unwrap_or(1_u64) {
        (case.operation)();
    }
    ExitCode::SUCCESS
}

fn table(shown: impl Fn(&cases::Case) -> bool) -> ExitCode {
    let valgrind = has_valgrind();
    println!(
        "{:<55} {:>14} {:>12} {:>12}",
        "case", "instructions", "allocations", "bytes"
    );
    let mut udp = Vec::new();
    for case in cases::all().into_iter().filter(shown) {
        let (allocations, bytes) = allocations(&case.name);
        let instructions = if valgrind { instructions(&case) } else { None };
        if case.messages > 1 {
            udp.push((case.name.clone(), instructions));
        }
        let instructions = instructions.map_or("-".to_owned(), |count| count.to_string());
        println!(
            "{:<55} {instructions:>14} {allocations:>12} {bytes:>12}",
            case.name
        );
    }
    ratios(&udp);
    for (library, name) in [(Library::Ours, "ours"), (Library::Enet, "rusty_enet")] {
        let micros = udp::over_loopback(library, LOOPBACK_MESSAGES);
        println!(
            "for information: over loopback sockets, one thread, {name}: {micros:.2} us a message"
        );
    }
    ExitCode::SUCCESS
}

/// Whether instructions can be counted. If not, explains it on standard error.
fn has_valgrind() -> bool {
    let found = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!(
            "photon-bench: valgrind is missing, so there are no instruction counts; install it to get them"
        );
    }
    found
}

/// Prints the ratio of our instructions to those of `rusty_enet`.
fn ratios(measured: &[(String, Option<u64>)]) {
    let found = |name: String| {
        measured
            .iter()
            .find(|(one, _)| *one == name)
            .and_then(|(_, count)| *count)
    };
    for (loss, library) in cases::UDP
        .into_iter()
        .filter(|(_, library)| *library == Library::Ours)
    {
        let ours = found(cases::udp_name(loss, library));
        let peer = found(cases::udp_name(loss, Library::Enet));
        if let (Some(ours), Some(peer)) = (ours, peer) {
            let ratio = ours as f64 / peer as f64;
            println!("{loss} % loss: {ratio:.2} of the instructions of rusty_enet");
        }
    }
}

/// Allocations and allocated bytes of one operation, after a warm-up.
fn allocations(name: &str) -> (f64, f64) {
    const REPETITIONS: u32 = 1_000;
    let Some(mut case) = cases::all().into_iter().find(|case| case.name == name) else {
        return (0.0, 0.0);
    };
    for _ in 0..REPETITIONS {
        (case.operation)();
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..REPETITIONS {
            (case.operation)();
        }
    });
    let divisor = f64::from(REPETITIONS) * case.messages as f64;
    let each = |total: u64| (total as f64 / divisor * 100.0).round() / 100.0;
    (each(counted.count_total), each(counted.bytes_total))
}

/// Instructions of one operation.
fn instructions(case: &cases::Case) -> Option<u64> {
    let few = callgrind(&case.name, FEW)?;
    let many = callgrind(&case.name, MANY)?;
    debug_assert!(many >= few, "more repetitions need more instructions");
    Some(many.saturating_sub(few) / ((MANY - FEW) * case.messages))
}

/// Runs this program under callgrind and returns its instructions. `None` if callgrind fails.
fn callgrind(name: &str, repetitions: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .env("GLIBC_TUNABLES", GLIBC_TUNABLES)
        .arg(std::env::current_exe().ok()?)
        .args(["--run", name, &repetitions.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}
