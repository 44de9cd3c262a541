//! The instructions of hostile inputs, counted by callgrind.

use super::{Input, longest_calls, send};
use std::collections::HashSet;
use std::io::BufWriter;
use std::path::Path;
use std::process::{Command, Stdio};

/// Keeps glibc from copying with `rep movsb`. Callgrind counts one instruction per copied byte
/// there, so a large copy would cost many times what it costs on the processor, and a buffer that
/// grows past glibc's threshold would look like a regression.
pub const GLIBC_TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=100000000";
/// How many calls are counted one by one.
const LONG_CALLS: usize = 8;

/// The instructions of the client for one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions {
    /// Those of all calls.
    pub total: u64,
    /// Those of the longest call.
    pub longest: u64,
}

/// Counts the instructions of a client for this input. `program` is this program with an argument
/// that makes it [receive](super::receive) and [run](super::run) an input. `None` if valgrind is
/// missing or fails.
#[must_use]
pub fn count(input: &Input, program: (&Path, &str)) -> Option<Instructions> {
    let directory = std::env::temp_dir().join(format!("photon-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).ok()?;
    let counted = count_in(&directory, input, program);
    let _ = std::fs::remove_dir_all(&directory);
    counted
}

fn count_in(
    directory: &Path,
    input: &Input,
    (program, argument): (&Path, &str),
) -> Option<Instructions> {
    // Callgrind writes what it has counted behind each call that is named here. A call is therefore
    // counted by itself if the one in front of it is named too.
    let longest = longest_calls(input, LONG_CALLS);
    let mut named: Vec<u64> = longest
        .iter()
        .flat_map(|&call| [call.checked_sub(1), Some(call)])
        .flatten()
        .collect();
    named.sort_unstable();
    named.dedup();
    let out = directory.join("callgrind.out");
    let mut child = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--toggle-collect=*::hostile::one_*call*",
        ])
        .args(["--dump-after=*::hostile::one_long_call*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .env("GLIBC_TUNABLES", GLIBC_TUNABLES)
        .arg(program)
        .arg(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let sent = send(&mut BufWriter::new(child.stdin.take()?), input, &named);
    let ended = child.wait().ok()?;
    sent.ok()?;
    if !ended.success() {
        return None;
    }
    let mut instructions = Instructions {
        total: counted(&out)?,
        longest: 0,
    };
    for (call, number) in named.iter().zip(1..) {
        let part = counted(&out.with_extension(format!("out.{number}")))?;
        instructions.total += part;
        if longest.contains(call) {
            instructions.longest = instructions.longest.max(part);
        }
    }
    Some(instructions)
}

/// The instructions in a file of callgrind, without those that count allocations: no client has them,
/// and they would be a quarter of what an allocation costs.
fn counted(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))?;
    let total: u64 = line.trim().parse().ok()?;
    total.checked_sub(own_instructions(&text, "<allocation_counter::"))
}

/// The instructions in functions whose names begin like this, without what they call.
fn own_instructions(text: &str, function: &str) -> u64 {
    // A function has its name only where it occurs first, as the caller or the callee; then its number.
    let mut numbers = HashSet::new();
    let (mut is_in, mut is_call, mut own) = (false, false, 0);
    for line in text.lines() {
        let name = line.strip_prefix("cfn=").or(line.strip_prefix("fn="));
        if let Some(name) = name {
            let (number, name) = name.split_once(' ').unwrap_or((name, ""));
            if name.starts_with(function) {
                numbers.insert(number);
            }
            if line.starts_with("fn=") {
                is_in = numbers.contains(number);
            }
        } else if line.starts_with("calls=") {
            // The next line has the cost of the callee.
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
            if is_in && !is_call {
                own += cost.unwrap_or(0);
            }
            is_call = false;
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::own_instructions;

    #[test]
    fn the_instructions_of_a_function_are_without_those_of_its_callees() {
        let text = "\
            fn=(1) client\n10 5\ncfn=(2) <counter::Counter>::alloc\ncalls=1 7\n+1 90\n* 3\n\n\
            fn=(2)\n7 20\n+2 30\ncfn=(3) malloc\ncalls=1 1\n* 40\n-1 2\n\n\
            fn=(3)\n1 40\n\nfn=(4) <counter::Counter>::dealloc\nfi=(9)\n0 8\ntotals: 108\n";
        assert_eq!(own_instructions(text, "<counter::"), 60);
        assert_eq!(own_instructions(text, "client"), 8);
        assert_eq!(own_instructions(text, "nothing"), 0);
    }
}
