//! The list of proxies whose word about a client's address is taken.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks in a list separated by commas: `10.0.0.0/8`, or a single address.
///
/// # Errors
/// What is wrong with the first one that is no network.
pub(super) fn parse(list: &str) -> Result<Vec<IpNet>, String> {
    let entries = list.split(',').map(str::trim);
    entries.filter(|it| !it.is_empty()).map(network).collect()
}

fn network(entry: &str) -> Result<IpNet, String> {
    let address = entry.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_no_address| entry.parse::<IpNet>())
        .map(|network| network.trunc())
        .map_err(|_no_network| format!("{entry:?} is neither an address nor a network"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_read() {
        let list = " 127.0.0.1,10.1.2.3/8, ::1 ,2001:db8::/32,";
        let shown: Vec<String> = parse(list)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = ["127.0.0.1/32", "10.0.0.0/8", "::1/128", "2001:db8::/32"];
        assert_eq!(shown, expected);
        for bad in ["localhost", "10.0.0.0/33", "10.0.0/8", "*"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
