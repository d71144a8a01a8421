//! `health`: whether a lab is well, for whoever watches over it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;

use super::{Failure, print};

/// How long the lab may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const MOST: u64 = 64 << 10;
/// Most bytes of a file of certificates.
const MOST_CERTIFICATES: u64 = 1 << 20;

/// Which lab.
#[derive(Clone, Debug, Args)]
pub struct HealthArgs {
    /// Where the lab is open.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = lab)]
    url: Url,
    /// Certificates (PEM) of the authorities that are believed instead of the usual ones: of a school's own,
    /// say.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Believe any certificate: for a lab whose address leads nowhere else.
    #[arg(long, conflicts_with = "ca_file")]
    insecure: bool,
}

/// The address of a lab, with the path below which it lies.
fn lab(text: &str) -> Result<Url, String> {
    let wrong = || {
        format!(
            "\"{text}\" is no lab's address: write it as http://127.0.0.1:8080 or https://lab.school/lab"
        )
    };
    let url = Url::parse(text.trim()).map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let named = url.host_str().is_some_and(|host| !host.contains('*')) && url.port() != Some(0);
    match ["http", "https"].contains(&url.scheme()) && plain && url.password().is_none() && named {
        true => Ok(url),
        false => Err(wrong()),
    }
}

/// Asks `/healthz`, prints what it says, and fails where the lab is not well or does not answer.
pub(super) fn health(args: &HealthArgs) -> Result<(), Failure> {
    let url = format!("{}/healthz", args.url.as_str().trim_end_matches('/'));
    if args.url.scheme() == "http" && (args.insecure || args.ca_file.is_some()) {
        return Err(format!(
            "{url} is asked without TLS, so there is no certificate to believe: leave --ca-file and --insecure \
             out, or write https://"
        ));
    }
    let mut tls = TlsConfig::builder().disable_verification(args.insecure);
    if let Some(file) = &args.ca_file {
        tls = tls.root_certs(RootCerts::from(certificates(file)?.into_iter()));
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        // This machine's own lab is not behind the proxy that models are fetched through.
        .proxy(None)
        .tls_config(tls.build())
        .build()
        .into();
    let answer = agent.get(&url).call().map_err(|error| unanswered(&url, &error.to_string()))?;
    let status = answer.status();
    let text = answer.into_body().into_with_config().limit(MOST).read_to_string();
    let text = text.map_err(|e| format!("{url} does not answer to the end: {e}"))?;
    match status.is_success() {
        true => print(&format!("{}\n", text.trim_end())),
        false => Err(format!("the lab is not well ({status}): {}", text.trim_end())),
    }
}

/// Why there is no answer, and what to do.
fn unanswered(url: &str, error: &str) -> Failure {
    // The library's errors name the kind in words alone.
    if error.contains("certificate") {
        return format!(
            "{url} shows a certificate that is not believed ({error}): name its authority's certificate with \
             --ca-file FILE, ask the lab by its own port on its machine, as --url http://127.0.0.1:8080, or, \
             where the address leads to nobody else, believe any certificate with --insecure"
        );
    }
    format!("{url} does not answer: {error}")
}

/// The certificates in a file.
fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let at = file.display();
    let mut pem = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(MOST_CERTIFICATES).read_to_end(&mut pem))
        .map_err(|e| format!("the certificates in {at} cannot be read: {e}"))?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    match certificates.is_empty() {
        false => Ok(certificates),
        true => Err(format!(
            "{at} holds no certificate: name a file in PEM form, with the lines BEGIN and END CERTIFICATE"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labs_address_has_a_scheme_and_a_host() {
        for fine in ["http://127.0.0.1:8080", "https://lab.school/lab/", "http://[::1]:80"] {
            assert!(lab(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "",
            "localhost:8080",
            "127.0.0.1:8080",
            "ftp://lab.school",
            "https://",
            "https://*.school",
            "http://lab.school:0",
            "http://lab.school:99999",
            "http://a@lab.school",
            "http://lab.school?x=1",
            "-1",
        ] {
            assert!(lab(wrong).expect_err(wrong).contains("write it as http://127.0.0.1:8080"));
        }
    }

    #[test]
    fn who_is_shown_a_strange_certificate_is_told_what_to_do() {
        let said = unanswered("https://a", "rustls: invalid peer certificate: UnknownIssuer");
        assert!(said.contains("--ca-file FILE") && said.contains("UnknownIssuer"), "{said}");
        let said = unanswered("https://a", "timeout: global");
        assert!(said.ends_with("does not answer: timeout: global"), "{said}");
    }
}
