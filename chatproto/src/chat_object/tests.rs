use super::*;

fn stored(text: &str) -> Option<String> {
    ChatObject::from_text(text.as_bytes()).map(|chat| chat.text())
}

#[test]
fn the_object_on_the_wire() {
    let chat = ChatObject::group(UserId(1), "a\"b", GroupId(-2), "你好\0\n", "t");
    let head = r#"{"msgid":1009,"id":1,"name":"a\"b","groupid":-2,"msg":"你好\u0000\n","time":"t""#;
    assert_eq!(chat.text(), format!("{head}}}"));
    let mut out = b"before".to_vec();
    chat.write_plain(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), format!("before{head}}}\n"));
    let mut out = Vec::new();
    chat.write_acknowledged(&mut out, u64::MAX, "s\"", "");
    let tail = r#","seq":18446744073709551615,"sid":"s\"","mid":""}"#;
    assert_eq!(String::from_utf8(out).unwrap(), format!("{head}{tail}\n"));
}

#[test]
fn stored_texts_are_taken_as_they_are() {
    let original = r#"{"id":13,"msg":"hi","msgid":1005,"name":"a","time":"t","toid":15}"#;
    assert_eq!(stored(original).as_deref(), Some(original));
    assert_eq!(stored(&format!("{original}\0\n \0")).as_deref(), Some(original));
    let spaced = "{ \"msgid\" : 1009, \"x\":{} \n}";
    assert_eq!(stored(spaced).as_deref(), Some("{ \"msgid\" : 1009, \"x\":{}}"));
}

#[test]
fn one_recipients_own_fields_are_dropped() {
    let expected = Some(r#"{"msg":"hi","msgid":1005}"#);
    for own in [r#""seq":7"#, r#""sid":null"#, r#""mid":"x","sid":"y""#] {
        let text = format!(r#"{{"msgid":1005,{own},"msg":"hi"}}"#);
        assert_eq!(stored(&text).as_deref(), expected, "{text}");
    }
}

#[test]
fn what_is_no_relayed_message_is_refused() {
    for text in ["", "{", "{}", "null", "[1005]", r#"{"msgid":1000}"#, r#"{"msgid":1005}}"#, "{}{}"]
    {
        assert_eq!(stored(text), None, "{text}");
    }
    assert_eq!(ChatObject::from_text(b"{\"msgid\":1005,\"msg\":\"\xff\"}"), None);
}
