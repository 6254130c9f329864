//! Which tables of the database are the original server's, by what they have; setting them aside and
//! dropping them.

use mysql::Row;

use super::take;
use crate::storage::mysql::schema::Upgrade;

/// One of its tables.
pub(super) struct Table {
    /// How it is spelled, and how it is set aside.
    spellings: [(&'static str, &'static str); 2],
    /// Its name while it is being taken over.
    pub(super) aside: &'static str,
    /// What it has, and nothing else of this name would have.
    columns: &'static [&'static str],
    /// A table of ours of the same name has this column with this type.
    ours: (&'static str, &'static str),
    drop: &'static str,
}

pub(super) const TABLES: [Table; 5] = [
    Table {
        spellings: [
            ("user", "RENAME TABLE user TO chat_original_user"),
            ("User", "RENAME TABLE User TO chat_original_user"),
        ],
        aside: "chat_original_user",
        columns: &["id", "name", "password", "state"],
        ours: ("name", "varbinary"),
        drop: "DROP TABLE IF EXISTS chat_original_user",
    },
    Table {
        spellings: [
            ("friend", "RENAME TABLE friend TO chat_original_friend"),
            ("Friend", "RENAME TABLE Friend TO chat_original_friend"),
        ],
        aside: "chat_original_friend",
        columns: &["userid", "friendid"],
        ours: ("userid", "bigint"),
        drop: "DROP TABLE IF EXISTS chat_original_friend",
    },
    Table {
        spellings: [
            ("allgroup", "RENAME TABLE allgroup TO chat_original_allgroup"),
            ("AllGroup", "RENAME TABLE AllGroup TO chat_original_allgroup"),
        ],
        aside: "chat_original_allgroup",
        columns: &["id", "groupname", "groupdesc"],
        ours: ("groupname", "varbinary"),
        drop: "DROP TABLE IF EXISTS chat_original_allgroup",
    },
    Table {
        spellings: [
            ("groupuser", "RENAME TABLE groupuser TO chat_original_groupuser"),
            ("GroupUser", "RENAME TABLE GroupUser TO chat_original_groupuser"),
        ],
        aside: "chat_original_groupuser",
        columns: &["groupid", "userid", "grouprole"],
        ours: ("userid", "bigint"),
        drop: "DROP TABLE IF EXISTS chat_original_groupuser",
    },
    Table {
        spellings: [
            ("offlinemessage", "RENAME TABLE offlinemessage TO chat_original_offlinemessage"),
            ("OfflineMessage", "RENAME TABLE OfflineMessage TO chat_original_offlinemessage"),
        ],
        aside: "chat_original_offlinemessage",
        columns: &["userid", "message"],
        ours: ("mid", "varbinary"),
        drop: "DROP TABLE IF EXISTS chat_original_offlinemessage",
    },
];

/// Table, column and type of each column of the database, as the server spells them.
pub(super) struct Columns(Vec<(String, String, String)>);

impl Columns {
    pub(super) fn read(upgrade: &mut Upgrade) -> Result<Self, mysql::Error> {
        let sql = "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS
                   WHERE TABLE_SCHEMA = DATABASE()";
        let rows = upgrade.ask(sql, ())?;
        let column =
            |mut row: Row| Ok((take(&mut row, 0)?, take(&mut row, 1)?, take(&mut row, 2)?));
        Ok(Self(rows.into_iter().map(column).collect::<Result<_, mysql::Error>>()?))
    }

    pub(super) fn has_table(&self, table: &str) -> bool {
        self.0.iter().any(|(name, _, _)| name == table)
    }

    fn is_original(&self, table: &Table, spelling: &str) -> bool {
        let has = |column: &str| {
            self.0
                .iter()
                .any(|(name, other, _)| name == spelling && other.eq_ignore_ascii_case(column))
        };
        let (column, kind) = table.ours;
        let ours = self.0.iter().any(|(name, other, found)| {
            name == spelling
                && other.eq_ignore_ascii_case(column)
                && found.eq_ignore_ascii_case(kind)
        });
        table.columns.iter().all(|column| has(column)) && !ours
    }
}

/// Gives the original tables other names, if they are there.
pub(in crate::storage::mysql) fn set_aside(upgrade: &mut Upgrade) -> Result<(), mysql::Error> {
    let columns = Columns::read(upgrade)?;
    let [user, ..] = &TABLES;
    let accounts = columns.has_table(user.aside)
        || user.spellings.iter().any(|(spelling, _)| columns.is_original(user, spelling));
    // Without accounts it is another program's table that happens to have such a name.
    if !accounts {
        return Ok(());
    }
    for table in &TABLES {
        if columns.has_table(table.aside) {
            continue;
        }
        let found = table.spellings.iter().find(|(name, _)| columns.is_original(table, name));
        if let Some((_, rename)) = found {
            upgrade.tell(rename)?;
        }
    }
    Ok(())
}

/// Drops what was set aside.
pub(in crate::storage::mysql) fn drop_tables(upgrade: &mut Upgrade) -> Result<(), mysql::Error> {
    let columns = Columns::read(upgrade)?;
    for table in TABLES.iter().rev().filter(|table| columns.has_table(table.aside)) {
        upgrade.tell(table.drop)?;
    }
    Ok(())
}
