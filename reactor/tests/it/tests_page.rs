//! The page that says which test shows what names tests that there are.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/tests.md");

/// The names of all tests in the sources below `folder`.
fn tests_below(folder: &Path, found: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(text.split("#[test]").skip(1).filter_map(|test| {
                let (_, signature) = test.split_once("fn ")?;
                Some(signature.split_once('(')?.0.to_owned())
            }));
        }
    }
}

/// The last cell of each row of the page's tables.
fn last_cells() -> impl Iterator<Item = &'static str> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.filter_map(|row| row.rsplit(" | ").next()).filter(|cell| *cell != "here")
}

/// What stands in backticks and may be the name of a test: more than one word, and no path.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.contains('_') && !name.contains("::"))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let mut tests = HashSet::new();
    for folder in ["src", "tests"] {
        tests_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut tests);
    }
    assert!(tests.contains("every_test_that_the_page_names_exists"));
    let missing: Vec<_> =
        last_cells().flat_map(named).filter(|name| !tests.contains(*name)).collect();
    assert!(missing.is_empty(), "not in the sources: {missing:?}");
}

#[test]
fn every_row_of_the_page_has_a_test_or_a_reason() {
    let mut rows = 0;
    for cell in last_cells() {
        rows += 1;
        let reason =
            ["none: ", "see ", "the example of "].iter().any(|word| cell.starts_with(word));
        assert!(reason || named(cell).next().is_some(), "nothing in {cell:?}");
    }
    assert!(rows > 50, "{rows} rows");
}
