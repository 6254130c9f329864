//! The accounts that clients use, and the file that keeps them from run to run.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// The password of every account.
pub(super) const PASSWORD: &str = "a password";

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) name: String,
    /// What it may log in with, once it has logged in.
    pub(super) token: Option<String>,
}

/// The accounts in `file`; none if there is no such file.
pub(super) fn read(file: &Path) -> io::Result<Vec<Person>> {
    match fs::read_to_string(file) {
        Ok(text) => people_in(&text).map_err(|line| {
            io::Error::other(format!("{}, line {line}: not `id name`", file.display()))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io::Error::other(format!("{}: {error}", file.display()))),
    }
}

/// Appends accounts to `file`.
pub(super) fn append(file: &Path, people: &[Person]) -> io::Result<()> {
    let lines: String =
        people.iter().map(|Person { id, name, .. }| format!("{id} {name}\n")).collect();
    let written = fs::File::options().create(true).append(true).open(file);
    let written = written.and_then(|mut file| file.write_all(lines.as_bytes()));
    written.map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
}

/// One a line; else the number of the line that is wrong.
fn people_in(text: &str) -> Result<Vec<Person>, usize> {
    let person = |(number, line): (usize, &str)| {
        let (id, name) = line.split_once(' ').ok_or(number + 1)?;
        let id = id.parse().map_err(|_| number + 1)?;
        Ok(Person { id, name: name.to_owned(), token: None })
    };
    text.lines().enumerate().map(person).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_kept_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts");
        assert_eq!(read(&file).unwrap(), []);
        let person = |id: i64| Person { id, name: format!("a name {id}"), token: None };
        append(&file, &[person(3), person(4)]).unwrap();
        append(&file, &[person(9)]).unwrap();
        assert_eq!(read(&file).unwrap(), [person(3), person(4), person(9)]);
        fs::write(&file, "1 a\nx b\n").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("line 2"));
    }
}
