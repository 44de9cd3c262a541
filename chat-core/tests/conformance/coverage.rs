//! Checks that each item of chat.md section 11 has a test, or a reason to wait.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Items whose feature does not exist yet, each range with its reason. An item that has a test must
/// not be listed.
const DUE_LATER: [(std::ops::RangeInclusive<u16>, &str); 1] =
    [(117..=117, "restore does not exist yet")];

/// Items about UDP whose text does not contain "UDP".
const ALSO_OVER_UDP: [u16; 2] = [8, 52];

/// A transport over which every item must be tested.
struct Over {
    name: &'static str,
    /// Text that shows in the body of a test that runs over it: functions of the harness, and names
    /// that only this transport has.
    calls: &'static [&'static str],
    /// Items without a test over it, each with its reason. An item that has one must not be listed.
    not: &'static [(u16, &'static str)],
}

const NO_LINK: (u16, &str) = (2, "rejected before any link is opened");

const OVER: [Over; 3] = [
    Over {
        name: "UDP",
        calls: &[
            "each(",
            "each_with(",
            "where_keys_are_exchanged(",
            "not_in_json(",
            "over_datagrams(",
            "over_datagrams_with(",
            "in TABLE",
            "Wire::Datagram",
        ],
        not: &[NO_LINK],
    },
    Over {
        name: "WebSocket",
        calls: &[
            "each(",
            "each_with(",
            "where_keys_are_exchanged(",
            "where_no_keys_are_exchanged(",
            "not_in_json(",
            "not_over_datagrams(",
            "not_over_datagrams_with(",
            "in TABLE",
            "Wire::WebSocket",
        ],
        not: &[NO_LINK],
    },
    Over {
        name: "JSON",
        calls: &[
            "each(",
            "each_with(",
            "where_no_keys_are_exchanged(",
            "not_over_datagrams(",
            "not_over_datagrams_with(",
            "in TABLE",
        ],
        not: &[
            NO_LINK,
            (3, "the port does not depend on the protocol"),
            (7, "no keys are exchanged"),
            (26, "no keys are exchanged"),
            (38, "no keys are exchanged"),
            (52, "there is no disconnect message"),
        ],
    },
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The numbered items of section 11, with their text.
fn items() -> BTreeMap<u16, String> {
    let text =
        fs::read_to_string(here("spec/chat.md")).expect("the specification is in the project");
    let section = text
        .lines()
        .skip_while(|line| !line.starts_with("## 11."))
        .skip(1);
    let mut items = BTreeMap::new();
    for line in section.take_while(|line| !line.starts_with("## ")) {
        let Some((number, text)) = line.split_once(". ") else {
            continue;
        };
        if let Ok(number) = number.parse() {
            assert!(
                items.insert(number, text.to_owned()).is_none(),
                "item {number} appears twice"
            );
        }
    }
    items
}

/// A test of an item.
struct Test {
    /// The part of the name after the number.
    name: String,
    /// Whether it runs over each of [`OVER`].
    over: [bool; OVER.len()],
}

/// The bodies of a file's functions, by name.
fn functions(lines: &[&str]) -> BTreeMap<String, String> {
    let mut functions = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix("fn ") else {
            continue;
        };
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        let body: Vec<&str> = lines[at + 1..]
            .iter()
            .copied()
            .take_while(|line| *line != "}")
            .collect();
        functions.insert(name.to_owned(), body.join("\n"));
    }
    functions
}

/// Whether a function uses this transport, directly or through another function of its file.
fn runs_over(over: &Over, name: &str, functions: &BTreeMap<String, String>) -> bool {
    let Some(body) = functions.get(name) else {
        return false;
    };
    let calls = |word: &str| {
        body.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .any(|one| one == word)
    };
    over.calls.iter().any(|call| {
        body.match_indices(call)
            .any(|(at, _)| !follows_a_word(body, at))
    }) || functions
        .keys()
        .any(|other| other != name && calls(other) && runs_over(over, other, functions))
}

fn follows_a_word(text: &str, at: usize) -> bool {
    text[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.')
}

/// The tests of this directory by the item in their name.
fn tests() -> BTreeMap<u16, Vec<Test>> {
    let mut tests: BTreeMap<u16, Vec<Test>> = BTreeMap::new();
    let mut files = 0;
    for entry in fs::read_dir(here("tests/conformance")).expect("this directory") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        files += 1;
        let text = fs::read_to_string(&path).expect("readable");
        let lines: Vec<&str> = text.lines().collect();
        let functions = functions(&lines);
        for pair in lines.windows(2) {
            let [attribute, line] = pair else { continue };
            let Some(name) = line.strip_prefix("fn c") else {
                continue;
            };
            let (number, rest) = name.split_once('_').unwrap_or_default();
            let Ok(number) = number.parse::<u16>() else {
                continue;
            };
            let name = rest
                .split_once("()")
                .map(|(name, _)| name)
                .unwrap_or_default();
            assert_eq!(
                *attribute,
                "#[test]",
                "c{number:03}_{name} in {} does not run",
                path.display()
            );
            assert!(
                line.starts_with(&format!("fn c{number:03}_")),
                "write three digits: {line}"
            );
            assert!(name.len() > 10, "write a descriptive name: {line}");
            let over =
                OVER.map(|over| runs_over(&over, &format!("c{number:03}_{name}"), &functions));
            tests.entry(number).or_default().push(Test {
                name: name.to_owned(),
                over,
            });
        }
    }
    assert!(files > 5, "the tests have moved");
    tests
}

#[test]
fn every_item_has_a_test_or_a_reason_to_wait() {
    let (items, tests) = (items(), tests());
    assert!(items.len() >= 124, "items of section 11 are gone");
    assert!(
        items.keys().copied().eq(1..=items.len() as u16),
        "the items of section 11 count up: {:?}",
        items.keys()
    );
    let later: BTreeSet<u16> = DUE_LATER
        .iter()
        .flat_map(|(range, _)| range.clone())
        .collect();
    assert_eq!(
        later.len(),
        DUE_LATER
            .iter()
            .map(|(range, _)| range.clone().count())
            .sum::<usize>()
    );
    let mut wrong = Vec::new();
    for (number, text) in &items {
        match (tests.contains_key(number), later.contains(number)) {
            (false, false) => wrong.push(format!("no test c{number:03}_..: {text}")),
            (true, true) => wrong.push(format!(
                "c{number:03} has a test and is listed as due later: {text}"
            )),
            _ => {}
        }
    }
    for (number, names) in &tests {
        if !items.contains_key(number) {
            let names: Vec<_> = names.iter().map(|test| &test.name).collect();
            wrong.push(format!("there is no item {number}: {names:?}"));
        }
    }
    for number in later.iter().filter(|number| !items.contains_key(number)) {
        wrong.push(format!("there is no item {number} to be due later"));
    }
    for (at, over) in OVER.iter().enumerate() {
        let name = over.name;
        for (number, tests) in &tests {
            let not = over.not.iter().find(|(item, _)| item == number);
            match (tests.iter().any(|test| test.over[at]), not) {
                (false, None) => wrong.push(format!("no test of item {number} runs over {name}")),
                (true, Some((_, reason))) => {
                    wrong.push(format!("item {number} is tested over {name} ({reason})"))
                }
                _ => {}
            }
        }
    }
    let about_udp: BTreeSet<u16> = items
        .iter()
        .filter(|(_, text)| text.contains("UDP"))
        .map(|(number, _)| *number)
        .chain(ALSO_OVER_UDP)
        .collect();
    assert_eq!(
        about_udp.iter().copied().collect::<Vec<_>>(),
        [3, 7, 8, 17, 26, 45, 52, 91],
        "items about UDP"
    );
    for number in about_udp
        .iter()
        .filter(|number| OVER[0].not.iter().any(|(item, _)| item == *number))
    {
        wrong.push(format!("item {number} is about UDP"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} items: {} tested", items.len(), tests.len());
    for over in OVER {
        println!(
            "{} tested over {}, but:",
            tests.len() - over.not.len(),
            over.name
        );
        for (number, reason) in over.not {
            println!("  {number}: {reason}");
        }
    }
    println!("{} due later:", later.len());
    for (range, reason) in DUE_LATER {
        println!("  {} to {}: {reason}", range.start(), range.end());
    }
}
