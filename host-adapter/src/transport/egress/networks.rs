//! The addresses that are not the public Internet (IANA's registries of special-purpose addresses).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Denied: so many addresses of IPv4.
const V4_DENIED: [(Ipv4Net, &str); 19] = [
    (v4([0, 0, 0, 0], 8), "0.0.0.0/8, this network"),
    (v4([10, 0, 0, 0], 8), "10.0.0.0/8, private"),
    (v4([100, 64, 0, 0], 10), "100.64.0.0/10, shared by carriers"),
    (v4([127, 0, 0, 0], 8), "127.0.0.0/8, loopback"),
    (v4([168, 63, 129, 16], 32), "168.63.129.16, cloud metadata"),
    (v4([169, 254, 0, 0], 16), "169.254.0.0/16, link-local"),
    (v4([172, 16, 0, 0], 12), "172.16.0.0/12, private"),
    (v4([192, 0, 0, 0], 24), "192.0.0.0/24, protocol assignments"),
    (v4([192, 0, 2, 0], 24), "192.0.2.0/24, documentation"),
    (v4([192, 31, 196, 0], 24), "192.31.196.0/24, AS112"),
    (v4([192, 52, 193, 0], 24), "192.52.193.0/24, AMT"),
    (v4([192, 88, 99, 0], 24), "192.88.99.0/24, 6to4 relays"),
    (v4([192, 168, 0, 0], 16), "192.168.0.0/16, private"),
    (v4([192, 175, 48, 0], 24), "192.175.48.0/24, AS112"),
    (v4([198, 18, 0, 0], 15), "198.18.0.0/15, benchmarks"),
    (v4([198, 51, 100, 0], 24), "198.51.100.0/24, documentation"),
    (v4([203, 0, 113, 0], 24), "203.0.113.0/24, documentation"),
    (v4([224, 0, 0, 0], 4), "224.0.0.0/4, multicast"),
    (v4([240, 0, 0, 0], 4), "240.0.0.0/4, reserved"),
];

/// The only part of IPv6 that is in public use.
const V6_PUBLIC: Ipv6Net = v6([0x2000, 0, 0], 3);

/// Denied: so many parts of the public one.
const V6_DENIED: [(Ipv6Net, &str); 5] = [
    (v6([0x2001, 0, 0], 23), "2001::/23, protocol assignments"),
    (v6([0x2001, 0xdb8, 0], 32), "2001:db8::/32, documentation"),
    (v6([0x2002, 0, 0], 16), "2002::/16, 6to4"),
    (v6([0x3fff, 0, 0], 20), "3fff::/20, documentation"),
    (v6([0x2620, 0x4f, 0x8000], 48), "2620:4f:8000::/48, AS112"),
];

const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

/// Where clouds hand out credentials to whoever asks from inside.
const METADATA: [IpAddr; 9] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // Amazon's containers and pods.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    // Azure, Alibaba, Oracle, Google.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The network that this address is denied for.
pub(super) fn denied(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            V4_DENIED.iter().find(|(net, _)| net.contains(&address)).map(|(_, reason)| *reason)
        }
        IpAddr::V6(address) if !V6_PUBLIC.contains(&address) => Some("outside of 2000::/3, not public"),
        IpAddr::V6(address) => {
            V6_DENIED.iter().find(|(net, _)| net.contains(&address)).map(|(_, reason)| *reason)
        }
    }
}

/// Whether this is a cloud's metadata address, in any disguise that leads there.
pub(super) fn is_metadata(address: IpAddr) -> bool {
    let inside = in_nat64(address).map_or(address.to_canonical(), IpAddr::V4);
    METADATA.contains(&inside)
}

/// The IPv4 address that NAT64 would send this one to.
pub(super) fn in_nat64(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

const fn v4([a, b, c, d]: [u8; 4], prefix_len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix_len)
}

const fn v6([a, b, c]: [u16; 3], prefix_len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix_len)
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;

    /// First − 1, first, last and last + 1 of a network, where there are such.
    fn borders(net: IpNet) -> [(Option<IpAddr>, bool); 4] {
        let (first, last) = (net.network(), net.broadcast());
        let (before, after) = match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (
                first.to_bits().checked_sub(1).map(|bits| Ipv4Addr::from(bits).into()),
                last.to_bits().checked_add(1).map(|bits| Ipv4Addr::from(bits).into()),
            ),
            (IpAddr::V6(first), IpAddr::V6(last)) => (
                first.to_bits().checked_sub(1).map(|bits| Ipv6Addr::from(bits).into()),
                last.to_bits().checked_add(1).map(|bits| Ipv6Addr::from(bits).into()),
            ),
            _ => unreachable!("a network has one family"),
        };
        [(before, false), (Some(first), true), (Some(last), true), (after, false)]
    }

    /// The same table, in the way it is written down elsewhere.
    const DENIED: &str = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 \
        172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 \
        192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 \
        2001::/23 2001:db8::/32 2002::/16 3fff::/20 2620:4f:8000::/48";

    #[test]
    fn every_network_is_denied_from_its_first_address_to_its_last_and_no_further() {
        let nets: Vec<IpNet> = DENIED.split_whitespace().map(|net| net.parse().unwrap()).collect();
        for net in &nets {
            for (address, inside) in borders(*net) {
                let Some(address) = address else { continue };
                let neighbour = nets.iter().any(|other| other != net && other.contains(&address));
                assert_eq!(
                    denied(address).is_some(),
                    inside || neighbour,
                    "{address} at the border of {net}"
                );
            }
        }
    }

    #[test]
    fn the_public_part_of_ipv6_ends_at_its_borders() {
        for (address, public) in borders("2000::/3".parse().unwrap()) {
            let address = address.unwrap();
            assert_eq!(denied(address).is_none(), public, "{address}");
        }
    }

    #[test]
    fn what_is_not_global_is_denied() {
        for address in ["::", "::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "fc00::1", "fe80::1", "ff02::1"] {
            assert!(denied(address.parse().unwrap()).is_some(), "{address}");
        }
    }

    #[test]
    fn metadata_addresses_are_denied_and_known_as_such() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:169.254.170.2",
            "64:ff9b::a9fe:aa17",
        ] {
            let address = address.parse().unwrap();
            assert!(is_metadata(address) && denied(address).is_some(), "{address}");
        }
    }

    #[test]
    fn ordinary_addresses_are_not_denied() {
        for address in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.0", "2606:4700::1111", "2a00::1"] {
            assert_eq!(denied(address.parse().unwrap()), None, "{address}");
        }
    }
}
