//! A copy of the database while it is in use.
//!
//! A part of the data is in the log beside the file, so copying the file alone is not enough. `VACUUM INTO` writes one
//! complete file from one snapshot, and neither blocks the writer nor is blocked by it.
//!
//! The snapshot keeps the log from being written back as long as the copy takes, so the log grows by what is registered
//! meanwhile. The copy has no log of its own, is without free pages, and belongs to its owner alone from the first
//! byte.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::Executor as _;

use super::SqliteStore;
use crate::error::StoreError;
use crate::store::private_file;
use crate::store::unreachable::unreachable;

impl SqliteStore {
    /// Copies the database into a new file while registrations go on. The copy has everything that was acknowledged
    /// before the call, of all tenants, and nothing of what comes during it is there by half. It is on the disk when
    /// this returns, with mode 0600, and [`open`](Self::open) opens it as any database.
    ///
    /// It holds one of the connections for reading until it is done, and as much disk space as the clients need.
    ///
    /// # Errors
    ///
    /// When the file is there already: nothing is ever overwritten. When it cannot be written, or the disk is full; the
    /// file that was begun is removed then.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<(), StoreError> {
        let to = to.as_ref();
        let place = || format!("the copy {}", to.display());
        let failed = |error: io::Error| unreachable(place(), error);
        let name = to.to_str().ok_or_else(|| failed(io::Error::other("its path is not UTF-8")))?;
        // SQLite reads a name that begins like this as a URL.
        let name = if name.starts_with("file:") { format!("./{name}") } else { name.to_owned() };
        let copy = NewFile::create(to).map_err(failed)?;
        // An empty file is one that SQLite may fill; its mode stays.
        let vacuum = sqlx::query("VACUUM INTO $1").bind(name);
        self.readers.execute(vacuum).await.map_err(|error| unreachable(place(), error))?;
        // Waiting for a disk would block the other tasks of this thread.
        let kept = tokio::task::spawn_blocking(|| copy.keep()).await;
        kept.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed)
    }
}

/// A file that is removed when dropped, unless it is complete, so that a failed backup leaves no file that looks like
/// one.
struct NewFile {
    /// Where the file is, to remove it.
    path: PathBuf,
    /// The open file; `None` once it is complete, and then it stays.
    file: Option<File>,
}

impl NewFile {
    /// Creates the file; one that exists is an error.
    /// The check and the creation are one call of the operating system, so no other process can put a link there
    /// between.
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: Some(private_file::create(path)?) })
    }

    /// Waits until the file and its name in the folder are on the disk, since SQLite does not do that for a file that
    /// it fills with `VACUUM INTO`.
    fn keep(mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        #[cfg(unix)]
        // The name of a new file is data of its folder; without this a power failure could lose the name of a complete
        // copy.
        if let Some(folder) = self.path.parent() {
            File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()?;
        }
        self.file = None;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // The error of the backup is already on its way to the caller; a second one would hide it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
