//! Every query of a reading connection.

use std::sync::Arc;

use chatproto::{ChatObject, GroupId, UserId};
use mysql::Params;
use mysql::prelude::{FromValue, Queryable as _};

use super::failure::Failure;
use super::link::transaction;
use super::timed::TimedConn;
use crate::message::{Audience, Message, Sid};
use crate::storage::{
    Arrival, Credentials, Group, PageLimit, Person, Profile, Resumed, Role, Row, RowId, TokenHash,
};

/// Rows that are fetched at once: where a page ends by its bytes is seen only when they are here.
const FETCH: usize = 64;

pub(super) fn credentials(
    conn: &mut TimedConn,
    user: UserId,
) -> Result<Option<Credentials>, Failure> {
    let found = conn.exec_first::<mysql::Row, _, _>(
        "SELECT u.name, u.password, t.hash FROM User AS u
         LEFT JOIN ResumeToken AS t ON t.userid = u.id WHERE u.id = ?",
        (user.0,),
    )?;
    let Some(mut row) = found else { return Ok(None) };
    let token: Option<Vec<u8>> = column(&mut row, 2)?;
    let token = token.map(|hash| hash.try_into().map_err(|_| damaged("a token's hash")));
    Ok(Some(Credentials {
        name: column(&mut row, 0)?,
        password: column(&mut row, 1)?,
        token: token.transpose()?,
    }))
}

pub(super) fn profile(
    conn: &mut TimedConn,
    user: UserId,
    members_max: usize,
) -> Result<Profile, Failure> {
    // One state of the database for all of it.
    conn.query_drop("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
    transaction(conn, "START TRANSACTION READ ONLY", |conn| {
        let friends = friends(conn, user)?;
        let mut groups = groups(conn, user)?;
        let mut budget = members_max;
        for group in &mut groups {
            // One more than fits tells that the group does not, without reading all of it.
            let members = members_with_roles(conn, group.id, budget.saturating_add(1))?;
            if members.len() > budget {
                break;
            }
            budget -= members.len();
            group.members = members;
        }
        Ok(Profile { friends, groups })
    })
}

/// A token that ends meanwhile may still be taken, as if the login had been a moment earlier.
pub(super) fn resume(
    conn: &mut TimedConn,
    user: UserId,
    token: &TokenHash,
    members_max: usize,
) -> Result<Option<Resumed>, Failure> {
    let name = credentials(conn, user)?.and_then(|account| account.name_by_token(token));
    let Some(name) = name else { return Ok(None) };
    Ok(Some(Resumed { name, profile: profile(conn, user, members_max)? }))
}

fn friends(conn: &mut TimedConn, user: UserId) -> Result<Vec<Person>, Failure> {
    let sql = "SELECT f.friendid, u.name FROM Friend AS f JOIN User AS u ON u.id = f.friendid
               WHERE f.userid = ? ORDER BY f.friendid";
    all(conn, sql, (user.0,), person)
}

fn groups(conn: &mut TimedConn, user: UserId) -> Result<Vec<Group>, Failure> {
    let sql = "SELECT m.groupid, g.groupname, g.groupdesc
               FROM GroupUser AS m JOIN AllGroup AS g ON g.id = m.groupid
               WHERE m.userid = ? ORDER BY m.groupid";
    all(conn, sql, (user.0,), |row| {
        Ok(Group {
            id: GroupId(column(row, 0)?),
            name: column(row, 1)?,
            description: column(row, 2)?,
            members: Vec::new(),
        })
    })
}

fn members_with_roles(
    conn: &mut TimedConn,
    group: GroupId,
    limit: usize,
) -> Result<Vec<(Person, Role)>, Failure> {
    let sql = "SELECT m.userid, u.name, m.grouprole
               FROM GroupUser AS m JOIN User AS u ON u.id = m.userid
               WHERE m.groupid = ? ORDER BY m.userid LIMIT ?";
    all(conn, sql, (group.0, sql_limit(limit)), |row| {
        let role: String = column(row, 2)?;
        let role = match role.as_str() {
            "creator" => Role::Creator,
            "normal" => Role::Normal,
            _ => return Err(damaged("a role")),
        };
        Ok((person(row)?, role))
    })
}

fn person(row: &mut mysql::Row) -> Result<Person, Failure> {
    Ok(Person { id: UserId(column(row, 0)?), name: column(row, 1)? })
}

pub(super) fn members(
    conn: &mut TimedConn,
    group: GroupId,
) -> Result<Option<Vec<UserId>>, Failure> {
    let sql = "SELECT m.userid FROM AllGroup AS g LEFT JOIN GroupUser AS m ON m.groupid = g.id
               WHERE g.id = ? ORDER BY m.userid";
    let found: Vec<Option<i64>> = all(conn, sql, (group.0,), |row| column(row, 0))?;
    // A group without members has one line, which names nobody.
    Ok((!found.is_empty()).then(|| found.into_iter().flatten().map(UserId).collect()))
}

pub(super) fn rows(
    conn: &mut TimedConn,
    recipient: UserId,
    after: RowId,
    limit: PageLimit,
) -> Result<Vec<Row>, Failure> {
    let sql = "SELECT o.id, o.sender, o.mid, o.sid, o.message, b.message
               FROM OfflineMessage AS o FORCE INDEX (OfflineMessageByUser)
               LEFT JOIN MessageBody AS b ON b.id = o.body
               WHERE o.userid = ? AND o.id > ? ORDER BY o.id LIMIT ?";
    let (mut page, mut bytes, mut last) = (Vec::new(), 0, after);
    while page.len() < limit.rows {
        let count = FETCH.min(limit.rows - page.len());
        let found = all(conn, sql, (recipient.0, last.0, sql_limit(count)), stored_row)?;
        let fetched = found.len();
        for row in found {
            bytes += row.message.size();
            last = row.id;
            page.push(row);
            if bytes >= limit.bytes {
                return Ok(page);
            }
        }
        if fetched < count {
            break;
        }
    }
    Ok(page)
}

/// By the primary key. Under READ COMMITTED it sees what is committed when it starts and waits for
/// nobody: what another node is about to commit, with lower ids too, comes with a later call.
pub(super) fn arrivals(
    conn: &mut TimedConn,
    after: RowId,
    limit: usize,
) -> Result<Vec<Arrival>, Failure> {
    let sql = "SELECT id, userid FROM OfflineMessage FORCE INDEX (PRIMARY)
               WHERE id > ? ORDER BY id LIMIT ?";
    all(conn, sql, (after.0, sql_limit(limit)), |row| {
        Ok(Arrival { recipient: UserId(column(row, 1)?), row: RowId(column(row, 0)?) })
    })
}

pub(super) fn newest_row(conn: &mut TimedConn) -> Result<RowId, Failure> {
    let newest = all(conn, "SELECT MAX(id) FROM OfflineMessage", (), |row| column(row, 0))?;
    let newest: Option<i64> = newest.into_iter().next().flatten();
    Ok(newest.map_or_else(RowId::default, RowId))
}

fn stored_row(row: &mut mysql::Row) -> Result<Row, Failure> {
    let sid: String = column(row, 3)?;
    let mid: String = column(row, 2)?;
    let own: Option<Vec<u8>> = column(row, 4)?;
    let (audience, text) = match own {
        Some(text) => (Audience::One, text),
        None => (Audience::Group, column::<Vec<u8>>(row, 5)?),
    };
    let message = Message {
        sid: Sid::parse(&sid).ok_or_else(|| damaged("a sid"))?,
        sender: UserId(column(row, 1)?),
        mid: mid.into(),
        audience,
        object: ChatObject::from_text(&text).ok_or_else(|| damaged("a message"))?,
    };
    Ok(Row { id: RowId(column(row, 0)?), message: Arc::new(message) })
}

/// The answer to `sql`, each row by `take`.
pub(super) fn all<T>(
    conn: &mut TimedConn,
    sql: &str,
    params: impl Into<Params>,
    mut take: impl FnMut(&mut mysql::Row) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let rows: Vec<mysql::Row> = conn.exec(sql, params)?;
    rows.into_iter().map(|mut row| take(&mut row)).collect()
}

/// A value of a row; each can be taken once.
pub(super) fn column<T: FromValue>(row: &mut mysql::Row, index: usize) -> Result<T, Failure> {
    row.take_opt(index).and_then(Result::ok).ok_or_else(|| damaged("a column"))
}

pub(super) fn damaged(what: &str) -> Failure {
    Failure::Damaged(format!("{what} is not what a server writes"))
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
