//! Files that only their owner may read: databases, their copies, audit trails.
//!
//! These files have digests of credentials and personal data. The umask of a service often lets other users of the
//! machine read new files, so the mode is set by this crate.
//!
//! On systems without Unix modes the files get the rights of their folder, so an operator has to choose a private
//! folder there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a file with mode 0600, whatever the umask of the process. A file that exists is an error: its content would
/// be mixed with that of another one.
///
/// The file is opened for reading and appending. The mode is given to the call that creates the file, so that there is
/// no moment at which another user could open it.
///
/// # Errors
///
/// Those of the operating system; [`io::ErrorKind::AlreadyExists`] when there is a file or a link of this name. A link
/// is not followed, so a prepared link cannot redirect the data.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    // A second time, because the umask can only remove rights: it might have removed some of the owner's.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// Removes all rights that users other than the owner have. A file that is missing is no error.
///
/// Only rights are removed, so a mode that is stricter than 0600 stays.
///
/// # Errors
///
/// Those of the operating system, and one for a path that is not a regular file: the rights of a folder or a device
/// are not this crate's to change.
#[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "the database is the file that may be older"))]
pub(crate) fn restrict(path: &Path) -> io::Result<()> {
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        about => about?,
    };
    // Also refuses a folder, which an operator may have passed in place of the file.
    if !about.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = about.permissions().mode();
        // Without need no call is made: it fails for a file of another owner, even if the mode is right.
        if mode & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))?;
        }
    }
    Ok(())
}
