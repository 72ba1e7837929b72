//! Files that only their owner may read: databases, their copies, audit trails.
//!
//! These files have digests of credentials and personal data. The umask of a service often lets other users of the
//! machine read new files, so the mode is set by this crate.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a file with mode 0600, whatever the umask of the process. A file that exists is an error: its content would
/// be mixed with that of another one.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// Removes all rights that users other than the owner have. A file that is missing is no error.
#[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "the database is the file that may be older"))]
pub(crate) fn restrict(path: &Path) -> io::Result<()> {
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        about => about?,
    };
    if !about.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = about.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))?;
        }
    }
    Ok(())
}
