//! A run: set up, load under faults, heal, wait until all is quiet, check.

mod crowd;
mod echo;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::checker::{Limits, Verdict, check};
use crate::client::{Control, Phase};
use crate::cluster::{Cluster, Shape};
use crate::history::History;
use crate::nemesis::{Fault, Nemesis};
use crate::plan::{Pace, Plan};
use crate::report;
use crowd::Crowd;
pub use crowd::Load;
use echo::Echo;

/// Load before the first fault, so that everybody is there.
const BEFORE: Duration = Duration::from_secs(3);
/// Everything that is owed arrives within this time, or never.
const QUIET_WITHIN: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(50);
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// When the load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// After so many faults.
    Faults(usize),
    /// After so much time, with the fault that is under way.
    Time(Duration),
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster.
    pub shape: Shape,
    /// The clients.
    pub load: Load,
    /// What may be injected; nothing at all when it is empty.
    pub faults: Vec<Fault>,
    /// How long things take.
    pub pace: Pace,
    /// How long all of it takes.
    pub length: Length,
    /// What the checker demands.
    pub limits: Limits,
    /// Decides what is random.
    pub seed: u64,
    /// Where history, logs and report are left; it is made.
    pub folder: PathBuf,
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    /// What the checker says.
    pub verdict: Verdict,
    /// What servers did that no client could see.
    pub trouble: Vec<String>,
}

impl Outcome {
    /// Whether nothing was found.
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.trouble.is_empty()
    }

    /// In Markdown.
    pub fn report(&self) -> String {
        let mut text = report::markdown(&self.verdict);
        for trouble in &self.trouble {
            text.push_str(&format!("\nTrouble: {trouble}\n"));
        }
        text
    }
}

/// Runs everything; tells `progress` a line now and then. Blocks.
pub fn run(options: &Options, progress: &mut dyn FnMut(&str)) -> io::Result<Outcome> {
    fs::create_dir_all(&options.folder)?;
    let history = History::create(&history_path(&options.folder))?;
    let _written = Written(&history);
    progress("starting the servers");
    let mut cluster = Cluster::start(&options.shape, &options.folder)?;
    let mut control = Control::new(&history);
    let echo = Echo::start(&history)?;
    progress("registering accounts");
    let crowd = Crowd::start(&cluster, &mut control, &history, &options.load, options.seed)?;
    let mut trouble = Vec::new();
    let clients = crowd.messengers();
    let mut nemesis =
        Nemesis::new(&mut cluster, &control, &history, clients, options.pace, options.seed);
    under_faults(options, &control, &mut nemesis, &mut trouble, progress);
    control.enter(Phase::Drain);
    progress("waiting until all is quiet");
    if !wait_until_quiet(&control, options.pace) {
        trouble.push(format!("not quiet within {QUIET_WITHIN:?}: {}", counts(&control)));
    }
    control.enter(Phase::End);
    trouble.extend(crowd.join());
    drop(echo);
    drop(cluster);
    progress("checking");
    let verdict = check(&history.take(), options.limits);
    let outcome = Outcome { verdict, trouble };
    fs::write(options.folder.join("report.md"), outcome.report())?;
    Ok(outcome)
}

/// Where a run leaves its history.
pub fn history_path(folder: &Path) -> PathBuf {
    folder.join("history.jsonl")
}

fn under_faults(
    options: &Options,
    control: &Control,
    nemesis: &mut Nemesis<'_>,
    trouble: &mut Vec<String>,
    progress: &mut dyn FnMut(&str),
) {
    let started = Instant::now();
    thread::sleep(BEFORE);
    let is_over = |done: usize| match options.length {
        Length::Faults(count) => done >= count,
        Length::Time(time) => started.elapsed() >= time,
    };
    let mut plan = (!options.faults.is_empty())
        .then(|| Plan::new(options.faults.clone(), options.seed))
        .into_iter()
        .flatten();
    let mut done = 0;
    while !is_over(done) {
        let Some(fault) = plan.next() else {
            thread::sleep(PROGRESS_EVERY.min(options.pace.recovery()));
            progress(&format!("{:4} s  {}", started.elapsed().as_secs(), counts(control)));
            continue;
        };
        done += 1;
        let at = started.elapsed().as_secs();
        progress(&format!("{at:4} s  {}  ▸ {}", counts(control), fault.name()));
        if let Err(what) = nemesis.inject(fault) {
            progress(&what);
            trouble.push(what);
        }
        thread::sleep(options.pace.recovery());
    }
}

fn wait_until_quiet(control: &Control, pace: Pace) -> bool {
    let deadline = Instant::now() + QUIET_WITHIN;
    while !control.is_quiet(pace.quiet()) {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(TICK);
    }
    true
}

fn counts(control: &Control) -> String {
    let answered = control.sum(|tally| tally.answered.load(Ordering::Relaxed));
    let received = control.sum(|tally| tally.received.load(Ordering::Relaxed));
    let unanswered = control.sum(|tally| tally.unanswered.load(Ordering::Relaxed) as u64);
    let online = control.sum(|tally| u64::from(tally.online.load(Ordering::Relaxed)));
    let all = control.clients();
    format!("{answered} answered, {received} received, {unanswered} open, {online} of {all} online")
}

/// Leaves no event unwritten, even when the run is cut short by a panic.
struct Written<'a>(&'a History);

impl Drop for Written<'_> {
    fn drop(&mut self) {
        self.0.flush();
    }
}
