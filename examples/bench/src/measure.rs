//! Counts the instructions, the allocations and the memory of a [`Case`].
//!
//! A case marks what is measured with [`counted`], so it can prepare input in between. Instructions
//! are those inside of it: the program runs itself under `valgrind --tool=callgrind`, which collects
//! only there. Unlike times they do not depend on how busy the machine is. The allocator of the
//! bench counts allocations, at the cost of a few instructions each.

use crate::hostile::GLIBC_TUNABLES;
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The argument with which a program [runs](run) one of its cases under callgrind.
pub const RUN: &str = "--run";

/// The option of callgrind that makes it count only what is marked.
pub const COLLECT: &str = "--toggle-collect=*::measure::collected*";
/// Of a case, so many calls are counted one by one, to find the longest.
const LONG_CALLS: usize = 3;

/// A row of the tables.
pub struct Case {
    /// The name, unique among the cases of a program.
    pub name: String,
    subject: Subject,
    /// How many items one operation processes. The counts are divided by it.
    items: u64,
    warm_up: u64,
    repetitions: u64,
}

enum Subject {
    /// Makes the operation, which marks what is measured with [`counted`].
    Operation(Box<dyn Fn() -> Box<dyn FnMut()>>),
    /// Returns bytes.
    Memory(Box<dyn Fn() -> u64>),
}

impl Case {
    /// A case whose operation is repeated until caches and buffers are warm, and then measured.
    pub fn new(name: impl Into<String>, make: impl Fn() -> Box<dyn FnMut()> + 'static) -> Self {
        Self {
            name: name.into(),
            subject: Subject::Operation(Box::new(make)),
            items: 1,
            warm_up: 250,
            repetitions: 500,
        }
    }

    /// A case that measures the memory of something.
    pub fn memory(name: impl Into<String>, bytes: impl Fn() -> u64 + 'static) -> Self {
        Self {
            name: name.into(),
            subject: Subject::Memory(Box::new(bytes)),
            items: 1,
            warm_up: 0,
            repetitions: 1,
        }
    }

    /// Sets how many items one operation processes.
    #[must_use]
    pub fn items(mut self, items: u64) -> Self {
        self.items = items;
        self
    }

    /// Sets how often the operation runs before the measurement and during it.
    #[must_use]
    pub fn repetitions(mut self, warm_up: u64, repetitions: u64) -> Self {
        (self.warm_up, self.repetitions) = (warm_up, repetitions);
        self
    }
}

/// The costs of one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The name of the case.
    pub name: String,
    /// `None` without valgrind, and for memory.
    pub instructions: Option<u64>,
    /// `None` for memory.
    pub allocations: Option<f64>,
    /// The allocated bytes, or the memory.
    pub bytes: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Warming,
    Instructions,
    /// With the allocations and bytes until now.
    Allocations(u64, u64),
    /// The time of each call.
    Times,
    /// The instructions of one call, after so many others.
    OneCall(u64),
}

thread_local! {
    static TIMES: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) };
    static MODE: Cell<Mode> = const { Cell::new(Mode::Warming) };
}

/// Makes a call that belongs to the costs of the case. Not to be nested.
pub fn counted<R>(call: impl FnOnce() -> R) -> R {
    match MODE.get() {
        Mode::Warming => call(),
        Mode::Instructions => collected(call),
        Mode::Allocations(count, bytes) => {
            let mut result = None;
            let info = allocation_counter::measure(|| result = Some(call()));
            MODE.set(Mode::Allocations(
                count + info.count_total,
                bytes + info.bytes_total,
            ));
            result.expect("the call was made")
        }
        Mode::Times => {
            let begun = Instant::now();
            let result = call();
            TIMES.with_borrow_mut(|times| times.push(begun.elapsed()));
            result
        }
        Mode::OneCall(0) => {
            MODE.set(Mode::Warming);
            collected(call)
        }
        Mode::OneCall(others) => {
            MODE.set(Mode::OneCall(others - 1));
            call()
        }
    }
}

/// Not inlined, so that callgrind finds it by its name.
#[inline(never)]
fn collected<R>(call: impl FnOnce() -> R) -> R {
    black_box(call())
}

/// Repeats the operation of a case, for callgrind. Returns whether there is such a case.
#[must_use]
pub fn run(cases: &[Case], name: &str) -> bool {
    run_in(cases, name, Mode::Instructions)
}

/// As [`run`], but only the call with this number is counted.
#[must_use]
pub fn run_call(cases: &[Case], name: &str, call: u64) -> bool {
    run_in(cases, name, Mode::OneCall(call))
}

fn run_in(cases: &[Case], name: &str, mode: Mode) -> bool {
    let Some(case) = cases.iter().find(|case| case.name == name) else {
        return false;
    };
    if let Subject::Operation(make) = &case.subject {
        repeat(case, &mut make(), mode);
    }
    true
}

/// Counts the instructions of the longest marked call of a case: of those that took the most time.
/// The program calls [`run_call`] if its arguments are [`RUN`], a name and a number. `None` without
/// valgrind, and for memory.
#[must_use]
pub fn longest(case: &Case) -> Option<u64> {
    let Subject::Operation(make) = &case.subject else {
        return None;
    };
    let times = || {
        repeat(case, &mut make(), Mode::Times);
        MODE.set(Mode::Warming);
        TIMES.take()
    };
    let counted = slowest(times, LONG_CALLS)
        .into_iter()
        .map(|call| callgrind(&[&case.name, &call.to_string()]));
    counted.max().flatten()
}

/// The numbers of the `count` calls that took the most time in each of two passes.
pub(crate) fn slowest(times: impl Fn() -> Vec<Duration>, count: usize) -> Vec<u64> {
    // An interruption makes a call look long, but rarely the same one twice.
    let mut all: Vec<(Duration, u64)> = times()
        .into_iter()
        .zip(times())
        .map(|(first, second)| first.min(second))
        .zip(0..)
        .collect();
    all.sort_unstable_by(|left, right| right.cmp(left));
    all.truncate(count);
    all.into_iter().map(|(_, number)| number).collect()
}

fn repeat(case: &Case, operation: &mut dyn FnMut(), mode: Mode) {
    for _ in 0..case.warm_up {
        operation();
    }
    MODE.set(mode);
    for _ in 0..case.repetitions {
        operation();
    }
}

/// Measures the cases. Those with instructions need a program that calls [`run`] if its arguments
/// are [`RUN`] and a name.
#[must_use]
pub fn rows(cases: &[Case]) -> Vec<Row> {
    let instructions = if has_valgrind() {
        all_instructions(cases)
    } else {
        vec![None; cases.len()]
    };
    cases
        .iter()
        .zip(instructions)
        .map(|(case, instructions)| {
            let (allocations, bytes) = match &case.subject {
                Subject::Operation(_) => {
                    let (count, bytes) = allocations(case);
                    (Some(count), bytes)
                }
                Subject::Memory(bytes) => (None, bytes() as f64),
            };
            Row {
                name: case.name.clone(),
                instructions,
                allocations,
                bytes,
            }
        })
        .collect()
}

/// The allocations of an item and their bytes. Zero for a case of memory.
#[must_use]
pub fn allocations(case: &Case) -> (f64, f64) {
    let Subject::Operation(make) = &case.subject else {
        return (0.0, 0.0);
    };
    repeat(case, &mut make(), Mode::Allocations(0, 0));
    let Mode::Allocations(count, bytes) = MODE.replace(Mode::Warming) else {
        unreachable!("only `counted` changes the mode, and keeps its kind")
    };
    let each = |total: u64| total as f64 / (case.repetitions * case.items) as f64;
    ((each(count) * 100.0).round() / 100.0, each(bytes).round())
}

/// Counts the instructions of all cases, as many at a time as there are processors.
fn all_instructions(cases: &[Case]) -> Vec<Option<u64>> {
    let wanted: Vec<(usize, &str)> = cases
        .iter()
        .enumerate()
        .filter(|(_, case)| matches!(case.subject, Subject::Operation(_)))
        .map(|(index, case)| (index, case.name.as_str()))
        .collect();
    let (left, counts) = (Mutex::new(wanted.iter()), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = left.lock().ok().and_then(|mut left| left.next());
                    let Some((index, name)) = next else { return };
                    let count = callgrind(&[*name]);
                    if let Ok(mut counts) = counts.lock() {
                        counts.push((*index, count));
                    }
                }
            });
        }
    });
    let mut all = vec![None; cases.len()];
    for (index, count) in counts.into_inner().unwrap_or_default() {
        all[index] = count.map(|count| {
            let case = &cases[index];
            // To the nearest: a change by one of a total must not look like one of each.
            let divisor = case.repetitions * case.items;
            (count + divisor / 2) / divisor
        });
    }
    all
}

/// Whether instructions can be counted. If not, explains it on standard error.
#[must_use]
pub fn has_valgrind() -> bool {
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

/// Runs this program under callgrind and returns the collected instructions. `None` if callgrind
/// fails.
fn callgrind(run: &[&str]) -> Option<u64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            COLLECT,
        ])
        .env("GLIBC_TUNABLES", GLIBC_TUNABLES)
        .arg(std::env::current_exe().ok()?)
        .arg(RUN)
        .args(run)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("Collected :"))?;
    let count = line.rsplit(' ').next()?.parse().ok()?;
    if !output.status.success() || count == 0 {
        eprintln!("photon-bench: callgrind cannot count {run:?}:\n{text}");
        return None;
    }
    Some(count)
}
