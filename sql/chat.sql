-- The chat server's schema for MySQL 8.0 or later and MariaDB 10.6 or later.
--
-- The server carries this file out by itself when it is started with --mysql on a database without
-- these tables; each statement ends with a semicolon at the end of a line, the last one writes the
-- version down. To make the tables by hand, in a database of your own choice:
--
--     mysql --default-character-set=utf8mb4 -u USER -p DATABASE < chat.sql
--
-- Loading it again changes nothing.
--
-- Choices that are easy to undo by mistake:
-- * Names and mids are VARBINARY: compared byte for byte and without padding, so that 'ann',
--   'Ann' and 'ann ' are three accounts. VARCHAR with utf8mb4_bin would take the first and the
--   last for one, and the collations that do not pad (utf8mb4_nopad_bin, utf8mb4_0900_bin) each
--   exist on one of the two servers only. The bytes are UTF-8; 50 characters are up to 200 bytes.
--   MySQL's client shows them as text with --skip-binary-as-hex.
-- * Who is online is not here: only the running servers know, and a stored state would outlive
--   the server that wrote it and lock its users out.
-- * A message of 64 KiB needs MEDIUMTEXT; TEXT ends one byte short of it.
-- * InnoDB keeps AUTO_INCREMENT over restarts since MySQL 8.0 and MariaDB 10.2.4. Earlier ones
--   give out ids of deleted rows again, which must not happen to OfflineMessage.

CREATE TABLE IF NOT EXISTS User (
    id       BIGINT         NOT NULL AUTO_INCREMENT,
    name     VARBINARY(200) NOT NULL,
    password VARCHAR(255)   NOT NULL COMMENT 'argon2id hash as a PHC string; plain if taken over, until the next login',
    PRIMARY KEY (id),
    UNIQUE KEY UserName (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS ResumeToken (
    userid BIGINT     NOT NULL,
    hash   BINARY(32) NOT NULL COMMENT 'SHA-256 of the token; the token itself is nowhere',
    PRIMARY KEY (userid),
    CONSTRAINT ResumeTokenUser FOREIGN KEY (userid) REFERENCES User (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS Friend (
    userid   BIGINT NOT NULL,
    friendid BIGINT NOT NULL,
    PRIMARY KEY (userid, friendid),
    KEY FriendByFriend (friendid),
    CONSTRAINT FriendUser FOREIGN KEY (userid) REFERENCES User (id),
    CONSTRAINT FriendFriend FOREIGN KEY (friendid) REFERENCES User (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS AllGroup (
    id        BIGINT         NOT NULL AUTO_INCREMENT,
    groupname VARBINARY(200) NOT NULL,
    groupdesc VARCHAR(200)   NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    UNIQUE KEY AllGroupName (groupname)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS GroupUser (
    groupid   BIGINT                     NOT NULL,
    userid    BIGINT                     NOT NULL,
    grouprole ENUM ('creator', 'normal') NOT NULL DEFAULT 'normal',
    PRIMARY KEY (groupid, userid),
    KEY GroupUserByUser (userid),
    CONSTRAINT GroupUserGroup FOREIGN KEY (groupid) REFERENCES AllGroup (id),
    CONSTRAINT GroupUserUser FOREIGN KEY (userid) REFERENCES User (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The text of a message to a group, once for all members who wait for it.
CREATE TABLE IF NOT EXISTS MessageBody (
    id      BIGINT                                         NOT NULL AUTO_INCREMENT,
    sid     CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    message MEDIUMTEXT                                     NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY MessageBodySid (sid)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Messages that wait, in the order of their ids. A row has a text of its own or shares one. Two
-- connections may commit in another order than they got their ids: lock the recipient's row of
-- User before inserting, or a reader may pass over a row that appears below the last one it saw.
CREATE TABLE IF NOT EXISTS OfflineMessage (
    id      BIGINT                                         NOT NULL AUTO_INCREMENT,
    userid  BIGINT                                         NOT NULL,
    sender  BIGINT                                         NOT NULL,
    mid     VARBINARY(256)                                 NOT NULL,
    sid     CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    message MEDIUMTEXT,
    body    BIGINT,
    PRIMARY KEY (id),
    UNIQUE KEY OfflineMessageOnce (userid, sender, mid),
    KEY OfflineMessageByUser (userid, id),
    KEY OfflineMessageByBody (body),
    CONSTRAINT OfflineMessageUser FOREIGN KEY (userid) REFERENCES User (id),
    CONSTRAINT OfflineMessageText FOREIGN KEY (body) REFERENCES MessageBody (id),
    CONSTRAINT OfflineMessageOneText CHECK ((message IS NULL) <> (body IS NULL))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row for each upgrade that the schema has been through; the highest is its version.
CREATE TABLE IF NOT EXISTS SchemaVersion (
    version INT       NOT NULL,
    applied TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT IGNORE INTO SchemaVersion (version) VALUES (1);
