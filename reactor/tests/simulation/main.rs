//! The loop on a simulated network that does its worst, by seed.
//!
//! `REACTOR_SIM_SEEDS=100000` tries more seeds, `REACTOR_SIM_SEED=7` repeats one.
#![allow(clippy::unwrap_used, reason = "clippy spares only the test functions, not their helpers")]

mod fairness;
mod moody_echo;
mod peer_script;
mod relay;
mod tls;
mod tls_stage;
mod world;

use reactor::simulation::Faults;
use std::ops::Range;
use world::World;
use world::localhost::Configs;

/// Seeds tried unless told otherwise.
const SEEDS: u64 = 2000;
/// As many of them are tried with TLS.
const TUNNELS: usize = 200;

fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("REACTOR_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("REACTOR_SIM_SEEDS").unwrap_or(SEEDS),
    }
}

/// Runs `scenario` for each seed, and says which one fails.
fn for_each_seed(scenario: impl Fn(u64)) {
    for_each_seed_of(seeds(), scenario);
}

fn for_each_seed_of(seeds: impl Iterator<Item = u64>, scenario: impl Fn(u64)) {
    for seed in seeds {
        let failed = FailedSeed(seed);
        scenario(seed);
        std::mem::forget(failed);
    }
}

/// False events make good what a loop misses, so every other seed has none.
fn harsh(seed: u64) -> Faults {
    let false_events = if seed.is_multiple_of(2) { 0.0 } else { 0.2 };
    Faults { false_events, ..Faults::harsh() }
}

/// Says its seed when a panic drops it.
struct FailedSeed(u64);

impl Drop for FailedSeed {
    fn drop(&mut self) {
        eprintln!("to repeat: REACTOR_SIM_SEED={}", self.0);
    }
}

#[test]
fn every_byte_and_every_end_arrives_over_a_friendly_network() {
    for_each_seed(|seed| World::echo(seed, Faults::none()).run());
}

#[test]
fn every_byte_and_every_end_arrives_over_a_harsh_network() {
    for_each_seed(|seed| World::echo(seed, harsh(seed)).run());
}

#[test]
fn a_relay_loses_nothing_between_two_loops() {
    for_each_seed(|seed| World::relay(seed, harsh(seed)).run());
}

#[test]
fn a_tunnel_loses_nothing_either() {
    let configs = Configs::new();
    // A handshake costs a hundred times what the rest does.
    for_each_seed_of(seeds().step_by(SEEDS as usize / TUNNELS), |seed| {
        World::tunnel(seed, harsh(seed), &configs).run();
    });
}

#[test]
fn a_client_comes_back_as_often_as_it_is_thrown_out() {
    for_each_seed(relay::client_returns);
}

#[test]
fn a_stop_ends_everything_in_time() {
    for_each_seed(|seed| World::echo(seed, harsh(seed)).run_until_stopped());
}
