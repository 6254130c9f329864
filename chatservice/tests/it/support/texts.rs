//! Texts that naive servers lose, change, or carry out.

/// Must come out byte for byte, live and after having been stored.
pub(crate) const TEXTS: &[&str] = &[
    "",
    " ",
    "  leading and trailing  ",
    "it's \"quoted\" with 'both' and `ticks`",
    r"back\slash, C:\new\table, \\double, trailing \",
    "line\nfeed, carriage\r\nreturn, tab\tstop",
    "nul\u{0}inside, \u{1} \u{1b}[31mred\u{1b}[0m \u{7f} bell\u{7}",
    "\u{0}",
    "你好,世界!漢字テスト 한국어",
    "😀👨‍👩‍👧‍👦🏳️‍🌈 and 𝕏 beyond the basic plane",
    "شكرا \u{202e}right to left\u{202c} \u{200b}zero\u{200d}width\u{feff}",
    "e\u{301} is not é",
    "{\"msgid\":1014,\"errno\":111}",
    "}{][\",\"x\":{{{{{[[[[",
    "</script><script>alert(1)</script>",
    "%s%n%x %00 ${jndi:ldap://x} {{7*7}} ../../etc/passwd",
    "\u{fffd}\u{fffe}\u{ffff}\u{10ffff}",
    "\u{2028}\u{2029}\u{85}\u{a0}",
];

/// Must do nothing and come out as they went in.
pub(crate) const INJECTIONS: &[&str] = &[
    "'; DROP TABLE User; --",
    "' OR '1'='1",
    "1); DELETE FROM OfflineMessage; --",
    "\"; UPDATE User SET password='x'; --",
    "x' UNION SELECT password FROM User --",
    "'),(1,(SELECT password FROM User LIMIT 1))--",
    "?1 :name @x $y",
    "a%' ESCAPE '!",
    "\\' OR 1=1 --",
    "`; SHUTDOWN; `",
];
