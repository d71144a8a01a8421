//! What proxies say of the requests that they pass on: `Forwarded` (RFC 7239) and the `X-Forwarded-`
//! headers that came before it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;

/// Hops that are read, from the nearest on. Longer chains are nobody's proxies.
const HOPS: usize = 16;

/// Headers that a proxy adds. A request that has any of them was passed on by somebody.
const SIGNS: [&str; 8] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-real-ip",
    "via",
    "cf-connecting-ip",
];

/// What one proxy says of whom it was asked by, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// Who asked, where the proxy names an address.
    pub from: Option<IpAddr>,
    /// The host that was asked for, as it was written.
    pub host: Option<String>,
    /// `http` or `https`.
    pub proto: Option<String>,
}

/// Whether anything about a request says that a proxy has passed it on.
pub fn is_passed_on(headers: &HeaderMap) -> bool {
    SIGNS.iter().any(|name| headers.contains_key(*name))
}

/// The hops that `Forwarded` names, the nearest one last; `None` without that header.
pub fn forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let elements = values(headers, "forwarded")?;
    let hops = elements.iter().map(|element| {
        let mut hop = Hop::default();
        for pair in split(element, ';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = unquoted(value);
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.from = address(&value),
                "host" => hop.host = Some(value),
                "proto" => hop.proto = Some(value.to_ascii_lowercase()),
                _ => {}
            }
        }
        hop
    });
    Some(hops.collect())
}

/// The hops that `X-Forwarded-For` names, the nearest one last; `None` without that header.
pub fn x_forwarded_for(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let elements = values(headers, "x-forwarded-for")?;
    let hops = elements.iter().map(|e| Hop { from: address(&unquoted(e)), ..Hop::default() });
    Some(hops.collect())
}

/// The first element of a header that is a list, the one that the outermost proxy wrote.
pub fn first(headers: &HeaderMap, name: &str) -> Option<String> {
    let first = values(headers, name)?.into_iter().next()?;
    Some(unquoted(&first)).filter(|value| !value.is_empty())
}

/// The elements of a header that is a list and may stand several times, the last [`HOPS`] of them.
fn values(headers: &HeaderMap, name: &str) -> Option<Vec<String>> {
    if !headers.contains_key(name) {
        return None;
    }
    let lines = headers.get_all(name).iter();
    // What is no text is an element that names nobody.
    let texts = lines.map(|line| line.to_str().unwrap_or("unknown"));
    let all: Vec<String> = texts.flat_map(|text| split(text, ',')).collect();
    Some(all[all.len().saturating_sub(HOPS)..].to_vec())
}

/// Splits at a mark that stands outside of quotes.
fn split(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        if c == at && !quoted {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        part.push(c);
    }
    parts.push(part);
    let parts = parts.into_iter().map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// A value without the quotes around it.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

/// An address as proxies write it: with or without a port, an IPv6 one with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return Some(with_port.ip().to_canonical());
    }
    // `[2001:db8::1]`, and ports that are no numbers (RFC 7239 allows `_name` there).
    let inside = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.split_once(':').and_then(|(ip, _)| ip.parse().ok()),
    };
    inside.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn from(hops: Option<Vec<Hop>>) -> Vec<String> {
        let named = |hop: &Hop| hop.from.map_or("?".to_owned(), |ip| ip.to_string());
        hops.unwrap_or_default().iter().map(named).collect()
    }

    #[test]
    fn forwarded_is_read_as_the_standard_writes_it() {
        let all = headers(&[
            ("forwarded", "for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\""),
            ("forwarded", "for=_hidden;by=\"a,b;c\", for=unknown, for=\"198.51.100.17:80\""),
            ("forwarded", "host=\"lab.school:8443\";proto=HTTPS;for=\"[::1]\""),
        ]);
        let hops = forwarded(&all);
        assert_eq!(
            from(hops.clone()),
            ["192.0.2.43", "2001:db8:cafe::17", "?", "?", "198.51.100.17", "::1"]
        );
        let last = hops.and_then(|hops| hops.last().cloned()).expect("a hop");
        assert_eq!(last.host.as_deref(), Some("lab.school:8443"));
        assert_eq!(last.proto.as_deref(), Some("https"));
        assert_eq!(forwarded(&headers(&[("x-forwarded-for", "::1")])), None);
    }

    #[test]
    fn lists_with_ports_and_brackets_are_understood() {
        let all = headers(&[
            ("x-forwarded-for", "192.0.2.1, 192.0.2.2:4711,[2001:db8::1]:80 , [2001:db8::2]"),
            ("x-forwarded-for", "2001:db8::3,, ::ffff:192.0.2.3, what, 192.0.2.4:_port"),
        ]);
        assert_eq!(
            from(x_forwarded_for(&all)),
            [
                "192.0.2.1",
                "192.0.2.2",
                "2001:db8::1",
                "2001:db8::2",
                "2001:db8::3",
                "192.0.2.3",
                "?",
                "192.0.2.4"
            ]
        );
        assert_eq!(
            first(&headers(&[("x-forwarded-host", " lab.school , inner")]), "x-forwarded-host")
                .as_deref(),
            Some("lab.school")
        );
    }

    #[test]
    fn a_chain_longer_than_any_is_read_from_its_near_end() {
        let long = (0..200).map(|n| format!("10.0.0.{n}")).collect::<Vec<_>>().join(", ");
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", long.parse().expect("a value"));
        let hops = from(x_forwarded_for(&headers));
        assert_eq!(hops.len(), HOPS);
        assert_eq!(hops.last().map(String::as_str), Some("10.0.0.199"));
    }
}
