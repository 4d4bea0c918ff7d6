//! Which server is asked, and what is said to it first: user, password and certificates.

use std::fs;
use std::path::Path;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo,
    TlsCertificates,
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::config::{Config, Secret};
use super::error::Error;

/// The port of a Redis, where none is named.
const PORT: u16 = 6379;

/// A server: a name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub host: String,
    pub port: u16,
}

impl Server {
    /// The one that the address names.
    pub(super) fn named(config: &Config) -> Server {
        let host = config.url.host_str().unwrap_or("localhost");
        Server {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: config.url.port().unwrap_or(PORT),
        }
    }

    /// The one that `host:port` names; none if it names none.
    pub(super) fn parse(text: &str) -> Option<Server> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Server {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(formatter, "[{}]:{}", self.host, self.port),
            false => write!(formatter, "{}:{}", self.host, self.port),
        }
    }
}

/// What is needed to connect to the server. The files are read now.
///
/// # Errors
/// If a file can't be read.
pub(super) fn client(config: &Config, server: &Server) -> Result<Client, Error> {
    let database = config.url.path().trim_start_matches('/');
    let settings = RedisConnectionInfo::default().set_db(database.parse().unwrap_or(0));
    let settings = match &config.user {
        Some(user) => settings.set_username(user),
        None => settings,
    };
    connected_with(
        config,
        server,
        settings,
        config.password.as_ref(),
        "cluster.password_file",
    )
}

/// What is needed to connect to a Sentinel, which has no users' data and a password of its own.
///
/// # Errors
/// If a file can't be read.
pub(super) fn sentinel(config: &Config, server: &Server) -> Result<Client, Error> {
    let sentinel = config.sentinel.as_ref();
    let password = sentinel.and_then(|sentinel| sentinel.password.as_ref());
    let settings = RedisConnectionInfo::default();
    connected_with(
        config,
        server,
        settings,
        password,
        "cluster.sentinel.password_file",
    )
}

fn connected_with(
    config: &Config,
    server: &Server,
    settings: RedisConnectionInfo,
    password: Option<&Secret>,
    setting: &str,
) -> Result<Client, Error> {
    let settings = match password {
        Some(secret) => settings.set_password(read(secret, setting)?.expose_secret()),
        None => settings,
    };
    // `CLIENT SETINFO`, which older servers do not know and their rights can't name, is not sent.
    let settings = settings
        .set_protocol(redis::ProtocolVersion::RESP3)
        .set_skip_set_lib_name();
    let Server { host, port } = server.clone();
    let is_secure = config.url.scheme() == "rediss";
    let address = match is_secure {
        true => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
        false => ConnectionAddr::Tcp(host, port),
    };
    let unusable =
        |cause: redis::RedisError| Error::Unusable(format!("cluster.url can't be used: {cause}"));
    let info = address.into_connection_info().map_err(unusable)?;
    let info = info.set_redis_settings(settings);
    if !is_secure {
        return Client::open(info).map_err(unusable);
    }
    Client::build_with_tls(info, certificates(config)?).map_err(|cause| {
        Error::Unusable(format!(
            "the certificates of cluster.ca_file, cluster.cert_file and cluster.key_file can't be used: {cause}"
        ))
    })
}

fn certificates(config: &Config) -> Result<TlsCertificates, Error> {
    let read = |path: &Path, setting| file(path, setting).map(|bytes| bytes.to_vec());
    let root = config.ca_file.as_deref();
    let root = root.map(|path| read(path, "cluster.ca_file")).transpose()?;
    let own = match (&config.cert_file, &config.key_file) {
        (Some(certificate), Some(key)) => Some(ClientTlsConfig {
            client_cert: read(certificate, "cluster.cert_file")?,
            client_key: read(key, "cluster.key_file")?,
        }),
        _ => None,
    };
    Ok(TlsCertificates {
        client_tls: own,
        root_cert: root,
    })
}

/// The password, without the end of its line.
fn read(secret: &Secret, setting: &str) -> Result<SecretString, Error> {
    let path = match secret {
        Secret::Value(_, password) => return Ok(password.clone()),
        Secret::File(path) => path,
    };
    let bytes = file(path, setting)?;
    let shown = path.display();
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Error::Unusable(format!(
            "{setting}: {shown} is not in UTF-8. Save it in UTF-8."
        ))
    })?;
    let text = text.trim_start_matches('\u{feff}').trim();
    match text.is_empty() {
        true => Err(Error::Unusable(format!(
            "{setting}: {shown} is empty. Write the password into it."
        ))),
        false => Ok(text.into()),
    }
}

fn file(path: &Path, setting: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = fs::read(path).map_err(|cause| {
        let shown = path.display();
        Error::Unusable(format!(
            "{setting}: {shown} can't be read: {cause}. Name a file that the bridge may read."
        ))
    })?;
    Ok(Zeroizing::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn config(url: &str) -> Config {
        Config {
            url: Url::parse(url).unwrap(),
            ..Config::default()
        }
    }

    #[test]
    fn a_server_has_a_port_without_a_word_about_it() {
        for (url, expected) in [
            ("redis://r", "r:6379"),
            ("rediss://r:1/3", "r:1"),
            ("redis://[::1]:2", "[::1]:2"),
        ] {
            assert_eq!(Server::named(&config(url)).to_string(), expected);
        }
        assert_eq!(Server::parse("[::1]:26379").unwrap().host, "::1");
        assert_eq!(Server::parse("r:x"), None);
    }

    #[test]
    fn a_password_is_read_again_for_each_connection() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let config = Config {
            password: Some(Secret::File(file.path().into())),
            user: Some("bridge".to_owned()),
            ..config("redis://r/4")
        };
        let server = Server::named(&config);
        let problem = client(&config, &server).unwrap_err().to_string();
        assert!(
            problem.contains("is empty. Write the password"),
            "{problem}"
        );
        for password in ["s3cret-1", "s3cret-2"] {
            fs::write(file.path(), format!("\u{feff}{password}\r\n")).unwrap();
            let client = client(&config, &server).unwrap();
            let settings = client.get_connection_info().redis_settings();
            assert_eq!(settings.password(), Some(password));
            assert_eq!((settings.username(), settings.db()), (Some("bridge"), 4));
            assert!(!format!("{client:?}{config:?}").contains(password));
        }
    }
}
