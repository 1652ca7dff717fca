//! Programs of other people, as their registries have them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools;

/// The directory of a package of PyPI, `name==version`: to be the `PYTHONPATH`. `None`, and a line that says
/// why, if it cannot be had.
///
/// # Panics
/// If it cannot be had and `CI=true`.
#[must_use]
pub fn python(package: &str) -> Option<PathBuf> {
    installed(package, |directory| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        pip.arg(directory).arg(package);
        pip
    })
}

/// The directory of a package of npm, `name@version`, and of those `beside` it: programs in it find them.
/// `None`, and a line that says why, if it cannot be had.
///
/// # Panics
/// If it cannot be had and `CI=true`.
#[must_use]
pub fn node(package: &str, beside: &[&str]) -> Option<PathBuf> {
    installed(package, |directory| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-fund", "--no-audit", "--prefix"]);
        npm.arg(directory).arg(package).args(beside);
        npm
    })
}

/// Packages are installed once, below cargo's target directory.
fn installed(package: &str, install: impl FnOnce(&Path) -> Command) -> Option<PathBuf> {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(3).expect("tests lie in TARGET/PROFILE/deps");
    let directory = target.join("packages").join(package);
    if !directory.exists() {
        // Whoever is interrupted leaves no half of a package under its name.
        let unfinished = tempfile::tempdir_in(target).expect("a directory");
        let output = install(unfinished.path()).output();
        let fault = match output {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(fault) = fault {
            tools::skip(&format!("{package} cannot be installed: {}", fault.trim()));
            return None;
        }
        fs::create_dir_all(target.join("packages")).expect("a directory");
        // Another run may have come first; its package is as good.
        let _ = fs::rename(unfinished.path(), &directory);
    }
    Some(directory)
}
