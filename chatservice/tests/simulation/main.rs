//! A seeded simulation of one to three nodes: their shards and members of a cluster with their real
//! rules, model clients that speak the real bytes, and between them a network, a store, a Redis
//! and a clock that do their worst.
//!
//! `CHAT_SIM_SEED=n` replays one seed (of the test that is named), `CHAT_SIM_SEEDS=n` sets how
//! many are tried, `CHAT_SIM_TRACE=1` shows every event.

mod bus;
mod client;
mod connections;
mod context;
mod effects;
mod fault;
mod link;
mod model;
mod node;
mod plant;
mod profile;
mod redis;
mod run;
mod schedule;
mod worker;

use std::env;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use plant::Plant;
use profile::{CLUSTERS, PROFILES, Profile};

/// Seeds of each profile unless told: what takes about ten seconds in all on two cores.
const SEEDS: u64 = 200;
/// Runs with more messages for each client than this get a tenth of the seeds.
const MESSAGES_MANY: usize = 100;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn seeds() -> Range<u64> {
    match number("CHAT_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CHAT_SIM_SEEDS").unwrap_or(SEEDS),
    }
}

fn outcome(seed: u64, profile: &Profile, plant: Plant) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| run::run(seed, profile.clone(), plant)))
        .unwrap_or_else(|_| Err("it panicked".to_owned()))
}

fn check(name: &str) {
    let profile = PROFILES.iter().chain(&CLUSTERS).find(|it| it.name == name).expect("a profile");
    let mut seeds = seeds();
    if profile.messages > MESSAGES_MANY && number("CHAT_SIM_SEED").is_none() {
        seeds.end = seeds.end.div_ceil(10);
    }
    for seed in seeds {
        if let Err(failure) = outcome(seed, profile, Plant::Nothing) {
            panic!("profile {name}, CHAT_SIM_SEED={seed}:\n{failure}");
        }
    }
}

#[test]
fn calm() {
    check("calm");
}

#[test]
fn groups() {
    check("groups");
}

#[test]
fn cuts() {
    check("cuts");
}

#[test]
fn slow_recipients() {
    check("slow recipients");
}

#[test]
fn slow_store() {
    check("slow store");
}

#[test]
fn store_failures() {
    check("store failures");
}

#[test]
fn crashes() {
    check("crashes");
}

#[test]
fn storm() {
    check("storm");
}

#[test]
fn cluster() {
    check("cluster");
}

#[test]
fn cluster_groups() {
    check("cluster groups");
}

#[test]
fn cluster_cuts() {
    check("cluster cuts");
}

#[test]
fn node_crashes() {
    check("node crashes");
}

#[test]
fn node_freezes() {
    check("node freezes");
}

#[test]
fn redis_crashes() {
    check("redis crashes");
}

#[test]
fn bus_breaks() {
    check("bus breaks");
}

#[test]
fn bus_cuts() {
    check("bus cuts");
}

#[test]
fn cluster_store_failures() {
    check("cluster store failures");
}

#[test]
fn cluster_trouble() {
    check("cluster trouble");
}

mod planted {
    use super::{CLUSTERS, MESSAGES_MANY, PROFILES, Plant, outcome, seeds};

    fn is_found(plant: Plant) {
        let found = seeds().any(|seed| {
            PROFILES.iter().any(|profile| {
                profile.messages < MESSAGES_MANY && outcome(seed, profile, plant).is_err()
            })
        });
        assert!(found, "{plant:?} was not noticed");
    }

    #[test]
    fn lost_deliver() {
        is_found(Plant::LostDeliver);
    }

    #[test]
    fn lost_settled() {
        is_found(Plant::LostSettled);
    }

    #[test]
    fn lost_evict() {
        is_found(Plant::LostEvict);
    }

    #[test]
    fn repeated_deliver() {
        is_found(Plant::RepeatedDeliver);
    }

    #[test]
    fn forgotten_row() {
        is_found(Plant::ForgottenRow);
    }

    #[test]
    fn early_answer() {
        is_found(Plant::EarlyAnswer);
    }

    #[test]
    fn kept_row() {
        is_found(Plant::KeptRow);
    }

    #[test]
    fn wide_release() {
        is_found(Plant::WideRelease);
    }

    fn is_found_in_a_cluster(plant: Plant) {
        let fails = |seed, profile| outcome(seed, profile, plant).is_err();
        let found = seeds().any(|seed| CLUSTERS.iter().any(|profile| fails(seed, profile)));
        assert!(found, "{plant:?} was not noticed");
    }

    #[test]
    fn unasked_restart() {
        is_found_in_a_cluster(Plant::UnaskedRestart);
    }

    #[test]
    fn unheeded_restart() {
        is_found_in_a_cluster(Plant::UnheededRestart);
    }

    #[test]
    fn swapped_frames() {
        is_found_in_a_cluster(Plant::SwappedFrames);
    }

    #[test]
    fn untold_mail() {
        is_found_in_a_cluster(Plant::UntoldMail);
    }

    #[test]
    fn rash_offline() {
        is_found_in_a_cluster(Plant::RashOffline);
    }

    #[test]
    fn ignored_standing() {
        is_found_in_a_cluster(Plant::IgnoredStanding);
    }

    #[test]
    fn lost_arrivals() {
        is_found_in_a_cluster(Plant::LostArrivals);
    }

    #[test]
    fn lost_superseded() {
        is_found_in_a_cluster(Plant::LostSuperseded);
    }

    #[test]
    fn lost_evict_in_a_cluster() {
        is_found_in_a_cluster(Plant::LostEvict);
    }
}
