//! Addresses as an operator names them: of websites, and of networks.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

/// A website as browsers tell websites apart: scheme, host, port. A port that is the scheme's own is
/// the same as none; names are compared as they are resolved (lower case, punycode, no dot at the end).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    scheme: String,
    host: Host<String>,
    port: u16,
}

impl Site {
    /// Reads `https://lab.school:8443`, as it stands in an `Origin` header or on the command line.
    pub fn read(text: &str) -> Option<Site> {
        let url = Url::parse(text).ok()?;
        if !["http", "https"].contains(&url.scheme()) || url.has_authority_of_more_than_a_host() {
            return None;
        }
        let host = plain(url.host()?.to_owned())?;
        let port = url.port_or_known_default()?;
        Some(Site { scheme: url.scheme().to_owned(), host, port })
    }

    /// Its host.
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// Whether a request for that host, by that port or none, is one to this site. A host header
    /// without a port is taken for the scheme's own port.
    pub fn is_at(&self, host: &Host<String>, port: Option<u16>) -> bool {
        let own = if self.scheme == "https" { 443 } else { 80 };
        self.host == *host && port.unwrap_or(own) == self.port
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme.as_str(), self.port) {
            ("https", 443) | ("http", 80) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let site = Site::read(text).ok_or_else(|| {
            format!(
                "\"{text}\" is no website's address: write scheme and host, as https://lab.school"
            )
        })?;
        let rest = Url::parse(text).ok();
        let rest = rest.map(|u| u.path() == "/" && u.query().is_none() && u.fragment().is_none());
        match rest {
            Some(true) => site.named().map(|()| site),
            _ => {
                Err(format!("leave out what follows the host: {site}; a path belongs into --base"))
            }
        }
    }
}

impl Site {
    /// Whether a browser can be at it: parsers of addresses take more than there can be.
    fn named(&self) -> Result<(), String> {
        let host = &self.host;
        if host.to_string().contains('*') {
            return Err(format!(
                "a browser is at one website, and {host} names none: write each host by which the lab is \
                 opened behind an --origin of its own, as https://lab.school"
            ));
        }
        let good = match (host, address(host)) {
            (_, Some(ip)) => !ip.is_unspecified() && !ip.is_multicast(),
            (Host::Domain(name), _) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
                let label =
                    |label: &str| (1..=63).contains(&label.len()) && label.chars().all(plain);
                name.len() <= 253 && name.split('.').all(label)
            }
            _ => false,
        };
        match good && self.port != 0 {
            true => Ok(()),
            false => Err(format!(
                "no browser can open {self}: write the address that stands in its bar, as https://lab.school"
            )),
        }
    }
}

/// What a `Host` header or its like names.
pub fn host_and_port(text: &str) -> Option<(Host<String>, Option<u16>)> {
    let text = text.trim();
    if text.is_empty()
        || text.contains(['/', '\\', '?', '#', '@'])
        || text.contains(char::is_whitespace)
    {
        return None;
    }
    // A scheme without a port of its own, so that each port that is written out stays.
    let url = Url::parse(&format!("lab://{text}")).ok()?;
    let port = url.port();
    let host = Url::parse(&format!("http://{text}")).ok()?;
    Some((plain(host.host()?.to_owned())?, port))
}

/// A host with its address in one form, and without the dot that ends a full name.
fn plain(host: Host<String>) -> Option<Host<String>> {
    let of = |ip: IpAddr| match ip.to_canonical() {
        IpAddr::V4(v4) => Host::Ipv4(v4),
        IpAddr::V6(v6) => Host::Ipv6(v6),
    };
    Some(match host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
            if name.is_empty() {
                return None;
            }
            Host::Domain(name)
        }
        Host::Ipv4(v4) => of(v4.into()),
        Host::Ipv6(v6) => of(v6.into()),
    })
}

/// The address that a host is, where it is one.
pub fn address(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(v4) => Some((*v4).into()),
        Host::Ipv6(v6) => Some((*v6).into()),
    }
}

trait Authority {
    fn has_authority_of_more_than_a_host(&self) -> bool;
}

impl Authority for Url {
    fn has_authority_of_more_than_a_host(&self) -> bool {
        !self.username().is_empty() || self.password().is_some()
    }
}

/// The path below which the lab lies on its host, as `/lab`; empty at the top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// The path, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A path below it as it is inside; `None` for what is not below it.
    pub fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&self.0).filter(|rest| rest.starts_with('/'))
    }
}

/// Most bytes of a path below which the lab lies.
const LONGEST_BASE: usize = 200;

impl FromStr for Base {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let base = text.trim_end_matches('/');
        if base.len() > LONGEST_BASE {
            return Err(format!("the path has {} bytes, and at most {LONGEST_BASE}", base.len()));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/@:+".contains(c);
        let good = base.is_empty()
            || base.starts_with('/') && !base.contains("//") && base.chars().all(plain);
        match good && !base.split('/').any(|part| part == "." || part == "..") {
            true => Ok(Base(base.to_owned())),
            false => Err(format!("\"{text}\" is no path below a host: write it as /lab")),
        }
    }
}

/// A network of proxies, or the address of one, as `10.0.0.0/8`, `127.0.0.1` or `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
        let network = one.or_else(|_| text.parse::<IpNet>().map(plain_network));
        let network = network.map(|network| network.trunc()).map_err(|_| {
            format!("\"{text}\" is no address and no network: write 10.0.0.5, ::1 or 10.0.0.0/8")
        })?;
        if network.prefix_len() < widest(&network) {
            return Err(format!(
                "\"{text}\" would have everybody in it believed whom a request comes from, and so whose part \
                 of the lab it takes: name the proxy's own address, or a network of at most /8 (IPv6: /7), \
                 as 127.0.0.1 or 10.0.0.0/8"
            ));
        }
        let first = network.network();
        if first.is_unspecified() || first.is_multicast() {
            return Err(format!("no proxy has the address {first}: name its own, as 127.0.0.1"));
        }
        Ok(Network(network))
    }
}

/// The shortest prefix of a network that is somebody's own: 10.0.0.0/8 and fc00::/7 are the widest
/// that are.
fn widest(network: &IpNet) -> u8 {
    match network {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 7,
    }
}

/// A network of IPv4 addresses that are written as IPv6, as IPv4: as clients' addresses are compared.
fn plain_network(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    let v4 = mapped.and_then(|(address, prefix)| IpNet::new(address.into(), prefix).ok());
    v4.unwrap_or(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_ports_case_dots_and_punycode_make_no_difference() {
        let same = [
            ("https://lab.school", "https://LAB.school:443"),
            ("http://lab.school", "http://lab.school.:80"),
            ("https://bücher.example", "https://XN--BCHER-KVA.example"),
            ("http://[::ffff:127.0.0.1]", "http://127.0.0.1"),
        ];
        for (one, other) in same {
            assert_eq!(Site::read(one), Site::read(other), "{one} {other}");
            assert!(Site::read(one).is_some(), "{one}");
        }
        for (one, other) in [
            ("https://lab.school", "http://lab.school"),
            ("https://lab.school", "https://lab.school:8443"),
            ("https://lab.school", "https://lab.school.evil.example"),
        ] {
            assert_ne!(Site::read(one), Site::read(other), "{one} {other}");
        }
        for wrong in
            ["null", "", "lab.school", "ftp://lab.school", "https://", "https://a@lab.school"]
        {
            assert_eq!(Site::read(wrong), None, "{wrong}");
        }
        assert_eq!(
            Site::read("https://Lab.school:443").map(|s| s.to_string()).as_deref(),
            Some("https://lab.school")
        );
    }

    #[test]
    fn an_operators_site_has_no_path() {
        assert!("https://lab.school/".parse::<Site>().is_ok());
        let wrong = "https://lab.school/lab".parse::<Site>().expect_err("it is wrong");
        assert!(wrong.contains("--base"), "{wrong}");
        assert!(
            "lab.school".parse::<Site>().expect_err("it is wrong").contains("https://lab.school")
        );
        assert!("https://lab.school/#a".parse::<Site>().is_err(), "nor what follows a #");
    }

    #[test]
    fn an_operators_site_is_one_that_a_browser_can_open() {
        for fine in
            ["https://lab_1.school.", "http://[::1]:8080", "https://bücher.example", "http://lab"]
        {
            assert!(fine.parse::<Site>().is_ok(), "{fine}");
        }
        for wildcard in ["https://*.school", "https://*", "http://lab.*:8080", "https://%2a.school"]
        {
            let said = wildcard.parse::<Site>().expect_err(wildcard);
            assert!(said.contains("an --origin of its own"), "{said}");
        }
        let long = format!("https://{}.school", "a".repeat(64));
        for wrong in [
            "https://a.school,b.school",
            "https://lab..school",
            "https://.school",
            "https://0.0.0.0",
            "http://[::]:8080",
            "http://224.0.0.1",
            "https://lab.school:0",
            &long,
        ] {
            let said = wrong.parse::<Site>().expect_err(wrong);
            assert!(said.contains("as https://lab.school"), "{said}");
        }
    }

    #[test]
    fn hosts_keep_the_port_that_is_written_out() {
        let of = |text| host_and_port(text).map(|(host, port)| (host.to_string(), port));
        assert_eq!(of("Lab.School:443"), Some(("lab.school".into(), Some(443))));
        assert_eq!(of("lab.school:80"), Some(("lab.school".into(), Some(80))));
        assert_eq!(of("[::1]:8080"), Some(("[::1]".into(), Some(8080))));
        assert_eq!(of("lab.school."), Some(("lab.school".into(), None)));
        for wrong in ["", "a b", "a/b", "x@y", "a:port", "[::1", "a?b"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_base_is_a_path_and_only_whole_parts_of_it_count() {
        let base = |text: &str| text.parse::<Base>();
        assert_eq!(base("/lab/").map(|b| b.as_str().to_owned()), Ok("/lab".into()));
        assert_eq!(base("/").map(|b| b.as_str().to_owned()), Ok(String::new()));
        let lab = base("/user/ada/proxy/absolute/8080").unwrap_or_default();
        assert_eq!(lab.strip("/user/ada/proxy/absolute/8080/r/x"), Some("/r/x"));
        assert_eq!(lab.strip("/user/ada/proxy/absolute/80800/"), None);
        assert_eq!(lab.strip("/api/runs"), None);
        assert_eq!(Base::default().strip("/api/runs"), Some("/api/runs"));
        let long = "/a".repeat(101);
        for wrong in [
            "lab",
            "/a/../b",
            "/a b",
            "//evil.example",
            "/a?b",
            "https://lab.school/lab",
            "/*",
            &long,
        ] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_are_addresses_or_ranges() {
        let of = |text: &str| text.parse::<Network>().expect("a network");
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!(of("10.1.2.3/8").holds(ip("10.200.0.1")));
        assert!(of("10.0.0.0/8").holds(ip("::ffff:10.0.0.1")));
        assert!(of("::1").holds(ip("::1")) && !of("::1").holds(ip("::2")));
        assert!(!of("127.0.0.1").holds(ip("127.0.0.2")));
        assert!(of("::ffff:10.0.0.0/104").holds(ip("10.200.0.1")));
        assert!(of("fc00::/7").holds(ip("fd00::1")));
        for (wrong, part) in [
            ("ten", "10.0.0.0/8"),
            ("*", "10.0.0.0/8"),
            ("10.0.0.0/33", "10.0.0.0/8"),
            ("0.0.0.0/0", "believed"),
            ("128.0.0.0/1", "believed"),
            ("10.0.0.0/7", "believed"),
            ("::/0", "believed"),
            ("2000::/3", "believed"),
            ("::ffff:0:0/96", "believed"),
            ("0.0.0.0", "no proxy has"),
            ("::", "no proxy has"),
            ("224.0.0.0/8", "no proxy has"),
        ] {
            let said = wrong.parse::<Network>().expect_err(wrong);
            assert!(said.contains(part), "{wrong}: {said}");
        }
    }
}
