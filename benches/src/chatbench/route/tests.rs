use super::*;
use chatproto::GroupId;

fn ann() -> Person {
    Person { id: 7, name: "ann".to_owned(), token: None }
}

/// What a server makes of message `number` of `route`.
fn pushed(route: &Route, number: u64, seq: Option<u64>) -> Vec<u8> {
    let mut request = Vec::new();
    route.write(number, &mut request);
    let text = String::from_utf8(request).unwrap();
    let (_, rest) = text.split_once(r#""msg":""#).unwrap();
    let msg = &rest[..rest.find('"').unwrap()];
    let to = match route.target {
        Target::User(user) => format!(r#""toid":{}"#, user.0),
        Target::Group(group) => format!(r#""groupid":{}"#, group.0),
    };
    let msgid = if matches!(route.target, Target::User(_)) { 1005 } else { 1009 };
    let ack = seq.map_or(String::new(), |seq| {
        let mid = String::from_utf8(digits_of(number).to_vec()).unwrap();
        format!(r#","seq":{seq},"sid":"00000000000000000000000{seq}","mid":"{mid}""#)
    });
    format!(r#"{{"msgid":{msgid},"id":7,"name":"ann",{to},"msg":"{msg}","time":"{TIME}"{ack}}}"#)
        .into_bytes()
}

#[track_caller]
fn refused(route: &mut Route, line: &[u8], style: Style, expected: u64, why: &str) {
    let text = route.check(line, style, expected, expected + 1).unwrap_err().to_string();
    assert!(text.contains(why), "{text}");
}

#[test]
fn messages_pass_in_order_alone() {
    for style in [Style::Original, Style::Acknowledged] {
        for target in [Target::User(UserId(9)), Target::Group(GroupId(3))] {
            let mut route = Route::new(0, &ann(), target, style, 64);
            let seq = |number: u64| (style == Style::Acknowledged).then_some(number + 1);
            let lines: Vec<_> = (0..3).map(|number| pushed(&route, number, seq(number))).collect();
            route.check(&lines[0], style, 0, 1).unwrap();
            route.check(&lines[1], style, 1, 2).unwrap();
            refused(&mut route, &lines[1], style, 2, "came again");
            let mut fresh = Route::new(0, &ann(), target, style, 64);
            fresh.check(&lines[0], style, 0, 1).unwrap();
            refused(&mut fresh, &lines[2], style, 1, "lost or out of order");
        }
    }
}

#[test]
fn everything_around_the_number_counts() {
    let target = Target::User(UserId(9));
    let mut route = Route::new(0, &ann(), target, Style::Acknowledged, 20);
    let first = pushed(&route, 0, Some(1));
    let other = String::from_utf8(first.clone()).unwrap().replace("ann", "bob");
    let foreign = String::from_utf8(first.clone()).unwrap().replace("\"id\":7", "\"id\":8");
    refused(&mut route, foreign.as_bytes(), Style::Acknowledged, 0, "not message 0");
    route.check(&first, Style::Acknowledged, 0, 1).unwrap();
    refused(&mut route, other.as_bytes(), Style::Acknowledged, 1, "not a message that was sent");
    let second = pushed(&route, 1, Some(3));
    refused(&mut route, &second, Style::Acknowledged, 1, "seq should be 2");
    let second = String::from_utf8(pushed(&route, 1, Some(2))).unwrap();
    let mid = second.replace(r#"1"}"#, r#"2"}"#);
    refused(&mut route, mid.as_bytes(), Style::Acknowledged, 1, "not the mid");
}

#[test]
fn the_server_understands_the_requests() {
    for style in [Style::Original, Style::Acknowledged] {
        for target in [Target::User(UserId(9)), Target::Group(GroupId(3))] {
            let route = Route::new(0, &ann(), target, style, 16);
            let mut request = Vec::new();
            route.write(0xbeef, &mut request);
            let request = request.strip_suffix(b"\0").unwrap_or(&request);
            let envelope = chatproto::decode(request).unwrap();
            let mid = (style == Style::Acknowledged).then_some("000000000000beef");
            assert_eq!(envelope.mid.as_deref(), mid);
            assert!(request.windows(16).any(|text| text == b"000000000000beef"));
        }
    }
}
