//! Text to types and back; the only place that knows the names of fields.

mod event_fields;
mod field;
mod key;
mod object_writer;
mod plain;
mod quick_request;
mod request_fields;

pub use event_fields::decode_event;
pub use request_fields::decode;

pub(crate) use event_fields::stored_chat;
pub(crate) use key::Key;
pub(crate) use object_writer::ObjectWriter;
pub(crate) use quick_request::quick_request;
