//! Storms of logins, by themselves or while others talk.

use super::pairs::add_pairs;
use crate::accounts::Style;
use crate::chatbench::bench::{Bench, Title, check_descriptors};
use crate::chatbench::drive::{Until, drive, forget};
use crate::chatbench::login::By;
use crate::chatbench::net::Net;
use crate::chatbench::options::{Common, rate};
use crate::chatbench::report::{Fact, PhaseReport};
use crate::chatbench::storm::{Storm, Then, Weather};
use crate::chatbench::talk::{Counted, Manner, Next, Talk, window};
use crate::player::Play;
use serde::Serialize;
use std::io;
use std::time::{Duration, Instant};

/// Of clients that log in, leave, and log in again.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(in crate::chatbench) struct LoginOptions {
    /// Accounts that take turns
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// What they log in with
    #[arg(long, value_enum, default_value_t = By::Token)]
    by: By,
    /// Logins under way at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    in_flight: u32,
    #[command(flatten)]
    beside: Beside,
    #[command(flatten)]
    pub(in crate::chatbench) common: Common,
}

/// Of clients that all lose their connections at once and come back.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(in crate::chatbench) struct ReconnectOptions {
    /// Clients that drop at once, and come back by their tokens
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Clients that come back at a time [default: all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    in_flight: Option<u32>,
    /// How often they drop
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    drops: u16,
    #[command(flatten)]
    beside: Beside,
    #[command(flatten)]
    pub(in crate::chatbench) common: Common,
}

/// Who talks meanwhile.
#[derive(Clone, Copy, Debug, clap::Args, Serialize)]
struct Beside {
    /// Pairs of clients that talk meanwhile, and whose latency is reported
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pairs: u32,
    /// Messages a second of all pairs together
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000.0, value_parser = rate)]
    rate: f64,
}

const CHAT: &str = "chat, until received";
const LOGIN: Title = Title { name: "login", unit: "logins", timed: &["login", CHAT] };
const RECONNECT: Title =
    Title { name: "reconnect", unit: "logins", timed: &["back since the drop", CHAT] };

pub(in crate::chatbench) fn run_login(
    options: &LoginOptions,
    bench: &Bench<'_>,
) -> io::Result<Vec<PhaseReport>> {
    let LoginOptions { by, in_flight, beside, common, .. } = options;
    // Only those who acknowledge get tokens.
    let style = if *by == By::Token { Style::Acknowledged } else { common.style() };
    let clients = options.clients as usize;
    let (mut net, mut weather) = set_up(bench, *beside, clients, style, *in_flight as usize)?;
    if *by == By::Token {
        collect_tokens(&mut net, &mut weather)?;
    }
    beside.begin(&mut net, &mut weather);
    weather.storm.rage(&mut net, *by, Then::Leave)?;
    let warm_up = Duration::from_secs_f64(common.warm_up);
    drive(&mut net, &mut weather, None, &Until::Passed(warm_up))?;
    forget(&mut weather);
    let mut recorder = bench.record(LOGIN)?;
    drive(&mut net, &mut weather, Some(&mut recorder), &Until::Passed(common.counted()))?;
    weather.storm.calm();
    drive(&mut net, &mut weather, None, &Until::Done(|weather| weather.storm.under_way()))?;
    finish(&mut net, &mut weather)?;
    Ok(vec![recorder.finish(LOGIN.name, Vec::new())])
}

pub(in crate::chatbench) fn run_reconnect(
    options: &ReconnectOptions,
    bench: &Bench<'_>,
) -> io::Result<Vec<PhaseReport>> {
    let ReconnectOptions { clients, beside, .. } = options;
    let in_flight = options.in_flight.unwrap_or(*clients) as usize;
    let clients = *clients as usize;
    let (mut net, mut weather) = set_up(bench, *beside, clients, Style::Acknowledged, in_flight)?;
    collect_tokens(&mut net, &mut weather)?;
    beside.begin(&mut net, &mut weather);
    let mut phases = Vec::new();
    for drop in 1..=options.drops {
        forget(&mut weather);
        let mut recorder = bench.record(RECONNECT)?;
        let dropped_at = Instant::now();
        weather.storm.rage(&mut net, By::Token, Then::Stay)?;
        drive(&mut net, &mut weather, Some(&mut recorder), &Until::Done(|it| it.storm.left()))?;
        let seconds = dropped_at.elapsed().as_secs_f64();
        let facts = vec![Fact::new("until all were back", seconds, "s")];
        phases.push(recorder.finish(format!("reconnect {drop}"), facts));
    }
    finish(&mut net, &mut weather)?;
    Ok(phases)
}

/// Those who talk are logged in, the others are not.
fn set_up(
    bench: &Bench<'_>,
    beside: Beside,
    clients: usize,
    style: Style,
    in_flight: usize,
) -> io::Result<(Net, Weather)> {
    let talkers = beside.pairs as usize * 2;
    check_descriptors(talkers + clients)?;
    let mut talkers_people = bench.people(talkers + clients)?;
    let people = bench.spread(talkers_people.split_off(talkers), 1);
    let manner = Manner {
        style,
        next: Next::Schedule,
        window: window(talkers, 1),
        first: bench.first,
        counted: Counted::Receipts,
        bytes: bench.common.bytes.into(),
    };
    let mut talk = Talk::new(bench.spread(talkers_people, 2), manner);
    add_pairs(&mut talk, 0..talkers);
    let mut net = Net::new(talkers + clients)?;
    bench.arrive(&mut net, &mut talk, 0..talkers)?;
    Ok((net, Weather { talk, storm: Storm::new(talkers, people, style, in_flight) }))
}

/// Has everybody log in by password once.
fn collect_tokens(net: &mut Net, weather: &mut Weather) -> io::Result<()> {
    eprintln!("collecting tokens");
    weather.storm.rage(net, By::Password, Then::Stay)?;
    drive(net, weather, None, &Until::Done(|weather| weather.storm.left()))
}

/// Those who talk end, and have everything that was sent.
fn finish(net: &mut Net, weather: &mut Weather) -> io::Result<()> {
    let Weather { talk, .. } = weather;
    talk.stop(net, Instant::now());
    drive(net, weather, None, &Until::Done(|weather| weather.talk.unsettled()))?;
    weather.talk.ask_for_pongs(net);
    drive(net, weather, None, &Until::Done(|weather| weather.talk.pongs()))
}

impl Beside {
    fn begin(self, net: &mut Net, Weather { talk, .. }: &mut Weather) {
        if self.pairs > 0 {
            let now = Instant::now();
            talk.schedule(self.rate, now);
            talk.set_play(net, Play::On, now);
        }
    }
}
