//! `photon-soak`: many seeded runs of [`soak::run`].

use std::process::ExitCode;

const HELP: &str = "\
photon-soak: clients on a simulated network do random documented things; everything they are told is judged

  photon-soak [--runs N] [--first SEED]    runs with the seeds SEED, SEED+1, ... (default 2000 runs from seed 1)
  photon-soak --seed SEED                  a single run, e.g. one that failed

Ends with status 1 and the seed if a rule is broken.";

fn main() -> ExitCode {
    let (mut runs, mut first) = (2_000_u64, 1_u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let number = |value: Option<String>| value.and_then(|value| value.parse().ok());
        match (flag.as_str(), number(arguments.next())) {
            ("--runs", Some(number)) => runs = number,
            ("--first", Some(number)) => first = number,
            ("--seed", Some(number)) => (runs, first) = (1, number),
            ("--help" | "-h", _) => {
                println!("{HELP}");
                return ExitCode::SUCCESS;
            }
            _ => {
                eprintln!("photon-soak: cannot use {flag:?}\n{HELP}");
                return ExitCode::from(64);
            }
        }
    }
    let mut total = soak::Report::default();
    for (done, seed) in (first..first.saturating_add(runs)).enumerate() {
        // A rule that is broken is a panic that says which; the seed says where.
        match std::panic::catch_unwind(|| soak::run(seed)) {
            Ok(report) => total.add(&report),
            Err(_) => {
                eprintln!(
                    "photon-soak: seed {seed} broke a rule; again: cargo run -p photon-soak -- --seed {seed}"
                );
                return ExitCode::FAILURE;
            }
        }
        if (done + 1) % 200 == 0 {
            println!("{} runs", done + 1);
        }
    }
    println!("{runs} runs without a broken rule: {total}");
    ExitCode::SUCCESS
}
