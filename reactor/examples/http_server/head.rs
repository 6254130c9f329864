//! The head of a request, and what is refused.

use httparse::{EMPTY_HEADER, Error, Header, Status};

/// The longest head, as nginx and others have it.
const HEAD_BYTES_MAX: usize = 8 * 1024;
const FIELDS_MAX: usize = 64;
/// The longest body, nginx's default.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Why a request is refused.
pub(crate) type Refusal = &'static str;

/// What there is to know of a request.
pub(crate) struct Head<'a> {
    pub(crate) bytes: usize,
    pub(crate) body_bytes: usize,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) keeps_alive: bool,
}

impl<'a> Head<'a> {
    /// The head at the front of `input`, if all of it is there.
    pub(crate) fn parse(input: &'a [u8]) -> Result<Option<Self>, Refusal> {
        let input = &input[..input.len().min(HEAD_BYTES_MAX)];
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let bytes = match request.parse(input) {
            Ok(Status::Complete(bytes)) => bytes,
            Ok(Status::Partial) if input.len() < HEAD_BYTES_MAX => return Ok(None),
            Ok(Status::Partial) | Err(Error::TooManyHeaders) => {
                return Err("431 Request Header Fields Too Large");
            }
            Err(_) => return Err("400 Bad Request"),
        };
        let (method, target) =
            (request.method.unwrap_or_default(), request.path.unwrap_or_default());
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let is_1_1 = request.version == Some(1);
        if is_1_1 && values(request.headers, "Host").count() != 1 {
            return Err("400 Bad Request");
        }
        let wants = |option| {
            values(request.headers, "Connection")
                .flat_map(|value| value.split(|&byte| byte == b','))
                .any(|value| value.trim_ascii().eq_ignore_ascii_case(option))
        };
        let keeps_alive = !wants(b"close") && (is_1_1 || wants(b"keep-alive"));
        let body_bytes = body_bytes(request.headers)?;
        Ok(Some(Self { bytes, body_bytes, method, path, keeps_alive }))
    }
}

fn values<'a>(fields: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value)
}

fn body_bytes(fields: &[Header<'_>]) -> Result<usize, Refusal> {
    if values(fields, "Transfer-Encoding").next().is_some() {
        return Err("501 Not Implemented");
    }
    let mut lengths = values(fields, "Content-Length");
    let Some(length) = lengths.next() else { return Ok(0) };
    // Two lengths, or a sign in front, are how requests are smuggled past a proxy.
    if lengths.next().is_some() || length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err("400 Bad Request");
    }
    let length = std::str::from_utf8(length).ok().and_then(|digits| digits.parse().ok());
    length.filter(|&bytes| bytes <= BODY_BYTES_MAX).ok_or("413 Content Too Large")
}
