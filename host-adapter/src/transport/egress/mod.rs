//! The egress guard: which endpoints the server may speak to.
//!
//! Users name the URLs, so without it they could make the server talk to its own network. One guard judges
//! an endpoint when it is saved, when it is tested, and at every attempt.

mod networks;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::IpNet;
use sealpost_core::endpoint::{Host, Scheme, Url};

/// Names that mean this machine or this network, whatever they resolve to.
const LOCAL_DOMAINS: [&str; 3] = ["localhost", "local", "internal"];

/// What the guard is told.
#[derive(Clone, Debug, Default)]
pub struct EgressRules {
    /// Networks opened although they are denied by default. A cloud's metadata address is opened only by
    /// a network that holds nothing else (`/32` or `/128`).
    pub allow: Vec<IpNet>,
    /// The server's own listeners, denied whatever is allowed.
    pub own_listeners: Vec<SocketAddr>,
    /// Whether `http` endpoints are denied.
    pub https_only: bool,
    /// Whether an address in `64:ff9b::/96` gets the verdict of the IPv4 address in it (RFC 6052): for hosts
    /// that reach IPv4 through NAT64.
    pub nat64: bool,
}

/// The guard. The default one has no rules of its own: it lets pass what is public.
#[derive(Clone, Debug, Default)]
pub struct Guard(EgressRules);

impl Guard {
    /// A guard with these rules.
    #[must_use]
    pub const fn new(rules: EgressRules) -> Self {
        Self(rules)
    }

    /// Judges what a URL says by itself: scheme, port, local names, literal addresses.
    ///
    /// # Errors
    /// The rule that denies it.
    pub fn check_url(&self, url: &Url<'_>) -> Result<(), Denied> {
        if self.0.https_only && url.scheme() == Scheme::Http {
            return Err(Denied::ClearText);
        }
        if !matches!(url.port(), 80 | 443 | 1024..) {
            return Err(Denied::Port(url.port()));
        }
        match url.host().address() {
            Some(address) => self.check_address(address, url.port()),
            None if is_local_name(url) && self.0.allow.is_empty() => Err(Denied::LocalName),
            None => Ok(()),
        }
    }

    /// Judges what the name in a URL resolves to. One denied address denies them all, since whoever answers
    /// for the name decides which one is used. A local name is good only for addresses that are allowed by name.
    ///
    /// # Errors
    /// The rule that denies one of them; [`Denied::NoAddress`] if there are none.
    pub fn check_addrs(&self, url: &Url<'_>, addresses: &[IpAddr]) -> Result<(), Denied> {
        if addresses.is_empty() {
            return Err(Denied::NoAddress);
        }
        if is_local_name(url) && !addresses.iter().all(|address| self.is_allowed(*address)) {
            return Err(Denied::LocalName);
        }
        addresses.iter().try_for_each(|address| self.check_address(*address, url.port()))
    }

    fn check_address(&self, address: IpAddr, port: u16) -> Result<(), Denied> {
        if self.0.own_listeners.iter().any(|listener| reaches(*listener, address, port)) {
            return Err(Denied::OwnListener);
        }
        if self.is_allowed(address) {
            return Ok(());
        }
        let judged = if self.0.nat64 { networks::in_nat64(address).map(IpAddr::V4) } else { None };
        match networks::denied(judged.unwrap_or(address)) {
            Some(reason) => Err(Denied::Address { address, reason }),
            None => Ok(()),
        }
    }

    /// Whether the allow list opens this address.
    fn is_allowed(&self, address: IpAddr) -> bool {
        let one_by_one = networks::is_metadata(address);
        self.0
            .allow
            .iter()
            .any(|net| net.contains(&address) && (!one_by_one || net.prefix_len() == net.max_prefix_len()))
    }
}

/// Why an endpoint may not be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// `http`, where only `https` may be.
    ClearText,
    /// A port below 1024 that is neither 80 nor 443.
    Port(u16),
    /// A name that means this machine or this network.
    LocalName,
    /// An address that does not belong to the public Internet.
    Address {
        /// The address.
        address: IpAddr,
        /// The network that it is denied for.
        reason: &'static str,
    },
    /// A listener of this server.
    OwnListener,
    /// A name without an address.
    NoAddress,
    /// The URL of a request bin of this server that is not there.
    NoBin,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClearText => f.write_str("http is denied by egress.https_only; use https"),
            Self::Port(port) => write!(f, "port {port} is denied; use 80, 443 or one from 1024 on"),
            Self::LocalName => f.write_str(
                "localhost, *.localhost, *.local and *.internal are denied unless egress.allow opens their addresses",
            ),
            Self::Address { address, reason } => {
                write!(f, "the address {address} is denied ({reason}) unless egress.allow opens it")
            }
            Self::OwnListener => f.write_str("the address is this server's own"),
            Self::NoAddress => f.write_str("the name has no address"),
            Self::NoBin => f.write_str("there is no such request bin, or it has expired; make another one"),
        }
    }
}

impl std::error::Error for Denied {}

fn is_local_name(url: &Url<'_>) -> bool {
    let Host::Name(name) = url.host() else { return false };
    let top = name.rsplit('.').next().unwrap_or(name);
    LOCAL_DOMAINS.iter().any(|local| top.eq_ignore_ascii_case(local))
}

/// Whether a connection to this address and port arrives at this listener.
fn reaches(listener: SocketAddr, address: IpAddr, port: u16) -> bool {
    if listener.port() != port {
        return false;
    }
    // A connection to no address in particular goes to loopback.
    let address = match address.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    if listener.ip().is_unspecified() {
        is_own_address(address)
    } else {
        listener.ip().to_canonical() == address
    }
}

/// An address is this machine's if a socket can be bound to it.
fn is_own_address(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
        Guard::new(EgressRules { allow, ..EgressRules::default() })
    }

    fn check(guard: &Guard, url: &str) -> Result<(), Denied> {
        guard.check_url(&Url::parse(url).unwrap())
    }

    fn resolved(guard: &Guard, url: &str, addresses: &[&str]) -> Result<(), Denied> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        guard.check_addrs(&Url::parse(url).unwrap(), &addresses)
    }

    #[test]
    fn ports_below_1024_are_closed_but_for_two() {
        for (port, open) in [
            (1, false),
            (22, false),
            (79, false),
            (80, true),
            (81, false),
            (443, true),
            (1023, false),
            (1024, true),
        ] {
            let verdict = check(&guard(&[]), &format!("https://example.com:{port}/"));
            assert_eq!(verdict, if open { Ok(()) } else { Err(Denied::Port(port)) });
        }
    }

    #[test]
    fn clear_text_is_denied_by_the_switch_alone() {
        let https_only = Guard::new(EgressRules { https_only: true, ..EgressRules::default() });
        assert_eq!(check(&https_only, "http://example.com/"), Err(Denied::ClearText));
        assert_eq!(check(&https_only, "https://example.com/"), Ok(()));
        assert_eq!(check(&guard(&[]), "http://example.com/"), Ok(()));
    }

    #[test]
    fn local_names_are_denied_whatever_they_resolve_to() {
        for name in ["localhost", "LOCALHOST", "a.localhost", "printer.local", "x.y.internal", "internal"] {
            let url = format!("http://{name}/");
            assert_eq!(check(&guard(&[]), &url), Err(Denied::LocalName), "{name}");
            assert_eq!(resolved(&guard(&[]), &url, &["8.8.8.8"]), Err(Denied::LocalName), "{name}");
        }
        for name in ["localhost.com", "notlocalhost", "my-internal"] {
            assert_eq!(check(&guard(&[]), &format!("http://{name}/")), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_local_name_is_good_for_addresses_that_are_allowed() {
        let guard = guard(&["127.0.0.0/8"]);
        assert_eq!(check(&guard, "http://localhost:3000/"), Ok(()));
        assert_eq!(resolved(&guard, "http://localhost:3000/", &["127.0.0.1"]), Ok(()));
        let mixed = resolved(&guard, "http://localhost:3000/", &["127.0.0.1", "::1"]);
        assert_eq!(mixed, Err(Denied::LocalName));
        assert_eq!(resolved(&guard, "http://x.internal/", &["8.8.8.8"]), Err(Denied::LocalName));
    }

    #[test]
    fn one_denied_address_denies_the_name() {
        let url = "https://example.com/";
        assert_eq!(resolved(&guard(&[]), url, &["8.8.8.8", "2606:4700::1111"]), Ok(()));
        assert!(resolved(&guard(&[]), url, &["8.8.8.8", "10.0.0.1"]).is_err());
        assert_eq!(resolved(&guard(&[]), url, &[]), Err(Denied::NoAddress));
    }

    #[test]
    fn literal_addresses_are_judged_at_once() {
        for url in ["http://127.0.0.1:8080/", "http://[::1]:8080/", "http://[::ffff:8.8.8.8]/"] {
            assert!(matches!(check(&guard(&[]), url), Err(Denied::Address { .. })), "{url}");
        }
        assert_eq!(check(&guard(&["10.1.0.0/16"]), "http://10.1.2.3/"), Ok(()));
        assert!(check(&guard(&["10.1.0.0/16"]), "http://10.2.2.3/").is_err());
    }

    #[test]
    fn metadata_addresses_open_only_one_by_one() {
        for (address, wide, alone) in [
            ("169.254.169.254", "169.254.0.0/16", "169.254.169.254/32"),
            ("168.63.129.16", "0.0.0.0/0", "168.63.129.16/32"),
            ("100.100.100.200", "100.100.100.200/31", "100.100.100.200/32"),
            ("[fd00:ec2::254]", "fc00::/7", "fd00:ec2::254/128"),
        ] {
            let url = format!("http://{address}/");
            assert!(matches!(check(&guard(&[wide]), &url), Err(Denied::Address { .. })), "{wide}");
            assert_eq!(check(&guard(&[wide, alone]), &url), Ok(()), "{alone}");
        }
    }

    #[test]
    fn a_metadata_address_inside_an_ipv6_address_is_still_one() {
        for address in ["[::ffff:169.254.169.254]", "[64:ff9b::169.254.169.254]"] {
            let url = format!("http://{address}/");
            assert!(check(&guard(&["::/0"]), &url).is_err(), "{address}");
        }
    }

    #[test]
    fn own_listeners_stay_closed_whatever_is_allowed() {
        let rules = |listener: &str| EgressRules {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "::/0".parse().unwrap()],
            own_listeners: vec![listener.parse().unwrap()],
            ..EgressRules::default()
        };
        let guard = Guard::new(rules("127.0.0.1:8925"));
        assert_eq!(check(&guard, "http://127.0.0.1:8925/"), Err(Denied::OwnListener));
        for host in ["[::ffff:127.0.0.1]", "0.0.0.0", "[::ffff:0.0.0.0]"] {
            assert_eq!(check(&guard, &format!("http://{host}:8925/")), Err(Denied::OwnListener), "{host}");
        }
        assert_eq!(check(&guard, "http://127.0.0.1:8926/"), Ok(()));
        assert_eq!(check(&guard, "http://127.0.0.2:8925/"), Ok(()));

        let guard = Guard::new(rules("0.0.0.0:8925"));
        for url in ["http://127.0.0.2:8925/", "http://0.0.0.0:8925/", "http://[::1]:8925/"] {
            assert_eq!(check(&guard, url), Err(Denied::OwnListener), "{url}");
        }
        assert_eq!(check(&guard, "http://8.8.8.8:8925/"), Ok(()));
    }

    #[test]
    fn nat64_gives_the_verdict_of_the_address_inside() {
        let nat64 = Guard::new(EgressRules { nat64: true, ..EgressRules::default() });
        assert_eq!(check(&nat64, "http://[64:ff9b::8.8.8.8]/"), Ok(()));
        assert!(check(&nat64, "http://[64:ff9b::10.0.0.1]/").is_err());
        assert!(check(&nat64, "http://[64:ff9b:1::8.8.8.8]/").is_err());
        assert!(check(&guard(&[]), "http://[64:ff9b::8.8.8.8]/").is_err());
    }

    #[test]
    fn a_denial_says_what_and_why() {
        let denied = check(&guard(&[]), "http://10.0.0.5/").unwrap_err().to_string();
        assert!(denied.contains("10.0.0.5") && denied.contains("10.0.0.0/8"), "{denied}");
    }
}
