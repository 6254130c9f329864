//! What memory a logged-in client costs that does nothing.

use super::Plan;
use super::contestant::Contestant;
use crate::process_memory::anonymous_bytes;
use std::io;

/// Clients before those that count, as a share of them: what a server makes for the first few it
/// does not make for each.
const WARM_UP_SHARE: usize = 4;

/// Anonymous bytes of a fresh server for each of `plan.clients` clients, by difference.
pub(super) fn measure(plan: &Plan, contestant: Contestant) -> io::Result<f64> {
    let mut server = contestant.start(plan)?;
    let warm_up = plan.clients / WARM_UP_SHARE / 2 * 2;
    let all = warm_up + plan.clients;
    // Accounts stay when clients leave, mostly on disk.
    server.register(all)?;
    let _early = server.players(0..warm_up, 0)?;
    let before = anonymous_bytes(server.pid())?;
    let _late = server.players(warm_up..all, 0)?;
    let after = anonymous_bytes(server.pid())?;
    Ok(after.saturating_sub(before) as f64 / plan.clients as f64)
}
