//! What the command lines of the benches have in common.

use crate::Timing;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How often and how long each contender has its turn.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Turns {
    /// How often each of the two has its turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds of a turn that are counted
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Seconds before them that are not
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    warm_up: f64,
}

impl Turns {
    /// How often each contender has its turn.
    pub fn rounds(&self) -> usize {
        self.rounds.into()
    }

    /// How long a turn is.
    pub fn timing(&self) -> Timing {
        Timing {
            counted: Duration::from_secs_f64(self.seconds),
            warm_up: Duration::from_secs_f64(self.warm_up),
        }
    }
}

/// The program that was chosen, or the one called `name` beside the running one.
///
/// # Errors
/// If it is not there.
pub fn program(chosen: Option<&PathBuf>, name: &str) -> io::Result<PathBuf> {
    let path = match chosen {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name(name),
    };
    if path.is_file() {
        return Ok(path);
    }
    let text = format!("{} is not there; build it: cargo build --release", path.display());
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}

/// How many processors there are and how busy they have been, for whoever reads figures later.
pub fn machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cpus} processors, load average {load} before the start")
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    // The turn of one side is silence to the other, which closes a connection after 90 s of it.
    if (0.01..=25.0).contains(&value) { Ok(value) } else { Err("0.01 to 25 seconds".to_owned()) }
}
