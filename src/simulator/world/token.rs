//! Access tokens: which the model accepts, and which it knows and refuses.

use super::counts::Viewer;

/// An access token that the model accepts, or knows and refuses.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub(crate) secret: String,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<String>,
    pub(crate) state: TokenState,
    pub(crate) administrator: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    Active,
    Expired,
    Revoked,
}

impl AccessToken {
    /// An active token with the scope `read_api` and no expiry.
    pub fn new(secret: &str) -> Self {
        AccessToken {
            secret: secret.to_owned(),
            name: "bridge".to_owned(),
            scopes: vec!["read_api".to_owned()],
            expires_at: None,
            state: TokenState::Active,
            administrator: false,
        }
    }

    /// Makes its user an administrator, who sees everything.
    pub fn administrator(mut self) -> Self {
        self.administrator = true;
        self
    }

    pub(crate) fn viewer(&self) -> Viewer {
        match self.administrator {
            true => Viewer::Administrator,
            false => Viewer::User,
        }
    }

    /// Replaces the scopes.
    pub fn scopes(mut self, scopes: &[&str]) -> Self {
        self.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self
    }

    /// Sets the day of expiry, such as `2026-12-31`; it is shown, and nothing else.
    pub fn expires_at(mut self, day: &str) -> Self {
        self.expires_at = Some(day.to_owned());
        self
    }

    /// A token whose day has passed.
    pub fn expired(mut self) -> Self {
        self.state = TokenState::Expired;
        self
    }

    /// A token that was taken back.
    pub fn revoked(mut self) -> Self {
        self.state = TokenState::Revoked;
        self
    }
}

/// The token that is accepted where none was configured.
pub const DEMO_TOKEN: &str = "demo-token";
