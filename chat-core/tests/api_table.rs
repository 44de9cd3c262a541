//! Checks that the tests named in `API.md` exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_row_of_the_api_table_names_existing_tests() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(here.join("tests/conformance")).expect("the conformance tests") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).expect("readable");
            let names = text
                .lines()
                .filter_map(|line| line.strip_prefix("fn ")?.split_once('('));
            tests.extend(names.map(|(name, _)| name.to_owned()));
        }
    }
    let table = fs::read_to_string(here.join("API.md")).expect("the table");
    let (mut rows, mut without) = (0, Vec::new());
    for line in table
        .lines()
        .filter(|line| line.starts_with("| `") || line.starts_with("| option"))
    {
        let shown_by = line
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .expect("a last column")
            .trim();
        rows += 1;
        if shown_by == "-" {
            without.push(line);
            continue;
        }
        for name in shown_by.split(", ").map(|name| name.trim_matches('`')) {
            assert!(tests.contains(name), "{name} does not exist: {line}");
        }
    }
    // Only a transport that does not exist yet may lack a test.
    assert!(
        without.iter().all(|line| line.contains("not there yet")),
        "{without:?}"
    );
    assert!(rows > 80, "only {rows} rows were found");
}
