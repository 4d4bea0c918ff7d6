//! Who is woken when something happens to a GitLab in the engine.

use std::collections::HashMap;
use std::sync::Mutex;

use redis::{PushInfo, PushKind, Value};
use tokio::sync::watch;

use crate::lock::lock;

/// Who is woken, by the name of the GitLab.
#[derive(Default)]
pub(super) struct Stirs(Mutex<HashMap<String, watch::Sender<()>>>);

impl Stirs {
    /// Hears of what happens to a GitLab from now on.
    pub(super) fn listen(&self, instance: &str) -> watch::Receiver<()> {
        let mut all = lock(&self.0);
        let sender = all.entry(instance.to_owned()).or_default();
        sender.subscribe()
    }

    /// Passes on what the engine says.
    pub(super) fn told(&self, message: &PushInfo) {
        match (&message.kind, message.data.as_slice()) {
            (PushKind::Message, [_, Value::BulkString(instance)]) => {
                let all = lock(&self.0);
                let name = std::str::from_utf8(instance).ok();
                if let Some(sender) = name.and_then(|name| all.get(name)) {
                    sender.send_replace(());
                }
            }
            // What happens until there is a new connection is not told.
            (PushKind::Disconnection, _) => self.stir_all(),
            _ => {}
        }
    }

    pub(super) fn stir_all(&self) {
        let all = lock(&self.0);
        all.values().for_each(|sender| {
            sender.send_replace(());
        });
    }
}
