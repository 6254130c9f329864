CREATE TABLE `user` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(50) DEFAULT NULL,
  `password` varchar(50) DEFAULT NULL,
  `state` enum('online','offline') CHARACTER SET latin1 DEFAULT 'offline',
  PRIMARY KEY (`id`),
  UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `friend` (
  `userid` int(11) NOT NULL,
  `friendid` int(11) NOT NULL,
  KEY `userid` (`userid`,`friendid`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `allgroup` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `groupname` varchar(50) CHARACTER SET latin1 NOT NULL,
  `groupdesc` varchar(200) CHARACTER SET latin1 DEFAULT '',
  PRIMARY KEY (`id`),
  UNIQUE KEY `groupname` (`groupname`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `groupuser` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `grouprole` enum('creator','normal') CHARACTER SET latin1 DEFAULT NULL,
  KEY `groupid` (`groupid`,`userid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `offlinemessage` (
  `userid` int(11) NOT NULL,
  `message` varchar(500) CHARACTER SET utf8 NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
INSERT INTO `user` VALUES
  (13,'zhang san','123456','online'),
  (15,'李四','密码 666','offline'),
  (16,'Müller','with''quote','offline'),
  (19,NULL,NULL,'offline'),
  (21,'$argon','$ecret','online');
INSERT INTO `friend` VALUES (13,15),(13,15),(15,13),(13,99),(98,13),(13,21);
INSERT INTO `allgroup` VALUES (1,'C++ chat project','start develop a chat project'),(2,'cafe',NULL);
UPDATE `allgroup` SET groupname = CONVERT(X'436166C3A9' USING utf8) WHERE id = 2;
INSERT INTO `groupuser` VALUES
  (1,13,'normal'),(1,13,'creator'),(1,15,'normal'),(1,15,'normal'),(2,15,NULL),(1,99,'normal'),(7,13,'creator');
INSERT INTO `offlinemessage` VALUES
  (15,'{"id":13,"msg":"hello >_<","msgid":1005,"name":"zhang san","time":"2020-02-22 00:43:59","toid":15}'),
  (15,'{"id":13,"msg":"你好，李四","msgid":1005,"name":"zhang san","time":"2020-02-22 00:44:01","toid":15}'),
  (15,'{"id":13,"msg":"你好，李四","msgid":1005,"name":"zhang san","time":"2020-02-22 00:44:01","toid":15}'),
  (99,'{"id":13,"msg":"to nobody","msgid":1005,"name":"zhang san","time":"2020-02-22 00:44:02","toid":99}'),
  (15,'{"id":13,"msg":"cut off'),
  (13,'{"groupid":1,"id":15,"msg":"to all","msgid":1009,"name":"李四","time":"2020-02-22 00:45:09"}'),
  (15,'{"id":16,"msg":"hello >_<","msgid":1005,"name":"Müller","time":"2020-02-22 00:46:00","toid":15}');
