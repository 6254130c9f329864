//! The data folder: made with rights for its owner alone, held by one server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::OpenError;

/// The database's file name in the folder.
pub(super) const DATABASE: &str = "chat.db";
/// The file whose lock says who uses the folder. The lock ends with the process that holds it.
const LOCK: &str = "chat.lock";

/// Makes the folder and the database's file if they are missing, and returns the held lock.
pub(super) fn prepare(folder: &Path) -> Result<File, OpenError> {
    let cannot_write = |path: &Path, source| OpenError::NotWritable { path: path.into(), source };
    make(folder).map_err(|error| cannot_write(folder, error))?;
    let lock_file = folder.join(LOCK);
    let lock = open_private(&lock_file).map_err(|error| cannot_write(&lock_file, error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { folder: folder.into() }),
        Err(TryLockError::Error(error)) => return Err(cannot_write(&lock_file, error)),
    }
    // SQLite would make it readable for all; the files beside it take over these rights.
    let database = folder.join(DATABASE);
    open_private(&database).map_err(|error| cannot_write(&database, error))?;
    Ok(lock)
}

fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // The new name must not be lost with the power either.
    let parent = fs::canonicalize(folder)?.parent().map(Path::to_path_buf);
    parent.map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

fn open_private(file: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file)
}
