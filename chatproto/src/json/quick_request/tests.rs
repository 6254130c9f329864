use super::*;
use crate::{Framer, Scan, decode};
use proptest::prelude::*;

/// What the general way makes of the same bytes.
fn general(unread: &[u8], object_bytes_max: usize) -> Option<(Envelope<'_>, usize)> {
    let Ok(Scan::Object { text, consumed }) = Framer::new(object_bytes_max).scan(unread) else {
        return None;
    };
    let separators = count_separators(&unread[consumed..]);
    decode(text).ok().map(|envelope| (envelope, consumed + separators))
}

fn check_quick(text: &str) {
    let quick = quick_request(text.as_bytes(), 1000);
    assert!(quick.is_some(), "{text}");
    assert_eq!(quick, general(text.as_bytes(), 1000), "{text}");
}

fn check_left(text: &str) {
    assert_eq!(quick_request(text.as_bytes(), 1000), None, "{text}");
}

#[test]
fn chats_and_acknowledgements_are_read() {
    check_quick(r#"{"id":1,"msg":"hi","msgid":1005,"name":"a b","time":"2026-01-02","toid":3}"#);
    check_quick(r#"{"msgid":1005,"mid":"a1","toid":2,"msg":"","time":"t"} {"msgid":1005"#);
    check_quick("\n { \"msgid\" : 1005 ,\t\"toid\":-7 , \"msg\" : \"你好，世界 😀\" }\0\n");
    check_quick(r#"{"msgid":1009,"groupid":2,"msg":"a longer text, of more than sixteen bytes"}"#);
    check_quick(r#"{"msgid":1011,"seq":0}"#);
    let long_time = "t".repeat(TIME_CHARACTERS_MAX + 1);
    check_quick(&format!(r#"{{"msgid":1005,"toid":2,"msg":"","time":"{long_time}"}}"#));
}

#[test]
fn what_is_not_plain_is_left() {
    for text in [
        "",
        "x",
        "{}",
        r#"{"msgid":1005,"toid":2,"msg":"hi""#,
        r#"{"msgid":1005,"toid":2,"msg":"a\n"}"#,
        r#"{"msgid":1005,"toid":2,"msg":"a","more":1}"#,
        r#"{"msgid":1005,"toid":2,"msg":"a","msg":"b"}"#,
        r#"{"msgid":1005,"toid":2,"msg":"a","name":"b","name":"b"}"#,
        r#"{"msgid":1005,"toid":2,"msg":null}"#,
        r#"{"msgid":1005,"toid":2.0,"msg":"a"}"#,
        r#"{"msgid":1005,"toid":02,"msg":"a"}"#,
        r#"{"msgid":1005,"toid":-0,"msg":"a"}"#,
        r#"{"msgid":1005,"toid":-,"msg":"a"}"#,
        r#"{"msgid":1005,"toid":12345678901234567890,"msg":"a"}"#,
        r#"{"msgid":1005,"toid":-9223372036854775808,"msg":"a"}"#,
        r#"{"msgid":1005,"toid":2,"msg":"a",}"#,
        r#"{"msgid":1005,"toid":2,"msg":"a","mid":""}"#,
        r#"{"msgid":1005,"msg":"a"}"#,
        r#"{"msgid":1011,"seq":-1}"#,
        r#"{"msgid":1012}"#,
        "{\"msgid\":1005,\"toid\":2,\"msg\":\"a\tb\"}",
        "{\"msgid\":1005,\"toid\":2,\"msg\":\"a\n\"}",
    ] {
        check_left(text);
    }
    let not_utf8 = b"{\"msgid\":1005,\"toid\":2,\"msg\":\"\xff\"}";
    assert_eq!(quick_request(not_utf8, 1000), None);
}

#[test]
fn an_object_over_the_limit_is_left() {
    let text = br#"{"msgid":1011,"seq":7}"#;
    assert_eq!(quick_request(text, text.len() - 1), None);
    assert!(quick_request(text, text.len()).is_some());
}

/// Objects that are nearly, or quite, what is read here.
fn nearly_plain() -> impl Strategy<Value = Vec<u8>> {
    let key = prop::sample::select(vec![
        "msgid", "id", "toid", "groupid", "seq", "mid", "msg", "time", "name", "other",
    ]);
    let value = prop_oneof![
        4 => prop::sample::select(vec![
            "1005", "1009", "1011", "7", "-3", "0", "-9223372036854775808", "18446744073709551616",
        ]).prop_map(str::to_owned),
        4 => "[ -~]{0,20}".prop_map(|text| format!("\"{text}\"")),
        1 => "[ a\\n\\t]{0,3}".prop_map(|text| format!("\"{text}\"")),
        2 => "\\PC{0,9}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => prop::sample::select(vec!["null", "1.5", "1e3", "[1]", "{}", "-", "00", "-0", "tru"])
            .prop_map(str::to_owned),
    ];
    let space = prop::sample::select(vec!["", "", "", " ", "\n", "\0"]);
    let field = (key, value, space)
        .prop_map(|(key, value, space)| format!("{space}\"{key}\"{space}:{space}{value}{space}"));
    let fields = prop::collection::vec(field, 0..8).prop_map(|fields| fields.join(","));
    (fields, prop::bool::weighted(0.8), 0_usize..200).prop_map(|(fields, is_chat, cut)| {
        let start = if is_chat { r#"{"msgid":1005,"toid":2,"msg":"x","# } else { "{" };
        let mut bytes = format!("{start}{fields}}}\n").into_bytes();
        if cut < bytes.len() / 4 {
            bytes.truncate(cut * 4);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_read_here_reads_the_same_there(bytes in nearly_plain(), max in 20_usize..300) {
        if let Some(quick) = quick_request(&bytes, max) {
            prop_assert_eq!(Some(quick), general(&bytes, max));
        }
    }
}
