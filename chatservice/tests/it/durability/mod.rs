//! What outlives the process: everything that was answered with errno 0.

mod exclusive;
mod facts;
mod kill;
mod shutdown;
mod store_trouble;
mod traffic;

pub(crate) use exclusive::assert_one_clear_line;
