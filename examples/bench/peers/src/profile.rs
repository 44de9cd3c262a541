//! Where the instructions of a case go, by function.

use photon_bench::hostile::GLIBC_TUNABLES;
use photon_bench::measure::{COLLECT, RUN};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// How many functions are named.
const FUNCTIONS: usize = 12;

/// The functions with the most instructions of their own, with their share in percent. `None`
/// without valgrind.
pub(crate) fn of(program: &Path, case: &str) -> Option<Vec<(String, f64)>> {
    let name = format!("photon-bench-profile.{}", std::process::id());
    let out = std::env::temp_dir().join(name);
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", COLLECT])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .env("GLIBC_TUNABLES", GLIBC_TUNABLES)
        .arg(program)
        .args([RUN, case])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let annotated = Command::new("callgrind_annotate")
        .args(["--auto=no", "--threshold=99"])
        .arg(&out)
        .output();
    let _ = std::fs::remove_file(&out);
    if !ran.ok()?.success() {
        return None;
    }
    let text = String::from_utf8(annotated.ok()?.stdout).ok()?;
    // One line for each file from which code was inlined into the function.
    let mut functions = HashMap::new();
    for (name, share) in text.lines().filter_map(function) {
        *functions.entry(name).or_insert(0.0) += share;
    }
    let mut functions: Vec<(String, f64)> = functions.into_iter().collect();
    functions.sort_by(|(one, left), (other, right)| right.total_cmp(left).then(one.cmp(other)));
    functions.truncate(FUNCTIONS);
    Some(functions)
}

/// The name and the share in a line such as `12,345 (12.34%)  file.rs:name [program]`.
fn function(line: &str) -> Option<(String, f64)> {
    let (count, rest) = line.trim_start().split_once(" (")?;
    if !count
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b',')
    {
        return None;
    }
    let (share, rest) = rest.split_once("%)")?;
    let place = rest.rsplit_once(" [").map_or(rest, |(place, _)| place);
    let (_, name) = place.trim().split_once(':')?;
    Some((name.replace('|', "\\|"), share.trim().parse().ok()?))
}
