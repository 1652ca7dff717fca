//! Signatures checked by a program that is not ours: Python's `hmac` module.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::Request;

const MAILGUN: &str = "
import sys, json, hmac, hashlib
block = json.load(sys.stdin.buffer)['signature']
message = (block['timestamp'] + block['token']).encode()
expected = hmac.new(sys.argv[1].encode(), message, hashlib.sha256).hexdigest()
assert hmac.compare_digest(expected, block['signature']), 'expected ' + expected
";

const STANDARD: &str = "
import sys, base64, hmac, hashlib
secret, id, timestamp, signatures = sys.argv[1:]
key = base64.b64decode(secret.removeprefix('whsec_'))
message = id.encode() + b'.' + timestamp.encode() + b'.' + sys.stdin.buffer.read()
expected = 'v1,' + base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
assert expected in signatures.split(' '), 'expected ' + expected
";

/// Checks the signature block of a body.
///
/// # Panics
/// If the signature is not one of this key.
pub fn check(body: &[u8], signing_key: &str) {
    python(MAILGUN, &[signing_key], body);
}

/// Checks the Standard Webhooks headers of a request.
///
/// # Panics
/// If a header is absent, or no signature is one of this secret.
pub fn check_standard(request: &Request, secret: &str) {
    let header = |name| request.header(name).unwrap_or_else(|| panic!("a header {name}"));
    let arguments = [secret, header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")];
    python(STANDARD, &arguments, &request.body);
}

fn python(program: &str, arguments: &[&str], input: &[u8]) {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("python3 reads");
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
