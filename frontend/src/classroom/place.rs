//! Where a class joins: an address that phones can reach.

use qrcode::types::{Color, QrError};
use qrcode::{EcLevel, QrCode};

/// Where a class joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What to type into a phone, without the scheme.
    pub typed: String,
    /// What the QR code says: the class's own address.
    pub url: String,
    /// Whether other devices can reach it.
    pub reachable: bool,
}

impl Place {
    /// The place of a class: at the address the presenter's browser used, or, where that leads to
    /// the presenter's own machine only, at the lab's address in its network.
    pub fn of(code: &str, origin: &str, network: Option<&str>) -> Place {
        let (base, reachable) = match (is_loopback(origin), network) {
            (false, _) => (origin, true),
            (true, Some(network)) => (network, true),
            (true, None) => (origin, false),
        };
        let base = base.trim_end_matches('/');
        let typed = base.split_once("://").map_or(base, |(_, host)| host);
        Place { typed: format!("{typed}/j"), url: format!("{base}/j/{code}"), reachable }
    }
}

/// Whether an origin names the machine itself.
fn is_loopback(origin: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split([':', '/']).next().unwrap_or_default(),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A QR code as the path of an SVG drawing, with the length of its side: one unit a module, a quiet
/// zone of four modules around as the standard asks.
///
/// # Errors
/// The text is longer than QR codes hold.
pub fn qr_path(text: &str) -> Result<(String, usize), QrError> {
    use std::fmt::Write as _;

    const QUIET: usize = 4;
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let width = code.width();
    let mut path = String::new();
    for (row, modules) in code.to_colors().chunks(width).enumerate() {
        let mut col = 0;
        while col < width {
            let run = modules[col..].iter().take_while(|m| **m == Color::Dark).count();
            if run > 0 {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", col + QUIET, row + QUIET);
            }
            col += run.max(1);
        }
    }
    Ok((path, width + 2 * QUIET))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_joins_where_the_presenter_is_unless_that_is_only_here() {
        let of = |origin: &str, network| {
            let place = Place::of("K7F2", origin, network);
            (place.typed, place.url, place.reachable)
        };
        let told = |typed: &str, url: &str, there| (typed.to_owned(), url.to_owned(), there);
        let lan = Some("http://192.168.1.7:8080");
        assert_eq!(
            of("https://lab.example", lan),
            told("lab.example/j", "https://lab.example/j/K7F2", true)
        );
        for origin in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
            let network = of(origin, lan);
            let expected = told("192.168.1.7:8080/j", "http://192.168.1.7:8080/j/K7F2", true);
            assert_eq!(network, expected);
            assert!(!of(origin, None).2, "{origin}");
        }
        assert!(of("http://[fd00::7]:8080", None).2);
    }

    #[test]
    fn a_code_has_its_three_finders_and_a_quiet_zone() {
        let (path, side) = qr_path("http://192.168.1.7:8080/j/K7F2").expect("it is short");
        assert!(side >= 29 + 8 - 4, "{side}");
        let far = side - 4 - 7;
        for corner in ["M4 4h7".to_owned(), format!("M{far} 4h7"), format!("M4 {far}h7")] {
            assert!(path.contains(&corner), "no finder at {corner}");
        }
        assert!(!path.contains("M0 ") && !path.contains("M3 "), "the zone is quiet");
        assert!(qr_path(&"x".repeat(5_000)).is_err());
    }
}
