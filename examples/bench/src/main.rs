//! Instruction and allocation counts of the hot paths. Counts, not times: they are the same on a busy machine.
//!
//! `cargo run --release -p photon-bench` prints a table. Each case is run under `valgrind --tool=callgrind` with two
//! numbers of repetitions, and the difference is divided by the difference of the numbers: what a single operation costs
//! once everything is warm. Without valgrind the table holds allocations only.
//!
//! Messages over UDP stand beside the same messages with `rusty_enet`: both ends in memory, the same virtual clock, 50
//! messages in flight, the same datagrams lost; the wire between them is part of both counts. `cargo run --release -p
//! photon-bench -- udp` prints these rows alone. How long a message takes over the sockets of this machine is printed for
//! information: times are not the same from run to run.
#![forbid(unsafe_code)]

mod cases;
mod udp;

use std::process::{Command, ExitCode, Stdio};
use udp::Library;

/// Repetitions of the two runs whose difference is taken.
const FEW: u64 = 200;
const MANY: u64 = 1_200;
/// Keeps glibc from copying with `rep movsb`. Callgrind counts one instruction per copied byte there,
/// so a large copy would cost many times what it costs on the processor, and a buffer that grows past
/// glibc's threshold would look like a regression.
const GLIBC_TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=100000000";
/// Messages whose time over sockets is taken.
const LOOPBACK_MESSAGES: u64 = 100_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => table(|_| true),
        [only] if only == "udp" => table(|case| case.messages > 1),
        [flag, name, repetitions] if flag == "--run" => run(name, repetitions),
        _ => {
            eprintln!(
                "usage: photon-bench [udp]  (prints the table; needs valgrind for the instruction counts)"
            );
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

fn table(shown: impl Fn(&cases::Case) -> bool) -> ExitCode {
    let valgrind = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !valgrind {
        eprintln!("valgrind is not installed: no instruction counts");
    }
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

/// Ours divided by the peer, row by row.
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

/// Allocations and allocated bytes of one operation, after some to warm up.
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
    Some(many.saturating_sub(few) / ((MANY - FEW) * case.messages))
}

/// Instructions of a whole run of this program.
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
