//! Streams as they were or have to be on the wire, through the public interface alone.

use chatproto::{
    Chat, Credentials, Envelope, Event, Framer, GroupId, Login, Request, Scan, Target, UserId,
    decode, decode_event,
};

/// What the original C++ client sends: fields sorted by name, a NUL behind each object.
const ORIGINAL_CLIENT: &[u8] = b"\
{\"msgid\":1003,\"name\":\"zhang san\",\"password\":\"123456\"}\0\
{\"id\":13,\"msgid\":1000,\"password\":\"123456\"}\0\
{\"friendid\":15,\"id\":13,\"msgid\":1006}\0\
{\"groupdesc\":\"we talk\",\"groupname\":\"group\",\"id\":13,\"msgid\":1007}\0\
{\"groupid\":1,\"id\":13,\"msgid\":1008}\0\
{\"id\":13,\"msg\":\"\xe4\xbd\xa0\xe5\xa5\xbd \\\"q\\\" \\\\\",\"msgid\":1005,\"name\":\"zhang san\",\"time\":\"2020-02-22 00:43:59\",\"toid\":15}\0\
{\"groupid\":1,\"id\":13,\"msg\":\"hello\",\"msgid\":1009,\"name\":\"zhang san\",\"time\":\"2020-02-22 22:43:59\"}\0\
{\"id\":13,\"msgid\":1002}\0";

/// All objects of a stream that arrives in pieces of `piece` bytes.
fn objects(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::new(64 * 1024);
    let mut unread = Vec::new();
    let mut objects = Vec::new();
    for piece in stream.chunks(piece) {
        unread.extend_from_slice(piece);
        loop {
            match framer.scan(&unread).expect("the stream is in order") {
                Scan::Object { text, consumed } => {
                    objects.push(text.to_vec());
                    unread.drain(..consumed);
                }
                Scan::Incomplete { consumed } => {
                    unread.drain(..consumed);
                    break;
                }
            }
        }
    }
    assert!(unread.is_empty());
    objects
}

#[test]
fn an_original_client_is_understood() {
    let id = Some(UserId(13));
    let group = GroupId(1);
    let credentials = Credentials::Password { id: UserId(13), password: "123456".into() };
    let expected = [
        Request::Register { name: "zhang san".into(), password: "123456".into() },
        Request::Login(Login { credentials, ack: false, force: false }),
        Request::AddFriend { id, friend: UserId(15) },
        Request::CreateGroup { id, name: "group".into(), description: "we talk".into() },
        Request::JoinGroup { id, group },
        Request::Chat {
            id,
            to: UserId(15),
            msg: "你好 \"q\" \\".into(),
            time: Some("2020-02-22 00:43:59".into()),
        },
        Request::GroupChat {
            id,
            group,
            msg: "hello".into(),
            time: Some("2020-02-22 22:43:59".into()),
        },
        Request::Logout { id },
    ];
    for piece in [1, 7, 64, ORIGINAL_CLIENT.len()] {
        let objects = objects(ORIGINAL_CLIENT, piece);
        let requests: Vec<_> = objects.iter().map(|object| decode(object)).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|request| Ok(Envelope { mid: None, request: request.clone() }))
            .collect();
        assert_eq!(requests, expected, "pieces of {piece}");
    }
}

#[test]
fn what_an_original_server_relays_is_understood() {
    let relayed =
        br#"{"id":13,"msg":"hello","msgid":1005,"name":"zhang san","time":"t","toid":15}"#;
    let expected = Chat {
        from: UserId(13),
        name: "zhang san".to_owned(),
        target: Target::User(UserId(15)),
        msg: "hello".to_owned(),
        time: "t".to_owned(),
        seq: None,
        sid: None,
        mid: None,
    };
    assert_eq!(decode_event(relayed), Ok(Event::Chat(expected)));

    let login = br#"{"errno":0,"friends":["{\"id\":21,\"name\":\"gao yang\",\"state\":\"offline\"}"],"id":13,"msgid":1001,"name":"zhang san","offlinemsg":["{\"id\":21,\"msg\":\"hi\",\"msgid\":1005,\"name\":\"gao yang\",\"time\":\"t\",\"toid\":13}"]}"#;
    let Ok(Event::LoginAnswer(outcome)) = decode_event(login) else { panic!() };
    assert!(outcome.status.is_ok());
    assert_eq!((outcome.id, outcome.name.as_deref()), (Some(UserId(13)), Some("zhang san")));
    assert_eq!((outcome.friends.len(), outcome.groups.len()), (1, 0));
    assert!(!outcome.friends[0].online);
    assert_eq!(outcome.offline[0].msg, "hi");
    assert_eq!(outcome.token, None);
}
