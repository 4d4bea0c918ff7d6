//! The names in a certificate: DNS, e-mail, IP and URI, as RFC 5280 encodes them in DER.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::der::{part, parts};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTETS: u8 = 0x04;
/// The last part of a certificate: `[3] EXPLICIT Extensions`.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.17.
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 0x1d, 0x11];
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const IP: u8 = 0x87;

/// The subject alternative names; none if it can't be read.
pub fn of(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, certificate, _) = part(certificate)?;
    let (_, signed, _) = part(certificate)?;
    let extensions = parts(signed)?
        .into_iter()
        .find(|(tag, _)| *tag == EXTENSIONS);
    let Some((_, extensions)) = extensions else {
        return Some(Vec::new());
    };
    let (_, extensions, _) = part(extensions)?;
    for (_, extension) in parts(extensions)? {
        let fields = parts(extension)?;
        if fields.first() != Some(&(OBJECT_IDENTIFIER, &ALTERNATIVE_NAMES)) {
            continue;
        }
        let (_, value) = fields.into_iter().find(|(tag, _)| *tag == OCTETS)?;
        let (tag, names, _) = part(value)?;
        let names = parts(names).filter(|_| tag == SEQUENCE)?;
        return Some(names.into_iter().filter_map(name).collect());
    }
    Some(Vec::new())
}

fn name((tag, bytes): (u8, &[u8])) -> Option<String> {
    match tag {
        EMAIL | DNS | URI => String::from_utf8(bytes.to_vec()).ok(),
        IP => {
            let four = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
            let sixteen =
                <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
            Some(four.or(sixteen).ok()?.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn all_kinds_of_names_are_read() {
        let long = format!("{}.example.com", "long".repeat(15));
        let names = certificate(vec![
            SanType::DnsName("scraper.example.com".try_into().unwrap()),
            SanType::Rfc822Name("ops@example.com".try_into().unwrap()),
            SanType::URI("spiffe://example.com/prometheus".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::DnsName(long.as_str().try_into().unwrap()),
        ]);
        let expected = [
            "scraper.example.com",
            "ops@example.com",
            "spiffe://example.com/prometheus",
            "192.0.2.7",
            "2001:db8::1",
            &long,
        ];
        assert_eq!(of(&names).unwrap(), expected);
        assert_eq!(of(&certificate(vec![])), Some(vec![]));
    }

    #[test]
    fn what_is_cut_off_or_no_certificate_panics_nowhere() {
        let whole = certificate(vec![SanType::DnsName("a.example".try_into().unwrap())]);
        for length in 0..whole.len() {
            assert_eq!(of(&whole[..length]), None, "{length} bytes");
        }
        for index in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[index] ^= 0xff;
            let _ = of(&damaged);
        }
    }
}
