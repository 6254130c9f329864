//! Who may lose a connection: when one node ends as its operator wants, nobody at another one.

use std::collections::HashMap;

use super::node_of;
use super::verdict::{Findings, Kind};
use crate::history::{ClientNumber, Event, What};

#[derive(Debug, Default)]
pub(super) struct Bystanders {
    /// Where each client is.
    entries: HashMap<ClientNumber, String>,
    /// The only node whose connections may end.
    only: Option<String>,
}

impl Bystanders {
    pub(super) fn take(&mut self, event: &Event, findings: &mut Findings) {
        match (&event.what, event.client) {
            (What::Opened { entry }, Some(client)) => {
                self.entries.insert(client, entry.clone());
            }
            (What::FaultBegan { only, .. }, _) => self.only.clone_from(only),
            (What::FaultEnded { .. }, _) => self.only = None,
            (What::Closed { why }, Some(client)) => {
                let entry = self.entries.get(&client).map(String::as_str);
                let (at, only) = (entry.and_then(node_of), self.only.as_deref().and_then(node_of));
                if at.is_some() && only.is_some() && at != only {
                    findings.add(Kind::CutOff, event.at, || {
                        format!("client {client} at {}: {why}", entry.unwrap_or_default())
                    });
                }
            }
            _ => {}
        }
    }
}
