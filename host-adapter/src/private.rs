//! Files and directories that are for their owner alone, whatever the umask of the process.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// Makes a directory, and those above it, where there is none, durably. One that is there already stays as it
/// is; the log says so if others can enter it.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    let absent = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let made: Vec<_> = path.ancestors().take_while(absent).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // What is kept in a directory whose own name can be lost with the power is not kept.
    made.into_iter().try_for_each(sync_directory_of)?;
    if is_exposed(&fs::metadata(path)?) {
        tracing::warn!("others than its owner can enter {0}; run `chmod 700 {0}`", path.display());
    }
    Ok(())
}

/// Makes an empty file where there is none. One that is there already stays as it is; the log says so if
/// others can read it.
pub(crate) fn make_file(path: &Path) -> io::Result<File> {
    let file = options().create(true).append(true).open(path)?;
    if is_exposed(&file.metadata()?) {
        tracing::warn!("others than its owner can read {0}; run `chmod 600 {0}`", path.display());
    }
    Ok(file)
}

/// Makes a file with this text, durably, and whole or not at all.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where there is one.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(directory_of(path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|refused| refused.error)?;
    sync_directory_of(path)
}

/// Adds text to the end of a file, durably. The file is its owner's alone from then on.
pub(crate) fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = options().create(true).append(true).open(path)?;
    #[cfg(unix)]
    if is_exposed(&file.metadata()?) {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    sync_directory_of(path)
}

/// Whether others than the owner can do anything with a file or a directory.
pub(crate) fn is_exposed(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a new file's name as durable as its bytes.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory_of(path))?.sync_all() } else { Ok(()) }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a/b");
        make_directory(&directory).unwrap();
        make_file(&directory.join("empty")).unwrap();
        write_new(&directory.join("new"), "text").unwrap();
        append(&directory.join("log"), "text").unwrap();
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(["empty", "new", "log"].map(|name| mode(&directory.join(name))), [0o600; 3]);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3, "nothing else is left behind");
    }

    #[test]
    fn a_file_that_others_could_read_is_closed_to_them_before_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "one\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        append(&path, "two\n").unwrap();
        assert_eq!((mode(&path), fs::read_to_string(&path).unwrap()), (0o600, "one\ntwo\n".to_owned()));
    }

    #[test]
    fn a_file_that_is_there_is_not_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new(&path, "first").unwrap();
        assert_eq!(write_new(&path, "second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }
}
