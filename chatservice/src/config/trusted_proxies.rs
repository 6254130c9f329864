//! Who may say that a connection is somebody else's.

use std::net::IpAddr;

use ipnet::IpNet;

use super::ConfigError;

/// The networks of the proxies that are believed; nobody by default.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads networks or single addresses, divided by commas.
    pub fn parse(list: &str) -> Result<Self, ConfigError> {
        let network = |text: &str| {
            let single = text.parse::<IpAddr>().map(IpNet::from);
            single.or_else(|_| text.parse()).map_err(|_| {
                let example = "an address or network, for example 10.0.0.0/8 or ::1";
                ConfigError(format!("proxy-from: {text:?} is not {example}"))
            })
        };
        list.split(',').map(|part| network(part.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `peer` is one of them. An IPv4 peer of an IPv6 socket is an IPv4 address.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_of_both_families() {
        let proxies = TrustedProxies::parse("10.0.0.0/8, 192.0.2.7,2001:db8::/32").expect("good");
        for (peer, trusted) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("::ffff:10.1.1.1", true),
            ("::1", false),
        ] {
            assert_eq!(proxies.contains(peer.parse().expect("an address")), trusted, "{peer}");
        }
    }

    #[test]
    fn by_default_nobody_is_trusted() {
        assert!(!TrustedProxies::default().contains(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn mistakes_are_told() {
        for list in ["", "10.0.0.0/33", "10.0.0.0/8,", "localhost", "10.0.0.1/", "::/129"] {
            let error = TrustedProxies::parse(list).expect_err(list).to_string();
            assert!(error.contains("proxy-from"), "{error}");
        }
    }
}
