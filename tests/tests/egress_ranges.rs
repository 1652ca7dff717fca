//! Every network that the guard knows, at its borders, where a webhook is saved: the first and the last address are
//! denied, and those next to them are not, unless another network has them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sealpost_tests::calls::webhooks;
use sealpost_tests::{Api, Server};

/// Not taken from the program: these are the registries of IANA and the clouds.
const DENIED: [&str; 24] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "2620:4f:8000::/48",
];
/// Of IPv6 nothing else is public.
const PUBLIC_V6: &str = "2000::/3";

/// A network, its addresses as numbers.
#[derive(Clone, Copy)]
struct Net {
    is_v6: bool,
    first: u128,
    last: u128,
}

impl Net {
    fn parse(text: &str) -> Self {
        let (address, length) = text.split_once('/').expect("a network");
        let length: u32 = length.parse().expect("a length");
        let (is_v6, first, bits) = match address.parse().expect("an address") {
            IpAddr::V4(address) => (false, address.to_bits().into(), 32),
            IpAddr::V6(address) => (true, address.to_bits(), 128),
        };
        Self { is_v6, first, last: first + ((1 << (bits - length)) - 1) }
    }

    fn holds(self, is_v6: bool, address: u128) -> bool {
        self.is_v6 == is_v6 && (self.first..=self.last).contains(&address)
    }

    fn borders(self) -> impl Iterator<Item = u128> {
        let most = if self.is_v6 { u128::MAX } else { u32::MAX.into() };
        let outside = [self.first.checked_sub(1), self.last.checked_add(1).filter(|next| *next <= most)];
        [self.first, self.last].into_iter().chain(outside.into_iter().flatten())
    }
}

fn host(is_v6: bool, address: u128) -> String {
    if is_v6 {
        format!("[{}]", Ipv6Addr::from_bits(address))
    } else {
        Ipv4Addr::from_bits(u32::try_from(address).expect("32 bits")).to_string()
    }
}

/// What saving a webhook with this URL is answered, and what is said.
fn save(api: &Api, url: &str) -> (u16, String) {
    let answer = api.multipart("PUT", &webhooks("/opened"), &[("url", url)]);
    (answer.status, answer.text())
}

#[test]
fn each_network_is_denied_from_its_first_address_to_its_last_and_no_further() {
    let server = Server::with(&[("egress.allow", "")]);
    let api = server.api();
    let _ = api.subscribe("opened", &["https://8.8.8.8/".to_owned()]).expect(200);
    let denied = DENIED.map(Net::parse);
    let public_v6 = Net::parse(PUBLIC_V6);
    let (mut refused, mut saved) = (0, 0);
    for net in denied.into_iter().chain([public_v6]) {
        for address in net.borders() {
            let inside = denied.iter().any(|other| other.holds(net.is_v6, address));
            let is_denied = inside || (net.is_v6 && !public_v6.holds(true, address));
            let url = format!("https://{}/", host(net.is_v6, address));
            let (status, said) = save(&api, &url);
            assert_eq!(status, if is_denied { 400 } else { 200 }, "{url}: {said}");
            assert!(!is_denied || said.contains(" is denied ("), "{url}: {said}");
            if is_denied { refused += 1 } else { saved += 1 }
        }
    }
    assert_eq!((refused, saved), (52, 46), "at the borders of 25 networks");
}
