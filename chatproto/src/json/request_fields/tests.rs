use super::*;
use proptest::prelude::*;

fn check<'a>(text: &'a str, expected: impl Into<Option<Request<'a>>>) {
    let decoded = decode(text.as_bytes()).map(|envelope| envelope.request);
    assert_eq!(decoded.ok(), expected.into(), "{text}");
}

fn check_wrong(text: &str, expected_why: &str) {
    match decode(text.as_bytes()) {
        Err(DecodeError::Wrong { why, .. }) => {
            assert!(why.starts_with(expected_why), "{text}: {why}");
        }
        other => panic!("{text}: {other:?}"),
    }
}

fn check_malformed(text: impl AsRef<[u8]>) {
    let text = text.as_ref();
    let shown = String::from_utf8_lossy(text);
    assert_eq!(decode(text), Err(DecodeError::Malformed), "{shown}");
}

#[test]
fn logins() {
    let by_password = |ack, force| {
        let credentials = Credentials::Password { id: UserId(13), password: "123456".into() };
        Request::Login(Login { credentials, ack, force })
    };
    let by_token = Login { credentials: Credentials::Token("t".into()), ack: true, force: false };
    check(r#"{"msgid":1000,"id":13,"password":"123456"}"#, by_password(false, false));
    check(r#"{"password":"123456","id":13,"ack":true,"msgid":1000}"#, by_password(true, false));
    check(
        r#"{"msgid":1000,"id":13,"password":"123456","ack":false,"force":true,"token":null}"#,
        by_password(false, true),
    );
    check(r#"{"msgid":1000,"token":"t","ack":true}"#, Request::Login(by_token.clone()));
    check(
        r#"{"msgid":1000,"token":"t","ack":true,"id":[1],"password":7}"#,
        Request::Login(by_token),
    );
    check_wrong(r#"{"msgid":1000,"password":"x"}"#, "id must be an integer");
    check_wrong(r#"{"msgid":1000,"id":"13","password":"x"}"#, "id must be an integer");
    check_wrong(r#"{"msgid":1000,"id":13}"#, "password must be a string");
    check_wrong(r#"{"msgid":1000,"id":13,"password":""}"#, "password must have 1 to 1024 bytes");
    check_wrong(r#"{"msgid":1000,"token":5}"#, "token must be a string");
    check_wrong(r#"{"msgid":1000,"token":"t","ack":1}"#, "ack must be true or false");
}

#[test]
fn requests_of_the_original() {
    let id = Some(UserId(1));
    check(r#"{"msgid":1002,"id":1}"#, Request::Logout { id });
    check(r#"{"msgid":1002}"#, Request::Logout { id: None });
    check(
        r#"{"msgid":1003,"name":"zhang san","password":"p"}"#,
        Request::Register { name: "zhang san".into(), password: "p".into() },
    );
    check(
        r#"{"id":1,"msg":"hello","msgid":1005,"name":"zhang san","time":"2020-02-22 00:43:59","toid":3}"#,
        Request::Chat {
            id,
            to: UserId(3),
            msg: "hello".into(),
            time: Some("2020-02-22 00:43:59".into()),
        },
    );
    check(
        r#"{"msgid":1006,"id":1,"friendid":-9223372036854775808}"#,
        Request::AddFriend { id, friend: UserId(i64::MIN) },
    );
    check(
        r#"{"msgid":1007,"id":1,"groupname":"g","groupdesc":"d"}"#,
        Request::CreateGroup { id, name: "g".into(), description: "d".into() },
    );
    check(
        r#"{"msgid":1007,"groupname":"g"}"#,
        Request::CreateGroup { id: None, name: "g".into(), description: "".into() },
    );
    check(
        r#"{"msgid":1008,"id":1,"groupid":9223372036854775807}"#,
        Request::JoinGroup { id, group: GroupId(i64::MAX) },
    );
    check(
        r#"{"msgid":1009,"id":1,"groupid":4,"name":7,"msg":"","time":5}"#,
        Request::GroupChat { id, group: GroupId(4), msg: "".into(), time: None },
    );
}

#[test]
fn requests_on_top() {
    check(r#"{"msgid":1011,"seq":0}"#, Request::Received { seq: 0 });
    check(r#" {"msgid" : 1012 , "toid" : {"a":[1,{}]} } "#, Request::Ping);
    check(r#"{"msgid":1013,"unknown":[1.5e300,"x"],"time":{"a":[null]}}"#, Request::Pong);
}

#[test]
fn numbers_must_be_integers_that_fit() {
    for number in ["1.0", "1e2", "9223372036854775808", "-9223372036854775809", "true", "null"] {
        let text = format!(r#"{{"msgid":1005,"msg":"x","toid":{number}}}"#);
        check_wrong(&text, "toid must be an integer");
    }
    check_wrong(r#"{"msgid":1011,"seq":-1}"#, "seq must not be negative");
    check_wrong(r#"{"msgid":1005.0}"#, "msgid must be an integer");
    check_wrong(r#"{"msgid":1005,"msg":"x","toid":1e999}"#, "number out of range");
    check_wrong("{}", "msgid must be an integer");
    for unknown in [0, 999, 1001, 1004, 1010, 1014, 1015, i64::MIN] {
        check_wrong(&format!(r#"{{"msgid":{unknown}}}"#), &format!("{unknown} is no request's"));
    }
}

#[test]
fn sizes_are_bounded() {
    let group = |name: &str, description: &str| {
        format!(r#"{{"msgid":1007,"groupname":"{name}","groupdesc":"{description}"}}"#)
    };
    assert!(decode(group(&"字".repeat(50), &"字".repeat(200)).as_bytes()).is_ok());
    check_wrong(&group(&"字".repeat(51), ""), "groupname must have 1 to 50 characters");
    check_wrong(&group("", ""), "groupname must have 1 to 50 characters");
    check_wrong(&group("a\\n", ""), "groupname must not have control characters");
    check_wrong(&group("g", &"d".repeat(201)), "groupdesc must have 0 to 200 characters");
    let register =
        |password: &str| format!(r#"{{"msgid":1003,"name":"","password":"{password}"}}"#);
    assert!(decode(register(&"é".repeat(512)).as_bytes()).is_ok());
    check_wrong(&register(&"é".repeat(513)), "password must have 1 to 1024 bytes");
}

#[test]
fn times_are_relayed_or_left_to_the_server() {
    let check = |time: &str, expected: Option<&str>| {
        let text = format!(r#"{{"msgid":1005,"toid":1,"msg":"","time":{time}}}"#);
        let envelope = decode(text.as_bytes()).unwrap();
        let Request::Chat { time, .. } = envelope.request else { panic!("{text}") };
        assert_eq!(time.as_deref(), expected, "{text}");
    };
    check("null", None);
    check("17", None);
    check("[\"x\"]", None);
    check("\"\"", Some(""));
    check(&format!("\"{}\"", "时".repeat(32)), Some(&"时".repeat(32)));
    check(&format!("\"{}\"", "时".repeat(33)), None);
}

#[test]
fn mids_are_kept_or_refused() {
    let mid = |mid: &str| {
        decode(format!(r#"{{"msgid":1012,"mid":{mid}}}"#).as_bytes())
            .map(|envelope| envelope.mid.map(Cow::into_owned))
    };
    let refused =
        |why: &str| Err(DecodeError::Wrong { mid: None, msgid: Some(1012), why: why.to_owned() });
    assert_eq!(mid("null"), Ok(None));
    assert_eq!(mid("\"a\\u0000b\""), Ok(Some("a\0b".to_owned())));
    assert_eq!(mid(&format!("\"{}\"", "字".repeat(64))), Ok(Some("字".repeat(64))));
    assert_eq!(
        mid(&format!("\"{}\"", "字".repeat(65))),
        refused("mid must have 1 to 64 characters")
    );
    assert_eq!(mid("\"\""), refused("mid must have 1 to 64 characters"));
    assert_eq!(mid("7"), refused("mid must be a string"));
}

#[test]
fn an_error_can_be_answered() {
    let wrong = |mid: Option<&str>, msgid| (mid.map(str::to_owned), msgid);
    let check = |text: &str, expected: (Option<String>, Option<i64>)| match decode(text.as_bytes())
    {
        Err(DecodeError::Wrong { mid, msgid, .. }) => assert_eq!((mid, msgid), expected, "{text}"),
        other => panic!("{text}: {other:?}"),
    };
    check(r#"{"msgid":1005,"mid":"m","toid":"x"}"#, wrong(Some("m"), Some(1005)));
    check(r#"{"mid":"m"}"#, wrong(Some("m"), None));
    check(r#"{"msgid":1003,"mid":"m","name":"a","name":"b"}"#, wrong(Some("m"), Some(1003)));
    check(r#"{"msgid":1003,"mid":"m","mid":"m"}"#, wrong(None, None));
    check(r#"{"msgid":1005,"mid":"m","msg":"\ud800","toid":1}"#, wrong(Some("m"), Some(1005)));
}

#[test]
fn malformed_text() {
    check_malformed("");
    check_malformed("null");
    check_malformed("[1012]");
    check_malformed("{");
    check_malformed("{\"msgid\":1012}x");
    check_malformed("{\"msgid\":1012,}");
    check_malformed("{\"msgid\":01012}");
    check_malformed("{\"msgid\":1012,\"a\":\"\n\"}");
    check_malformed("{\"msgid\":1012,\"a\":\"\\x\"}");
    check_malformed("{\"msgid\":1012\0}");
    check_malformed(b"{\"msgid\":1012,\"a\":\"\xff\"}");
    check_malformed(b"{\"msgid\":1012,\"a\":\"\xed\xa0\x80\"}");
    check_malformed("{\"msgid\":1012,\"msgid\":1012");
}

#[test]
fn text_without_escapes_is_borrowed() {
    let is_borrowed = |msg: &str| {
        let text = format!(r#"{{"msgid":1005,"toid":1,"msg":"{msg}"}}"#);
        let Request::Chat { msg, .. } = decode(text.as_bytes()).unwrap().request else { panic!() };
        matches!(msg, Cow::Borrowed(_))
    };
    assert!(is_borrowed("plain 你好 😀"));
    assert!(!is_borrowed("a\\n"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&text);
    }

    #[test]
    fn arbitrary_objects_never_panic(
        fields in prop::collection::vec(
            ("(msgid|mid|id|name|password|token|ack|toid|msg|time|groupname|seq|x)",
             "(1000|1003|1005|1007|1009|1011|-1|true|null|\"a\"|\"\\\\ud83d\"|\\[\\{\\}\\]|1e400|\"\")"),
            0..8),
    ) {
        let fields: Vec<_> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let text = format!("{{{}}}", fields.join(","));
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(decode(text.as_bytes()) != Err(DecodeError::Malformed), is_json);
    }
}
