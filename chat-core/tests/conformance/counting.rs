//! Which items of chat.md section 11 have a test, and which need not have one yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Items that wait for what they test, each range with its reason. One of them that has a test fails the count, so
/// that the list stays honest.
const DUE_LATER: [(std::ops::RangeInclusive<u16>, &str); 1] = [(117..=118, "restore is not there yet")];

/// Items that are tested as far as what is there allows: the rest of each waits for its reason.
const TESTED_IN_PART: [(u16, &str); 8] = [
    (3, "over TCP alone links are opened; of the other transports the ports are checked"),
    (7, "over TCP; UDP is not there yet"),
    (8, "with encryption off over TCP; secure WebSocket is not there yet"),
    (17, "over TCP; UDP is not there yet"),
    (26, "over TCP; UDP is not there yet"),
    (45, "the two ends that TCP tells apart; UDP is not there yet"),
    (52, "by disconnect messages over TCP; UDP's disconnect command is not there yet"),
    (91, "with and without keys over TCP; secure WebSocket is not there yet"),
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The numbered items of section 11, with their words.
fn items() -> BTreeMap<u16, String> {
    let text = fs::read_to_string(here("spec/chat.md")).expect("the specification is in the project");
    let section = text.lines().skip_while(|line| !line.starts_with("## 11.")).skip(1);
    let mut items = BTreeMap::new();
    for line in section.take_while(|line| !line.starts_with("## ")) {
        let Some((number, words)) = line.split_once(". ") else { continue };
        if let Ok(number) = number.parse() {
            assert!(items.insert(number, words.to_owned()).is_none(), "item {number} is there twice");
        }
    }
    items
}

/// The items that the tests of this directory are named after, with the names.
fn tests() -> BTreeMap<u16, Vec<String>> {
    let mut tests: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    let mut files = 0;
    for entry in fs::read_dir(here("tests/conformance")).expect("this directory") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        files += 1;
        let text = fs::read_to_string(&path).expect("readable");
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            let [attribute, line] = pair else { continue };
            let Some(name) = line.strip_prefix("fn c") else { continue };
            let (number, rest) = name.split_once('_').unwrap_or_default();
            let Ok(number) = number.parse::<u16>() else { continue };
            let name = rest.split_once("()").map(|(name, _)| name).unwrap_or_default();
            assert_eq!(*attribute, "#[test]", "c{number:03}_{name} in {} does not run", path.display());
            assert!(line.starts_with(&format!("fn c{number:03}_")), "three digits, please: {line}");
            assert!(name.len() > 10, "a name that describes, please: {line}");
            tests.entry(number).or_default().push(name.to_owned());
        }
    }
    assert!(files > 5, "the tests are not where they were");
    tests
}

#[test]
fn every_item_has_a_test_or_waits_for_a_reason() {
    let (items, tests) = (items(), tests());
    assert_eq!(items.keys().copied().collect::<Vec<_>>(), (1..=118).collect::<Vec<_>>(), "items of section 11");
    let later: BTreeSet<u16> = DUE_LATER.iter().flat_map(|(range, _)| range.clone()).collect();
    assert_eq!(later.len(), DUE_LATER.iter().map(|(range, _)| range.clone().count()).sum::<usize>());
    let mut wrong = Vec::new();
    for (number, words) in &items {
        match (tests.contains_key(number), later.contains(number)) {
            (false, false) => wrong.push(format!("no test c{number:03}_..: {words}")),
            (true, true) => wrong.push(format!("c{number:03} has a test and is listed as due later: {words}")),
            _ => {}
        }
    }
    for (number, names) in &tests {
        if !items.contains_key(number) {
            wrong.push(format!("there is no item {number}: {names:?}"));
        }
    }
    for number in later.iter().filter(|number| !items.contains_key(number)) {
        wrong.push(format!("there is no item {number} to be due later"));
    }
    for (number, reason) in TESTED_IN_PART {
        if !tests.contains_key(&number) {
            wrong.push(format!("item {number} is not tested at all ({reason})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let in_part: BTreeSet<u16> = TESTED_IN_PART.iter().map(|(number, _)| *number).collect();
    println!("{} items: {} tested, {} of them in part:", items.len(), tests.len(), in_part.len());
    for (number, reason) in TESTED_IN_PART {
        println!("  {number}: {reason}");
    }
    println!("{} due later:", later.len());
    for (range, reason) in DUE_LATER {
        println!("  {} to {}: {reason}", range.start(), range.end());
    }
}
