//! What may help when a receiver does not take what it is sent.

use axum::http::StatusCode;
use tonic::Code;
use url::Url;

use super::config::Protocol;

const PATH: &str = "look at the path of otlp.endpoint: OTLP over HTTP goes to /v1/metrics, at Prometheus to \
                    /api/v1/otlp/v1/metrics";
const TOKEN: &str =
    "look at otlp.headers, or OTEL_EXPORTER_OTLP_HEADERS: the receiver wants another token or key";
const SIZE: &str = "raise the receiver's limit for the size of a message to 4 MiB or more";
const SPEAKS_GRPC: &str =
    "4317 is the port of gRPC: set otlp.protocol to grpc, or the port to that of HTTP, 4318";
const SPEAKS_HTTP: &str = "4318 is the port of HTTP: set otlp.protocol to http/protobuf, or the port to that of gRPC, 4317";
const LISTENS: &str =
    "is a receiver listening there? Ports are usually 4317 for gRPC and 4318 for HTTP";
const HOST: &str =
    "look at the host name in otlp.endpoint, and at the name servers of this machine";
const ROUTE: &str = "look at the address in otlp.endpoint, and at routes and firewalls on the way";
const OTHER_PROTOCOL: &str =
    "does that port speak the protocol of otlp.protocol? Usually 4317 is gRPC and 4318 HTTP";
const CERTIFICATE: &str = "name the authority of the receiver's certificate in otlp.ca_file, or look at the host in otlp.endpoint";
const REDIRECT: &str = "redirects are not followed, as they would take our headers elsewhere: write the address it \
                        redirects to in otlp.endpoint";
const PAGE: &str = "that is no receiver of OTLP: a proxy or a login page answers in its place";

/// What helps against an HTTP status.
pub fn of_http(status: StatusCode, endpoint: &Url) -> Option<&'static str> {
    Some(match status.as_u16() {
        401 | 403 => TOKEN,
        404 | 405 => PATH,
        413 => SIZE,
        415 => wrong_port(Protocol::Http, endpoint).unwrap_or(OTHER_PROTOCOL),
        300..=399 => REDIRECT,
        _ => return None,
    })
}

/// What helps against a gRPC code of a receiver.
pub fn of_grpc(code: Code, endpoint: &Url) -> Option<&'static str> {
    Some(match code {
        Code::Unauthenticated | Code::PermissionDenied => TOKEN,
        Code::ResourceExhausted | Code::OutOfRange => SIZE,
        Code::Unimplemented | Code::Internal | Code::Unknown => {
            wrong_port(Protocol::Grpc, endpoint).unwrap_or(OTHER_PROTOCOL)
        }
        _ => return None,
    })
}

/// What helps where there is no answer.
pub fn of_no_answer(why: &str, protocol: Protocol, endpoint: &Url) -> Option<&'static str> {
    let why = why.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["certificate", "unknownissuer"]) {
        return Some(CERTIFICATE);
    }
    if says(&["dns error", "lookup address"]) {
        return Some(HOST);
    }
    if says(&["unreachable"]) {
        return Some(ROUTE);
    }
    if says(&["refused"]) {
        return Some(LISTENS);
    }
    Some(wrong_port(protocol, endpoint).unwrap_or(OTHER_PROTOCOL))
}

/// What helps against a web page in place of an answer.
pub fn of_page() -> Option<&'static str> {
    Some(PAGE)
}

fn wrong_port(protocol: Protocol, endpoint: &Url) -> Option<&'static str> {
    match (protocol, endpoint.port()) {
        (Protocol::Http, Some(4317)) => Some(SPEAKS_GRPC),
        (Protocol::Grpc, Some(4318)) => Some(SPEAKS_HTTP),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_for_no_answer_has_its_own_advice() {
        let endpoint: Url = "http://collector:4317".parse().unwrap();
        let hint = |why: &str| of_no_answer(why, Protocol::Grpc, &endpoint).unwrap();
        for (why, says) in [
            (
                "failed to lookup address information: Name or service not known",
                "host name in otlp.endpoint",
            ),
            (
                "Connection refused (os error 111)",
                "is a receiver listening there?",
            ),
            (
                "Network is unreachable (os error 101)",
                "routes and firewalls",
            ),
            ("invalid peer certificate: UnknownIssuer", "otlp.ca_file"),
            ("no answer in time", "the protocol of otlp.protocol"),
        ] {
            assert!(hint(why).contains(says), "{why}: {}", hint(why));
        }
    }
}
