//! Running the program over its pipes.

use serde_json::{Value as Json, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

/// Output lines, what was said on standard error, and the exit status.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> (Vec<String>, String, i32) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_photon-inspect"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // From a thread, so that neither side waits for the other with full pipes; a program that ends at once is no
    // failure of the writer.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let lines = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(String::from)
        .collect();
    (
        lines,
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    )
}

pub(crate) fn lines(arguments: &[&str], input: &[&str]) -> (Vec<Json>, i32) {
    let (lines, errors, status) = run(arguments, input.join("\n").as_bytes());
    assert_eq!(errors, "");
    let json = |line: &String| {
        if line.starts_with('{') {
            serde_json::from_str(line).unwrap()
        } else {
            json!(line)
        }
    };
    (lines.iter().map(json).collect(), status)
}

/// One line in, one line out.
pub(crate) fn line(arguments: &[&str], input: &str) -> Json {
    let (mut all, _) = lines(arguments, &[input]);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub(crate) fn text<'j>(vector: &'j Json, key: &str) -> &'j str {
    vector[key].as_str().unwrap()
}
