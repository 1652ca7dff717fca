//! Mailgun's own clients, as their registries have them, against a live server.
//!
//! They are installed once, below cargo's target directory. Where that cannot be, for want of the
//! language or of the registry, the test says so and does nothing; with `CI` in the environment it fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealpost_tests::{API_KEY, DOMAIN, Receiver, Server};

/// A client, how it is installed, and the program that puts it to use.
struct Client {
    /// Name and version; the directory's name too.
    package: &'static str,
    program: &'static str,
    /// The file name of the program, beside the package.
    file: &'static str,
}

const PYTHON: Client =
    Client { package: "mailgun==1.10.0", program: include_str!("clients/client.py"), file: "client.py" };
const NODE: Client =
    Client { package: "mailgun.js@14.0.1", program: include_str!("clients/client.mjs"), file: "client.mjs" };

#[test]
fn the_python_client_works_unmodified() {
    let installed = PYTHON.install(|directory| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        pip.arg(directory).arg(PYTHON.package);
        pip
    });
    let Some(directory) = installed else { return };
    PYTHON.run(Command::new("python3").env("PYTHONPATH", &directory), &directory);
}

#[test]
fn the_node_client_works_unmodified() {
    let installed = NODE.install(|directory| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-fund", "--no-audit", "--prefix"]);
        npm.arg(directory).args([NODE.package, "form-data@4"]);
        npm
    });
    let Some(directory) = installed else { return };
    NODE.run(&mut Command::new("node"), &directory);
}

impl Client {
    /// The directory of the installed package; `None`, and a line that says why, if there is none.
    fn install(&self, command: impl FnOnce(&Path) -> Command) -> Option<PathBuf> {
        let test = std::env::current_exe().expect("a test has a path");
        let target = test.ancestors().nth(3).expect("tests lie in TARGET/PROFILE/deps");
        let directory = target.join("clients").join(self.package);
        if !directory.exists() {
            // Whoever is interrupted leaves no half of a package under its name.
            let unfinished = tempfile::tempdir_in(target).expect("a directory");
            let output = command(unfinished.path()).output();
            let fault = match output {
                Ok(output) if output.status.success() => None,
                Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(fault) = fault {
                assert!(std::env::var_os("CI").is_none(), "{} cannot be installed: {fault}", self.package);
                eprintln!("skipped: {} cannot be installed: {}", self.package, fault.trim());
                return None;
            }
            fs::create_dir_all(target.join("clients")).expect("a directory");
            // Another run may have come first; its package is as good.
            let _ = fs::rename(unfinished.path(), &directory);
        }
        Some(directory)
    }

    /// Runs the program against a new server; it ends with 0 if everything was as it must be.
    fn run(&self, command: &mut Command, directory: &Path) {
        let (server, receiver) = (Server::start(), Receiver::start());
        let program = directory.join(self.file);
        fs::write(&program, self.program).expect("written");
        let output = command
            .arg(program)
            .args([&server.url(""), API_KEY, DOMAIN, &receiver.url("")])
            .output()
            .expect("the program starts");
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(output.status.success(), "{}", said.concat());
    }
}
