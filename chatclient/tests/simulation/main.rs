//! Whole sessions against a scripted lossy server, in one thread and virtual time.
//!
//! Whatever is cut, refused for now or pushed twice: nothing is lost, nothing is shown twice, and
//! what one user sends to another or to a group is shown in that order. A run is its seed;
//! `CHAT_SIM_SEED=n` replays one.

// `cfg(test)` tells clippy that helpers are tests too and may unwrap.
#[cfg(test)]
mod server;
#[cfg(test)]
mod world;

use world::World;

const SEEDS: u64 = 150;

#[test]
fn nothing_is_lost_doubled_or_reordered() {
    let seeds = match std::env::var("CHAT_SIM_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("CHAT_SIM_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    let mut faults = 0;
    for seed in seeds.clone() {
        let mut world = World::new(seed);
        world.run();
        world.check();
        faults += world.faults();
    }
    assert!(faults > 5 * (seeds.end - seeds.start), "only {faults} faults: nothing was tested");
}
