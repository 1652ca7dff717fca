//! The documentation's commands, run as they stand there.
//!
//! All `sh` blocks of a page make one script, in one shell, as a reader types them. Only the ports are replaced,
//! so that tests can run side by side. Blocks of cargo commands are not run from within cargo: that what they
//! name exists is checked instead.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use sealpost_tests::sealpost;
use serde_json::Value;
use tempfile::TempDir;

/// Time for all commands of one page.
const PATIENCE: Duration = Duration::from_secs(120);
/// The ports that the pages name: the server's default one, and the receiver's.
const PORTS: [&str; 2] = ["8925", "9000"];

#[test]
fn the_story_of_a_first_webhook_is_true() {
    let Some(story) = Story::of("README.md", &["curl", "openssl", "python3"]) else { return };
    let said = story.run();
    let file = |name: &str| story.file(&format!("target/first-webhook/{name}"));

    let log = file("receiver.log");
    for path in ["/crm", "/stats", "/audit"] {
        assert_eq!(log.matches(&format!("\"POST {path} HTTP/1.1\" 204")).count(), 1, "{log}");
    }

    let polled = file("events.json");
    let item = polled.strip_prefix("{\"items\":[").and_then(|rest| rest.split_once("],\"paging\":"));
    let (item, _) = item.expect("a page of the Events API");
    for name in ["crm.json", "stats.json", "audit.json"] {
        let body = file(name);
        let (block, event_data) = body.split_once(",\"event-data\":").expect("a payload");
        assert_eq!(event_data.strip_suffix('}'), Some(item), "{name}");
        assert!(said.contains(&format!("{name} holds the polled item\n")), "{said}");

        let block: Value = serde_json::from_str(&format!("{block}}}")).expect("a signature block");
        let signature = block["signature"]["signature"].as_str().expect("a signature");
        // What the payload says, then what OpenSSL finds: its prefix differs between versions.
        assert!(said.contains(&format!("{name}: {signature}\n")), "{said}");
        assert!(said.contains(&format!("(stdin)= {signature}\n")), "{said}");
    }
    assert_eq!(said.matches("valid: signed ").count(), 3, "{said}");
}

#[test]
fn the_operators_commands_work() {
    let Some(story) = Story::of("docs/operators.md", &["curl", "sqlite3"]) else { return };
    let said = story.run();
    assert_eq!(said.matches("{\"status\":\"ok\"").count(), 2, "{said}");
    assert!(said.contains("SEALPOST_SIGNING_KEY=key-"), "{said}");
    assert_eq!(story.file("sealpost.out").matches("listening on http://").count(), 2);
}

#[test]
fn every_page_with_commands_is_run_by_a_test() {
    let docs = fs::read_dir(root().join("docs")).expect("the directory of pages");
    let pages = docs.map(|page| page.expect("a page").file_name());
    let others =
        |page: &OsString| commands(&root().join("docs").join(page)).lines().any(|line| !is_cargo(line));
    assert_eq!(Vec::from_iter(pages.filter(others)), ["operators.md"]);
}

#[test]
fn the_cargo_commands_name_what_there_is() {
    let workspace = Workspace::read();
    let mut checked = Vec::new();
    for page in
        ["README.md", "CONTRIBUTING.md", "core/README.md", "docs/reliability.md", "docs/performance.md"]
    {
        for line in commands(&root().join(page)).lines().filter(|line| is_cargo(line)) {
            line.split(" | ").for_each(|command| workspace.check(command));
            checked.push(line.to_owned());
        }
    }
    for promised in ["cargo run --release -- dev", "cargo test --workspace"] {
        assert!(checked.iter().any(|line| line == promised), "{checked:?}");
    }
}

/// The commands of one page, in a directory and on ports of their own.
struct Story {
    script: String,
    /// Where a server listens that is not told otherwise.
    listen: String,
    directory: TempDir,
}

impl Story {
    /// `None` where a program is missing that the page uses, which is said; on CI that is a failure.
    fn of(page: &str, programs: &[&str]) -> Option<Self> {
        if let Some(missing) = programs.iter().find(|program| !exists(program)) {
            assert!(std::env::var_os("CI").is_none(), "{page} needs {missing}, which is not installed");
            println!("skipped: {page} needs {missing}, which is not installed");
            return None;
        }
        let commands = commands(&root().join(page));
        let commands: Vec<_> = commands.lines().filter(|line| !is_cargo(line)).collect();
        // Both bound at once, so that they differ.
        let bound = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let free = bound.map(|bound| bound.local_addr().expect("an address"));
        let script = PORTS
            .iter()
            .zip(free)
            .fold(commands.join("\n"), |script, (port, free)| script.replace(port, &free.port().to_string()));
        let story =
            Self { script, listen: free[0].to_string(), directory: TempDir::new().expect("a directory") };
        fs::create_dir_all(story.path("target/release")).expect("a directory");
        symlink(sealpost().get_program(), story.path("target/release/sealpost")).expect("a link");
        Some(story)
    }

    /// Runs the commands up to the first that fails, of which there must be none; what they printed.
    fn run(&self) -> String {
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &self.script]).current_dir(self.directory.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SEALPOST_") {
                shell.env_remove(name);
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{}:{path}", self.path("target/release").display()));
        shell.env("SEALPOST_SERVER_LISTEN", &self.listen);
        // The machine that runs the tests may be short of it.
        shell.env("SEALPOST_STORAGE_MIN_FREE_DISK", "0");
        let output = |name| File::create(self.path(name)).expect("a file");
        shell.stdin(Stdio::null()).stdout(output("stdout")).stderr(output("stderr"));
        let status = run_group(&mut shell);
        let (said, complained) = (self.file("stdout"), self.file("stderr"));
        assert!(status.is_some_and(|status| status.success()), "{status:?}\n{said}\n{complained}");
        said
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// Runs a command in a process group of its own, and leaves nothing of the group behind. `None`: it took too long.
fn run_group(command: &mut Command) -> Option<ExitStatus> {
    let mut child = command.process_group(0).spawn().expect("the shell starts");
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().expect("the shell's status") {
            None if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            status => break status,
        }
    };
    // Fails where all have ended by themselves, as they should.
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    if status.is_none() {
        let _ = child.wait();
    }
    status
}

/// What cargo knows of the workspace.
struct Workspace(Value);

impl Workspace {
    fn read() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root());
        let output = command.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// Checks that what a cargo command names is there.
    fn check(&self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["cargo", "test", "--workspace"] => {}
            ["cargo", "test", "-p", package, "--test", test] => {
                assert!(self.targets(package, "test").contains(test), "{line}");
            }
            ["cargo", "build", "--release"] => {}
            ["cargo", "run", "--release", "-p", package, "--bin", name, ..] => {
                assert!(self.targets(package, "bin").contains(name), "{line}");
            }
            ["cargo", "bench", "-p", package] => {
                assert!(!self.targets(package, "bench").is_empty(), "{line}");
            }
            ["cargo", "rustc", "-p", name, "--profile", "freestanding", "--features", features, ..] => {
                let package = self.packages().find(|package| package["name"] == *name).expect(line);
                assert!(
                    features.split(',').all(|feature| package["features"].get(feature).is_some()),
                    "{line}"
                );
            }
            ["cargo", "run", "-p", package, "--example", example] => {
                assert!(self.targets(package, "example").contains(example), "{line}");
            }
            ["cargo", "run", "--release", "--", arguments @ ..] => {
                assert_eq!(self.default_programs(), ["sealpost"], "{line}");
                let help = sealpost().args(arguments).arg("--help").output().expect("the program starts");
                assert!(help.status.success(), "{line}: {}", String::from_utf8_lossy(&help.stderr));
            }
            _ => panic!("`{line}` is a command that this test does not know"),
        }
    }

    /// The programs among which `cargo run` chooses at the top of the repository.
    fn default_programs(&self) -> Vec<&str> {
        let default = self.0["workspace_default_members"].as_array().expect("default members");
        let packages = self.packages().filter(|package| default.contains(&package["id"]));
        packages.flat_map(|package| names(package, "bin")).collect()
    }

    fn targets(&self, name: &str, kind: &str) -> Vec<&str> {
        self.packages().filter(|package| package["name"] == name).flat_map(|p| names(p, kind)).collect()
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.0["packages"].as_array().into_iter().flatten()
    }
}

/// The names of a package's targets of this kind.
fn names<'a>(package: &'a Value, kind: &str) -> Vec<&'a str> {
    let targets = package["targets"].as_array().into_iter().flatten();
    let of_kind = targets.filter(|target| target["kind"][0] == kind);
    of_kind.filter_map(|target| target["name"].as_str()).collect()
}

/// The `sh` blocks of a page, one after the other.
fn commands(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let blocks = text.split("\n```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0));
    blocks.flat_map(|block| [block, "\n"]).collect()
}

fn is_cargo(line: &str) -> bool {
    line.starts_with("cargo ")
}

fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
