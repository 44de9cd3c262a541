//! Runs the program over its pipes, and reads the vectors of photon-proto.

use serde_json::{Value as Json, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

/// Runs the program. Returns the lines of its output, its standard error, and its exit status.
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
    // In a thread, because the program may fill the pipe of its output before it has read its
    // input. Writing fails if the program ends early, which is not a failure of the test.
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

/// Runs the program on these lines. Returns its output, where hex is a JSON string, and its status.
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

/// Runs the program on one line and returns the one line of its output.
pub(crate) fn line(arguments: &[&str], input: &str) -> Json {
    let (mut all, _) = lines(arguments, &[input]);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Arguments of `decode` and `encode`.
pub(crate) fn convert<'a>(command: &'a str, protocol: &'a str, kind: &'a str) -> [&'a str; 5] {
    [command, "--protocol", protocol, "--kind", kind]
}

/// The list under `key` in a vector file of photon-proto.
pub(crate) fn vectors(file: &str, key: &str) -> Vec<Json> {
    let directory = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../photon-proto/tests/vectors/"
    );
    let file = std::fs::read(format!("{directory}{file}")).unwrap();
    let mut all: Json = serde_json::from_slice(&file).unwrap();
    match all[key].take() {
        Json::Array(all) => all,
        other => panic!("{key} is not a list: {other}"),
    }
}

pub(crate) fn text<'j>(vector: &'j Json, key: &str) -> &'j str {
    vector[key].as_str().unwrap()
}

/// The texts of `key` in all of these vectors.
pub(crate) fn texts<'j>(vectors: impl IntoIterator<Item = &'j Json>, key: &str) -> Vec<&'j str> {
    vectors.into_iter().map(|one| text(one, key)).collect()
}

/// The content of an error line.
pub(crate) fn error(kind: &str, offset: usize, field: &str) -> Json {
    json!({"kind": kind, "offset": offset, "field": field})
}
