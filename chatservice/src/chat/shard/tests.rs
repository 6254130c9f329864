//! One shard of one or two, fed by hand: what clients say as they say it, answers of the outside
//! when the test wants them.

mod answers;
mod limits;
mod nodes;
mod plain_password;
mod login;
mod delivery;
mod rig;
