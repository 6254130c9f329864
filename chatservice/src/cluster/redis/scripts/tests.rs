//! What [`super::Call`] promises, asked of a real Redis.

use std::time::Duration;

use redis::{Connection, ConnectionLike};
use testbed::Redis;

use super::*;
use crate::chat::{ConnId, LoginId, Place, ShardId};
use crate::cluster::holding::HoldingState;

const ANN: UserId = UserId(1);
const HERE: NodeId = NodeId(1);
const THERE: NodeId = NodeId(0xffff_ffff_ffff_fffe);

/// A Redis of its own, and a connection to it.
struct Rig {
    _redis: Redis,
    target: RedisTarget,
    scripts: Scripts,
    connection: Connection,
}

impl Rig {
    fn new() -> Self {
        let redis = Redis::start();
        let target: RedisTarget = redis.url().parse().unwrap();
        let mut connection = target.connect(Duration::from_secs(5)).unwrap();
        let scripts = Scripts::new();
        scripts.load(&mut connection).unwrap();
        Self { _redis: redis, target, scripts, connection }
    }

    fn ask_as(&mut self, own: NodeId, call: &Call) -> Reply {
        let packed = self.scripts.command(&self.target, own, call).get_packed_command();
        let mut values = self.connection.req_packed_commands(&packed, 0, 1).unwrap();
        reply(call, values.remove(0)).unwrap()
    }

    fn ask(&mut self, call: &Call) -> Reply {
        self.ask_as(HERE, call)
    }

    fn claim(&mut self, mine: Holding, force: bool, instead_of: Option<Holding>) -> Reply {
        self.ask(&Call::Claim { user: ANN, mine, force, instead_of })
    }

    fn who_has(&mut self) -> Option<Holding> {
        let Reply::Holdings(found) = self.ask(&Call::Holdings(vec![ANN])) else { panic!() };
        found[0]
    }

    fn alive(&mut self, own: NodeId) -> (bool, Vec<NodeId>) {
        let Reply::Roster { renewed, mut alive, .. } = self.ask_as(own, &Call::Renew) else {
            panic!()
        };
        alive.sort_unstable();
        (renewed, alive)
    }
}

fn holding(node: NodeId, stamp: u64) -> Holding {
    let login = LoginId { conn: ConnId(stamp), number: 1 };
    let place = Place { shard: ShardId { node, index: 0 }, login };
    Holding { place, stamp, state: HoldingState::Online }
}

fn granted(before: Option<Holding>) -> Reply {
    Reply::Claimed { granted: true, before }
}

#[test]
fn the_first_claim_wins_unless_another_is_forced_or_takes_the_place_of_one_that_ended() {
    let mut rig = Rig::new();
    let [first, second, third] = [10, 20, 30].map(|stamp| holding(HERE, stamp));
    assert_eq!(rig.claim(first, false, None), granted(None));
    let refused = Reply::Claimed { granted: false, before: Some(first) };
    assert_eq!(rig.claim(second, false, None), refused);
    assert_eq!(rig.claim(second, false, Some(third)), refused);
    assert_eq!(rig.who_has(), Some(first));
    assert_eq!(rig.claim(second, false, Some(first)), granted(Some(first)));
    assert_eq!(rig.claim(third, true, None), granted(Some(second)));
    assert_eq!(rig.who_has(), Some(third));
}

#[test]
fn only_who_holds_a_user_gives_it_up() {
    let mut rig = Rig::new();
    let [old, new] = [10, 20].map(|stamp| holding(HERE, stamp));
    rig.claim(old, false, None);
    rig.claim(new, true, None);
    let release = |of: Holding, owing| Call::Release { user: ANN, place: of.place, owing };
    rig.ask(&release(old, false));
    assert_eq!(rig.who_has(), Some(new));
    rig.ask(&release(new, true));
    let owing = Holding { state: HoldingState::Owing, ..new };
    assert_eq!(rig.who_has(), Some(owing));
    assert_eq!(rig.claim(old, false, None), granted(Some(owing)), "who owes is not online");
    rig.ask(&release(old, false));
    assert_eq!(rig.who_has(), None);
}

#[test]
fn of_two_who_assert_the_later_claim_wins() {
    let mut rig = Rig::new();
    let (old, new) = (holding(HERE, 9), holding(THERE, 1_795_179_217_000));
    let assert = |mine| Call::Assert { user: ANN, mine };
    let kept = |other| Reply::Asserted { kept: true, other };
    assert_eq!(rig.ask(&assert(old)), kept(None));
    assert_eq!(rig.ask(&assert(old)), kept(None));
    assert_eq!(rig.ask(&assert(new)), kept(Some(old)));
    assert_eq!(rig.ask(&assert(old)), Reply::Asserted { kept: false, other: Some(new) });
    assert_eq!(rig.who_has(), Some(new));
}

#[test]
fn leases_are_renewed_and_left_and_tell_how_long_redis_has_known_of_them() {
    let mut rig = Rig::new();
    assert_eq!(rig.alive(HERE), (false, vec![HERE]));
    assert_eq!(rig.alive(THERE), (false, vec![HERE, THERE]));
    assert_eq!(rig.alive(HERE), (true, vec![HERE, THERE]));
    rig.ask_as(THERE, &Call::Leave);
    assert_eq!(rig.alive(HERE), (true, vec![HERE]));
    std::thread::sleep(Duration::from_millis(20));
    let Reply::Roster { age, .. } = rig.ask(&Call::Renew) else { panic!() };
    assert!(age >= Duration::from_millis(20) && age < Duration::from_secs(60), "{age:?}");
}

#[test]
fn a_publish_tells_how_many_heard_it_and_a_forgotten_script_is_an_error() {
    let mut rig = Rig::new();
    let publish = Call::Publish(Channel::Node(THERE), vec![0, 255, 10]);
    assert_eq!(rig.ask(&publish), Reply::Receivers(0));
    let mut ear = rig.target.connect(Duration::from_secs(5)).unwrap();
    let subscribe = redis::cmd("SUBSCRIBE").arg(rig.target.channel(THERE)).get_packed_command();
    ear.send_packed_command(&subscribe).unwrap();
    ear.recv_response().unwrap();
    assert_eq!(rig.ask(&publish), Reply::Receivers(1));
    let heard = redis::Msg::from_owned_value(ear.recv_response().unwrap()).unwrap();
    assert_eq!(heard.get_payload_bytes(), [0, 255, 10]);

    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut rig.connection).unwrap();
    let packed = rig.scripts.command(&rig.target, HERE, &Call::Renew).get_packed_command();
    let values = rig.connection.req_packed_commands(&packed, 0, 1).unwrap();
    assert!(reply(&Call::Renew, values[0].clone()).is_err());
}
