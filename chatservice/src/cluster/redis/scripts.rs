//! How Redis carries out each [`Call`]. Every script touches the one key that it is given.

#[cfg(test)]
mod tests;

use std::time::Duration;

use chatproto::UserId;
use redis::{Cmd, Connection, ErrorKind, FromRedisValue, RedisError, RedisResult, Script, Value};

use super::RedisTarget;
use crate::chat::NodeId;
use crate::cluster::call::{Call, Channel, HOLDING_TTL, LEASE, OWING_TTL, Reply};
use crate::cluster::holding::Holding;

/// A sorted set: nodes by the time at which their lease ends, and when it was made, below zero.
const NODES: &str = "chat:nodes";

/// ARGV: node, length of the lease in ms. → whether it was still held, age of the set in ms, nodes.
const RENEW: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], 'NX', -now, 'since')
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now)
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local since = -redis.call('ZSCORE', KEYS[1], 'since')
return {held and 1 or 0, math.max(0, now - since), redis.call('ZRANGEBYSCORE', KEYS[1], 0, '+inf')}";

/// ARGV: mine, force, instead of, time to live in ms. → whether it is taken, what was there.
const CLAIM: &str = "
local before = redis.call('GET', KEYS[1])
local online = before and string.sub(before, -1) == '+'
if online and ARGV[2] == '0' and before ~= ARGV[3] then
    return {0, before}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
return {1, before}";

/// ARGV: mine, its stamp, time to live in ms. → whether it is kept, what else was there.
const ASSERT: &str = "
local before = redis.call('GET', KEYS[1])
if before and before ~= ARGV[1] and string.sub(before, -1) == '+' then
    local stamp = string.match(before, ':(%x+):[+-]$')
    if stamp and tonumber(stamp, 16) > tonumber(ARGV[2], 16) then
        return {0, before}
    end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return {1, before ~= ARGV[1] and before}";

/// ARGV: what mine begins with, time to live in ms of what is owed, 0 when nothing is.
const RELEASE: &str = "
local before = redis.call('GET', KEYS[1])
if before and string.sub(before, 1, #ARGV[1]) == ARGV[1] then
    if ARGV[2] == '0' then
        redis.call('DEL', KEYS[1])
    else
        redis.call('SET', KEYS[1], string.sub(before, 1, -2) .. '-', 'PX', ARGV[2])
    end
end
return 1";

/// The scripts, by their hashes.
pub(super) struct Scripts {
    renew: Script,
    claim: Script,
    assert: Script,
    release: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            renew: Script::new(RENEW),
            claim: Script::new(CLAIM),
            assert: Script::new(ASSERT),
            release: Script::new(RELEASE),
        }
    }

    /// Makes them known, which a Redis that was restarted has forgotten.
    pub(super) fn load(&self, connection: &mut Connection) -> RedisResult<()> {
        for script in [&self.renew, &self.claim, &self.assert, &self.release] {
            script.load(connection)?;
        }
        Ok(())
    }

    /// The command for a call of the node `own`.
    pub(super) fn command(&self, target: &RedisTarget, own: NodeId, call: &Call) -> Cmd {
        match call {
            Call::Publish(channel, frame) => {
                let channel = match channel {
                    Channel::Node(node) => target.channel(*node),
                    Channel::All => target.channel_of_all(),
                };
                // Frames are large: each is copied once, into room for all of it.
                let room = channel.len() + frame.len() + 16;
                let mut command = Cmd::with_capacity(3, room);
                command.arg("PUBLISH").arg(channel).arg(frame);
                command
            }
            Call::Renew => {
                let mut command = run(&self.renew, NODES);
                command.arg(own.to_string()).arg(millis(LEASE)).clone()
            }
            Call::Leave => redis::cmd("ZREM").arg(NODES).arg(own.to_string()).clone(),
            Call::Holdings(users) => {
                let keys: Vec<_> = users.iter().copied().map(key_of).collect();
                redis::cmd("MGET").arg(keys).clone()
            }
            Call::Claim { user, mine, force, instead_of } => {
                let instead_of = instead_of.map(|holding| holding.to_string());
                let mut command = run(&self.claim, key_of(*user));
                command.arg(mine.to_string()).arg(u8::from(*force));
                command.arg(instead_of.unwrap_or_default()).arg(millis(HOLDING_TTL)).clone()
            }
            Call::Assert { user, mine } => {
                let mut command = run(&self.assert, key_of(*user));
                command.arg(mine.to_string()).arg(format!("{:x}", mine.stamp));
                command.arg(millis(HOLDING_TTL)).clone()
            }
            Call::Release { user, place, owing } => {
                let mut command = run(&self.release, key_of(*user));
                let owing = if *owing { millis(OWING_TTL) } else { 0 };
                command.arg(Holding::prefix(*place)).arg(owing).clone()
            }
        }
    }
}

/// Whether Redis has forgotten a script, as one that was started again has.
pub(super) fn is_forgotten(error: &RedisError) -> bool {
    error.code() == Some("NOSCRIPT")
}

/// What an answer says; a refusal is an error.
pub(super) fn reply(call: &Call, value: Value) -> RedisResult<Reply> {
    let value = value.extract_error()?;
    Ok(match call {
        Call::Publish(..) => Reply::Receivers(read(value)?),
        Call::Renew => {
            let (held, age, nodes): (bool, u64, Vec<String>) = read(value)?;
            let node = |text: &String| u64::from_str_radix(text, 16).ok().map(NodeId);
            let alive = nodes.iter().filter_map(node).collect();
            Reply::Roster { renewed: held, alive, age: Duration::from_millis(age) }
        }
        Call::Holdings(_) => {
            let found: Vec<Option<String>> = read(value)?;
            Reply::Holdings(found.into_iter().map(holding).collect())
        }
        Call::Claim { .. } => {
            let (granted, before): (bool, Option<String>) = read(value)?;
            Reply::Claimed { granted, before: holding(before) }
        }
        Call::Assert { .. } => {
            let (kept, other): (bool, Option<String>) = read(value)?;
            Reply::Asserted { kept, other: holding(other) }
        }
        Call::Leave | Call::Release { .. } => Reply::Done,
    })
}

fn run(script: &Script, key: impl redis::ToRedisArgs) -> Cmd {
    redis::cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(key).clone()
}

fn key_of(user: UserId) -> String {
    format!("chat:user:{user}")
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

fn holding(text: Option<String>) -> Option<Holding> {
    let text = text?;
    let holding = Holding::parse(&text);
    if holding.is_none() {
        log::warn!("Redis has {text:?} in place of a session");
    }
    holding
}

fn read<T: FromRedisValue>(value: Value) -> RedisResult<T> {
    T::from_redis_value(value).map_err(|error| {
        RedisError::from((ErrorKind::UnexpectedReturnType, "an answer", error.to_string()))
    })
}
