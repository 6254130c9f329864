//! Every query of a reading connection. Each sees one state of the database, the latest that was
//! committed when it started.

use std::sync::Arc;

use chatproto::{ChatObject, GroupId, UserId};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};
use rusqlite::{Connection, Error, OptionalExtension, params};

use crate::message::{Audience, Message, Sid};
use crate::storage::{
    Arrival, Credentials, Group, PageLimit, Person, Profile, Resumed, Role, Row, RowId, TokenHash,
};

pub(super) fn credentials(
    connection: &Connection,
    user: UserId,
) -> rusqlite::Result<Option<Credentials>> {
    connection
        .prepare_cached(
            "SELECT name, password, hash FROM User LEFT JOIN ResumeToken ON userid = id
             WHERE id = ?1",
        )?
        .query_row([user.0], |row| {
            Ok(Credentials { name: row.get(0)?, password: row.get(1)?, token: row.get(2)? })
        })
        .optional()
}

pub(super) fn profile(
    connection: &mut Connection,
    user: UserId,
    members_max: usize,
) -> rusqlite::Result<Profile> {
    let snapshot = connection.transaction()?;
    profile_in(&snapshot, user, members_max)
}

/// Locks the file once for all of it.
pub(super) fn resume(
    connection: &mut Connection,
    user: UserId,
    token: &TokenHash,
    members_max: usize,
) -> rusqlite::Result<Option<Resumed>> {
    let snapshot = connection.transaction()?;
    let name = credentials(&snapshot, user)?.and_then(|account| account.name_by_token(token));
    let Some(name) = name else { return Ok(None) };
    Ok(Some(Resumed { name, profile: profile_in(&snapshot, user, members_max)? }))
}

fn profile_in(
    snapshot: &Connection,
    user: UserId,
    members_max: usize,
) -> rusqlite::Result<Profile> {
    let friends = friends(snapshot, user)?;
    let mut groups = groups(snapshot, user)?;
    let mut budget = members_max;
    for group in &mut groups {
        // One more than fits tells that the group does not, without reading all of it.
        let members = members_with_roles(snapshot, group.id, budget.saturating_add(1))?;
        if members.len() > budget {
            break;
        }
        budget -= members.len();
        group.members = members;
    }
    Ok(Profile { friends, groups })
}

fn friends(connection: &Connection, user: UserId) -> rusqlite::Result<Vec<Person>> {
    connection
        .prepare_cached(
            "SELECT friendid, name FROM Friend JOIN User ON id = friendid
             WHERE userid = ?1 ORDER BY friendid",
        )?
        .query_map([user.0], person)?
        .collect()
}

fn groups(connection: &Connection, user: UserId) -> rusqlite::Result<Vec<Group>> {
    connection
        .prepare_cached(
            "SELECT groupid, groupname, groupdesc FROM GroupUser JOIN AllGroup ON id = groupid
             WHERE userid = ?1 ORDER BY groupid",
        )?
        .query_map([user.0], |row| {
            Ok(Group {
                id: GroupId(row.get(0)?),
                name: row.get(1)?,
                description: row.get(2)?,
                members: Vec::new(),
            })
        })?
        .collect()
}

fn members_with_roles(
    connection: &Connection,
    group: GroupId,
    limit: usize,
) -> rusqlite::Result<Vec<(Person, Role)>> {
    connection
        .prepare_cached(
            "SELECT userid, name, grouprole FROM GroupUser JOIN User ON id = userid
             WHERE groupid = ?1 ORDER BY userid LIMIT ?2",
        )?
        .query_map(params![group.0, sql_limit(limit)], |row| Ok((person(row)?, row.get(2)?)))?
        .collect()
}

fn person(row: &rusqlite::Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person { id: UserId(row.get(0)?), name: row.get(1)? })
}

pub(super) fn members(
    connection: &Connection,
    group: GroupId,
) -> rusqlite::Result<Option<Vec<UserId>>> {
    let members: Vec<UserId> = connection
        .prepare_cached("SELECT userid FROM GroupUser WHERE groupid = ?1 ORDER BY userid")?
        .query_map([group.0], |row| Ok(UserId(row.get(0)?)))?
        .collect::<Result<_, _>>()?;
    // A group has its creator from the same transaction on, and nobody leaves.
    Ok((!members.is_empty()).then_some(members))
}

pub(super) fn rows(
    connection: &Connection,
    recipient: UserId,
    after: RowId,
    limit: PageLimit,
) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(
        "SELECT o.id, o.sender, o.mid, o.sid, o.message, b.message
         FROM OfflineMessage AS o LEFT JOIN MessageBody AS b ON b.id = o.body
         WHERE o.userid = ?1 AND o.id > ?2 ORDER BY o.id LIMIT ?3",
    )?;
    let found = statement.query_map(params![recipient.0, after.0, sql_limit(limit.rows)], row)?;
    let (mut page, mut bytes) = (Vec::new(), 0);
    for row in found {
        let row = row?;
        bytes += row.message.size();
        page.push(row);
        if bytes >= limit.bytes {
            break;
        }
    }
    Ok(page)
}

pub(super) fn arrivals(
    connection: &Connection,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Vec<Arrival>> {
    connection
        .prepare_cached("SELECT id, userid FROM OfflineMessage WHERE id > ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![after.0, sql_limit(limit)], |row| {
            Ok(Arrival { recipient: UserId(row.get(1)?), row: RowId(row.get(0)?) })
        })?
        .collect()
}

pub(super) fn newest_row(connection: &Connection) -> rusqlite::Result<RowId> {
    connection
        .prepare_cached("SELECT COALESCE(MAX(id), 0) FROM OfflineMessage")?
        .query_row([], |row| Ok(RowId(row.get(0)?)))
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let sid = Sid::parse(row.get_ref(3)?.as_str()?).ok_or_else(|| damaged(3))?;
    let own: Option<StoredObject> = row.get(4)?;
    let (audience, StoredObject(object)) = match own {
        Some(object) => (Audience::One, object),
        None => (Audience::Group, row.get(5)?),
    };
    let message = Message {
        sid,
        sender: UserId(row.get(1)?),
        mid: row.get_ref(2)?.as_str()?.into(),
        audience,
        object,
    };
    Ok(Row { id: RowId(row.get(0)?), message: Arc::new(message) })
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn damaged(column: usize) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, "no server wrote this".into())
}

struct StoredObject(ChatObject);

impl FromSql for StoredObject {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_bytes()?;
        let damaged = || FromSqlError::Other("not a chat object".into());
        ChatObject::from_text(text).map(Self).ok_or_else(damaged)
    }
}

impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "creator" => Ok(Self::Creator),
            "normal" => Ok(Self::Normal),
            _ => Err(FromSqlError::Other("not a role".into())),
        }
    }
}
