-- Schema 1. Never edit a released step: add the next one to the list in schema.rs.
-- Who is online is not here: only the running servers know, and a stored state would outlive them.

CREATE TABLE User (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL
) STRICT;

-- The live resume token of an account, as SHA-256.
CREATE TABLE ResumeToken (
    userid INTEGER PRIMARY KEY REFERENCES User (id),
    hash   BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE Friend (
    userid   INTEGER NOT NULL REFERENCES User (id),
    friendid INTEGER NOT NULL REFERENCES User (id),
    PRIMARY KEY (userid, friendid)
) STRICT, WITHOUT ROWID;

CREATE TABLE AllGroup (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    groupname TEXT NOT NULL UNIQUE,
    groupdesc TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE GroupUser (
    groupid   INTEGER NOT NULL REFERENCES AllGroup (id),
    userid    INTEGER NOT NULL REFERENCES User (id),
    grouprole TEXT NOT NULL DEFAULT 'normal' CHECK (grouprole IN ('creator', 'normal')),
    PRIMARY KEY (groupid, userid)
) STRICT, WITHOUT ROWID;

CREATE INDEX GroupUserByUser ON GroupUser (userid);

-- The text of a message to a group, once for all members who wait for it.
CREATE TABLE MessageBody (
    id      INTEGER PRIMARY KEY,
    sid     TEXT NOT NULL UNIQUE,
    message TEXT NOT NULL
) STRICT;

-- AUTOINCREMENT: an id that was given out is never used again, not even after the last row went.
CREATE TABLE OfflineMessage (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    userid  INTEGER NOT NULL REFERENCES User (id),
    sender  INTEGER NOT NULL,
    mid     TEXT NOT NULL,
    sid     TEXT NOT NULL,
    message TEXT,
    body    INTEGER REFERENCES MessageBody (id),
    UNIQUE (userid, sender, mid),
    CHECK ((message IS NULL) <> (body IS NULL))
) STRICT;

-- An index ends with the row's id: this one serves (userid, id) ranges in order.
CREATE INDEX OfflineMessageByUser ON OfflineMessage (userid);

-- Tells whether a body is still referred to.
CREATE INDEX OfflineMessageByBody ON OfflineMessage (body) WHERE body IS NOT NULL;
