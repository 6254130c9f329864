//! Every queue has a bound, and a policy for what does not fit.

mod accounts;
mod connections;
mod guesses;
mod idle;
mod readers;
mod silent_recipient;
