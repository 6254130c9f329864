//! As much of HTTP/1.1 as a health check needs: one request a connection. No I/O.

use std::fmt::Write;

/// The longest head of a request that is read; probes send a few hundred bytes.
const HEAD_MAX: usize = 4096;
/// Fields in it.
const FIELDS_MAX: usize = 32;

/// What a prober wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Does every loop turn?
    Alive,
    /// May clients be sent here?
    Ready,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    Incomplete,
    Question(Question),
    /// To be answered with this status, as no question is in it.
    Refused(Status),
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Well,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    HeadTooLarge,
    Unwell,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Well => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Unwell => "503 Service Unavailable",
        }
    }
}

/// Looks for the head of a request in `input`; what follows it is not looked at.
pub(super) fn scan(input: &[u8]) -> Scan {
    let head = &input[..input.len().min(HEAD_MAX)];
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {
            question(request.method.unwrap_or_default(), request.path.unwrap_or_default())
        }
        Ok(httparse::Status::Partial) if head.len() < HEAD_MAX => Scan::Incomplete,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Scan::Refused(Status::HeadTooLarge)
        }
        Err(_) => Scan::Refused(Status::BadRequest),
    }
}

fn question(method: &str, target: &str) -> Scan {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let question = match path {
        "/alive" => Question::Alive,
        "/ready" => Question::Ready,
        _ => return Scan::Refused(Status::NotFound),
    };
    if method == "GET" { Scan::Question(question) } else { Scan::Refused(Status::MethodNotAllowed) }
}

/// The whole answer. `failing` names what is not well and holds nothing that JSON would escape.
pub(super) fn answer(status: Status, failing: &[String]) -> Vec<u8> {
    let mut names = String::new();
    for (at, name) in failing.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(names, "{comma}\"{name}\"").expect("a String takes everything");
    }
    let line = status.line();
    let allow = if status == Status::MethodNotAllowed { "Allow: GET\r\n" } else { "" };
    let body = match status {
        Status::Well => "{\"status\":\"ok\"}\n".to_owned(),
        Status::Unwell => format!("{{\"status\":\"failing\",\"failing\":[{names}]}}\n"),
        _ => format!("{{\"status\":\"{line}\"}}\n"),
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {line}\r\n{allow}Content-Type: application/json\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn questions_are_found_whatever_surrounds_them() {
        for (head, question) in [
            ("GET /alive HTTP/1.1\r\nHost: x\r\n\r\n", Question::Alive),
            ("GET /ready HTTP/1.0\r\n\r\n", Question::Ready),
            ("GET /ready?verbose=1 HTTP/1.1\r\n\r\nGET /alive", Question::Ready),
            ("\r\nGET /alive HTTP/1.1\nA: b\n\n", Question::Alive),
        ] {
            assert_eq!(scan(head.as_bytes()), Scan::Question(question), "{head:?}");
        }
    }

    #[test]
    fn split_at_any_byte_a_head_is_incomplete() {
        let head = b"GET /alive HTTP/1.1\r\nHost: x\r\nUser-Agent: probe/1\r\n\r\n";
        for at in 0..head.len() {
            assert_eq!(scan(&head[..at]), Scan::Incomplete, "{at}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let many = format!("GET /alive HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(FIELDS_MAX + 1));
        let long = format!("GET /alive HTTP/1.1\r\nA: {}", "b".repeat(HEAD_MAX));
        for (head, status) in [
            ("GET / HTTP/1.1\r\n\r\n", Status::NotFound),
            ("GET /alive/ HTTP/1.1\r\n\r\n", Status::NotFound),
            ("GET /Alive HTTP/1.1\r\n\r\n", Status::NotFound),
            ("POST /metrics HTTP/1.1\r\n\r\n", Status::NotFound),
            ("POST /alive HTTP/1.1\r\n\r\n", Status::MethodNotAllowed),
            ("HEAD /ready HTTP/1.1\r\n\r\n", Status::MethodNotAllowed),
            ("get /ready HTTP/1.1\r\n\r\n", Status::MethodNotAllowed),
            (&many, Status::HeadTooLarge),
            (&long, Status::HeadTooLarge),
            ("{\"msgid\":1012}\n", Status::BadRequest),
            ("GET /alive HTTP/9.9\r\n\r\n", Status::BadRequest),
            ("\0\0\0", Status::BadRequest),
        ] {
            assert_eq!(scan(head.as_bytes()), Scan::Refused(status), "{head:?}");
        }
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_what_fails() {
        let text = |status, failing: &[&str]| {
            let failing: Vec<String> = failing.iter().map(|&name| name.to_owned()).collect();
            String::from_utf8(answer(status, &failing)).expect("text")
        };
        let unwell = text(Status::Unwell, &["loop 0", "loop 3"]);
        let (head, body) = unwell.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        assert_eq!(body, "{\"status\":\"failing\",\"failing\":[\"loop 0\",\"loop 3\"]}\n");
        assert!(text(Status::MethodNotAllowed, &[]).contains("\r\nAllow: GET\r\n"));
        assert!(text(Status::Well, &[]).ends_with("\r\n\r\n{\"status\":\"ok\"}\n"));
    }

    proptest! {
        #[test]
        fn any_bytes_at_all_are_answered(input in prop::collection::vec(any::<u8>(), 0..6000)) {
            if scan(&input) == Scan::Incomplete {
                prop_assert!(input.len() < HEAD_MAX);
            }
        }
    }
}
