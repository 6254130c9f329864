//! The layout that ARCHITECTURE draws, held over the sources: what may name what.

mod planted;
mod rules;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// One rule over the sources.
struct Rule {
    name: &'static str,
    /// Which files it is about, by their path from the workspace's root.
    covers: fn(&str) -> bool,
    /// Lines that break it, counted from 0, and what is wrong there.
    breaches: fn(&Source) -> Vec<(usize, String)>,
    /// What to do.
    instead: &'static str,
}

impl Rule {
    /// One line of text for each breach in `source`.
    fn complaints(&self, source: &Source) -> Vec<String> {
        if !(self.covers)(&source.path) {
            return Vec::new();
        }
        let complain = |(line, what): (usize, String)| {
            format!("{}:{}: {what} ({}): {}", source.path, line + 1, self.name, self.instead)
        };
        (self.breaches)(source).into_iter().map(complain).collect()
    }
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package lies in the workspace").to_owned()
}

/// Every Rust file of the workspace.
fn sources() -> Vec<Source> {
    let root = root();
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of ours") {
            let path = entry.expect("an entry of a folder of ours").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).expect("a source file is text");
                let path = path.strip_prefix(&root).expect("found below it");
                sources.push(Source::new(&path.display().to_string(), &text));
            }
        }
    }
    assert!(sources.len() > 20, "only {} sources below {}", sources.len(), root.display());
    sources
}

#[test]
fn the_sources_keep_the_rules() {
    let sources = sources();
    let complaints: Vec<String> = rules::ALL
        .iter()
        .flat_map(|rule| sources.iter().flat_map(|source| rule.complaints(source)))
        .collect();
    assert!(complaints.is_empty(), "{} breaches:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn every_rule_covers_something() {
    let sources = sources();
    for rule in rules::ALL {
        let covered = sources.iter().any(|source| (rule.covers)(&source.path));
        assert!(covered, "{} covers no file: move it with the files", rule.name);
    }
}
