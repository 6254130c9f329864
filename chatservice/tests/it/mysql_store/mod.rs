//! The store on a database server, against a real one.

mod contract;
mod nodes;
mod silence;
mod upgrade;

pub(crate) use upgrade::original;

use chatservice::storage::StoreLimits;
use chatservice::storage::mysql::{MySqlStore, Sharing, Target};

use crate::support::Database;

const LIMITS: StoreLimits =
    StoreLimits { friends_max: 100, groups_max: 100, members_max: 100, rows_max: 100_000 };

fn open(database: &Database, limits: StoreLimits, sharing: Sharing) -> MySqlStore {
    let target: Target = database.url().parse().unwrap();
    MySqlStore::open(&target, limits, sharing).unwrap_or_else(|error| panic!("{error}"))
}
