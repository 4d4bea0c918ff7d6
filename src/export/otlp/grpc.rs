//! Sends messages over gRPC. A call of ours and not the generated client: that wants decoded messages,
//! and encodes them at every try.

use std::error::Error;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use prost::bytes::BufMut;
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tonic::client::Grpc as Client;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};
use url::Url;

use super::config::{Certificates, Compression, OtlpConfig, PRODUCT, Protocol};
use super::hint;
use super::outcome::Outcome;
use super::words::{Secrets, causes};

/// The method of the service that takes metrics.
const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Sends messages over gRPC.
pub struct Grpc {
    client: Client<Channel>,
    endpoint: Url,
    metadata: MetadataMap,
    secrets: Secrets,
}

impl Grpc {
    /// Builds the client; it connects when it first sends. Needs a tokio runtime.
    ///
    /// # Errors
    /// If a header is not valid.
    pub fn build(config: &OtlpConfig, certificates: &Certificates) -> Result<Grpc> {
        let endpoint = config.endpoint.as_str().trim_end_matches('/').to_owned();
        let mut endpoint = Endpoint::from_shared(endpoint)?
            .user_agent(PRODUCT)?
            .connect_timeout(config.timeout);
        if config.endpoint.scheme() == "https" {
            endpoint = endpoint.tls_config(tls(certificates))?;
        }
        let mut client = Client::new(endpoint.connect_lazy());
        if let Some(compression) = config.compression {
            client = client.send_compressed(match compression {
                Compression::Gzip => CompressionEncoding::Gzip,
                Compression::Zstd => CompressionEncoding::Zstd,
            });
        }
        Ok(Grpc {
            client,
            endpoint: config.endpoint.clone(),
            metadata: metadata(config)?,
            secrets: Secrets::of(config),
        })
    }

    /// Sends a message once; tells what became of it, and what the receiver advises.
    pub async fn send(&self, message: &Bytes, within: Duration) -> (Outcome, Option<String>) {
        let mut request = Request::new(message.clone());
        *request.metadata_mut() = self.metadata.clone();
        request.set_timeout(within);
        match timeout(within, self.call(request)).await {
            Ok(Ok(answer)) => {
                let (outcome, advice) = Outcome::of_success(answer);
                self.secrets.tidied(outcome, advice)
            }
            Ok(Err(status)) => (self.understood(&status), None),
            Err(_) => (self.no_answer("no answer in time"), None),
        }
    }

    async fn call(&self, request: Request<Bytes>) -> Result<ExportMetricsServiceResponse, Status> {
        let mut client = self.client.clone();
        let ready = client.ready().await;
        ready.map_err(|error| Status::from_error(Box::new(error)))?;
        let path = PathAndQuery::from_static(METHOD);
        Ok(client.unary(request, path, Encoded).await?.into_inner())
    }

    fn understood(&self, status: &Status) -> Outcome {
        // Only what failed on this side has a cause; a receiver tells its code in the headers.
        if let Some(cause) = status.source() {
            let told = [cause.to_string(), causes(cause)];
            let mut told: Vec<_> = told.into_iter().filter(|text| !text.is_empty()).collect();
            told.dedup();
            return self.no_answer(&told.join(": "));
        }
        let code = format!("{:?}", status.code());
        let text = match status.message().trim() {
            "" => code,
            words => format!("{code}: {words}"),
        };
        let why = self
            .secrets
            .why(&text, hint::of_grpc(status.code(), &self.endpoint));
        Outcome::of_grpc(status.code(), status.details(), why)
    }

    fn no_answer(&self, text: &str) -> Outcome {
        Outcome::Later {
            after: None,
            why: self.secrets.why(
                text,
                hint::of_no_answer(text, Protocol::Grpc, &self.endpoint),
            ),
        }
    }
}

fn metadata(config: &OtlpConfig) -> Result<MetadataMap> {
    let mut metadata = MetadataMap::new();
    for (name, value) in &config.headers {
        let key = MetadataKey::from_bytes(name.as_bytes());
        let key = key.with_context(|| format!("the OTLP header name {name:?} is not valid"))?;
        let value = value.expose_secret().parse::<MetadataValue<Ascii>>();
        let mut value =
            value.with_context(|| format!("the value of the OTLP header {name:?} is not valid"))?;
        value.set_sensitive(true);
        metadata.insert(key, value);
    }
    Ok(metadata)
}

fn tls(certificates: &Certificates) -> ClientTlsConfig {
    // Without this nobody would be trusted.
    let mut tls = ClientTlsConfig::new().with_enabled_roots();
    if let Some(pem) = &certificates.authorities {
        tls = tls.ca_certificate(Certificate::from_pem(pem));
    }
    if let Some(own) = &certificates.identity {
        tls = tls.identity(Identity::from_pem(&own.certificate, &own.key));
    }
    tls
}

/// Messages that are encoded already.
#[derive(Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportMetricsServiceResponse;
    type Encoder = Encoded;
    type Decoder = Encoded;

    fn encoder(&mut self) -> Encoded {
        Encoded
    }

    fn decoder(&mut self) -> Encoded {
        Encoded
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportMetricsServiceResponse;
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        // An answer says that the message was taken, whatever else is in it.
        Ok(Some(
            ExportMetricsServiceResponse::decode(answer).unwrap_or_default(),
        ))
    }
}
