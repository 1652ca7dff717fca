//! The URL of an endpoint: what is taken apart is made of the parts that were found, and its head can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost_core::Url;
use sealpost_core::http::RequestHead;

fuzz_target!(|text: &str| {
    let Ok(url) = Url::parse(text) else { return };
    assert!(url.port() > 0 && text.contains(url.authority()));
    assert!(text.ends_with(url.path_and_query()) || url.path_and_query() == "/");
    let mut head = [0; 4096];
    let head = RequestHead { url: &url, headers: &[], content_length: 0 }.write(&mut head).expect("fits");
    let lines = head.split(|byte| *byte == b'\n').count();
    assert_eq!(lines, if url.userinfo().is_some() { 6 } else { 5 }, "a line that nobody wrote");
});
