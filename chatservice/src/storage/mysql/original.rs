//! Takes over what the original C++ server kept: tables in other character sets and without keys,
//! plain passwords, messages without sender and id. What nobody could use any more (rows of
//! accounts that do not exist, second copies, broken messages) is dropped, and counted in the log.

mod tables;

use std::collections::HashSet;

use chatproto::ChatObject;
use mysql::prelude::FromValue;
use mysql::{Row, Value};

use self::tables::{Columns, TABLES};
pub(super) use self::tables::{drop_tables, set_aside};
use super::schema::Upgrade;
use super::statement::Statement;
use crate::message::Sid;

/// Copies what was set aside into our tables, which are empty. Belongs into one transaction.
pub(super) fn import(upgrade: &mut Upgrade) -> Result<(), mysql::Error> {
    let columns = Columns::read(upgrade)?;
    let [users, friends, groups, members, messages] =
        TABLES.each_ref().map(|table| columns.has_table(table.aside));
    if !users {
        return Ok(());
    }
    let mut tally = Tally::default();
    let known = import_users(upgrade, &mut tally)?;
    if friends {
        import_friends(upgrade, &mut tally)?;
    }
    if groups {
        import_groups(upgrade, &mut tally)?;
    }
    if members {
        import_members(upgrade, &mut tally)?;
    }
    if messages {
        import_messages(upgrade, &known, &mut tally)?;
    }
    tally.log();
    Ok(())
}

/// What was taken over and what was not.
#[derive(Default)]
struct Tally {
    users: usize,
    friends: u64,
    groups: usize,
    members: u64,
    messages: usize,
    /// Rows that name an account or a group that does not exist.
    orphans: u64,
    /// Rows that are there already.
    copies: u64,
    /// Messages that are none.
    broken: u64,
}

impl Tally {
    fn log(&self) {
        log::info!(
            "took over from the original server: {} users, {} friends, {} groups, {} members, {} \
             messages",
            self.users,
            self.friends,
            self.groups,
            self.members,
            self.messages
        );
        if self.orphans + self.copies + self.broken > 0 {
            log::warn!(
                "left out: {} rows of accounts or groups that do not exist, {} second copies, {} \
                 messages that are broken",
                self.orphans,
                self.copies,
                self.broken
            );
        }
    }
}

const INSERT_USERS: Statement = Statement {
    head: "INSERT INTO User (id, name, password) VALUES ",
    one: "(?,?,?)",
    between: ",",
    tail: "",
};

fn import_users(upgrade: &mut Upgrade, tally: &mut Tally) -> Result<HashSet<i64>, mysql::Error> {
    let sql = "SELECT id, CONVERT(name USING utf8mb4), CONVERT(password USING utf8mb4)
               FROM chat_original_user ORDER BY id";
    let mut names = Names::new("user");
    let mut users: Vec<(i64, String, String)> = Vec::new();
    for mut row in upgrade.ask(sql, ())? {
        let (id, name, password): (i64, Option<String>, Option<String>) =
            (take(&mut row, 0)?, take(&mut row, 1)?, take(&mut row, 2)?);
        if !names.admits(id, tally) {
            continue;
        }
        // An empty password matches nothing.
        users.push((id, names.unique(id, name), password.unwrap_or_default()));
    }
    tally.users = users.len();
    insert(upgrade, &INSERT_USERS, &users, |(id, name, password), params| {
        params.push(Value::Int(*id));
        params.push(Value::Bytes(name.clone().into_bytes()));
        params.push(Value::Bytes(password.clone().into_bytes()));
    })?;
    Ok(names.ids)
}

const INSERT_GROUPS: Statement = Statement {
    head: "INSERT INTO AllGroup (id, groupname, groupdesc) VALUES ",
    one: "(?,?,?)",
    between: ",",
    tail: "",
};

fn import_groups(upgrade: &mut Upgrade, tally: &mut Tally) -> Result<(), mysql::Error> {
    let sql = "SELECT id, CONVERT(groupname USING utf8mb4), CONVERT(groupdesc USING utf8mb4)
               FROM chat_original_allgroup ORDER BY id";
    let mut names = Names::new("group");
    let mut groups: Vec<(i64, String, String)> = Vec::new();
    for mut row in upgrade.ask(sql, ())? {
        let (id, name, description): (i64, Option<String>, Option<String>) =
            (take(&mut row, 0)?, take(&mut row, 1)?, take(&mut row, 2)?);
        if !names.admits(id, tally) {
            continue;
        }
        groups.push((id, names.unique(id, name), description.unwrap_or_default()));
    }
    tally.groups = groups.len();
    insert(upgrade, &INSERT_GROUPS, &groups, |(id, name, description), params| {
        params.push(Value::Int(*id));
        params.push(Value::Bytes(name.clone().into_bytes()));
        params.push(Value::Bytes(description.clone().into_bytes()));
    })
}

/// Ids and names that are taken.
struct Names {
    kind: &'static str,
    ids: HashSet<i64>,
    names: HashSet<String>,
}

impl Names {
    fn new(kind: &'static str) -> Self {
        Self { kind, ids: HashSet::new(), names: HashSet::new() }
    }

    /// Whether this id is one, and the first of its kind.
    fn admits(&mut self, id: i64, tally: &mut Tally) -> bool {
        if id <= 0 {
            tally.orphans += 1;
            return false;
        }
        let new = self.ids.insert(id);
        tally.copies += u64::from(!new);
        new
    }

    /// The name itself, or one with the id behind it when it is missing or taken.
    fn unique(&mut self, id: i64, name: Option<String>) -> String {
        let wanted = name.filter(|name| !name.is_empty());
        let mut unique = wanted.unwrap_or_else(|| format!("{}-{id}", self.kind));
        while !self.names.insert(unique.clone()) {
            unique = format!("{unique}-{id}");
        }
        unique
    }
}

fn import_friends(upgrade: &mut Upgrade, tally: &mut Tally) -> Result<(), mysql::Error> {
    upgrade.tell(
        "INSERT INTO Friend (userid, friendid)
         SELECT DISTINCT f.userid, f.friendid FROM chat_original_friend AS f
         JOIN User AS u ON u.id = f.userid JOIN User AS v ON v.id = f.friendid",
    )?;
    tally.friends = upgrade.conn.affected_rows();
    let orphans = "SELECT COUNT(*), COUNT(u.id + v.id) FROM chat_original_friend AS f
                   LEFT JOIN User AS u ON u.id = f.userid LEFT JOIN User AS v ON v.id = f.friendid";
    count_left_out(upgrade, orphans, tally.friends, tally)
}

fn import_members(upgrade: &mut Upgrade, tally: &mut Tally) -> Result<(), mysql::Error> {
    upgrade.tell(
        "INSERT INTO GroupUser (groupid, userid, grouprole)
         SELECT m.groupid, m.userid, IF(MAX(m.grouprole = 'creator') = 1, 'creator', 'normal')
         FROM chat_original_groupuser AS m
         JOIN AllGroup AS g ON g.id = m.groupid JOIN User AS u ON u.id = m.userid
         GROUP BY m.groupid, m.userid",
    )?;
    tally.members = upgrade.conn.affected_rows();
    let orphans = "SELECT COUNT(*), COUNT(g.id + u.id) FROM chat_original_groupuser AS m
         LEFT JOIN AllGroup AS g ON g.id = m.groupid LEFT JOIN User AS u ON u.id = m.userid";
    count_left_out(upgrade, orphans, tally.members, tally)
}

/// `sql` counts all rows, and those that refer to something.
fn count_left_out(
    upgrade: &mut Upgrade,
    sql: &str,
    taken: u64,
    tally: &mut Tally,
) -> Result<(), mysql::Error> {
    for mut row in upgrade.ask(sql, ())? {
        let (all, good): (u64, u64) = (take(&mut row, 0)?, take(&mut row, 1)?);
        tally.orphans += all.saturating_sub(good);
        tally.copies += good.saturating_sub(taken);
    }
    Ok(())
}

/// A message in the form in which we keep it.
struct Waiting {
    user: i64,
    sender: i64,
    /// Counted from 1.
    row: u64,
    text: String,
}

const INSERT_MESSAGES: Statement = Statement {
    head: "INSERT INTO OfflineMessage (userid, sender, mid, sid, message) VALUES ",
    one: "(?,?,?,?,?)",
    between: ",",
    tail: "",
};

/// Without a key, a table gives out its rows in the order in which they came in.
fn import_messages(
    upgrade: &mut Upgrade,
    known: &HashSet<i64>,
    tally: &mut Tally,
) -> Result<(), mysql::Error> {
    let sql = "SELECT userid, CONVERT(message USING utf8mb4) FROM chat_original_offlinemessage";
    let mut seen = HashSet::new();
    let mut messages: Vec<Waiting> = Vec::new();
    for mut row in upgrade.ask(sql, ())? {
        let (user, message): (Option<i64>, Option<String>) =
            (take(&mut row, 0)?, take(&mut row, 1)?);
        let Some(user) = user.filter(|user| known.contains(user)) else {
            tally.orphans += 1;
            continue;
        };
        let Some((sender, text)) = message.as_deref().and_then(readable) else {
            tally.broken += 1;
            continue;
        };
        if !seen.insert((user, text.clone())) {
            tally.copies += 1;
            continue;
        }
        messages.push(Waiting { user, sender, row: messages.len() as u64 + 1, text });
    }
    tally.messages = messages.len();
    insert(upgrade, &INSERT_MESSAGES, &messages, |message, params| {
        params.push(Value::Int(message.user));
        params.push(Value::Int(message.sender));
        params.push(Value::Bytes(format!("row-{}", message.row).into_bytes()));
        // Below every sid that a server makes.
        params.push(Value::Bytes(Sid(message.row.into()).to_string().into_bytes()));
        params.push(Value::Bytes(message.text.clone().into_bytes()));
    })
}

/// The sender of a stored message and its text as we keep it.
fn readable(message: &str) -> Option<(i64, String)> {
    let object = ChatObject::from_text(message.as_bytes())?;
    let fields: serde_json::Value = serde_json::from_str(&object.text()).ok()?;
    Some((fields.get("id")?.as_i64()?, object.text()))
}

fn insert<T>(
    upgrade: &mut Upgrade,
    statement: &Statement,
    items: &[T],
    values: impl Fn(&T, &mut Vec<Value>),
) -> Result<(), mysql::Error> {
    upgrade.count()?;
    // Original texts are short.
    statement.insert(&mut upgrade.conn, items, |_| 0, values).map(drop)
}

fn take<T: FromValue>(row: &mut Row, index: usize) -> Result<T, mysql::Error> {
    let damaged = || std::io::Error::other("a column of an original table has an unexpected type");
    Ok(row.take_opt(index).and_then(Result::ok).ok_or_else(damaged)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_unique() {
        let (mut names, mut tally) = (Names::new("user"), Tally::default());
        let name =
            |names: &mut Names, id, name: Option<&str>| names.unique(id, name.map(str::to_owned));
        assert_eq!(name(&mut names, 1, Some("ann")), "ann");
        assert_eq!(name(&mut names, 2, None), "user-2");
        assert_eq!(name(&mut names, 3, Some("ann")), "ann-3");
        assert_eq!(name(&mut names, 2, Some("user-2")), "user-2-2");
        assert!(names.admits(7, &mut tally) && !names.admits(7, &mut tally));
        assert!(!names.admits(0, &mut tally));
        assert_eq!((tally.copies, tally.orphans), (1, 1));
    }

    #[test]
    fn messages_name_their_sender() {
        let text = r#"{"id":7,"msg":"你好","msgid":5,"name":"ann","time":"then","toid":2}"#;
        assert_eq!(readable(text), None, "another kind of object");
        let text = text.replace(":5,", ":1005,");
        assert_eq!(readable(&text).map(|(sender, _)| sender), Some(7));
        assert_eq!(readable(r#"{"msgid":1005,"msg":"it"#), None);
        assert_eq!(readable(""), None);
    }
}
