//! JSON as this crate reads and writes it: strict about names, depth and numbers, and quick to write.

pub(crate) mod read;
pub(crate) mod write;

pub(crate) use read::Object;
pub(crate) use write::ObjectWriter;
