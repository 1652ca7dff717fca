//! The URL of an endpoint as somebody writes it: it has one spelling, and no spelling of an address that is not public
//! gets past the guard.
#![no_main]

use std::net::IpAddr;

use sealpost::transport::{Guard, normalise};
use sealpost_core::Url;
use sealpost_core::endpoint::Host;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(normal) = normalise(text) else { return };
    assert_eq!(normalise(&normal).as_ref(), Ok(&normal));
    let url = Url::parse(&normal).expect("normal is what the core takes");
    let Ok(()) = Guard::default().check_url(&url) else { return };
    // What the system's resolver would take for an address is one for the guard: its last label is a number.
    if let Host::Name(name) = url.host() {
        let last = name.rsplit('.').next().unwrap_or_default();
        let digits = last.strip_prefix("0x").unwrap_or(last);
        assert!(!last.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
        assert!(last == digits || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
    }
    if let Some(IpAddr::V4(address)) = url.host().address() {
        assert!(!address.is_loopback() && !address.is_private() && !address.is_link_local(), "{text}");
        assert!(!address.is_unspecified() && !address.is_multicast() && !address.is_broadcast(), "{text}");
    }
    if let Some(IpAddr::V6(address)) = url.host().address() {
        assert!(address.to_ipv4().is_none() && !address.is_multicast(), "{text}");
    }
});
