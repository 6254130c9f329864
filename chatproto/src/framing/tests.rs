use super::*;
use proptest::prelude::*;

/// Feeds `stream` in pieces as a connection would; the objects, and how it ended.
fn frame(
    stream: &[u8],
    limit: usize,
    pieces: impl IntoIterator<Item = usize>,
) -> (Vec<Vec<u8>>, Option<FramingError>) {
    let mut framer = Framer::new(limit);
    let mut objects = Vec::new();
    let mut unread: Vec<u8> = Vec::new();
    let mut arriving = stream;
    let mut pieces = pieces.into_iter();
    while !arriving.is_empty() {
        let piece = pieces.next().unwrap_or(arriving.len()).clamp(1, arriving.len());
        unread.extend_from_slice(&arriving[..piece]);
        arriving = &arriving[piece..];
        loop {
            match framer.scan(&unread) {
                Ok(Scan::Object { text, consumed }) => {
                    objects.push(text.to_vec());
                    unread.drain(..consumed);
                }
                Ok(Scan::Incomplete { consumed }) => {
                    unread.drain(..consumed);
                    break;
                }
                Err(error) => return (objects, Some(error)),
            }
        }
    }
    (objects, None)
}

fn check(stream: &str, expected: &[&str], error: Option<FramingError>) {
    for piece in [1, 2, 3, 7, stream.len().max(1)] {
        let (objects, ended) = frame(stream.as_bytes(), 64, std::iter::repeat(piece));
        let objects: Vec<_> = objects.iter().map(|o| String::from_utf8_lossy(o)).collect();
        assert_eq!(objects, expected, "{stream:?} by {piece}");
        assert_eq!(ended, error, "{stream:?} by {piece}");
    }
}

#[test]
fn objects_are_found_between_separators() {
    check("", &[], None);
    check(" \r\n\t\0", &[], None);
    check("{}", &["{}"], None);
    check("{}{}", &["{}", "{}"], None);
    check("\0{\"a\":1}\0\n {\"b\":[{}]}\r\n", &["{\"a\":1}", "{\"b\":[{}]}"], None);
    check("{\"a\":", &[], None);
}

#[test]
fn brackets_in_strings_do_not_count() {
    check(r#"{"a":"}"}"#, &[r#"{"a":"}"}"#], None);
    check(r#"{"a":"\"}{["}{}"#, &[r#"{"a":"\"}{["}"#, "{}"], None);
    check(r#"{"a":"\\"}{}"#, &[r#"{"a":"\\"}"#, "{}"], None);
    check(r#"{"a":"\\\""}"#, &[r#"{"a":"\\\""}"#], None);
}

#[test]
fn what_is_no_object_is_an_error() {
    check("x", &[], Some(FramingError::NotAnObject));
    check("[{}]", &[], Some(FramingError::NotAnObject));
    check("}", &[], Some(FramingError::NotAnObject));
    check("{} 1", &["{}"], Some(FramingError::NotAnObject));
    check("{} ,{}", &["{}"], Some(FramingError::NotAnObject));
    check("\u{feff}{}", &[], Some(FramingError::NotAnObject));
    check("{]", &[], Some(FramingError::Mismatched));
    check("{\"a\":[}]}", &[], Some(FramingError::Mismatched));
}

#[test]
fn depth_counts_the_object_itself() {
    let nested =
        |depth: usize| format!("{}1{}", "{\"a\":[".repeat(depth / 2), "]}".repeat(depth / 2));
    let (objects, error) = frame(nested(16).as_bytes(), 1024, []);
    assert_eq!((objects.len(), error), (1, None));
    let (objects, error) = frame(nested(18).as_bytes(), 1024, []);
    assert_eq!((objects.len(), error), (0, Some(FramingError::TooDeep)));
    let seventeen = format!("{}[", "{\"a\":[".repeat(8));
    assert_eq!(frame(seventeen.as_bytes(), 1024, [1]).1, Some(FramingError::TooDeep));
}

#[test]
fn the_limit_is_inclusive_and_ignores_separators() {
    let object = format!("{{\"a\":\"{}\"}}", "x".repeat(56));
    assert_eq!(object.len(), 64);
    check(&format!("{}{object}", " ".repeat(100)), &[&object], None);
    let larger = object.replace("x\"", "xx\"");
    check(&larger, &[], Some(FramingError::TooLarge));
    let unfinished = format!("{{\"{}", "y".repeat(70));
    check(&unfinished, &[], Some(FramingError::TooLarge));
}

#[test]
fn a_new_limit_holds_for_the_unfinished_object() {
    let mut framer = Framer::new(4);
    assert_eq!(framer.scan(b"{\"a\""), Ok(Scan::Incomplete { consumed: 0 }));
    framer.set_max_object_bytes(7);
    assert!(matches!(framer.scan(b"{\"a\":1}"), Ok(Scan::Object { consumed: 7, .. })));
    assert_eq!(framer.scan(b"{\"a\""), Ok(Scan::Incomplete { consumed: 0 }));
    framer.set_max_object_bytes(2);
    assert_eq!(framer.scan(b"{\"a\":1}"), Err(FramingError::TooLarge));
}

fn any_object() -> impl Strategy<Value = String> {
    let text = || any::<String>().prop_map(serde_json::Value::from);
    let leaf = prop_oneof![text(), any::<i64>().prop_map(serde_json::Value::from)];
    let value = leaf.prop_recursive(8, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(serde_json::Value::from_iter),
        ]
    });
    prop::collection::hash_map(any::<String>(), value, 0..4)
        .prop_map(|map| serde_json::Value::from_iter(map).to_string())
}

proptest! {
    #[test]
    fn any_split_yields_the_same_objects(
        objects in prop::collection::vec((any_object(), "[ \\n\\r\\t\\x00]{0,3}"), 0..6),
        pieces in prop::collection::vec(1..40_usize, 0..200),
    ) {
        let stream: String = objects.iter().map(|(object, gap)| format!("{object}{gap}")).collect();
        let (found, error) = frame(stream.as_bytes(), usize::MAX, pieces);
        prop_assert_eq!(error, None);
        let expected: Vec<_> = objects.iter().map(|(object, _)| object.as_bytes().to_vec()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn garbage_never_panics_and_ends_the_same_however_split(
        stream in prop::collection::vec(
            prop_oneof![prop::sample::select(b"{}[]\"\\ \0a".to_vec()), any::<u8>()], 0..200),
        pieces in prop::collection::vec(1..9_usize, 0..100),
    ) {
        prop_assert_eq!(frame(&stream, 50, pieces), frame(&stream, 50, []));
    }

    #[test]
    fn a_caller_who_breaks_the_contract_gets_no_panic(
        calls in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
    ) {
        let mut framer = Framer::new(30);
        for unread in &calls {
            let _ = framer.scan(&[b"{\"".as_slice(), unread].concat());
            let _ = framer.scan(unread);
        }
    }
}
