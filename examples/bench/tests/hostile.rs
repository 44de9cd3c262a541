//! What hostile inputs cost a client, in memory and in its own estimate of work: against the bounds
//! of ARCHITECTURE.md, and against the stored table, so that no input becomes dearer unnoticed.
//! `HOSTILE_UPDATE=1 cargo test -p photon-bench --test hostile` writes the table.

use photon_bench::hostile::{self, Cost};
use std::fmt::Write;
use std::path::Path;

const MIB: u64 = 1024 * 1024;
/// Memory for input of any size.
const HEAP_BYTES: u64 = 4 * MIB;
/// The default of `ChatConfig::max_work_per_service`.
const CALL_WORK: u64 = 4_000_000;
/// The most work of one message, which a call finishes: 16,384 values of 400, and 1 MiB of 8.
const MESSAGE_WORK: u64 = 16_384 * 400 + MIB * 8 + 2_000;
/// The same for JSON, of which a call parses 64 KiB at 60 more for each byte, and the rest of a string.
const TEXT_WORK: u64 = MESSAGE_WORK + 64 * 1024 * 60 + MIB * 8;
/// How much an entry may differ from the table, in percent.
const TOLERANCE: u64 = 10;

#[test]
fn sound07_hostile_inputs_stay_within_their_bounds() {
    let inputs = hostile::all();
    assert!(inputs.len() >= 40, "only {} inputs", inputs.len());
    let mut table = String::new();
    let mut wrong = Vec::new();
    for input in &inputs {
        let Cost {
            input_bytes,
            passed: _,
            heap_bytes,
            kept_bytes: _,
            calls: _,
            work,
            longest_work,
        } = hostile::cost(input);
        let name = &input.name;
        let _ = writeln!(
            table,
            "{name}: heap {heap_bytes}, work {work}, longest {longest_work}"
        );
        // The map of each user's properties has space for eleven, which the cap on presence counts.
        let maps = if name.contains("properties of") && name.ends_with("users") {
            MIB
        } else {
            0
        };
        let heap = HEAP_BYTES + 2 * input_bytes + maps;
        if heap_bytes > heap {
            wrong.push(format!(
                "{name}: {heap_bytes} bytes of heap, allowed are {heap}"
            ));
        }
        let message = if name.contains("json") {
            TEXT_WORK
        } else {
            MESSAGE_WORK
        };
        if longest_work > CALL_WORK + message {
            wrong.push(format!("{name}: {longest_work} of work in one call"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile.txt");
    if std::env::var_os("HOSTILE_UPDATE").is_some() {
        std::fs::write(&path, &table).expect("the table can be written");
    }
    let stored = std::fs::read_to_string(&path).expect("the stored table");
    assert_eq!(
        stored.lines().count(),
        table.lines().count(),
        "other inputs"
    );
    for (old, new) in stored.lines().zip(table.lines()) {
        let (old_name, old_numbers) = numbers(old);
        let (new_name, new_numbers) = numbers(new);
        assert_eq!(old_name, new_name, "other inputs");
        for (old, new) in old_numbers.into_iter().zip(new_numbers) {
            // A few KiB do not matter.
            if new > old + old * TOLERANCE / 100 + 16 * 1024 {
                wrong.push(format!("{new_name}: {new}, was {old}"));
            }
        }
    }
    assert!(wrong.is_empty(), "dearer than the stored table: {wrong:#?}");
}

/// The name and the numbers of a line.
fn numbers(line: &str) -> (&str, Vec<u64>) {
    let (name, rest) = line.rsplit_once(": ").expect("a name and numbers");
    let numbers = rest.split(", ").map(|part| {
        part.rsplit(' ')
            .next()
            .expect("a number")
            .parse()
            .expect("a number")
    });
    (name, numbers.collect())
}
