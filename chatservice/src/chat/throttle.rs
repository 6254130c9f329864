//! Slows down guessing and mass registration, without locking anybody out: guesses at one
//! account from one address wait longer and longer, up to a few seconds each, while its owner
//! elsewhere, or with a token, notices nothing. Shared by all shards of a node.

use core::net::IpAddr;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use chatproto::UserId;

use super::effect::{Admission, Attempt};

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 5;
/// The pause after the first failure that costs something; it doubles with each further one …
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// An attempt whose turn is further away than this is refused rather than kept waiting.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Failures are forgotten after this time without another one.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// Registrations are counted over this time.
const REGISTRATION_SPAN: Duration = Duration::from_secs(60 * 60);
/// Accounts and addresses that are remembered; beyond it the longest untouched half goes.
const ENTRIES_MAX: usize = 100_000;

/// Who guesses at what. The address is `None` for those that limits by address leave out.
type Guesser = (UserId, Option<IpAddr>);

#[derive(Debug)]
struct Failures {
    count: u32,
    /// When the next attempt may start.
    free_at: Instant,
    touched: Instant,
}

#[derive(Debug)]
struct Registrations {
    count: usize,
    since: Instant,
}

/// See the module.
#[derive(Debug)]
pub struct Throttle {
    registrations_max: usize,
    failures: HashMap<Guesser, Failures>,
    registrations: HashMap<IpAddr, Registrations>,
}

impl Throttle {
    /// `registrations_max` for each address and hour.
    pub fn new(registrations_max: usize) -> Self {
        Self { registrations_max, failures: HashMap::new(), registrations: HashMap::new() }
    }

    /// Whether an attempt may go on.
    pub fn admit(&mut self, now: Instant, address: Option<IpAddr>, attempt: Attempt) -> Admission {
        match attempt {
            Attempt::Login(user) => self.admit_login(now, (user, address.map(network_of))),
            Attempt::Registration => {
                let admit = |address| self.admit_registration(now, network_of(address));
                address.map_or(Admission::Now, admit)
            }
        }
    }

    /// An admitted login ended.
    pub fn login_ended(&mut self, now: Instant, user: UserId, address: Option<IpAddr>, ok: bool) {
        let guesser = (user, address.map(network_of));
        if ok {
            self.failures.remove(&guesser);
        } else if let Some(failures) = self.failures.get_mut(&guesser) {
            failures.touched = now;
        }
    }

    fn admit_login(&mut self, now: Instant, guesser: Guesser) -> Admission {
        make_room(&mut self.failures, |failures| failures.touched);
        let fresh = || Failures { count: 0, free_at: now, touched: now };
        let failures = self.failures.entry(guesser).or_insert_with(fresh);
        if now.duration_since(failures.touched) > MEMORY {
            *failures = fresh();
        }
        // Counted before it has failed, so that attempts made all at once are counted too.
        failures.count = failures.count.saturating_add(1);
        failures.touched = now;
        let Some(exponent) = failures.count.checked_sub(FREE_FAILURES + 1) else {
            return Admission::Now;
        };
        let pause = PAUSE_MIN.saturating_mul(1 << exponent.min(10)).min(PAUSE_MAX);
        if guesser.1.is_none() {
            // Owner and guesser cannot be told apart: a queue would be the guesser's to fill.
            return Admission::After(pause);
        }
        // One attempt after the other, however many connections they come on.
        let start = failures.free_at.max(now) + pause;
        let wait = start - now;
        if wait > WAIT_MAX {
            return Admission::Refused(wait);
        }
        failures.free_at = start;
        Admission::After(wait)
    }

    fn admit_registration(&mut self, now: Instant, address: IpAddr) -> Admission {
        make_room(&mut self.registrations, |registrations| registrations.since);
        let fresh = Registrations { count: 0, since: now };
        let registrations = self.registrations.entry(address).or_insert(fresh);
        if now.duration_since(registrations.since) > REGISTRATION_SPAN {
            *registrations = Registrations { count: 0, since: now };
        }
        if registrations.count >= self.registrations_max {
            return Admission::Refused(registrations.since + REGISTRATION_SPAN - now);
        }
        registrations.count += 1;
        Admission::Now
    }
}

/// What counts as one address: with IPv6 everybody has 2^64 of them.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

/// Drops the older half of a full table: at most one sweep for as many insertions.
fn make_room<K: Eq + Hash, V>(table: &mut HashMap<K, V>, touched: impl Fn(&V) -> Instant) {
    if table.len() < ENTRIES_MAX {
        return;
    }
    let mut times: Vec<_> = table.values().map(&touched).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    table.retain(|_, value| touched(value) > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: UserId = UserId(1);
    const HOME: Option<IpAddr> = Some(IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1)));
    const ATTACKER: Option<IpAddr> = Some(IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 2)));

    fn login(throttle: &mut Throttle, now: Instant, address: Option<IpAddr>) -> Admission {
        throttle.admit(now, address, Attempt::Login(OWNER))
    }

    /// Fails as often as told, slowly enough that nobody has to wait for a turn; when it is over.
    fn fail(throttle: &mut Throttle, now: Instant, address: Option<IpAddr>, times: u32) -> Instant {
        (0..times).fold(now, |now, _| {
            login(throttle, now, address);
            throttle.login_ended(now, OWNER, address, false);
            now + PAUSE_MAX * 2
        })
    }

    #[test]
    fn a_few_failures_cost_nothing_and_more_cost_seconds() {
        let mut throttle = Throttle::new(1);
        let now = fail(&mut throttle, Instant::now(), None, FREE_FAILURES - 1);
        assert_eq!(login(&mut throttle, now, None), Admission::Now);
        assert_eq!(login(&mut throttle, now, None), Admission::After(PAUSE_MIN));
        let now = fail(&mut throttle, now, None, 50);
        assert_eq!(login(&mut throttle, now, None), Admission::After(PAUSE_MAX));
    }

    #[test]
    fn attempts_made_all_at_once_are_counted() {
        let (mut throttle, now) = (Throttle::new(1), Instant::now());
        let free = (0..100).filter(|_| login(&mut throttle, now, ATTACKER) == Admission::Now);
        assert_eq!(free.count(), FREE_FAILURES as usize);
    }

    #[test]
    fn attempts_take_turns_and_too_many_are_refused() {
        let mut throttle = Throttle::new(1);
        let now = fail(&mut throttle, Instant::now(), ATTACKER, 100);
        for turn in 1..=5 {
            let admission = login(&mut throttle, now, ATTACKER);
            assert_eq!(admission, Admission::After(PAUSE_MAX * turn));
        }
        assert_eq!(login(&mut throttle, now, ATTACKER), Admission::Refused(PAUSE_MAX * 6));
    }

    #[test]
    fn without_an_address_nobody_waits_for_others() {
        let mut throttle = Throttle::new(1);
        let now = fail(&mut throttle, Instant::now(), None, 100);
        for _ in 0..100 {
            assert_eq!(login(&mut throttle, now, None), Admission::After(PAUSE_MAX));
        }
    }

    #[test]
    fn the_owner_elsewhere_notices_nothing() {
        let mut throttle = Throttle::new(1);
        let now = fail(&mut throttle, Instant::now(), ATTACKER, 100);
        assert_eq!(login(&mut throttle, now, HOME), Admission::Now);
    }

    #[test]
    fn success_and_time_forgive() {
        let mut throttle = Throttle::new(1);
        let now = fail(&mut throttle, Instant::now(), HOME, 100);
        throttle.login_ended(now, OWNER, HOME, true);
        assert_eq!(login(&mut throttle, now, HOME), Admission::Now);
        let later = fail(&mut throttle, now, HOME, 100) + MEMORY + Duration::from_secs(1);
        assert_eq!(login(&mut throttle, later, HOME), Admission::Now);
    }

    #[test]
    fn one_network_is_one_address() {
        let check = |one: &str, other: &str, same: bool| {
            let network = |text: &str| network_of(text.parse().expect("an address"));
            assert_eq!(network(one) == network(other), same, "{one} {other}");
        };
        check("2001:db8::1", "2001:db8::ffff:1", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
        check("10.0.0.1", "::ffff:10.0.0.1", true);
        check("10.0.0.1", "10.0.0.2", false);
    }

    #[test]
    fn registrations_are_counted_by_address_and_hour() {
        let (mut throttle, now) = (Throttle::new(2), Instant::now());
        let mut admit = |now, address| throttle.admit(now, address, Attempt::Registration);
        assert_eq!(admit(now, HOME), Admission::Now);
        assert_eq!(admit(now, HOME), Admission::Now);
        assert_eq!(admit(now, HOME), Admission::Refused(REGISTRATION_SPAN));
        assert_eq!(admit(now, ATTACKER), Admission::Now);
        assert_eq!(admit(now, None), Admission::Now);
        let later = now + REGISTRATION_SPAN + Duration::from_secs(1);
        assert_eq!(admit(later, HOME), Admission::Now);
    }

    #[test]
    fn a_full_table_forgets_its_older_half() {
        let now = Instant::now();
        let mut table: HashMap<usize, Instant> =
            (0..ENTRIES_MAX).map(|n| (n, now + Duration::from_nanos(n as u64))).collect();
        make_room(&mut table, |touched| *touched);
        assert!(table.len() < ENTRIES_MAX / 2 + 1 && table.contains_key(&(ENTRIES_MAX - 1)));
    }
}
