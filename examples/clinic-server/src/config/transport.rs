//! How clients reach the server, and what may not travel in clear.

use super::{Environment, Network, settings};
use healthcare_core::Settings;
use std::{net::SocketAddr, path::PathBuf};

/// How clients reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// HTTP, on this machine only.
    Loopback,
    /// HTTPS, ended here.
    Tls {
        /// The certificate chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// HTTPS, ended by a proxy in one of these networks.
    BehindProxy(Vec<Network>),
}

/// The transport that is set; one that would carry patients' data in clear is reported.
pub(super) fn read(settings: &mut Settings, environment: Environment, listen: SocketAddr) -> Transport {
    let certificate = settings.text(&settings::TLS_CERT).map(PathBuf::from);
    let key = settings.text(&settings::TLS_KEY).map(PathBuf::from);
    let proxies = settings.list::<Network>(&settings::TRUSTED_PROXY);
    if environment == Environment::Demo && !listen.ip().is_loopback() {
        let problem = "a demonstration has published passwords and serves this machine only: use 127.0.0.1, or --environment production";
        settings.report(settings::LISTEN.name(), problem);
    }
    match (certificate, key) {
        (Some(_), Some(_)) if !proxies.is_empty() => {
            let problem = "set either TLS files or trusted proxies, not both";
            settings.report(settings::TRUSTED_PROXY.name(), problem);
            Transport::Loopback
        }
        (Some(certificate), Some(key)) => Transport::Tls { certificate, key },
        (Some(_), None) => half_of_tls(settings, settings::TLS_KEY.name()),
        (None, Some(_)) => half_of_tls(settings, settings::TLS_CERT.name()),
        (None, None) if !proxies.is_empty() => Transport::BehindProxy(proxies),
        (None, None) => {
            if environment == Environment::Production && !listen.ip().is_loopback() {
                let problem = "patients' data would travel in clear: set --tls-cert and --tls-key, or --trusted-proxy to the proxy that ends TLS";
                settings.report(settings::LISTEN.name(), problem);
            }
            Transport::Loopback
        }
    }
}

fn half_of_tls(settings: &mut Settings, missing: &'static str) -> Transport {
    settings.report(missing, "--tls-cert and --tls-key are set together");
    Transport::Loopback
}
