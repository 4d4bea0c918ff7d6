//! What became of a message: how the answers of receivers are understood, as the specification of OTLP
//! has it (<https://opentelemetry.io/docs/specs/otlp/#failures>).

use std::fmt;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use tonic::Code;

use crate::prose::counted;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// It was taken but for some points. It is not to be sent again.
    Partial(Why),
    /// It was not taken, and never will be.
    Refused(Why),
    /// It was not taken for now; perhaps the receiver says when to come back.
    Later {
        after: Option<Duration>,
        why: Why,
    },
}

/// Why a message was not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// What the receiver answered, or why it could not.
    pub text: String,
    /// What may help.
    pub hint: Option<&'static str>,
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hint {
            Some(hint) => write!(formatter, "{}: {hint}", self.text),
            None => formatter.write_str(&self.text),
        }
    }
}

/// No receiver is obeyed that wants us to wait for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

impl Outcome {
    /// What an answer means that says that the message was taken, and the advice in it, if any.
    pub fn of_success(answer: ExportMetricsServiceResponse) -> (Outcome, Option<String>) {
        match answer.partial_success {
            Some(partial) if partial.rejected_data_points > 0 => {
                let text = format!(
                    "the receiver rejected {}: {}",
                    counted(partial.rejected_data_points, "point"),
                    partial.error_message
                );
                (Outcome::Partial(Why { text, hint: None }), None)
            }
            Some(partial) if !partial.error_message.is_empty() => {
                (Outcome::Delivered, Some(partial.error_message))
            }
            _ => (Outcome::Delivered, None),
        }
    }

    /// What an HTTP status means that is not a success.
    pub fn of_http(status: StatusCode, headers: &HeaderMap, why: Why) -> Outcome {
        match status.as_u16() {
            429 | 502 | 503 | 504 => Outcome::Later {
                after: retry_after(headers),
                why,
            },
            _ => Outcome::Refused(why),
        }
    }

    /// What a gRPC code of a receiver means, with the details that it gave.
    pub fn of_grpc(code: Code, details: &[u8], why: Why) -> Outcome {
        use Code::{Aborted, Cancelled, DataLoss, DeadlineExceeded, OutOfRange, Unavailable};
        let after = retry_info(details);
        match code {
            Cancelled | DeadlineExceeded | Aborted | OutOfRange | Unavailable | DataLoss => {
                Outcome::Later { after, why }
            }
            Code::ResourceExhausted if after.is_some() => Outcome::Later { after, why },
            _ => Outcome::Refused(why),
        }
    }
}

/// The wait that `Retry-After` asks for, in seconds or as a date. A date is compared with the clock of
/// the receiver, where it tells that.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text: &str| rfc2822::parse(text).ok().map(|date| date.timestamp());
    let value = text(header::RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is more than is obeyed.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let until = date(value)?;
    let now = text(header::DATE).and_then(date);
    let wait = until.duration_since(now.unwrap_or_else(Timestamp::now));
    let wait = Duration::try_from(wait).unwrap_or_default(); // It is over.
    Some(wait.min(LONGEST_WAIT))
}

/// The wait that a `google.rpc.RetryInfo` among the details of an error asks for.
fn retry_info(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let mut details = status.details.iter();
    let found = details.find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&*found.value).ok()?.retry_delay?;
    let seconds = u64::try_from(delay.seconds).unwrap_or_default();
    let nanoseconds = u32::try_from(delay.nanos).unwrap_or_default();
    let wait = Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds.into());
    Some(wait.min(LONGEST_WAIT))
}

/// `google.rpc.Status`: what receivers say of an error.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Eq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Eq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date_of_the_receivers_clock() {
        let wait = |value| retry_after(&headers(&[(header::RETRY_AFTER, value)]));
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("99999999999999999999999"), Some(LONGEST_WAIT));
        assert_eq!(wait("Fri, 27 Nov 2015 01:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "-3", "soon", "1.5"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
        let both = headers(&[
            (header::RETRY_AFTER, "Fri, 27 Nov 2015 01:02:00 GMT"),
            (header::DATE, "Fri, 27 Nov 2015 01:00:00 GMT"),
        ]);
        assert_eq!(retry_after(&both), Some(Duration::from_secs(120)));
    }

    #[test]
    fn what_is_worth_another_try_is_what_the_specification_lists() {
        let retried = |code| {
            let outcome = Outcome::of_grpc(Code::from_i32(code), &[], Why::default());
            matches!(outcome, Outcome::Later { .. })
        };
        let codes: Vec<i32> = (0..17).filter(|code| retried(*code)).collect();
        assert_eq!(codes, [1, 4, 10, 11, 14, 15]);
        let retried = |status: &u16| {
            let status = StatusCode::from_u16(*status).unwrap();
            let outcome = Outcome::of_http(status, &HeaderMap::new(), Why::default());
            matches!(outcome, Outcome::Later { .. })
        };
        let statuses: Vec<u16> = (300..600).filter(retried).collect();
        assert_eq!(statuses, [429, 502, 503, 504]);
    }

    #[test]
    fn an_exhausted_receiver_is_asked_again_only_when_it_says_when() {
        let info = RetryInfo {
            retry_delay: Some(Delay {
                seconds: 7,
                nanos: 500_000_000,
            }),
        };
        let status = RpcStatus {
            details: vec![Any {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: info.encode_to_vec(),
            }],
            ..RpcStatus::default()
        };
        let exhausted =
            |details: &[u8]| Outcome::of_grpc(Code::ResourceExhausted, details, Why::default());
        let later = Outcome::Later {
            after: Some(Duration::from_millis(7_500)),
            why: Why::default(),
        };
        assert_eq!(exhausted(&status.encode_to_vec()), later);
        assert_eq!(exhausted(&[]), Outcome::Refused(Why::default()));
        assert_eq!(exhausted(b"\xff\xff"), Outcome::Refused(Why::default()));
    }
}
