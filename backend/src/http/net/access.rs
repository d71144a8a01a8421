//! By which names the lab is reached, and whose word is taken for whom a request comes from.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, Uri, header};
use url::Host;

use super::client::Peer;
use super::forwarded::{self, Hop};
use super::site::{Base, Network, Site, address, host_and_port};
use crate::fair::Client;

/// How the lab may be reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// The address it listens on.
    pub bound: IpAddr,
    /// Its public addresses, beside those of this machine.
    pub origins: Vec<Site>,
    /// The path below which it lies on its host.
    pub base: Base,
    /// Proxies that tell the truth of whom they were asked by.
    pub proxies: Vec<Network>,
}

impl Default for Access {
    fn default() -> Self {
        let bound = Ipv4Addr::LOCALHOST.into();
        Access { bound, origins: Vec::new(), base: Base::default(), proxies: Vec::new() }
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It asks for a host that is not this lab's; the name as it was asked for.
    Host(String),
    /// It names its host in no way that can be read.
    NoHost,
    /// It comes from a page of another website.
    Page,
}

/// The public host that a request was made to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    host: Host<String>,
    port: Option<u16>,
}

impl Access {
    /// Whom a request comes from.
    ///
    /// Hops are read from the nearest on, as long as they are proxies that were named; the first that
    /// is none is the client. What lies beyond it anybody may have written. A proxy that hides whom it
    /// was asked by, or two headers that tell different things, leave the proxy itself as the client.
    pub fn client(&self, peer: Option<Peer>, headers: &HeaderMap) -> Client {
        let Some(Peer(socket)) = peer else { return Client::UNKNOWN };
        let ip = socket.ip().to_canonical();
        if !self.is_proxy(ip) {
            return match ip.is_loopback() && self.is_asked_here(headers) {
                true => Client::on_this_machine(ip),
                false => Client::at(ip),
            };
        }
        let by_standard = forwarded::forwarded(headers).map(|hops| self.outermost(ip, &hops));
        let by_custom = forwarded::x_forwarded_for(headers).map(|hops| self.outermost(ip, &hops));
        match (by_standard, by_custom) {
            // A proxy writes one of them and passes the other on as it came.
            (Some(one), Some(other)) if one != other => Client::at(ip),
            (Some(one), _) | (None, Some(one)) => Client::at(one),
            (None, None) if ip.is_loopback() && self.is_asked_here(headers) => {
                Client::on_this_machine(ip)
            }
            (None, None) => Client::at(ip),
        }
    }

    /// Whether an address is that of a proxy that was named.
    pub fn is_proxy(&self, ip: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.holds(ip))
    }

    fn outermost(&self, nearest: IpAddr, hops: &[Hop]) -> IpAddr {
        let mut known = nearest;
        for hop in hops.iter().rev() {
            let Some(from) = hop.from else { break };
            known = from;
            if !self.is_proxy(from) {
                break;
            }
        }
        known
    }

    /// Whether nothing about a request from this machine says that somebody else is behind it: a
    /// proxy's headers, a public name, a page of another website. These only ever take away: what
    /// makes a request local is its connection.
    fn is_asked_here(&self, headers: &HeaderMap) -> bool {
        let here = |host: &Host<String>| match host {
            Host::Domain(name) => name == "localhost",
            other => address(other).is_some_and(|ip| ip.is_loopback()),
        };
        let host = headers.get(header::HOST).map(|value| {
            let host = value.to_str().ok().and_then(host_and_port);
            host.is_some_and(|(host, _)| here(&host))
        });
        let origin = headers.get(header::ORIGIN).map(|value| {
            let site = value.to_str().ok().and_then(Site::read);
            site.is_some_and(|site| here(site.host()))
        });
        !forwarded::is_passed_on(headers) && host.unwrap_or(true) && origin.unwrap_or(true)
    }

    /// Checks the host that a request asks for, against websites whose name was made to lead here.
    ///
    /// # Errors
    /// It asks for another host than this lab's. A request that names none is an old program's: of
    /// HTTP/1.1 all do.
    pub fn check_host(
        &self,
        peer: Option<Peer>,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let named = self.named(peer, uri, headers)?;
        match named.into_iter().find(|asked| !self.is_ours(&asked.host)) {
            None => Ok(()),
            Some(Asked { host, .. }) => Err(Refusal::Host(host.to_string())),
        }
    }

    /// Checks that what changes something, or listens, is asked by the lab's own page or by a program.
    ///
    /// # Errors
    /// A browser says that a page of another website asks.
    pub fn check_page(
        &self,
        peer: Option<Peer>,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        // A page cannot write this header, and browsers that send it have compared the two addresses
        // themselves, whatever proxies make of the host on the way.
        let fetch_site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
        let Some(origin) = headers.get(header::ORIGIN) else {
            return match fetch_site {
                None | Some("same-origin" | "none") => Ok(()),
                Some(_) => Err(Refusal::Page),
            };
        };
        // `null` and what is no text are nobody's pages.
        let site = origin.to_str().ok().and_then(Site::read).ok_or(Refusal::Page)?;
        let named = self.named(peer, uri, headers)?;
        let same = named.last().is_some_and(|asked| site.is_at(&asked.host, asked.port));
        let ours = self.origins.contains(&site) || same || fetch_site == Some("same-origin");
        if ours { Ok(()) } else { Err(Refusal::Page) }
    }

    /// The hosts that a request names: the one that it is addressed to or, of a proxy that was named,
    /// the public one that the proxy tells.
    fn named(
        &self,
        peer: Option<Peer>,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Vec<Asked>, Refusal> {
        let asked = |text: &str| {
            let (host, port) = host_and_port(text).ok_or(Refusal::NoHost)?;
            Ok(Asked { host, port })
        };
        if peer.is_some_and(|Peer(socket)| self.is_proxy(socket.ip().to_canonical()))
            && let Some(public) = public_host(headers)
        {
            return Ok(vec![asked(&public)?]);
        }
        let mut lines = headers.get_all(header::HOST).iter();
        let host = match (lines.next(), lines.next()) {
            (None, _) => None,
            (Some(one), None) => Some(asked(one.to_str().map_err(|_| Refusal::NoHost)?)?),
            (Some(_), Some(_)) => return Err(Refusal::NoHost),
        };
        // `GET http://lab.school/ HTTP/1.1` counts before the header (RFC 9112, 3.2.2); both are looked at.
        let line = uri.authority().map(|authority| asked(authority.as_str())).transpose()?;
        Ok(host.into_iter().chain(line).collect())
    }

    /// Whether a host is this lab's: this machine's own names, the address that it listens on, or one
    /// that was named. An address written in digits is safe where the lab listens on all of them:
    /// what leads a browser astray is always a name.
    fn is_ours(&self, host: &Host<String>) -> bool {
        let own = match host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            other => address(other).is_some_and(|ip| {
                ip.is_loopback() || self.bound.is_unspecified() || ip == self.bound.to_canonical()
            }),
        };
        own || self.origins.iter().any(|site| site.host() == host)
    }
}

/// The public host that a proxy tells: `Forwarded` first, then `X-Forwarded-Host` with
/// `X-Forwarded-Port`; of several proxies the outermost one's.
fn public_host(headers: &HeaderMap) -> Option<String> {
    let standard = forwarded::forwarded(headers);
    if let Some(host) = standard.into_iter().flatten().find_map(|hop| hop.host) {
        return Some(host);
    }
    let host = forwarded::first(headers, "x-forwarded-host")?;
    let port = forwarded::first(headers, "x-forwarded-port");
    let port = port.and_then(|port| port.parse::<u16>().ok());
    match (host_and_port(&host), port) {
        (Some((_, None)), Some(port)) => Some(format!("{host}:{port}")),
        _ => Some(host),
    }
}
