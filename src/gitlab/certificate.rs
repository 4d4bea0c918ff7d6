//! The certificate that a server shows: who issued it, and until when it is good. Nothing is verified here: a
//! connection that stands has been.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::der::{part, parts};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// 2.5.4.3, the common name, and 2.5.4.10, the organisation.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const ORGANISATION: [u8; 3] = [0x55, 0x04, 0x0a];

/// What is told of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The name of the authority; none if it has no name that can be shown.
    pub issuer: Option<String>,
    pub good_until: Timestamp,
}

impl Certificate {
    /// Reads it from DER; none if that can't be done.
    pub fn read(der: &[u8]) -> Option<Certificate> {
        let certificate = first(der, SEQUENCE)?;
        let signed = first(certificate, SEQUENCE)?;
        let mut fields = parts(signed)?.into_iter().peekable();
        fields.next_if(|(tag, _)| *tag == VERSION);
        let (_serial, _algorithm) = (fields.next()?, fields.next()?);
        let (_, issuer) = fields.next()?;
        let (_, validity) = fields.next()?;
        let until = parts(validity)?.into_iter().nth(1)?;
        Some(Certificate {
            issuer: name(issuer, COMMON_NAME).or_else(|| name(issuer, ORGANISATION)),
            good_until: time(until)?,
        })
    }
}

/// A part of a distinguished name, made fit to be shown.
fn name(names: &[u8], wanted: [u8; 3]) -> Option<String> {
    for (tag, set) in parts(names)? {
        if tag != SET {
            continue;
        }
        for (_, pair) in parts(set)? {
            let pair = parts(pair)?;
            if let [(_, kind), (_, value)] = pair[..]
                && kind == wanted
            {
                let text = String::from_utf8_lossy(value);
                return Some(text.chars().filter(|letter| !letter.is_control()).collect());
            }
        }
    }
    None
}

fn time((tag, bytes): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('Z')?;
    let text = match tag {
        GENERALIZED_TIME => text.to_owned(),
        // RFC 5280: two digits below 50 are of this century.
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// The content of the first part, if it has this tag.
fn first(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    let (tag, content, _) = part(bytes)?;
    (tag == wanted).then_some(content)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    #[test]
    fn the_issuer_and_the_end_are_read_from_what_a_server_shows() {
        let named = |name: &str| {
            let mut parameters = CertificateParams::default();
            parameters
                .distinguished_name
                .push(DnType::OrganizationName, "Acme");
            parameters.distinguished_name.push(DnType::CommonName, name);
            parameters
        };
        let mut authority = named("Authority of a test");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        for (year, month, expected) in [
            (2027, 1, "2027-01-31T00:00:00Z"),
            (2061, 1, "2061-01-31T00:00:00Z"),
        ] {
            let mut server = named("gitlab.example.com");
            server.not_after = rcgen::date_time_ymd(year, month, 31);
            let key = KeyPair::generate().unwrap();
            let server = server.signed_by(&key, &authority).unwrap();
            let read = Certificate::read(server.der()).unwrap();
            assert_eq!(read.issuer.as_deref(), Some("Authority of a test"));
            assert_eq!(read.good_until.to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            b"nonsense",
        ] {
            assert_eq!(Certificate::read(bytes), None);
        }
    }
}
