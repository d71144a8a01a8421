//! Whom a request comes from.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// Whom a request comes from, as far as fairness goes: one IPv4 address, or the /64 that an IPv6
/// address lies in, which is what one household or one school's network is given at the least.
///
/// It is the other end of the connection or, where that is a proxy named with `--trusted-proxy`, the
/// address that the proxy says it was asked from. Every route can take it as an extractor. It orders
/// and hashes, so that it can be the key of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Client {
    network: IpAddr,
    local: bool,
}

impl Client {
    /// Nobody known: a request that came over no connection. All of these are one client.
    pub const UNKNOWN: Client = Client { network: IpAddr::V6(Ipv6Addr::UNSPECIFIED), local: false };

    /// The client at an address, on another machine or behind a proxy.
    pub fn at(address: IpAddr) -> Client {
        let network = match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                // The loopback address alone is no network's.
                let whole = v6.is_loopback();
                IpAddr::V6(if whole { v6 } else { Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0) })
            }
            v4 => v4,
        };
        Client { network, local: false }
    }

    /// The client at the other end of a connection from this machine, which no proxy has passed on.
    pub fn on_this_machine(address: IpAddr) -> Client {
        Client { local: true, ..Client::at(address) }
    }

    /// Whether the request was made on this machine: its connection comes from a loopback address,
    /// and nothing about it says that a proxy has passed it on.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// The address or network.
    pub fn network(&self) -> IpAddr {
        self.network
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.network {
            IpAddr::V6(v6) if !v6.is_loopback() => write!(f, "{v6}/64"),
            one => write!(f, "{one}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Client {
        Client::at(text.parse().expect("an address"))
    }

    #[test]
    fn a_v6_client_is_its_network_and_a_v4_client_its_address() {
        assert_eq!(at("2001:db8:1:2:3:4:5:6"), at("2001:db8:1:2:ffff::1"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"), "the same address, written in v6");
        assert_ne!(at("::1"), at("::2"), "this machine is no part of a network");
        assert_eq!(at("2001:db8:1:2:3::4").to_string(), "2001:db8:1:2::/64");
        assert_eq!(at("::1").to_string(), "::1");
    }

    #[test]
    fn nobody_known_is_not_local() {
        assert!(!Client::UNKNOWN.is_local() && !at("127.0.0.1").is_local());
        assert!(Client::on_this_machine("127.0.0.1".parse().expect("an address")).is_local());
    }
}
