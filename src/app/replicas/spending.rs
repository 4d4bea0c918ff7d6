//! The budget of a GitLab, kept in the engine for all that ask with the same user's token.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};

use crate::cluster::{Digest, Lease, Rate, Taken};
use crate::gitlab::{Allowance, Allowed, Budget, Client};
use crate::lock::lock;

/// How soon an engine that did not answer is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// Spends the budget as the holder of a lease.
pub struct Spending {
    lease: Lease,
    bucket: Mutex<String>,
}

impl Spending {
    /// Lets a client spend under this lease: before it is known whose the token is, out of a bucket of the token.
    pub fn begin(lease: &Lease, client: &Client, user: Option<u64>) -> Arc<Spending> {
        let bucket = match user {
            Some(user) => of_user(client, user),
            None => format!("token:{}", client.digest(Digest::of)),
        };
        let spending = Arc::new(Spending {
            lease: lease.clone(),
            bucket: Mutex::new(bucket),
        });
        client.is_allowed_by(Some(Arc::clone(&spending) as Arc<dyn Allowance>));
        spending
    }

    /// Asks GitLab whose the token is, until it says so, and spends out of that user's bucket from then on.
    pub async fn learn_user(&self, client: &Client) -> u64 {
        /// How long the question may take.
        const PATIENCE: Duration = Duration::from_secs(30);
        /// From one question that was not answered to the next.
        const PAUSE: Duration = Duration::from_secs(60);
        loop {
            match client.user(Instant::now() + PATIENCE).await {
                Ok(Some(user)) => {
                    *lock(&self.bucket) = of_user(client, user);
                    self.pay(client.budget()).await;
                    return user;
                }
                Ok(None) => tracing::debug!("GitLab does not say whose the token is"),
                Err(error) => tracing::debug!(%error, "asking whose the token is failed"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Pays for the question out of the user's bucket too, which others may share.
    async fn pay(&self, budget: Option<Budget>) {
        while let Allowed::In(wait) = self.taken(budget).await {
            sleep(wait).await;
        }
    }

    async fn taken(&self, budget: Option<Budget>) -> Allowed {
        if self.lease.is_over() {
            return Allowed::In(AGAIN);
        }
        let Some(budget) = budget else {
            return Allowed::Now { left: None };
        };
        let rate = Rate {
            interval: budget.interval(),
            burst: budget.burst(),
        };
        let bucket = lock(&self.bucket).clone();
        match self.lease.take(&bucket, rate).await {
            Ok(Taken::Granted { left }) => Allowed::Now { left: Some(left) },
            Ok(Taken::Wait(wait)) => Allowed::In(wait),
            Err(error) => {
                tracing::debug!(%error, "the budget can't be asked");
                Allowed::In(AGAIN)
            }
        }
    }
}

impl Allowance for Spending {
    fn take(&self, budget: Option<Budget>) -> BoxFuture<'_, Allowed> {
        self.taken(budget).boxed()
    }
}

/// The bucket of a user of a GitLab.
fn of_user(client: &Client, user: u64) -> String {
    let url = client.url();
    let (host, path) = (url.authority(), url.path());
    format!("{host}{path}user:{user}")
}
