//! Where programs lie.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where distributions put what only administrators start.
const PLACES: [&str; 5] =
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec"];

/// A program of the system; panics, and says which `package` has it, when there is none.
pub fn system(name: &str, package: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut files = path.split(':').chain(PLACES).map(|folder| Path::new(folder).join(name));
    let Some(file) = files.find(|file| file.is_file()) else {
        panic!("{name} is missing: apt-get install {package} (./build.sh test does it)");
    };
    Command::new(file)
}

/// The ChatServer that was built together with the running program: a test lies in `deps` beside
/// it, other programs lie next to it.
pub fn chat_server() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a file");
    let folder = this.parent().expect("a file lies in a folder");
    let folder = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    folder.expect("deps lies in a folder").join("ChatServer")
}

/// Builds that ChatServer, which tests of other crates than its own do not do by themselves;
/// panics if it cannot be built.
pub fn build_chat_server() -> PathBuf {
    let program = chat_server();
    let folder = program.parent().expect("a program lies in a folder");
    let mut build = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    build.args(["build", "--quiet", "--locked", "--package", "chatservice", "--bin", "ChatServer"]);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.arg("--target-dir").arg(folder.parent().expect("a profile lies in a folder"));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().is_ok_and(|status| status.success()), "ChatServer can be built");
    program
}
