//! The lab's address as other devices of its network reach it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// Where the lab is reached from its network, if it listens there: the address it listens on, or
/// the one that the system would send from.
pub fn network_address(listens: SocketAddr) -> Option<String> {
    let ip = match listens.ip() {
        ip if ip.is_loopback() => return None,
        ip if ip.is_unspecified() => outward()?,
        ip => ip,
    };
    Some(format!("http://{}", SocketAddr::new(ip, listens.port())))
}

/// The address this machine would send from. Connecting a UDP socket asks the system for a route
/// and sends nothing; the address asked about is one reserved for documentation (RFC 5737).
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_can_reach_is_offered() {
        let of = |text: &str| network_address(text.parse().expect("an address"));
        assert_eq!(of("127.0.0.1:8080"), None);
        assert_eq!(of("[::1]:8080"), None);
        assert_eq!(of("192.168.1.7:8080").as_deref(), Some("http://192.168.1.7:8080"));
        assert_eq!(of("[fd00::7]:80").as_deref(), Some("http://[fd00::7]:80"));
        if let Some(found) = of("0.0.0.0:8080") {
            assert!(found.ends_with(":8080") && !found.contains("0.0.0.0"), "{found}");
        }
    }
}
