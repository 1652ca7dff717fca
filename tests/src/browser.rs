//! A browser without a window, told what to do over WebDriver.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Api, Response};
use crate::tools::{CHROMEDRIVER, CHROMIUM};

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running browser with one page. Ends when dropped.
pub struct Browser {
    driver: Child,
    client: Api,
    session: String,
    /// Its profile, removed with it.
    _profile: TempDir,
}

impl Browser {
    /// A browser that shows nothing yet.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        let profile = TempDir::new().expect("a temporary directory");
        let mut driver = Command::new(CHROMEDRIVER.name)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        });
        // Read on, so that it is never blocked.
        std::thread::spawn(move || lines.for_each(drop));
        let client = Api::anonymous(&format!("http://127.0.0.1:{}", port.expect("chromedriver listens")));
        let mut browser = Self { driver, client, session: String::new(), _profile: profile };
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &profile,
        ];
        let options = json!({"binary": CHROMIUM.path(), "args": args});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "unhandledPromptBehavior": "ignore",
        }}});
        let made = browser.call("POST", "/session", &wanted);
        browser.session = made["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({"url": url}));
    }

    /// What a script returns. A dialog that the page has opened fails the test.
    pub fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression of JavaScript is true.
    ///
    /// # Panics
    /// If it does not become true in time.
    pub fn until(&self, expression: &str) {
        let give_up = Instant::now() + PATIENCE;
        while self.run(&format!("return Boolean({expression})")) != json!(true) {
            let page = self.run("return document.body.innerText");
            assert!(Instant::now() < give_up, "{expression} is not true of {page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses keys in the page.
    pub fn press(&self, keys: &str) {
        let actions: Vec<_> = keys
            .chars()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        let keyboard = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.ask("POST", "/actions", &keyboard);
    }

    /// A command of the DevTools protocol.
    pub fn tell(&self, command: &str, parameters: &Value) {
        self.ask("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    /// Shows pages as on a screen of this width, in light or dark.
    pub fn show_as(&self, width: u32, height: u32, is_phone: bool, scheme: &str) {
        let scale = if is_phone { 2 } else { 1 };
        let screen =
            json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone});
        self.tell("Emulation.setDeviceMetricsOverride", &screen);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell("Emulation.setEmulatedMedia", &scheme);
    }

    /// Keeps what is seen, as a PNG.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn photograph(&self, file: &Path) {
        let png = self.ask("GET", "/screenshot", &Value::Null);
        let png = decoded(png.as_str().expect("a picture"));
        assert!(png.starts_with(b"\x89PNG"), "a PNG");
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        std::fs::write(file, png).expect("a written file");
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.call(method, &format!("/session/{}{path}", self.session), body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer: Response = match method {
            "GET" => self.client.get(path),
            _ => self.client.send(method, path, Some("application/json"), body.to_string().as_bytes()),
        };
        answer.expect(200).json()["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let session = format!("/session/{}", self.session);
        // Ends the browser; without an answer there is none to end.
        let _ = self.client.try_send("DELETE", &session, None, &[]);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The bytes of base64.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.bytes() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        (bits, held) = (bits << 6 | u32::from(sextet), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
