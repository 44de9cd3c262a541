//! The gate of `.ci/run`: no row may cost more than was accepted (`baselines.txt`).
//!
//! Instruction counts are compared only with those of the same compiler and target. If the stored
//! ones are of others, the gate builds the merge base with the present compiler and counts there.
//! Allocations are the same everywhere.

use photon_bench::baselines::{self, Differences, environment};
use photon_bench::cases;
use photon_bench::measure::{self, Case, Row, has_valgrind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Of so many rows, a sample takes one.
const SAMPLE: usize = 4;
const ACCEPTED: &str = include_str!("../baselines.txt");
/// The environment variable with a commit that is compared with in any case.
const BASE: &str = "PHOTON_BENCH_BASE";

/// Counts all rows, or a sample of them, and compares.
pub(crate) fn run(is_sample: bool) -> ExitCode {
    let step = if is_sample { SAMPLE } else { 1 };
    let cases: Vec<Case> = cases::all().into_iter().step_by(step).collect();
    let (mut accepted, measured_with) = baselines::parse(ACCEPTED);
    let mut against = "baselines.txt".to_owned();
    let is_other = measured_with != environment();
    if has_valgrind() && (is_other || std::env::var_os(BASE).is_some()) {
        if is_other {
            print!(
                "baselines.txt is of another compiler or target:\n{measured_with}here:\n{}",
                environment()
            );
        }
        match count_base() {
            Ok((base, rows)) => (against, accepted) = (base, rows),
            Err(why) => {
                println!("{why}, so only allocations are checked");
                accepted.iter_mut().for_each(|row| row.instructions = None);
            }
        }
    }
    let today = measure::rows(&cases);
    let is_counted = |row: &Row| row.instructions.is_some();
    if !today.iter().any(is_counted) || !accepted.iter().any(is_counted) {
        println!("instructions: not checked");
    }
    let Differences {
        dearer,
        cheaper,
        unmatched,
    } = baselines::compare(&accepted, &today);
    for line in unmatched.iter().chain(&cheaper) {
        println!("{line}");
    }
    if !cheaper.is_empty() {
        println!("`photon-bench accept` keeps what is cheaper from becoming dearer again");
    }
    println!("{} rows compared with {against}", today.len());
    if dearer.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("dearer than accepted:");
    for line in &dearer {
        println!("  {line}");
    }
    println!("`cargo run --release -p photon-bench -- accept` accepts what cannot be helped");
    ExitCode::FAILURE
}

/// Writes today's costs as accepted.
pub(crate) fn accept() -> ExitCode {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("baselines.txt");
    let text = format!(
        "# Written by `cargo run --release -p photon-bench -- accept`.\n{}",
        counts()
    );
    if !has_valgrind() {
        eprintln!("photon-bench: without valgrind there is nothing to accept");
        return ExitCode::FAILURE;
    }
    match std::fs::write(&path, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "photon-bench: {} cannot be written: {error}",
                path.display()
            );
            ExitCode::FAILURE
        }
    }
}

/// The text of all rows of today, as in `baselines.txt`.
pub(crate) fn counts() -> String {
    let rows = measure::rows(&cases::all());
    format!("{}{}", environment(), baselines::text(&rows))
}

/// Builds the merge base and counts there. Returns its name and its rows, or the reason why it
/// cannot be counted.
fn count_base() -> Result<(String, Vec<Row>), String> {
    let base = base()?;
    println!("counting commit {base}");
    let directory = target_directory().join("photon-bench-base");
    let result = count_commit(&base, &directory);
    let _ = std::fs::remove_dir_all(directory.join("source"));
    result.map(|rows| (format!("commit {base}"), rows))
}

fn count_commit(commit: &str, directory: &Path) -> Result<Vec<Row>, String> {
    let source = directory.join("source");
    let _ = std::fs::remove_dir_all(&source);
    std::fs::create_dir_all(&source)
        .map_err(|error| format!("{} cannot be created: {error}", source.display()))?;
    // Not a worktree: of an interrupted run, nothing would remain in the repository.
    let archive = directory.join("source.tar");
    command(
        git()
            .args(["archive", "--format=tar", "-o"])
            .args([&archive])
            .arg(commit),
    )?;
    command(
        Command::new("tar")
            .arg("-xf")
            .arg(&archive)
            .arg("-C")
            .arg(&source),
    )?;
    let target = directory.join("target");
    command(
        Command::new("cargo")
            .args(["build", "--locked", "--release", "-p", "photon-bench"])
            .current_dir(&source)
            .env("CARGO_TARGET_DIR", &target),
    )?;
    let program = target.join("release").join("photon-bench");
    let text = command(Command::new(program).arg("counts"))?;
    match baselines::parse(&text).0 {
        rows if rows.is_empty() => Err(format!("commit {commit} cannot be counted")),
        rows => Ok(rows),
    }
}

/// The commit to compare with: where this branch left the main one. On the main branch, it is the
/// one whose costs were accepted.
fn base() -> Result<String, String> {
    if let Ok(base) = std::env::var(BASE) {
        return Ok(base);
    }
    let head = command(git().args(["rev-parse", "HEAD"]))?;
    let merge_base = ["origin/main", "main"]
        .iter()
        .find_map(|main| command(git().args(["merge-base", "HEAD", main])).ok());
    match merge_base {
        Some(base) if base != head => Ok(base.trim().to_owned()),
        _ => {
            let accepted = [
                "log",
                "-1",
                "--format=%H",
                "--",
                "examples/bench/baselines.txt",
            ];
            let commit = command(git().args(accepted))?;
            if commit.trim().is_empty() {
                Err("there is no merge base".to_owned())
            } else {
                Ok(commit.trim().to_owned())
            }
        }
    }
}

fn git() -> Command {
    let mut git = Command::new("git");
    // The root, because `git archive` takes the directory in which it runs.
    git.arg("-C")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    git
}

/// The directory of the present build, or that of temporary files.
fn target_directory() -> PathBuf {
    let program = std::env::current_exe().ok();
    let directory = program
        .as_deref()
        .and_then(|program| program.parent()?.parent());
    directory.map_or_else(std::env::temp_dir, Path::to_path_buf)
}

/// Runs a command and returns what it prints.
fn command(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().last().unwrap_or_default().to_owned();
        return Err(format!("{name} fails ({last})"));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{name} prints no text"))
}
