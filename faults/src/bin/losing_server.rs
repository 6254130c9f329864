//! A ChatServer that loses one stored message in a thousand, for trying the suite on. It takes the
//! flags of a ChatServer with --mysql.

use std::error::Error;
use std::sync::Arc;
use std::thread;

use chatservice::config::Config;
use chatservice::server::Server;
use chatservice::storage::mysql::{MySqlStore, Sharing};
use faults::losing_store::LosingStore;
use reactor::EventLoop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

const ONE_IN: u64 = 1000;
/// So that a short run has some.
const FIRST: u64 = 300;

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let config = Config::load()?;
    let database = config.mysql.as_ref().ok_or("it needs --mysql")?;
    let sharing = if config.redis.is_some() { Sharing::Shared } else { Sharing::Exclusive };
    let honest = MySqlStore::open(database, config.store_limits, sharing)?;
    let store = LosingStore::new(Arc::new(honest), ONE_IN, FIRST);
    let mut event_loop = EventLoop::new()?;
    let server = Server::start_on(&mut event_loop, config, Arc::new(store))?;
    announce(&server);
    let main_loop = event_loop.handle();
    let stopper = thread::Builder::new().name("stopper".to_owned()).spawn(move || {
        let _signal = signals.forever().next();
        server.shut_down();
        main_loop.quit();
    })?;
    event_loop.run()?;
    // It quit the loop as the last thing that it did.
    let _ended = stopper.join();
    Ok(())
}

/// As ChatServer says it.
#[allow(clippy::print_stdout, reason = "the line that callers wait for")]
fn announce(server: &Server) {
    println!("losing-server listening on {}", server.local_addr());
}
