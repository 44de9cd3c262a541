//! Writes `BENCHMARKS.md` and its plots: the costs that `photon-bench` measures, beside those of other
//! libraries in the same run.
//!
//! `cargo run --release --locked --manifest-path examples/bench/peers/Cargo.toml` does all of it, in
//! some minutes. Instructions need valgrind, the official JavaScript SDK needs node and npm; what is
//! missing is left out of the tables. With an argument, it prints only the rows of other libraries
//! whose names contain it.
#![forbid(unsafe_code)]

mod enet;
mod formats;
mod page;
mod plot;
mod profile;
mod rates;
mod targets;

use photon_bench::baselines;
use photon_bench::measure::{self, Case, Row};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

fn cases() -> Vec<Case> {
    let mut cases = formats::cases();
    cases.extend(enet::cases());
    cases
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [] => write(),
        [measure::RUN, name] => {
            return if measure::run(&cases(), name) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
        texts => {
            let is_shown = |case: &Case| texts.iter().any(|text| case.name.contains(text));
            let shown: Vec<Case> = cases().into_iter().filter(is_shown).collect();
            print!("{}", baselines::text(&measure::rows(&shown)));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("photon-bench-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The directory of `photon-bench`, where the page is.
fn bench() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn write() -> Result<(), Box<dyn Error>> {
    let program = build_ours()?;
    eprintln!("counting our rows");
    let text = output(Command::new(&program).arg("counts"))?;
    let (mut rows, environment) = baselines::parse(&text);
    // It fails if a call is too long, which the page shows.
    let longest = Command::new(&program).arg("longest").output()?.stdout;
    let longest = String::from_utf8(longest)?;
    eprintln!("counting the rows of other libraries");
    rows.extend(measure::rows(&cases()));
    eprintln!("measuring times");
    let rates = rates::measure();
    let profile = profile::of(&program, "1.8 whole path, 1").unwrap_or_default();
    let rows = Rows(rows);
    let page = page::write(&page::Input {
        environment: &environment,
        rows: &rows,
        rates: &rates,
        longest: &longest,
        profile: &profile,
    });
    std::fs::write(bench().join("BENCHMARKS.md"), page)?;
    plot::size(&rows, &bench().join("cost-by-size.svg"))?;
    plot::channels(&rows, &bench().join("cost-by-channels.svg"))
}

/// The measured rows, by name.
struct Rows(Vec<Row>);

impl Rows {
    fn get(&self, name: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.name == name)
    }

    fn instructions(&self, name: &str) -> Option<u64> {
        self.get(name)?.instructions
    }
}

/// Builds `photon-bench` as `.ci/run` does, so that its counts are those of the gate. Returns the
/// path of the program.
fn build_ours() -> Result<PathBuf, Box<dyn Error>> {
    let root = bench().join("../..").canonicalize()?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |target| root.join(target));
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "-p", "photon-bench"])
        .current_dir(&root)
        .stdout(Stdio::null())
        .status()?;
    if !built.success() {
        return Err("photon-bench cannot be built".into());
    }
    Ok(target.join("release").join("photon-bench"))
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} fails: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
