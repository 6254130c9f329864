//! Carries out runs of deposits, removals and withdrawals with a few statements each. The rows of
//! `User` of all recipients are locked already, so nobody else changes their queues.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chatproto::UserId;
use mysql::Value;

use super::dialect::Dialect;
use super::failure::Failure;
use super::lease::Sharing;
use super::queue_plan::{Key, Plan, Queues, Stored};
use super::reads::{column, damaged};
use super::row_counts::{Count, RowCounts};
use super::statement::Statement;
use super::timed::TimedConn;
use crate::message::{Audience, Message, Sid};
use crate::storage::{Outcome, RowId, Write};

/// On which terms a queue is changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Messages that wait for one account.
    pub(super) rows_max: usize,
    /// Where nobody else writes, counts are right without asking.
    pub(super) sharing: Sharing,
    pub(super) dialect: Dialect,
}

const LATEST: Statement = Statement {
    head: "SELECT u.id, (SELECT o.id FROM OfflineMessage AS o FORCE INDEX (OfflineMessageByUser)
                         WHERE o.userid = u.id ORDER BY o.id DESC LIMIT 1)
           FROM User AS u FORCE INDEX (PRIMARY) WHERE u.id IN (",
    one: "?",
    between: ",",
    tail: ")",
};
const COUNT: Statement = Statement {
    head: "SELECT userid, COUNT(*), MAX(id) FROM OfflineMessage FORCE INDEX (OfflineMessageByUser)
           WHERE userid IN (",
    one: "?",
    between: ",",
    tail: ") GROUP BY userid",
};
/// As [`COUNT`], of the rows above one of each queue.
const COUNT_ABOVE: Statement = Statement {
    head: "SELECT userid, COUNT(*), MAX(id) FROM OfflineMessage FORCE INDEX (OfflineMessageByUser)
           WHERE ",
    one: "(userid = ? AND id > ?)",
    between: " OR ",
    tail: " GROUP BY userid",
};
const BY_KEY: Statement = Statement {
    head:
        "SELECT id, userid, sender, mid, body FROM OfflineMessage FORCE INDEX (OfflineMessageOnce)
           WHERE (userid, sender, mid) IN (",
    one: "(?,?,?)",
    between: ",",
    tail: ")",
};
const BY_ID: Statement = Statement {
    head: "SELECT id, userid, sender, mid, body FROM OfflineMessage FORCE INDEX (PRIMARY)
           WHERE id IN (",
    one: "?",
    between: ",",
    tail: ")",
};
const DELETE: Statement = Statement {
    head: "DELETE FROM OfflineMessage WHERE id IN (",
    one: "?",
    between: ",",
    tail: ")",
};
/// What is there already stays as it is.
const INSERT: Statement = Statement {
    head: "INSERT INTO OfflineMessage (userid, sender, mid, sid, message, body) VALUES ",
    one: "(?,?,?,?,?,?)",
    between: ",",
    tail: " ON DUPLICATE KEY UPDATE id = id",
};
/// As [`INSERT`]; tells the id of each row, new or found.
const INSERT_RETURNING: Statement =
    Statement { tail: " ON DUPLICATE KEY UPDATE id = id RETURNING id", ..INSERT };
/// Locked, so that no other node drops them before this one refers to them.
const BODIES: Statement = Statement {
    head: "SELECT id, sid FROM MessageBody FORCE INDEX (MessageBodySid) WHERE sid IN (",
    one: "?",
    between: ",",
    tail: ") FOR UPDATE",
};
const INSERT_BODIES: Statement = Statement {
    head: "INSERT INTO MessageBody (sid, message) VALUES ",
    one: "(?,?)",
    between: ",",
    tail: "",
};
/// First a lock, then a statement of its own that looks who refers to them: it sees what was
/// committed while the lock was waited for.
const LOCK_BODIES: Statement = Statement {
    head: "SELECT id FROM MessageBody FORCE INDEX (PRIMARY) WHERE id IN (",
    one: "?",
    between: ",",
    tail: ") ORDER BY id FOR UPDATE",
};
const DROP_BODIES: Statement = Statement {
    head: "DELETE FROM MessageBody
           WHERE NOT EXISTS (SELECT 1 FROM OfflineMessage AS o WHERE o.body = MessageBody.id)
           AND id IN (",
    one: "?",
    between: ",",
    tail: ")",
};

/// Carries out all of `writes`, each a deposit, removal or withdrawal; `users` are the accounts
/// that exist.
pub(super) fn carry_out(
    conn: &mut TimedConn,
    writes: &[&Write],
    users: &HashSet<UserId>,
    counts: &mut RowCounts,
    terms: Terms,
) -> Result<Vec<Outcome>, Failure> {
    let rows_max = terms.rows_max;
    let mut outcomes = Vec::with_capacity(writes.len());
    while outcomes.len() < writes.len() {
        let rest = &writes[outcomes.len()..];
        let room = room_for(rest);
        let mut known = waiting(conn, rest, users, counts, (&room, terms))?;
        let mut queues = load(conn, rest, &careful(rest, &room, &known, rows_max))?;
        queues.waiting = known.iter().map(|(user, count)| (*user, count.waiting)).collect();
        let mut plan = queues.plan(rest, rows_max);
        let last = known.iter().map(|(user, count)| (*user, count.last)).collect();
        let new = apply(conn, &mut plan, &last, terms.dialect)?;
        for ((recipient, _), row) in plan.inserts.iter().zip(&new) {
            if let Some(count) = known.get_mut(recipient) {
                count.last = count.last.max(*row);
            }
            if is_repeat(&last, *recipient, *row) {
                queues.taken_back(*recipient);
            }
        }
        for (user, count) in known {
            let waiting = queues.waiting.get(&user).copied().unwrap_or_default();
            counts.set(user, Count { waiting, ..count });
        }
        outcomes.extend(plan.outcomes(&new));
    }
    Ok(outcomes)
}

/// How many messages the writes would add to each queue.
fn room_for(writes: &[&Write]) -> HashMap<UserId, usize> {
    let mut room: HashMap<UserId, usize> = HashMap::new();
    for write in writes {
        if let Write::Deposit { recipient, messages } = write {
            *room.entry(*recipient).or_default() += messages.len();
        }
    }
    room
}

/// The queues of which it must be known what is in them before anything is inserted: those that may
/// reach the limit, since repeats need no room, and those from which something is taken as well.
/// For the others the insertion itself finds the repeats.
fn careful(
    writes: &[&Write],
    room: &HashMap<UserId, usize>,
    known: &BTreeMap<UserId, Count>,
    rows_max: usize,
) -> HashSet<UserId> {
    let taken = writes.iter().filter(|write| !matches!(write, Write::Deposit { .. }));
    let taken = taken.filter_map(|write| recipient_of(write));
    let full = known.iter().filter(|(user, count)| {
        count.waiting + room.get(*user).copied().unwrap_or_default() > rows_max
    });
    taken.chain(full.map(|(user, _)| *user)).collect()
}

/// Whether an insertion has found its message stored: a new row has an id above all that the queue
/// ever had.
fn is_repeat(last: &HashMap<UserId, RowId>, recipient: UserId, row: RowId) -> bool {
    last.get(&recipient).is_some_and(|last| row <= *last)
}

fn recipient_of(write: &Write) -> Option<UserId> {
    match write {
        Write::Deposit { recipient, .. }
        | Write::Remove { recipient, .. }
        | Write::Withdraw { recipient, .. } => Some(*recipient),
        _ => None,
    }
}

/// How many messages wait for each recipient that exists.
fn waiting(
    conn: &mut TimedConn,
    writes: &[&Write],
    users: &HashSet<UserId>,
    counts: &RowCounts,
    (room, terms): (&HashMap<UserId, usize>, Terms),
) -> Result<BTreeMap<UserId, Count>, Failure> {
    let recipients: BTreeSet<UserId> =
        writes.iter().filter_map(|write| recipient_of(write)).collect();
    let recipients: Vec<UserId> = recipients.into_iter().filter(|id| users.contains(id)).collect();
    let (mut known, mut grown) = (BTreeMap::new(), Vec::new());
    if terms.sharing == Sharing::Exclusive {
        let ours = |user: &UserId| counts.get(*user).map(|count| (*user, count));
        known.extend(recipients.iter().filter_map(ours));
    }
    let asked: Vec<UserId> =
        recipients.iter().filter(|user| !known.contains_key(user)).copied().collect();
    for mut row in LATEST.ask(conn, &asked, user_id)? {
        let user = UserId(column(&mut row, 0)?);
        let latest: Option<i64> = column(&mut row, 1)?;
        let latest = RowId(latest.unwrap_or_default());
        match counts.get(user) {
            None if latest == RowId::default() => {
                known.insert(user, Count { waiting: 0, last: latest });
            }
            None => {}
            Some(count) if latest <= count.last => {
                known.insert(user, count);
            }
            Some(count) => grown.push((user, count)),
        }
    }
    let above = |(user, count): &(UserId, Count), params: &mut Vec<Value>| {
        params.extend([Value::Int(user.0), Value::Int(count.last.0)]);
    };
    let added: HashMap<UserId, Count> =
        COUNT_ABOVE.ask(conn, &grown, above)?.into_iter().map(counted).collect::<Result<_, _>>()?;
    for (user, count) in grown {
        let added = added.get(&user).copied().unwrap_or(Count { waiting: 0, ..count });
        known.insert(user, Count { waiting: count.waiting + added.waiting, last: added.last });
    }
    // What others took out is in there: where a limit seems to be reached, all are counted.
    let room = |user: &UserId| room.get(user).copied().unwrap_or(0);
    known.retain(|user, count| count.waiting + room(user) <= terms.rows_max);
    let uncounted: Vec<UserId> =
        recipients.iter().filter(|user| !known.contains_key(user)).copied().collect();
    for row in COUNT.ask(conn, &uncounted, user_id)? {
        let (user, count) = counted(row)?;
        known.insert(user, count);
    }
    for user in recipients {
        // Its last row is gone: what its ids were is still remembered.
        let last = counts.get(user).map_or_else(RowId::default, |count| count.last);
        known.entry(user).or_insert(Count { waiting: 0, last });
    }
    Ok(known)
}

fn counted(mut row: mysql::Row) -> Result<(UserId, Count), Failure> {
    let waiting: i64 = column(&mut row, 1)?;
    let waiting = usize::try_from(waiting).map_err(|_| damaged("a count"))?;
    let count = Count { waiting, last: RowId(column(&mut row, 2)?) };
    Ok((UserId(column(&mut row, 0)?), count))
}

/// The rows that the writes speak of, as far as they are there; of deposits only those in the
/// `careful` queues.
fn load(
    conn: &mut TimedConn,
    writes: &[&Write],
    careful: &HashSet<UserId>,
) -> Result<Queues, Failure> {
    let mut keys = HashSet::new();
    let mut ids = BTreeSet::new();
    for write in writes {
        match write {
            Write::Deposit { recipient, messages } | Write::Withdraw { recipient, messages }
                if careful.contains(recipient) =>
            {
                keys.extend(messages.iter().map(|message| Key::new(*recipient, message)));
            }
            Write::Remove { rows, .. } => ids.extend(rows.iter().copied()),
            _ => {}
        }
    }
    let keys: Vec<Key> = keys.into_iter().collect();
    let ids: Vec<RowId> = ids.into_iter().collect();
    let mut queues = Queues::default();
    for row in by_key(conn, &keys)? {
        queues.insert(row);
    }
    for row in BY_ID.ask(conn, &ids, row_id)? {
        queues.insert(stored(row)?);
    }
    Ok(queues)
}

fn by_key(conn: &mut TimedConn, keys: &[Key]) -> Result<Vec<Stored>, Failure> {
    let rows = BY_KEY.ask(conn, keys, |key, params| {
        params.push(Value::Int(key.recipient.0));
        params.push(Value::Int(key.sender.0));
        params.push(Value::Bytes(key.mid.as_bytes().to_vec()));
    })?;
    rows.into_iter().map(stored).collect()
}

fn stored(mut row: mysql::Row) -> Result<Stored, Failure> {
    let mid: String = column(&mut row, 3)?;
    let key = Key {
        recipient: UserId(column(&mut row, 1)?),
        sender: UserId(column(&mut row, 2)?),
        mid: mid.into(),
    };
    Ok(Stored { id: RowId(column(&mut row, 0)?), key, body: column(&mut row, 4)? })
}

/// Does what was planned; the ids of the rows that were to be inserted, in their order. `last` are
/// the highest ids that queues had before.
fn apply(
    conn: &mut TimedConn,
    plan: &mut Plan,
    last: &HashMap<UserId, RowId>,
    dialect: Dialect,
) -> Result<Vec<RowId>, Failure> {
    DELETE.tell(conn, &plan.deletes, row_id)?;
    let bodies = bodies(conn, &plan.inserts)?;
    let insert = match dialect {
        Dialect::MariaDb => INSERT_RETURNING,
        Dialect::MySql => INSERT,
    };
    let returned = insert.insert(
        conn,
        &plan.inserts,
        |(_, message)| message.size(),
        |(recipient, message), params| {
            let (text, body) = match message.audience {
                Audience::One => (Value::Bytes(message.object.text().into_bytes()), Value::NULL),
                Audience::Group => (Value::NULL, Value::Int(bodies[&message.sid])),
            };
            params.push(Value::Int(recipient.0));
            params.push(Value::Int(message.sender.0));
            params.push(Value::Bytes(message.mid.as_bytes().to_vec()));
            params.push(Value::Bytes(message.sid.text().as_str().as_bytes().to_vec()));
            params.push(text);
            params.push(body);
        },
    )?;
    let rows = match dialect {
        Dialect::MariaDb => returned
            .into_iter()
            .map(|mut row| Ok(RowId(column(&mut row, 0)?)))
            .collect::<Result<Vec<_>, Failure>>()?,
        Dialect::MySql => ids_of(conn, &plan.inserts)?,
    };
    if rows.len() != plan.inserts.len() {
        return Err(damaged("the number of rows that were inserted"));
    }
    for ((recipient, message), row) in plan.inserts.iter().zip(&rows) {
        if is_repeat(last, *recipient, *row) {
            // It was put there for a row that was not needed.
            plan.bodies.extend(bodies.get(&message.sid));
        }
    }
    drop_bodies(conn, &plan.bodies)?;
    Ok(rows)
}

fn drop_bodies(conn: &mut TimedConn, bodies: &[i64]) -> Result<(), Failure> {
    let bodies: BTreeSet<i64> = bodies.iter().copied().collect();
    let bodies: Vec<i64> = bodies.into_iter().collect();
    let id = |id: &i64, params: &mut Vec<Value>| params.push(Value::Int(*id));
    LOCK_BODIES.ask(conn, &bodies, id)?;
    DROP_BODIES.tell(conn, &bodies, id)?;
    Ok(())
}

/// Asked for by their keys, where a server does not tell them: which ids it gives to the rows of one
/// statement differs with its settings.
fn ids_of(conn: &mut TimedConn, inserts: &[(UserId, Arc<Message>)]) -> Result<Vec<RowId>, Failure> {
    let keys: Vec<Key> = inserts.iter().map(|(user, message)| Key::new(*user, message)).collect();
    let found: HashMap<Key, RowId> =
        by_key(conn, &keys)?.into_iter().map(|row| (row.key, row.id)).collect();
    let lost = || damaged("a row that was inserted just now");
    keys.iter().map(|key| found.get(key).copied().ok_or_else(lost)).collect()
}

/// The ids of the texts that messages to groups share; those that are missing are inserted.
fn bodies(
    conn: &mut TimedConn,
    inserts: &[(UserId, Arc<Message>)],
) -> Result<HashMap<Sid, i64>, Failure> {
    let to_groups = inserts.iter().filter(|(_, message)| message.audience == Audience::Group);
    let messages: BTreeMap<Sid, &Message> =
        to_groups.map(|(_, message)| (message.sid, &**message)).collect();
    let sids: Vec<Sid> = messages.keys().copied().collect();
    let mut found = find_bodies(conn, &sids)?;
    let missing: Vec<&Message> =
        messages.into_values().filter(|message| !found.contains_key(&message.sid)).collect();
    if !missing.is_empty() {
        INSERT_BODIES.insert(
            conn,
            &missing,
            |message| message.size(),
            |message, params| {
                params.push(Value::Bytes(message.sid.to_string().into_bytes()));
                params.push(Value::Bytes(message.object.text().into_bytes()));
            },
        )?;
        let sids: Vec<Sid> = missing.iter().map(|message| message.sid).collect();
        found.extend(find_bodies(conn, &sids)?);
    }
    Ok(found)
}

fn find_bodies(conn: &mut TimedConn, sids: &[Sid]) -> Result<HashMap<Sid, i64>, Failure> {
    let rows = BODIES.ask(conn, sids, |sid, params| {
        params.push(Value::Bytes(sid.to_string().into_bytes()));
    })?;
    let found = |mut row: mysql::Row| {
        let sid: String = column(&mut row, 1)?;
        let sid = Sid::parse(&sid).ok_or_else(|| damaged("a sid"))?;
        Ok((sid, column(&mut row, 0)?))
    };
    rows.into_iter().map(found).collect()
}

fn user_id(user: &UserId, params: &mut Vec<Value>) {
    params.push(Value::Int(user.0));
}

fn row_id(row: &RowId, params: &mut Vec<Value>) {
    params.push(Value::Int(row.0));
}
