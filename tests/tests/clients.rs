//! Mailgun's own clients, as their registries have them, against a live server.
//!
//! Where they cannot be installed, for want of the language or of the registry, the test says so and does
//! nothing; with `CI=true` it fails.

use std::fs;
use std::path::Path;
use std::process::Command;

use sealpost_tests::{API_KEY, DOMAIN, Receiver, Server, packages};

/// A client and the program that puts it to use.
struct Client {
    /// Name and version.
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
    let Some(directory) = packages::python(PYTHON.package) else { return };
    PYTHON.run(Command::new("python3").env("PYTHONPATH", &directory), &directory);
}

#[test]
fn the_node_client_works_unmodified() {
    let Some(directory) = packages::node(NODE.package, &["form-data@4"]) else { return };
    NODE.run(&mut Command::new("node"), &directory);
}

impl Client {
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
