//! The stream: objects are found at any split, between any separators, within their limits.

mod limits;
mod malformed;
mod separators;
mod splitting;
