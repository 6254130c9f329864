//! Who is online where, and who has to wait: what all loops of a node share.

mod directory;

pub use directory::Directory;
